"""The measured scans of one cycle: those of its charge, and those of its discharge."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tomocell.errors import BadInput, Fault
from tomocell.series.cycle import full_cycle, half_cycle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tomocell.series.timeline import Timeline
    from tomocell.settings.samples import Sample

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Turns:
    """The measured scans of the first cycle, in order of time.

    Attributes:
        charge: From the first scan to the half cycle.
        discharge: After the half cycle, to the full cycle.
    """

    charge: tuple[Sample, ...]
    discharge: tuple[Sample, ...]

    @property
    def half(self) -> Sample:
        """The scan that ends the charge."""
        return self.charge[-1]

    @property
    def full(self) -> Sample:
        """The scan that ends the discharge."""
        return self.discharge[-1]

    @property
    def from_half(self) -> tuple[Sample, ...]:
        """The half cycle and what follows it."""
        return (self.half, *self.discharge)


def find_turns(timeline: Timeline) -> Turns:
    """Return the measured scans of a cycle.

    Where the scan that ends a half of it did not register, the last one before it stands in, and the log says so.

    Raises:
        BadInput: If the series has no half cycle, or no scan of the charge or of the discharge was measured.
    """
    samples = timeline.samples
    half, full = half_cycle(samples), full_cycle(samples)
    charge = _measured(timeline, samples[: half + 1])
    discharge = _measured(timeline, samples[half + 1 : full + 1])
    for name, found, meant in (("charge", charge, samples[half]), ("discharge", discharge, samples[full])):
        if not found:
            remedy = "see why its scans did not register"
            raise BadInput(Fault(f"{name} of {meant.series}", "no measured scan", "one or more", remedy))
        if found[-1] != meant:
            log.warning(
                "%s did not register: %s stands for the end of the %s", meant.timestep, found[-1].timestep, name
            )
    return Turns(charge, discharge)


def faults_of_turns(samples: Sequence[Sample]) -> list[Fault]:
    """Return a fault for each series whose charge or discharge the sheet lacks."""
    faults: list[Fault] = []
    for series in dict.fromkeys(sample.series for sample in samples):
        try:
            half_cycle([sample for sample in samples if sample.series == series])
        except BadInput as error:
            faults.extend(error.faults)
    return faults


def _measured(timeline: Timeline, samples: Sequence[Sample]) -> tuple[Sample, ...]:
    return tuple(sample for sample in samples if sample.timestep in timeline.records)
