"""Voids: where redeposited lithium does not fill the pits of the half cycle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.analyses._classes import project_classes
from tomocell.analyses.result import Map, Result, Scalar
from tomocell.series._depths import (
    PERCENT,
    Estimate,
    Opening,
    Sampling,
    by_key,
    largest_depth_um,
    mean_depth_um,
    open_area_percent,
    open_of_pits_percent,
    open_volume_percent,
    open_volume_um3,
)
from tomocell.series._overlay import FILLED, OPEN, Overlay
from tomocell.series._pits import PitSettings, faults_of_pits, flattened_opening
from tomocell.series._turns import find_turns
from tomocell.series.timeline import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tomocell.blocks import Limits
    from tomocell.errors import Fault
    from tomocell.series.timeline import Timeline
    from tomocell.settings.samples import Sample

NEEDS = ("occupancy",)
READS = ("phases",)


class Settings(PitSettings):
    """Settings of voids."""


def check(samples: Sequence[Sample], measures: Mapping[str, Any], settings: Settings) -> list[Fault]:
    """Return what can be known to be wrong before the first job."""
    return faults_of_pits(samples, measures, settings)


def follow(timeline: Timeline, settings: Settings, limits: Limits) -> Outcome:
    """Return how much of the pits of the half cycle is void at each timestep of the discharge, and the map of the last.

    A void is a voxel that was pit at the half cycle and is not redeposited lithium now; its depth is counted along z.
    Scalars are those of the full cycle, columns those of each timestep from the half cycle on:
    ``void_area_percent`` of the face and ``contact_area_percent``, its complement; ``void_area_of_pits_percent`` (of
    the columns that had pits) and ``void_of_pits_percent`` (of the pits' volume), both null without pits;
    ``void_volume_um3``; ``mean_depth_um`` over the voids' columns and ``largest_depth_um``, 0 without voids.
    Map: ``void_depth_um``.

    ``flattened_...`` is the paper's definition: thickness of the pits less that of the redeposited lithium, where
    positive. It is smaller, since lithium that covers the face counts against the pits below it.

    Bias: where two scans draw the bottom of a pit a voxel apart, that voxel may be a void and never the contrary:
    shallow voids are too many. ``least_voxels`` leaves them out.
    Uncertainties: see ``tomocell.series._depths``; the same class taken for another is none of them.
    Source: Huang et al. 2023, doi:10.1038/s41524-023-01039-y, Fig. 5a.

    Raises:
        BadInput: If the series has no half cycle, scans differ in shape, or a class is not there.
    """
    import pandas as pd

    turns = find_turns(timeline)
    sampling = Sampling(settings.block_um, settings.seed)
    rows: list[dict[str, Any]] = []
    for sample in turns.from_half:
        opening = _opening(timeline, (turns.half, sample), settings, limits)
        flat = flattened_opening(timeline, turns.half, sample, settings)
        figures = void_figures(opening, sampling) | void_figures(flat, sampling, "flattened_")
        rows.append({"timestep": sample.timestep, "time_min": sample.time_min, **figures})
    scalars: dict[str, Scalar] = {"half_cycle": turns.half.timestep, "full_cycle": turns.full.timestep, **figures}
    pixel = opening.size_um[1:]
    maps = {"void_depth_um": opening.depth_um, "flattened_void_depth_um": flat.depth_um}
    result = Result(scalars, maps={name: Map(values, pixel, "um") for name, values in maps.items()})
    return Outcome(pd.DataFrame(rows), result)


def void_figures(opening: Opening, sampling: Sampling, prefix: str = "") -> dict[str, float | None]:
    """Return the keys of ``follow`` of one timestep, each with its uncertainty."""
    area = open_area_percent(opening, sampling)
    found: dict[str, Estimate] = {
        "void_area_percent": area,
        "contact_area_percent": (PERCENT - area[0], area[1]),
        "void_area_of_pits_percent": open_of_pits_percent(opening, sampling),
        "void_of_pits_percent": open_volume_percent(opening, sampling),
        "void_volume_um3": open_volume_um3(opening),
        "mean_depth_um": mean_depth_um(opening, sampling),
        "largest_depth_um": largest_depth_um(opening),
    }
    return by_key(found, prefix)


def _opening(timeline: Timeline, pair: tuple[Sample, Sample], settings: Settings, limits: Limits) -> Opening:
    before, after = (timeline.volumes[sample.timestep, "phases"] for sample in pair)
    overlay = Overlay(before, after, settings.pits, settings.filled_by)
    columns = project_classes(overlay, 0, limits)
    depth, filled = columns[OPEN.value], columns[FILLED.value]
    return Opening(np.asarray(depth), np.asarray(depth + filled), overlay.size, settings.least_voxels)
