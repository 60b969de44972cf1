"""What voids and unfilled pits share: their settings, the check before the first job, the flattened map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from tomocell.series._depths import Opening
from tomocell.series._flattened import faults_of_maps, require_same_face, thickness_map
from tomocell.series._turns import faults_of_turns
from tomocell.settings.base import NAMES_CLASSES, Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tomocell.errors import Fault
    from tomocell.series.timeline import Timeline
    from tomocell.settings.samples import Sample


class PitSettings(Frozen):
    """Settings of what fills pits; the face is seen along z."""

    pits: str = Field("pit", description="Class of the pits.", json_schema_extra=NAMES_CLASSES)
    filled_by: tuple[str, ...] = Field(
        ("redeposited",), min_length=1, description="Classes that fill a pit.", json_schema_extra=NAMES_CLASSES
    )
    least_voxels: int = Field(1, ge=1, description="Open voxels along z that make a column open.")
    block_um: float = Field(
        100, gt=0, description="Edge of the blocks of the face for the bootstrap; wider than what makes pits alike."
    )
    seed: int = Field(0, ge=0, description="Seed of the bootstrap.")


def faults_of_pits(samples: Sequence[Sample], measures: Mapping[str, Any], settings: PitSettings) -> list[Fault]:
    """Return what can be known to be wrong before the first job: no half cycle, classes that are not flattened."""
    named = {"pits": (settings.pits,), "filled_by": settings.filled_by}
    return faults_of_turns(samples) + faults_of_maps(measures, named)


def flattened_opening(timeline: Timeline, before: Sample, after: Sample, settings: PitSettings) -> Opening:
    """Return the pits of one scan less what fills pits in another, both flattened along z, where positive.

    Raises:
        BadInput: If occupancy made no map of a class.
    """
    size_um = timeline.volumes[before.timestep, "phases"].size
    maps = (
        thickness_map(timeline, before.timestep, (settings.pits,)),
        thickness_map(timeline, after.timestep, settings.filled_by),
    )
    require_same_face(*maps, f"{before.timestep} and {after.timestep}")
    pits, filled = (np.rint(content.values / size_um[0]).astype(np.int64) for content in maps)
    return Opening(np.maximum(pits - filled, 0), pits, size_um, settings.least_voxels)
