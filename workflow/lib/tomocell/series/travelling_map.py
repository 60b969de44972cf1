"""Travelling map: where lithium left the plating side during the discharge, and where it came to the stripping side."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from tomocell.analyses._classes import project_classes, require_classes
from tomocell.analyses.result import Map, Result, Scalar
from tomocell.series._blocks import p_value, pearson
from tomocell.series._flattened import faults_of_maps, require_same_face, thickness_map
from tomocell.series._turns import faults_of_turns, find_turns
from tomocell.series.timeline import Outcome
from tomocell.settings.base import NAMES_CLASSES, Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from tomocell.blocks import Limits
    from tomocell.errors import Fault
    from tomocell.series._turns import Turns
    from tomocell.series.timeline import Timeline
    from tomocell.settings.samples import Sample

NEEDS = ("occupancy",)
READS = ("phases",)
AXES = {"y": 1, "x": 2}


class Settings(Frozen):
    """Settings of the travelling map."""

    plating_side: tuple[str, ...] = Field(
        ("deposited", "dendrite"),
        min_length=1,
        description="Classes that lithium leaves during the discharge.",
        json_schema_extra=NAMES_CLASSES,
    )
    stripping_side: tuple[str, ...] = Field(
        ("redeposited",),
        min_length=1,
        description="Classes that lithium comes to during the discharge.",
        json_schema_extra=NAMES_CLASSES,
    )
    along: Literal["y", "x"] = Field("y", description="Axis that the cross-section's view is flattened along.")
    block_um: float = Field(
        100, gt=0, description="Edge of the blocks of the face that change places for the p-value; wider than features."
    )
    permutations: int = Field(999, ge=19, description="Orders of the blocks that are tried for a p-value.")
    seed: int = Field(0, ge=0, description="Seed of the permutations.")


def check(samples: Sequence[Sample], measures: Mapping[str, Any], settings: Settings) -> list[Fault]:
    """Return what can be known to be wrong before the first job."""
    named = {"plating_side": settings.plating_side, "stripping_side": settings.stripping_side}
    return faults_of_turns(samples) + faults_of_maps(measures, named)


class Change(NamedTuple):
    """Where lithium was lost and where it was gained, both 0 or more; two pictures of one scale."""

    loss: NDArray[np.float64]
    gain: NDArray[np.float64]


def follow(timeline: Timeline, settings: Settings, limits: Limits) -> Outcome:
    """Return what the sides of the cell lost and gained since the half cycle, and whether in the same places.

    Of maps flattened along z, at each timestep of the discharge: ``plating_loss_um3`` and ``stripping_gain_um3`` (over
    the columns that lost, or gained), ``pearson_coefficient`` of loss with gain and its two-sided ``p_value``, null
    where one of them is nowhere or blocks are fewer than four. Scalars are those of the full cycle.

    Maps, of the full cycle: ``plating_loss_um`` and ``stripping_gain_um`` seen along z, and
    ``plating_loss_cross_section_um`` and ``stripping_gain_cross_section_um`` seen along ``along`` (rows are z): the
    difference of the flattened scans, where positive.

    Source: Huang et al. 2023, doi:10.1038/s41524-023-01039-y, Fig. 5c; for p see ``tomocell.series._blocks``.

    Raises:
        BadInput: If the series has no half cycle, scans differ in shape, or a class is not there.
    """
    import pandas as pd

    turns = find_turns(timeline)
    rows: list[dict[str, Any]] = []
    for sample in turns.discharge:
        change, pixel_um = _seen_along_z(timeline, turns.half, sample, settings)
        figures = _figures(change, pixel_um, settings)
        rows.append({"timestep": sample.timestep, "time_min": sample.time_min, **figures})
    scalars: dict[str, Scalar] = {"half_cycle": turns.half.timestep, "full_cycle": turns.full.timestep, **figures}
    maps = _maps(change, pixel_um, "") | _cross_section(timeline, turns, settings, limits)
    return Outcome(pd.DataFrame(rows), Result(scalars, maps=maps))


def _seen_along_z(
    timeline: Timeline, before: Sample, after: Sample, settings: Settings
) -> tuple[Change, tuple[float, float]]:
    plating, stripping = (
        [thickness_map(timeline, sample.timestep, names) for sample in (before, after)]
        for names in (settings.plating_side, settings.stripping_side)
    )
    require_same_face(plating[0], plating[1], f"{before.timestep} and {after.timestep}")
    change = _change([content.values for content in plating], [content.values for content in stripping])
    return change, plating[0].pixel_size_um


def _change(plating: Sequence[NDArray[Any]], stripping: Sequence[NDArray[Any]]) -> Change:
    return Change(np.maximum(plating[0] - plating[1], 0.0), np.maximum(stripping[1] - stripping[0], 0.0))


def _figures(change: Change, pixel_um: tuple[float, float], settings: Settings) -> dict[str, float | None]:
    area_um2 = math.prod(pixel_um)
    r = pearson(change.loss, change.gain)
    p = p_value(change.loss, change.gain, pixel_um, settings.block_um, settings.permutations, settings.seed)
    return {
        "plating_loss_um3": float(change.loss.sum() * area_um2),
        "stripping_gain_um3": float(change.gain.sum() * area_um2),
        "pearson_coefficient": None if math.isnan(r) else r,
        "p_value": None if math.isnan(p) else p,
    }


def _maps(change: Change, pixel_um: tuple[float, float], view: str) -> dict[str, Map]:
    named = {f"plating_loss{view}_um": change.loss, f"stripping_gain{view}_um": change.gain}
    return {name: Map(values.astype(np.float32), pixel_um, "um") for name, values in named.items()}


def _cross_section(timeline: Timeline, turns: Turns, settings: Settings, limits: Limits) -> dict[str, Map]:
    axis = AXES[settings.along]
    seen = []
    for sample in (turns.half, turns.full):
        volume = timeline.volumes[sample.timestep, "phases"]
        columns = dict(zip(require_classes(volume).names, project_classes(volume, axis, limits), strict=True))
        sides = (settings.plating_side, settings.stripping_side)
        seen.append([sum(columns[name] for name in names) * volume.size[axis] for names in sides])
    z_um, pixel_um = volume.size[0], volume.size[3 - axis]
    change = _change([sides[0] for sides in seen], [sides[1] for sides in seen])
    return _maps(change, (z_um, pixel_um), "_cross_section")
