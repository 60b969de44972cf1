"""Unfilled pits: what redeposited lithium has not yet filled of the pits of the half cycle, in flattened maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from tomocell.analyses.result import Map, Result, Scalar
from tomocell.series._depths import (
    Sampling,
    by_key,
    open_area_percent,
    open_of_pits_percent,
    open_volume_um3,
)
from tomocell.series._pits import PitSettings, faults_of_pits, flattened_opening
from tomocell.series._turns import find_turns
from tomocell.series.timeline import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tomocell.blocks import Limits
    from tomocell.errors import Fault
    from tomocell.series._depths import Opening
    from tomocell.series.timeline import Timeline
    from tomocell.settings.samples import Sample

NEEDS = ("occupancy",)
READS = ("phases",)


class Settings(PitSettings):
    """Settings of unfilled pits."""

    all_maps: bool = Field(
        default=False, description="Keep the map of every timestep, not only of the half and the full cycle."
    )


def check(samples: Sequence[Sample], measures: Mapping[str, Any], settings: Settings) -> list[Fault]:
    """Return what can be known to be wrong before the first job."""
    return faults_of_pits(samples, measures, settings)


def follow(timeline: Timeline, settings: Settings, limits: Limits) -> Outcome:  # noqa: ARG001
    """Return how much of the pits is unfilled at each timestep from the half to the full cycle.

    The thickness map of the pits at the half cycle less that of the redeposited lithium now, where positive:
    ``unfilled_percent`` of the face, ``unfilled_of_pits_percent`` of the columns that had pits (null without pits),
    ``unfilled_volume_um3``. Lithium that covers the face counts against the pits below it: ``voids`` does not so.
    Maps: ``unfilled_pits_<timestep>_um``, the depth. Scalars are those of the full cycle.

    Uncertainties: see ``tomocell.series._depths``.
    Source: Huang et al. 2023, doi:10.1038/s41524-023-01039-y, Fig. 4c and 4e.

    Raises:
        BadInput: If the series has no half cycle, or occupancy made no map of a class.
    """
    import pandas as pd

    turns = find_turns(timeline)
    sampling = Sampling(settings.block_um, settings.seed)
    kept = turns.from_half if settings.all_maps else (turns.half, turns.full)
    rows: list[dict[str, Any]] = []
    maps = {}
    for sample in turns.from_half:
        opening = flattened_opening(timeline, turns.half, sample, settings)
        figures = _figures(opening, sampling)
        rows.append({"timestep": sample.timestep, "time_min": sample.time_min, **figures})
        if sample in kept:
            maps[f"unfilled_pits_{sample.timestep}_um"] = Map(opening.depth_um, opening.size_um[1:], "um")
    scalars: dict[str, Scalar] = {"half_cycle": turns.half.timestep, "full_cycle": turns.full.timestep, **figures}
    return Outcome(pd.DataFrame(rows), Result(scalars, maps=maps))


def _figures(opening: Opening, sampling: Sampling) -> dict[str, float | None]:
    return by_key(
        {
            "unfilled_percent": open_area_percent(opening, sampling),
            "unfilled_of_pits_percent": open_of_pits_percent(opening, sampling),
            "unfilled_volume_um3": open_volume_um3(opening),
        }
    )
