"""Small cells with known pits, fills and dendrites, as a series analysis is given them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tomocell.analyses import occupancy
from tomocell.blocks import Limits
from tomocell.series.timeline import Timeline
from tomocell.settings.samples import Sample
from tomocell.volumes.volume import ArrayVolume, Classes, VoxelClass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from tomocell.volumes.volume import VoxelSize

NAMES = ("background", "dendrite", "pit", "deposited", "redeposited", "stripping_electrode", "plating_electrode")
CLASSES = Classes(tuple(VoxelClass(name, value) for value, name in enumerate(NAMES)))
VALUE = {name: value for value, name in enumerate(NAMES)}
SIZE: VoxelSize = (2.0, 0.5, 1.25)
SHAPE = (12, 16, 20)
CYCLE = (0.0, 0.75, 0.75, -0.75, -0.75)
HOUR = 60.0


def box(voxels: NDArray[np.uint8], name: str, low: Sequence[int], high: Sequence[int]) -> NDArray[np.uint8]:
    """Fill a box with a class, in place."""
    voxels[tuple(slice(*ends) for ends in zip(low, high, strict=True))] = VALUE[name]
    return voxels


def empty() -> NDArray[np.uint8]:
    """A stripping electrode of 5 planes, electrolyte, a plating electrode of 2 planes."""
    voxels = np.zeros(SHAPE, np.uint8)
    voxels[:5] = VALUE["stripping_electrode"]
    voxels[10:] = VALUE["plating_electrode"]
    return voxels


def samples(currents: Sequence[float | None] = CYCLE) -> tuple[Sample, ...]:
    return tuple(
        Sample(series="cell", timestep=f"t{index}", path="x", time_min=HOUR * index, current_ma=current)
        for index, current in enumerate(currents)
    )


def timeline(
    steps: Mapping[str, NDArray[np.uint8]],
    currents: Sequence[float | None] = CYCLE,
    size: VoxelSize = SIZE,
    of: tuple[str, ...] = NAMES,
) -> Timeline:
    """Return the timeline of label volumes by timestep; a timestep without one did not register."""
    volumes = {(step, "phases"): ArrayVolume(voxels, size, CLASSES, step) for step, voxels in steps.items()}
    maps, records = {}, {}
    for (step, _), volume in volumes.items():
        result = occupancy.measure(volume, occupancy.Settings(of=of), Limits())
        records[step] = {"occupancy": result.scalars}
        maps |= {(step, name): content for name, content in result.maps.items()}
    return Timeline(samples(currents), records, maps=maps, volumes=volumes)
