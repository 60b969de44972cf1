"""The arithmetic of charge and lithium, against numbers worked out by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from tomocell.blocks import Limits
from tomocell.electrochemistry.charge import charge_of_sheet
from tomocell.electrochemistry.lithium import LITHIUM_CAPACITY_MAH_PER_G, faraday_volume_um3
from tomocell.errors import BadInput
from tomocell.series.faraday import NEEDS, Settings, follow
from tomocell.series.timeline import Timeline
from tomocell.settings.samples import Sample

if TYPE_CHECKING:
    import pandas as pd

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
