"""Rates of quantities of any table, in either half of the cycle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from tomocell.blocks import Limits
from tomocell.errors import BadInput
from tomocell.series.rates import Quantity, Settings, after, check, follow
from tomocell.series.timeline import Timeline
from tomocell.settings.samples import Sample

if TYPE_CHECKING:
    from tomocell.series.timeline import Outcome

HALF = 4  # periods, a scan after each
STRIPPING = Quantity(analysis="effective_thickness", key="stripping_side_um", half="charge")
BACK = STRIPPING.model_copy(update={"half": "discharge"})
RATIO = Quantity(analysis="faraday", key="capacity_ratio", half="charge")


def tables(steps: list[int]) -> dict[str, pd.DataFrame]:
    periods = np.array(steps, np.float64)
    names = [f"{step:03d}" for step in steps]
    direction = ["rest" if step == 0 else "charge" if step <= HALF else "discharge" for step in steps]
    since = ["000" if step <= HALF else "004" for step in steps]
    thickness = 112.9 - 0.93 * np.minimum(periods, HALF) + 2.4 * np.maximum(periods - HALF, 0)
    faraday = pd.DataFrame({"timestep": names, "time_min": 30 * periods, "direction": direction, "since": since})
    faraday = faraday.assign(periods=periods, capacity_ratio=0.5)
    measured = pd.DataFrame({"timestep": names, "stripping_side_um": thickness, "state": "x"})
    return {"faraday": faraday, "effective_thickness": measured.assign(stripping_side_uncertainty_um=0.2)}


def outcome_of(*quantities: Quantity, steps: list[int] | None = None, **columns: list[float]) -> Outcome:
    followed = tables(list(range(2 * HALF + 1)) if steps is None else steps)
    followed["effective_thickness"] = followed["effective_thickness"].assign(**columns)
    return follow(Timeline((), {}, followed=followed), Settings(quantities=quantities), Limits())


@pytest.mark.parametrize(
    ("key", "unit", "stem"),
    [
        ("mean_ma_per_cm2", "ma_per_cm2", "mean_charge"),
        ("capacity_ratio", "", "capacity_ratio_charge"),
        ("edge_distance_min", "", "edge_distance_min_charge"),  # a minimum, no minutes
        ("current_time_min", "min", "current_time_charge"),
    ],
)
def test_the_unit_is_that_of_the_key(key: str, unit: str, stem: str) -> None:
    quantity = Quantity(analysis="any", key=key, half="charge")
    assert (quantity.unit, quantity.stem) == (unit, stem)


def test_each_half_has_its_rate() -> None:
    outcome = outcome_of(STRIPPING, BACK)
    table = outcome.result.table
    assert table is not None
    assert list(table["name"]) == ["stripping_side_charge_linear", "stripping_side_discharge_linear"]
    assert list(table["rate_um_per_period"]) == pytest.approx([-0.93, 2.4])
    assert list(table["n"]) == [5, 5]
    assert list(table["start_um"]) == pytest.approx([112.9, 109.18])
    own = 0.2 / 10**0.5  # squared distances of five periods from their mean add up to 10
    assert list(table["rate_uncertainty_um_per_period"]) == pytest.approx([own, own])
    assert list(table["rate_low_um_per_period"]) == pytest.approx([-0.93 - 1.96 * own, 2.4 - 1.96 * own], rel=1e-4)
    assert outcome.result.scalars["stripping_side_discharge_linear_rate_um_per_period"] == pytest.approx(2.4)
    over_time = outcome.over_time
    assert list(over_time.columns[:3]) == ["timestep", "time_min", "periods"]
    assert list(over_time["stripping_side_charge_um"].notna()) == [True] * 5 + [False] * 4
    fitted = over_time["stripping_side_discharge_linear_fit_um"]
    assert list(fitted[4:]) == pytest.approx(list(over_time["stripping_side_discharge_um"][4:]))
    assert over_time["stripping_side_charge_uncertainty_um"][0] == 0.2


def test_a_number_without_a_unit_has_a_rate_without_one() -> None:
    outcome = outcome_of(RATIO)
    assert outcome.result.table is not None
    assert outcome.result.table["rate_per_period"][0] == pytest.approx(0, abs=1e-12)
    assert "capacity_ratio_charge_linear_fit" in outcome.over_time


def test_models_may_be_compared_on_one_quantity() -> None:
    slowing = STRIPPING.model_copy(update={"model": "slowing"})
    outcome = outcome_of(STRIPPING, slowing)
    assert outcome.result.table is not None
    assert list(outcome.result.table["rate_um_per_period"]) == pytest.approx([-0.93, -0.93], rel=1e-5)
    assert outcome.result.table["slowing_per_period"][1] == pytest.approx(0, abs=1e-4)
    assert set(after(Settings(quantities=(STRIPPING, slowing)))) == {"effective_thickness"}


def test_scans_that_are_not_there_do_not_shift_the_rate() -> None:
    for steps in ([0, 1, 3, 4, 5, 8], [1, 2, 3, 5, 7, 8]):
        outcome = outcome_of(STRIPPING, BACK, steps=steps)
        assert outcome.result.table is not None
        assert list(outcome.result.table["rate_um_per_period"]) == pytest.approx([-0.93, 2.4])


def test_a_scan_without_a_value_is_not_fitted_and_uncertain_ones_weigh_less() -> None:
    values = [10, 9, math.nan, 7, 16, *[0.0] * 4]
    sure = [0.1, 0.1, 0.1, 0.1, 1e4, *[0.1] * 4]
    outcome = outcome_of(STRIPPING, stripping_side_um=values, stripping_side_uncertainty_um=sure)
    assert outcome.result.table is not None
    assert outcome.result.table["n"][0] == 4
    assert outcome.result.table["rate_um_per_period"][0] == pytest.approx(-1, abs=1e-6)
    unsure = outcome_of(STRIPPING, stripping_side_um=values, stripping_side_uncertainty_um=[0.0] * 9)
    assert unsure.result.table is not None
    assert unsure.result.table["rate_um_per_period"][0] == pytest.approx(1)


@pytest.mark.parametrize("steps", [[0], [0, 1]])
def test_few_scans_have_no_interval_or_no_fit(steps: list[int]) -> None:
    outcome = outcome_of(STRIPPING, BACK, steps=steps)
    scalars = outcome.result.scalars
    assert scalars["stripping_side_charge_linear_rate_low_um_per_period"] is None
    assert scalars["stripping_side_discharge_linear_rate_um_per_period"] is None
    rate = scalars["stripping_side_charge_linear_rate_um_per_period"]
    assert rate == (pytest.approx(-0.93) if len(steps) > 1 else None)
    assert len(outcome.over_time) == len(steps)


@pytest.mark.parametrize("key", ["stripping_um", "state"])
def test_a_column_that_is_none_or_no_number(key: str) -> None:
    with pytest.raises(BadInput, match=rf"effective_thickness over time: found '{key}'.*stripping_side_um"):
        outcome_of(STRIPPING.model_copy(update={"key": key}))


def rows(*currents: float | None) -> list[Sample]:
    return [Sample(series="c", timestep=f"t{i}", path="x", current_ma=now) for i, now in enumerate(currents)]


def test_a_series_without_the_half_that_is_asked_for() -> None:
    both, charge = Settings(quantities=(STRIPPING, BACK)), Settings(quantities=(STRIPPING,))
    (fault,) = check(rows(0, 1, 1), {}, both)
    assert "no discharge" in str(fault)
    assert not check(rows(0, 1, 1), {}, charge)
    (fault,) = check(rows(0, -1), {}, charge)
    assert "no charge" in str(fault)
    for fine in (rows(0), rows(0, 1, -1), rows(0, None, None)):
        assert not check(fine, {}, both)


def test_two_fits_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="stripping_side_charge_linear is given twice"):
        Settings(quantities=(STRIPPING, STRIPPING))
    named = STRIPPING.model_copy(update={"name": "other"})
    assert Settings(quantities=(STRIPPING, named)).quantities[1].title == "other"
