"""Faraday comparison: the lithium that the charge should have moved beside the lithium that is seen.

Q = integral of I dt;  m = Q / 3860 mAh/g;  V = m / 0.534 g/cm3, scaled to the imaged share of the electrode.
Source: Huang et al. 2023, doi:10.1038/s41524-023-01039-y.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from tomocell.analyses.result import Result
from tomocell.electrochemistry.amount import UNKNOWN, Amount, total
from tomocell.electrochemistry.charge import Charge, charge_of_curve, charge_of_sheet
from tomocell.electrochemistry.checks import curve_faults, sheet_faults
from tomocell.electrochemistry.curve_file import read_curve
from tomocell.electrochemistry.lithium import faraday_volume_um3
from tomocell.electrochemistry.settings import ChargeSettings, Percent
from tomocell.errors import BadInput, Fault
from tomocell.series.timeline import Outcome
from tomocell.settings.base import NAMES_CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tomocell.blocks import Limits
    from tomocell.series.timeline import Timeline
    from tomocell.settings.samples import Sample

NEEDS = ("class_volumes", "effective_thickness")
UM2_PER_CM2 = 1e8
PERCENT = 100.0
DIRECTIONS = {1: "charge", -1: "discharge", 0: "rest"}
# A charge this small beside what has passed is what is left of a full cycle by rounding.
CANCELLED = 1e-6
HALF_CYCLES = 2  # of one cycle


class Settings(ChargeSettings):
    """Settings of the Faraday comparison."""

    active_area_cm2: float = Field(gt=0, description="Electrode area that the current flows through.")
    active_area_uncertainty_percent: Percent = Field(0.0, description="Standard uncertainty of that area.")
    plated: tuple[str, ...] = Field(
        description="Classes that the charge should have made on the plating side.", json_schema_extra=NAMES_CLASSES
    )
    redeposited: tuple[str, ...] = Field(
        (),
        description="Classes that the discharge should have made on the stripping side, compared with the charge since "
        "the half cycle; none: the plated classes are compared with the net charge throughout.",
        json_schema_extra=NAMES_CLASSES,
    )


def check(samples: Sequence[Sample], measures: Mapping[str, Any], settings: Settings) -> list[Fault]:
    """Return what can be known to be wrong before the first job.

    Args:
        samples: The rows of all series.
        measures: The settings of the study's analyses, by name.
        settings: Of this comparison.
    """
    without = set(getattr(measures.get("class_volumes"), "without", ()))
    expected = "classes whose volume is measured"
    return sheet_faults(samples, settings) + [
        Fault(key, name, expected, f"remove it from measure.class_volumes.without, or from '{key}'")
        for key in ("plated", "redeposited")
        for name in getattr(settings, key)
        if name in without
    ]


def files(settings: Settings, series: str) -> tuple[str, ...]:
    """Return the cycling curve, where there is one."""
    name = settings.curve_of(series)
    return () if name is None else (name,)


def check_files(samples: Sequence[Sample], settings: Settings, locate: Callable[[str], Path]) -> list[Fault]:
    """Return what is wrong with the cycling curves: see ``curve_faults``."""
    return curve_faults(samples, settings, locate)


def follow(timeline: Timeline, settings: Settings, limits: Limits) -> Outcome:  # noqa: ARG001
    """Return one row per timestep: the charge, its lithium in the field of view, the lithium seen, their ratio.

    - ``direction``: charge or discharge, by the charge since the scan before; ``since``: the scan at which this half
      cycle began; ``periods``: ``current_time_min`` (minutes with current since the first scan) over the period's.
    - ``charge_mah``: net charge since the first scan; ``throughput_mah``: in either direction;
      ``half_cycle_charge_mah``: size of the charge since ``since``; ``charge_um3``: the lithium of ``charge_mah`` in
      the field of view.
    - ``faraday_um3``: the lithium that should be seen in the field of view, of the half cycle's charge;
      ``imaged_um3``: the lithium seen: plated classes during the charge, redeposited classes during the discharge.
    - ``capacity_ratio``: imaged over Faraday; ``missing_percent``: what it lacks to 1. Not a number where no charge has
      passed and from the second cycle on, when the classes still hold what earlier half cycles left.

    Without ``redeposited`` the plated classes are compared with the net charge at every scan.

    Uncertainties: those of the classes' volumes as independent; of the charge from the curve's sampling, the
    calibration of the current and the active area. What the segmentation confuses is in none of them.

    With a curve the table has its current periods. A timestep without records (it did not register) has no row, but its
    charge counts.

    Raises:
        BadInput: If a current is missing that is needed, or the curve cannot be read.
    """
    import pandas as pd

    curves = [read_curve(path, settings) for path in timeline.files.values()]
    charge = (
        charge_of_curve(timeline.samples, curves[0], settings)
        if curves
        else charge_of_sheet(timeline.samples, settings)
    )
    rows = [
        _row(timeline, index, charge, settings)
        for index, sample in enumerate(timeline.samples)
        if sample.timestep in timeline.records
    ]
    return Outcome(pd.DataFrame(rows), Result({}, curves[0].periods() if curves else None))


def _row(timeline: Timeline, index: int, charge: Charge, settings: Settings) -> dict[str, Any]:
    sample, start = timeline.samples[index], charge.half_cycle_starts()[index]
    envelope = {} if settings.curve is None else {"envelope_voltage_v": charge.envelope_voltage_v[index]}
    return {
        "timestep": sample.timestep,
        "time_min": sample.time_min,
        "direction": DIRECTIONS[charge.directions()[index]],
        "since": timeline.samples[start].timestep,
        "current_time_min": charge.current_time_min[index],
        "periods": charge.current_time_min[index] / charge.period_min if charge.period_min else 0.0,
        "mean_current_ma": charge.mean_current_ma[index],
        **envelope,
        "throughput_mah": charge.throughput_mah[index],
        **_comparison(timeline.records[sample.timestep], index, charge, settings),
    }


def _comparison(
    record: Mapping[str, Mapping[str, Any]], index: int, charge: Charge, settings: Settings
) -> dict[str, float]:
    relative = settings.current_uncertainty_percent / PERCENT
    net = charge.between(0, index, relative)
    direction = charge.directions()[index]
    half_cycle = charge.between(charge.half_cycle_starts()[index], index, relative).scaled(direction)
    per_mah = _lithium_um3_per_mah(record, settings)
    compared = half_cycle if settings.redeposited else net
    faraday, imaged = compared.times(per_mah), _imaged(record, direction, settings)
    ratio = imaged.over(faraday) if _is_comparable(compared.value, index, charge, settings) else UNKNOWN
    missing = Amount(1 - ratio.value, ratio.uncertainty).scaled(PERCENT)
    return {
        **net.told("charge", "mah"),
        **half_cycle.told("half_cycle_charge", "mah"),
        **net.times(per_mah).told("charge", "um3"),
        **faraday.told("faraday", "um3"),
        **imaged.told("imaged", "um3"),
        **ratio.told("capacity_ratio"),
        **missing.told("missing", "percent"),
    }


def _is_comparable(charge_mah: float, index: int, charge: Charge, settings: Settings) -> bool:
    """Tell whether there is a charge, and classes that only it has filled."""
    is_first_cycle = charge.half_cycles()[index] < HALF_CYCLES or not settings.redeposited
    return is_first_cycle and charge_mah > CANCELLED * float(charge.throughput_mah[index])


def _imaged(record: Mapping[str, Mapping[str, Any]], direction: int, settings: Settings) -> Amount:
    volumes = record["class_volumes"]
    classes = settings.redeposited if direction < 0 and settings.redeposited else settings.plated
    return total([Amount(volumes[f"{name}_um3"], volumes[f"{name}_uncertainty_um3"]) for name in classes])


def _lithium_um3_per_mah(record: Mapping[str, Mapping[str, Any]], settings: Settings) -> Amount:
    """Return the volume of lithium in the field of view that a charge of 1 mAh moves."""
    share = _imaged_area_um2(record, settings) / (settings.active_area_cm2 * UM2_PER_CM2)
    volume = faraday_volume_um3(1.0) * share
    return Amount(volume, volume * settings.active_area_uncertainty_percent / PERCENT)


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
