"""The x axis that all curves over time share: minutes where the sheet has them, else the timesteps in order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from tomocell.reporting.svg import Axes, Band

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tomocell.settings.samples import Sample


@dataclass(frozen=True)
class TimeAxis:
    """Where each timestep lies along x."""

    positions: dict[str, float]
    axes: Axes

    def labelled(self, name: str, unit: str) -> Axes:
        """Return axes whose y says ``name`` and ``unit``."""
        return replace(self.axes, y_name=name, y_unit=unit)


def time_axis(samples: Sequence[Sample]) -> TimeAxis:
    """Return the axis of a series, with a band for each stretch of charge or discharge that the sheet tells of."""
    minutes = {sample.timestep: sample.time_min for sample in samples if sample.time_min is not None}
    if len(minutes) == len(samples):
        axes = Axes("Time (min)", is_time=True, bands=_bands(samples, minutes))
        return TimeAxis(minutes, axes)
    names = tuple(sample.timestep for sample in samples)
    positions = {name: float(index) for index, name in enumerate(names)}
    return TimeAxis(positions, Axes("Timestep", x_names=names, bands=_bands(samples, positions)))


def _bands(samples: Sequence[Sample], positions: dict[str, float]) -> tuple[Band, ...]:
    bands: list[Band] = []
    for before, sample in pairwise(samples):
        start, stop = positions[before.timestep], positions[sample.timestep]
        if sample.current_ma and stop > start:
            look = "charge" if sample.current_ma > 0 else "discharge"
            bands = _extended(bands, Band(start, stop, look, look.capitalize()))
    return tuple(bands)


def _extended(bands: list[Band], band: Band) -> list[Band]:
    if bands and bands[-1].look == band.look and bands[-1].stop == band.start:
        return [*bands[:-1], replace(bands[-1], stop=band.stop)]
    return [*bands, band]
