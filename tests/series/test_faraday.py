"""The arithmetic of charge and lithium, against numbers worked out by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from electrochemistry.cycling import pulses, write_curve
from tomocell.analyses.class_volumes import Settings as VolumeSettings
from tomocell.blocks import Limits
from tomocell.electrochemistry.charge import charge_of_sheet
from tomocell.electrochemistry.lithium import LITHIUM_CAPACITY_MAH_PER_G, faraday_volume_um3
from tomocell.errors import BadInput
from tomocell.series.faraday import NEEDS, Settings, check, check_files, files, follow
from tomocell.series.timeline import Timeline
from tomocell.settings.samples import Sample

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = Settings(active_area_cm2=0.5, current_min=10, plated=("deposited", "dendrite"))
ROI_UM2 = 6.88449e6


def samples(*currents_ma: float | None) -> list[Sample]:
    return [
        Sample(series="cell", timestep=f"t{index}", path="x", time_min=30 * index, current_ma=current)
        for index, current in enumerate(currents_ma)
    ]


def record(deposited_um3: float, dendrite_um3: float = 0.0) -> dict[str, dict[str, Any]]:
    volumes = {"deposited_um3": deposited_um3, "dendrite_um3": dendrite_um3, "electrode_um3": 100 * ROI_UM2}
    sure = {"deposited_uncertainty_um3": 3e5, "dendrite_uncertainty_um3": 4e5}
    thickness = {"electrode_um": 100.0, "deposited_um": deposited_um3 / ROI_UM2, "electrode_uncertainty_um": 1.0}
    return {"class_volumes": volumes | sure, "effective_thickness": thickness}


def charges_mah(rows: list[Sample], settings: Settings) -> list[float]:
    return charge_of_sheet(rows, settings).net_mah.tolist()


def over_time(rows: list[Sample], records: dict[str, dict[str, dict[str, Any]]]) -> pd.DataFrame:
    return follow(Timeline(tuple(rows), records), SETTINGS, Limits()).over_time


def test_one_current_period() -> None:
    charge = charges_mah(samples(0, 0.75), SETTINGS)[1]
    assert charge == pytest.approx(0.125)
    assert charge / LITHIUM_CAPACITY_MAH_PER_G == pytest.approx(3.23834e-5, rel=1e-5)
    volume = faraday_volume_um3(charge)
    assert volume == pytest.approx(6.0643e7, rel=1e-4)
    assert volume / 0.5e8 == pytest.approx(1.21286, rel=1e-5)
    row = over_time(samples(0, 0.75), {"t0": record(0), "t1": record(8.3499e6)}).iloc[1]
    assert row["faraday_um3"] == pytest.approx(8.3499e6, rel=1e-4)
    assert row["capacity_ratio"] == pytest.approx(1, rel=1e-4)
    assert row["missing_percent"] == pytest.approx(0, abs=0.01)


def test_a_cycle_ends_where_it_began() -> None:
    charges = charges_mah(samples(0, 0.75, 0.75, -0.75, -0.75), SETTINGS)
    assert charges == pytest.approx([0, 0.125, 0.25, 0.125, 0])
    twice = SETTINGS.model_copy(update={"periods_between_scans": 2})
    assert charges_mah(samples(0, 0.75), twice) == pytest.approx([0, 0.25])


def test_what_is_imaged_is_the_sum_of_the_plated_classes() -> None:
    table = over_time(samples(0, 0.75), {"t0": record(0), "t1": record(3e6, 1e6)})
    assert list(table["timestep"]) == ["t0", "t1"]
    assert math.isnan(table["capacity_ratio"][0])
    assert table["imaged_um3"][1] == 4e6
    assert table["imaged_uncertainty_um3"][1] == pytest.approx(5e5)
    assert table["capacity_ratio"][1] == pytest.approx(4e6 / 8.3499e6, rel=1e-4)
    assert table["missing_percent"][1] == pytest.approx(100 * (1 - 4 / 8.3499), rel=1e-4)


def test_a_scan_without_a_current_is_named() -> None:
    with pytest.raises(BadInput, match="cell t1, current_ma"):
        charges_mah(samples(0, None), SETTINGS)
    assert charges_mah(samples(None, 0.75), SETTINGS) == pytest.approx([0, 0.125])


def test_an_empty_volume_has_no_area() -> None:
    nothing = {need: {} for need in NEEDS}
    nothing["class_volumes"] = {"deposited_um3": 0.0, "dendrite_um3": 0.0}
    with pytest.raises(BadInput, match="all zero"):
        over_time(samples(0), {"t0": nothing})


BOTH = Settings(active_area_cm2=0.5, current_min=10, plated=("deposited", "dendrite"), redeposited=("redeposited",))


def cycle_record(deposited_um3: float, redeposited_um3: float) -> dict[str, dict[str, Any]]:
    found = record(deposited_um3)
    found["class_volumes"] |= {"redeposited_um3": redeposited_um3, "redeposited_uncertainty_um3": 2e5}
    return found


def of_a_cycle(settings: Settings, *currents: float, **more: Any) -> pd.DataFrame:
    rows = samples(*currents)
    records = {row.timestep: cycle_record(2e6 * index, 1e6 * index) for index, row in enumerate(rows)}
    return follow(Timeline(tuple(rows), records, **more), settings, Limits()).over_time


def test_the_discharge_is_compared_with_what_it_redeposits_since_the_half_cycle() -> None:
    table = of_a_cycle(BOTH, 0, 0.75, 0.75, -0.75, -0.75)
    assert list(table["direction"]) == ["rest", "charge", "charge", "discharge", "discharge"]
    assert list(table["since"]) == ["t0", "t0", "t0", "t2", "t2"]
    assert list(table["charge_mah"]) == pytest.approx([0, 0.125, 0.25, 0.125, 0])
    assert list(table["half_cycle_charge_mah"]) == pytest.approx([0, 0.125, 0.25, 0.125, 0.25])
    one = 8.3499e6
    assert list(table["faraday_um3"]) == pytest.approx([0, one, 2 * one, one, 2 * one], rel=1e-4)
    assert list(table["charge_um3"]) == pytest.approx([0, one, 2 * one, one, 0], rel=1e-4, abs=1)
    assert list(table["imaged_um3"]) == [0, 2e6, 4e6, 3e6, 4e6]
    ratios = [math.nan, 2e6 / one, 4e6 / 2 / one, 3e6 / one, 4e6 / 2 / one]
    assert list(table["capacity_ratio"]) == pytest.approx(ratios, rel=1e-4, nan_ok=True)
    assert list(table["throughput_mah"]) == pytest.approx([0, 0.125, 0.25, 0.375, 0.5])
    assert list(table["periods"]) == pytest.approx([0, 1, 2, 3, 4])


def test_from_the_second_cycle_on_there_is_no_ratio() -> None:
    table = of_a_cycle(BOTH, 0, 1, -1, 1, -1)
    assert list(table["capacity_ratio"].notna()) == [False, True, True, False, False]
    assert list(table["faraday_um3"] > 0) == [False, True, True, True, True]


def test_a_net_charge_of_nothing_has_no_ratio() -> None:
    table = of_a_cycle(SETTINGS, 0, 0.1, 0.1, 0.1, -0.3)
    assert math.isnan(table["capacity_ratio"].iloc[-1])
    assert table["capacity_ratio"].iloc[-2] > 0


def test_uncertainties_of_volume_current_and_area_make_that_of_the_ratio() -> None:
    relative = {"current_uncertainty_percent": 3.0, "active_area_uncertainty_percent": 4.0}
    row = of_a_cycle(BOTH.model_copy(update=relative), 0, 0.75, 0.75).iloc[2]
    assert row["charge_uncertainty_mah"] == pytest.approx(0.03 * row["charge_mah"])
    assert row["faraday_uncertainty_um3"] == pytest.approx(0.05 * row["faraday_um3"])
    assert row["charge_uncertainty_um3"] == pytest.approx(0.05 * row["charge_um3"])
    relative_imaged = row["imaged_uncertainty_um3"] / row["imaged_um3"]
    expected = row["capacity_ratio"] * math.hypot(relative_imaged, 0.05)
    assert row["capacity_ratio_uncertainty"] == pytest.approx(expected)
    assert row["missing_uncertainty_percent"] == pytest.approx(100 * expected)


def test_by_a_curve_all_is_as_by_the_sheet(tmp_path: Path) -> None:
    currents = (0.75, 0.75, -0.75)
    write_curve(tmp_path / "curve_cell.csv", pulses(currents))
    by_curve = BOTH.model_copy(update={"curve": "curve_{series}.csv", "curve_offset_min": 5.0})
    assert files(by_curve, "cell") == ("curve_cell.csv",)
    assert files(BOTH, "cell") == ()
    rows = samples(None, None, None, None)
    assert not check(rows, {}, by_curve)
    assert not check_files(rows, by_curve, lambda name: tmp_path / name)
    records = {row.timestep: cycle_record(2e6 * index, 1e6 * index) for index, row in enumerate(rows)}
    timeline = Timeline(tuple(rows), records, files={"curve_cell.csv": tmp_path / "curve_cell.csv"})
    outcome = follow(timeline, by_curve, Limits())
    expected = of_a_cycle(BOTH, 0, *currents)
    assert outcome.over_time["faraday_um3"][1] == pytest.approx(8.3499e6, rel=1e-4)
    pd.testing.assert_frame_equal(outcome.over_time[list(expected.columns)], expected)
    assert outcome.result.table is not None
    assert list(outcome.result.table["charge_mah"]) == pytest.approx([0.125, 0.125, -0.125])
    assert list(outcome.over_time["envelope_voltage_v"] > 1) == [False, True, True, False]


def test_one_timestep_alone() -> None:
    table = of_a_cycle(BOTH, 0.75)
    assert len(table) == 1
    assert table["charge_mah"][0] == 0
    assert math.isnan(table["capacity_ratio"][0])


def test_a_class_that_is_never_there_is_nothing_but_missing() -> None:
    row = over_time(samples(0, 0.75), {"t0": record(0), "t1": record(0)}).iloc[1]
    assert (row["capacity_ratio"], row["missing_percent"]) == (0, 100)
    assert row["capacity_ratio_uncertainty"] == pytest.approx(5e5 / row["faraday_um3"])


def test_a_scan_that_is_flagged_keeps_its_charge() -> None:
    rows = samples(0, 0.75, 0.75)
    table = over_time(rows, {"t0": record(0), "t2": record(1e6)})
    assert list(table["timestep"]) == ["t0", "t2"]
    assert list(table["charge_mah"]) == pytest.approx([0, 0.25])


def test_classes_that_are_not_measured_are_told_before_the_first_job() -> None:
    faults = check(samples(0, 1), {"class_volumes": VolumeSettings(without=("dendrite", "redeposited"))}, BOTH)
    assert [(fault.where, fault.value) for fault in faults] == [("plated", "dendrite"), ("redeposited", "redeposited")]
