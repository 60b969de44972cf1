"""What a side gains is what it has more than at first; all lithium together stays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from tomocell.analyses.class_volumes import Settings as VolumeSettings
from tomocell.blocks import Limits
from tomocell.series.faraday import Settings as FaradaySettings
from tomocell.series.faraday import follow as follow_faraday
from tomocell.series.timeline import Timeline
from tomocell.series.travelling_lithium import Settings, check, follow
from tomocell.settings.samples import Sample

if TYPE_CHECKING:
    from tomocell.series.timeline import Outcome

SETTINGS = Settings(plating=("plating_electrode", "deposited"), stripping=("stripping_electrode", "redeposited"))
CHARGE = FaradaySettings(active_area_cm2=0.5, current_min=10, plated=("deposited",), redeposited=("redeposited",))
AREA_UM2 = 6.88449e6
PERIOD_UM3 = 8.3499e6  # of 0.75 mA in 10 min, in the field of view
CURRENTS = (0, 0.75, 0.75, -0.75, -0.75)
# Lithium of the sides in periods' worth: all that is charged leaves one side, and half of it is seen on the other.
PLATING, STRIPPING = (50.0, 50.5, 51.0, 50.5, 50.0), (40.0, 39.0, 38.0, 39.0, 40.0)
SURE = 1e5


def record(plating: float, stripping: float) -> dict[str, dict[str, Any]]:
    volumes = {
        "plating_electrode": 50.0,
        "deposited": plating - 50,
        "stripping_electrode": stripping - 0.5,
        "redeposited": 0.5,
    }
    told = {f"{name}_um3": periods * PERIOD_UM3 for name, periods in volumes.items()}
    told |= {f"{name}_uncertainty_um3": SURE for name in volumes}
    return {
        "class_volumes": told,
        "effective_thickness": {"plating_electrode_um": told["plating_electrode_um3"] / AREA_UM2},
    }


def outcome_of(count: int = 5, without: tuple[int, ...] = ()) -> Outcome:
    rows = tuple(
        Sample(series="cell", timestep=f"00{index}", path="x", time_min=30 * index, current_ma=current)
        for index, current in enumerate(CURRENTS[:count])
    )
    records = {
        row.timestep: record(plating, stripping)
        for row, plating, stripping in zip(rows, PLATING, STRIPPING, strict=False)
        if int(row.timestep) not in without
    }
    charge = follow_faraday(Timeline(rows, records), CHARGE, Limits()).over_time
    return follow(Timeline(rows, records, followed={"faraday": charge}), SETTINGS, Limits())


def test_sides_gain_and_lose_beside_the_charge() -> None:
    outcome = outcome_of()
    table = outcome.over_time[["plating_um3", "stripping_um3", "charge_um3", "net_um3"]] / PERIOD_UM3
    assert list(table["plating_um3"]) == pytest.approx([0, 0.5, 1, 0.5, 0], abs=1e-9)
    assert list(table["stripping_um3"]) == pytest.approx([0, -1, -2, -1, 0], abs=1e-9)
    assert list(table["charge_um3"]) == pytest.approx([0, 1, 2, 1, 0], rel=1e-4, abs=1e-9)
    assert list(table["net_um3"]) == pytest.approx([90, 89.5, 89, 89.5, 90])
    assert list(outcome.over_time.columns[:2]) == ["timestep", "time_min"]
    scalars = pd.Series(outcome.result.scalars, dtype=float) / PERIOD_UM3
    assert scalars["net_mean_um3"] == pytest.approx(89.6)
    assert scalars["net_sd_um3"] == pytest.approx((0.7 / 4) ** 0.5)  # squares 0.16, 0.01, 0.36, 0.01, 0.16


def test_the_side_that_gains_is_compared_with_the_charge_of_its_half_cycle() -> None:
    ratio = list(outcome_of().over_time["side_capacity_ratio"])
    assert ratio == pytest.approx([math.nan, 0.5, 0.5, 1, 1], rel=1e-4, nan_ok=True)
    without_start = outcome_of(without=(2,)).over_time
    assert list(without_start["timestep"]) == ["000", "001", "003", "004"]
    assert list(without_start["side_capacity_ratio"].notna()) == [False, True, False, False]


def test_uncertainties_add_up_as_independent() -> None:
    table = outcome_of().over_time
    assert list(table["plating_uncertainty_um3"]) == pytest.approx([0, *[2 * SURE] * 4])
    assert list(table["net_uncertainty_um3"]) == pytest.approx([2 * SURE] * 5)
    assert table["side_capacity_ratio_uncertainty"][1] == pytest.approx(2 * SURE / PERIOD_UM3, rel=1e-4)


def test_one_timestep_alone() -> None:
    outcome = outcome_of(1)
    assert len(outcome.over_time) == 1
    assert outcome.result.scalars["net_sd_um3"] is None


def test_what_is_wrong_before_the_first_job() -> None:
    both = Settings(plating=("a", "b"), stripping=("b",))
    faults = check((), {"class_volumes": VolumeSettings(without=("a",))}, both)
    assert [(fault.where, fault.value) for fault in faults] == [("stripping", "b"), ("plating", "a")]
    assert not check((), {}, SETTINGS)
