"""Local current density: where the current flowed, from the change of thickness between scans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from tomocell.analyses._classes import area_um2
from tomocell.analyses.result import Map, Result, Scalar
from tomocell.electrochemistry.curve import MIN_PER_H
from tomocell.electrochemistry.lithium import faraday_volume_um3
from tomocell.series._flattened import faults_of_maps, require_same_face, thickness_map
from tomocell.series._local_current import LocalCurrent, Passed, local_current
from tomocell.series._turns import faults_of_turns, find_turns
from tomocell.series.faraday import UM2_PER_CM2
from tomocell.series.timeline import Outcome
from tomocell.settings.base import NAMES_CLASSES, Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from tomocell.blocks import Limits
    from tomocell.errors import Fault
    from tomocell.series._turns import Turns
    from tomocell.series.timeline import Timeline
    from tomocell.settings.samples import Sample

    Pair = tuple[Sample, Sample]

NEEDS = ("occupancy",)
AFTER = ("faraday",)
READS = ("phases",)
PERCENT = 100.0
PASSED = ("charge_mah", "throughput_mah", "current_time_min")
# Offsets and noise of an instrument at rest flow either way; a current that turned does so by far more.
LEAST_ONE_WAY = 0.9
SIGN = {"plating": 1.0, "stripping": -1.0}  # of the thickness that a side gains on charge
SCALED = ("sd_ma_per_cm2", "coefficient_of_variation", "largest_ma_per_cm2", "noise_ma_per_cm2")
HALF = (
    "mean_ma_per_cm2",
    "imaged_mean_ma_per_cm2",
    "imaged_mean_uncertainty_ma_per_cm2",
    "imaged_percent",
    "imaged_uncertainty_percent",
    *SCALED,
    "negative_area_percent",
)


class Settings(Frozen):
    """Settings of the local current density; maps are flattened along z."""

    plating_side: tuple[str, ...] = Field(
        ("deposited", "dendrite"),
        min_length=1,
        description="Classes whose thickness tells what the plating side gained on charge and lost on discharge.",
        json_schema_extra=NAMES_CLASSES,
    )
    stripping_side: tuple[str, ...] = Field(
        (),
        description="Classes of the stripping side, its electrode among them; none: no map of that side.",
        json_schema_extra=NAMES_CLASSES,
    )
    smoothing_um: float = Field(
        10,
        ge=0,
        description="Standard deviation of the Gaussian that smooths the maps: one column changes by a voxel or so.",
    )


def check(samples: Sequence[Sample], measures: Mapping[str, Any], settings: Settings) -> list[Fault]:
    """Return what can be known to be wrong before the first job."""
    named = {"plating_side": settings.plating_side, "stripping_side": settings.stripping_side}
    return faults_of_turns(samples) + faults_of_maps(measures, named)


def follow(timeline: Timeline, settings: Settings, limits: Limits) -> Outcome:  # noqa: ARG001
    """Return maps of the local current density of each half cycle, and its spread between consecutive scans.

    Maps, means over a half cycle while current flowed, positive in its direction:
    ``current_density_charge_ma_per_cm2`` and ``current_density_discharge_ma_per_cm2`` of the plating side,
    ``stripping_current_density_...`` of the other. Local shares of the change of thickness are scaled to the current
    that flowed; there is none where the mean change is within its uncertainty of 0, or one scan makes the half cycle.

    Scalars, each ``[stripping_]charge_...`` and ``..._discharge_...``: ``mean_ma_per_cm2`` of the current;
    ``imaged_mean_ma_per_cm2`` of the thickness change, and their ratio ``imaged_percent``; of the map ``sd``,
    ``largest`` and ``noise_ma_per_cm2`` (what interfaces located to a voxel make of a pixel), the
    ``coefficient_of_variation``, and ``negative_area_percent``, where thickness changed against the current.
    Over time, since the scan before, of the plating side and of what is imaged: the same, null at rest.

    Bias: thickness that pores, not lithium, make (mossy lithium, voids) counts as current; lithium too fine to be seen
    does not. Spread below the noise is none.
    Formula and constants: ``tomocell.series._local_current``; charge and time under current are those of ``faraday``.

    Raises:
        BadInput: If the series has no half cycle, or occupancy made no map of a class.
    """
    import pandas as pd

    turns = find_turns(timeline)
    scalars: dict[str, Scalar] = {}
    maps: dict[str, Map] = {}
    for side, half, pair in _halves(turns, settings):
        found = _between(timeline, pair, getattr(settings, f"{side}_side"), SIGN[side], settings)
        prefix = "stripping_" if side == "stripping" else ""
        scalars |= _half_figures(found, f"{prefix}{half}")
        if found is not None and found.scale is not None:
            values = (found.imaged * found.scale).astype(np.float32)
            pixel = timeline.volumes[pair[0].timestep, "phases"].size[1:]
            maps[f"{prefix}current_density_{half}_ma_per_cm2"] = Map(values, pixel, "mA/cm2")
    return Outcome(pd.DataFrame(_rows(timeline, turns, settings)), Result(scalars, maps=maps))


def _halves(turns: Turns, settings: Settings) -> list[tuple[str, str, Pair]]:
    sides = ["plating", *(["stripping"] if settings.stripping_side else [])]
    pairs = {"charge": (turns.charge[0], turns.half), "discharge": (turns.half, turns.full)}
    return [(side, half, pair) for side in sides for half, pair in pairs.items()]


def _rows(timeline: Timeline, turns: Turns, settings: Settings) -> list[dict[str, Any]]:
    scans = (*turns.charge, *turns.discharge)
    rows: list[dict[str, Any]] = []
    for before, now in zip((scans[0], *scans), scans, strict=False):
        found = _between(timeline, (before, now), settings.plating_side, SIGN["plating"], settings)
        rows.append({"timestep": now.timestep, "time_min": now.time_min, **(_imaged(found) if found else {})})
    return rows


def _between(
    timeline: Timeline, pair: Pair, names: Sequence[str], sign: float, settings: Settings
) -> LocalCurrent | None:
    """Return the local current between two scans; None where they are one, or current rested or turned meanwhile."""
    maps = [thickness_map(timeline, sample.timestep, names) for sample in pair]
    require_same_face(maps[0], maps[1], f"{pair[0].timestep} and {pair[1].timestep}")
    passed, direction = _passed(timeline, pair)
    if passed is None:
        return None
    change_um = (maps[1].values - maps[0].values) * sign * direction
    size_um = timeline.volumes[pair[0].timestep, "phases"].size
    return local_current(change_um, passed, size_um, settings.smoothing_um)


def _passed(timeline: Timeline, pair: Pair) -> tuple[Passed | None, float]:
    """Return what passed between two scans, and its sign: 1 on charge, -1 on discharge."""
    table = timeline.followed["faraday"].set_index("timestep")
    before, now = (sample.timestep for sample in pair)
    charge_mah, throughput_mah, minutes = (float(table[key][now] - table[key][before]) for key in PASSED)
    if minutes <= 0 or abs(charge_mah) < LEAST_ONE_WAY * throughput_mah or not charge_mah:
        return None, 0.0
    passed = Passed(abs(charge_mah), minutes / MIN_PER_H, _active_area_cm2(timeline, table))
    return passed, float(np.sign(charge_mah))


def _active_area_cm2(timeline: Timeline, table: pd.DataFrame) -> float:
    """Return the area that the Faraday comparison was given: its lithium lies on the imaged share of it."""
    row = table.iloc[int(table["charge_mah"].abs().to_numpy().argmax())]
    volume = next(iter(timeline.volumes.values()))
    share = row["charge_um3"] / faraday_volume_um3(row["charge_mah"])
    return float(area_um2(volume.shape, volume.size) / share / UM2_PER_CM2)


def _half_figures(found: LocalCurrent | None, name: str) -> dict[str, Scalar]:
    """Return the scalars of a half cycle; null is what cannot be told."""
    figures = {**_imaged(found), **_scaled(found)} if found else dict.fromkeys(HALF)
    return {f"{name}_{key}": figures[key] for key in HALF}


def _imaged(found: LocalCurrent) -> dict[str, float]:
    mean = found.passed.mean_ma_per_cm2
    return {
        "mean_ma_per_cm2": mean,
        "imaged_mean_ma_per_cm2": found.mean,
        "imaged_mean_uncertainty_ma_per_cm2": found.mean_error,
        "imaged_percent": found.mean / mean * PERCENT,
        "imaged_uncertainty_percent": found.mean_error / mean * PERCENT,
        "sd_ma_per_cm2": found.sd,
        "noise_ma_per_cm2": found.noise,
        "negative_area_percent": found.negative_percent,
    }


def _scaled(found: LocalCurrent) -> dict[str, float | None]:
    """Return what holds of the map that is scaled to the charge; null where it cannot be."""
    scale = found.scale
    if scale is None:
        return dict.fromkeys(SCALED)
    values = (found.sd * scale, found.sd / found.mean, float(found.imaged.max()) * scale, found.noise * scale)
    return dict(zip(SCALED, values, strict=True))
