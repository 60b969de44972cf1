"""Swelling: how far the electrodes have moved apart since the first scan, and each of their faces.

Source: Huang et al. 2023, doi:10.1038/s41524-023-01039-y, Fig. 5b and Supplementary Fig. 10 (39.3 um at half cycle).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.analyses.result import Result, Scalar
from tomocell.electrochemistry.amount import UNKNOWN, Amount
from tomocell.errors import BadInput
from tomocell.series.cycle import full_cycle, half_cycle
from tomocell.series.timeline import Outcome
from tomocell.settings.base import Frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tomocell.blocks import Limits
    from tomocell.series.timeline import Record, Timeline
    from tomocell.settings.samples import Sample

NEEDS = ("electrode_gap",)
FACES = ("stripping_outer", "stripping_inner", "plating_inner", "plating_outer")
NOTHING = Amount(0.0, 0.0)
TURNS = {"half_cycle": half_cycle, "full_cycle": full_cycle}


class Settings(Frozen):
    """Settings of the swelling: none; what counts as an electrode is a setting of electrode_gap."""


def follow(timeline: Timeline, settings: Settings, limits: Limits) -> Outcome:  # noqa: ARG001
    """Return one row per timestep: the gap, its growth, and how far each face moved.

    ``swelling_um`` is ``gap_um`` minus that of the first scan that has records. ``<face>_displacement_um`` is that of
    each face, positive along z, from the stripping to the plating side. A face out of the field of view has none.

    Of the series, where the sheet's currents tell of such scans and they have records: ``swelling_half_cycle_um`` and
    ``swelling_full_cycle_um``.

    Uncertainties: those of two scans as independent. What both share (an edge set too far out, the voxel size) cancels
    in the difference, and the uncertainty told is then too large. The registration's is not in it; for the gap it does
    not matter, as both faces move with it.
    """
    import pandas as pd

    records = {sample.timestep: timeline.records[sample.timestep]["electrode_gap"] for sample in timeline.measured}
    rows = [
        {"timestep": sample.timestep, "time_min": sample.time_min, **_row(records, sample.timestep)}
        for sample in timeline.measured
    ]
    scalars: dict[str, Scalar] = {}
    for name, turn in TURNS.items():
        step = _timestep_of(timeline.samples, turn)
        if step in records:
            scalars |= _change(records, step, "gap").told(f"swelling_{name}", "um")
    return Outcome(pd.DataFrame(rows), Result(scalars))


def _row(records: dict[str, Record], step: str) -> dict[str, float]:
    row = _amount(records[step], "gap").told("gap", "um") | _change(records, step, "gap").told("swelling", "um")
    for face in FACES:
        row |= _change(records, step, face).told(f"{face}_displacement", "um")
    return row


def _change(records: dict[str, Record], step: str, name: str) -> Amount:
    first = next(iter(records))
    here = _amount(records[step], name)
    if step == first:
        return NOTHING if here.value == here.value else UNKNOWN
    return here.minus(_amount(records[first], name))


def _amount(record: Record, name: str) -> Amount:
    value, uncertainty = record.get(f"{name}_um"), record.get(f"{name}_uncertainty_um")
    if value is None:
        return UNKNOWN
    return Amount(value, UNKNOWN.uncertainty if uncertainty is None else uncertainty)


def _timestep_of(samples: Sequence[Sample], turn: Callable[[Sequence[Sample]], int]) -> str | None:
    """Return the timestep that ends a half cycle; None where the series has no such scan."""
    try:
        return samples[turn(samples)].timestep
    except BadInput:
        return None
