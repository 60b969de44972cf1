"""Faraday comparison: the lithium that the charge should have moved beside the lithium that is seen.

Q = sum of I t;  m = Q / 3860 mAh/g;  V = m / 0.534 g/cm3, scaled to the imaged share of the electrode.
Source: Huang et al. 2023, doi:10.1038/s41524-023-01039-y.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from tomocell.analyses.result import Result
from tomocell.errors import BadInput, Fault
from tomocell.series.timeline import Outcome
from tomocell.settings.base import NAMES_CLASSES, Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tomocell.blocks import Limits
    from tomocell.series.timeline import Timeline
    from tomocell.settings.samples import Sample

NEEDS = ("class_volumes", "effective_thickness")
LITHIUM_CAPACITY_MAH_PER_G = 3860.0
LITHIUM_DENSITY_G_PER_CM3 = 0.534
UM3_PER_CM3 = 1e12
UM2_PER_CM2 = 1e8
MIN_PER_H = 60.0


class Settings(Frozen):
    """Settings of the Faraday comparison."""

    active_area_cm2: float = Field(gt=0, description="Electrode area that the current flows through.")
    current_min: float = Field(gt=0, description="Minutes of current in one period.")
    periods_between_scans: int = Field(1, ge=1, description="Current periods between two scans.")
    plated: tuple[str, ...] = Field(
        description="Classes that the charge should have made on the plating side.", json_schema_extra=NAMES_CLASSES
    )


def check(samples: Sequence[Sample], measures: Mapping[str, Any], settings: Settings) -> list[Fault]:
    """Return what can be known to be wrong before the first job.

    Args:
        samples: The rows of all series.
        measures: The settings of the study's analyses, by name.
        settings: Of this comparison.
    """
    first = {sample.series: sample for sample in reversed(samples)}
    faults = [
        _no_current(sample) for sample in samples if sample.current_ma is None and sample is not first[sample.series]
    ]
    without = set(getattr(measures.get("class_volumes"), "without", ()))
    expected = "classes whose volume is measured"
    remedy = "remove it from measure.class_volumes.without, or from 'plated'"
    return faults + [Fault("plated", name, expected, remedy) for name in settings.plated if name in without]


def follow(timeline: Timeline, settings: Settings, limits: Limits) -> Outcome:  # noqa: ARG001
    """Return one row per timestep: charge, its lithium volume in the field of view, the imaged one, their ratio.

    ``charge_mah`` is the net charge since the first scan: it rises while lithium is plated and falls while it is
    stripped. ``faraday_um3`` and ``imaged_um3`` are volumes in the field of view; ``capacity_ratio`` is imaged over
    Faraday, not a number where no net charge has passed; ``missing_percent`` is what it lacks to 1.

    A timestep without records (it did not register) has no row, but its charge counts.

    Raises:
        BadInput: If a timestep but the first has no current.
    """
    import pandas as pd

    charge = charges_mah(timeline.samples, settings)
    rows = [
        _row(sample, mah, timeline.records[sample.timestep], settings)
        for sample, mah in zip(timeline.samples, charge, strict=True)
        if sample.timestep in timeline.records
    ]
    return Outcome(pd.DataFrame(rows), Result({}))


def charges_mah(samples: Sequence[Sample], settings: Settings) -> list[float]:
    """Return the net charge at each scan since the first, mAh; the samples are in order of time.

    Raises:
        BadInput: If a timestep but the first has no current.
    """
    hours = settings.current_min * settings.periods_between_scans / MIN_PER_H
    charges = [0.0]
    for sample in samples[1:]:
        if sample.current_ma is None:
            raise BadInput(_no_current(sample))
        charges.append(charges[-1] + sample.current_ma * hours)
    return charges


def faraday_volume_um3(charge_mah: float) -> float:
    """Return the volume of lithium that a charge plates, um3: 0.125 mAh give 6.0643e7 um3."""
    return charge_mah / LITHIUM_CAPACITY_MAH_PER_G / LITHIUM_DENSITY_G_PER_CM3 * UM3_PER_CM3


def _no_current(sample: Sample) -> Fault:
    where = f"sample sheet, {sample.series} {sample.timestep}, current_ma"
    return Fault(where, "nothing", "the mean current since the scan before, mA", "fill the cell")


def _row(
    sample: Sample, charge_mah: float, record: Mapping[str, Mapping[str, Any]], settings: Settings
) -> dict[str, Any]:
    volumes = record["class_volumes"]
    area_um2 = _imaged_area_um2(record, settings)
    faraday = faraday_volume_um3(charge_mah) * area_um2 / (settings.active_area_cm2 * UM2_PER_CM2)
    imaged = sum(volumes[f"{name}_um3"] for name in settings.plated)
    uncertainty = sum(volumes[f"{name}_uncertainty_um3"] ** 2 for name in settings.plated) ** 0.5
    ratio = imaged / faraday if faraday > 0 else float("nan")
    return {
        "timestep": sample.timestep,
        "time_min": sample.time_min,
        "charge_mah": charge_mah,
        "faraday_um3": faraday,
        "imaged_um3": imaged,
        "imaged_uncertainty_um3": uncertainty,
        "capacity_ratio": ratio,
        "missing_percent": (1 - ratio) * 100,
    }


def _imaged_area_um2(record: Mapping[str, Mapping[str, Any]], settings: Settings) -> float:
    # Volume over effective thickness is the area; any class that is there will do.
    volumes, thicknesses = record["class_volumes"], record["effective_thickness"]
    for key, thickness in thicknesses.items():
        volume = volumes.get(f"{key.removesuffix('_um')}_um3")
        if volume and thickness:
            return float(volume / thickness)
    raise BadInput(
        Fault("class volumes", "all zero", f"some of {', '.join(settings.plated)}", "check the segmentation")
    )
