"""Fits find what made the points, and their intervals hold it as often as they say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from tomocell.series._fits import Points, fit_decay, fit_linear, fit_slowing

if TYPE_CHECKING:
    from collections.abc import Callable

    from tomocell.series._fits import Fit, Numbers

PERIODS = np.arange(13.0)


def points(values: Numbers, periods: Numbers = PERIODS, weights: Numbers | None = None) -> Points:
    return Points(periods, values, np.ones(len(values)) if weights is None else weights)


def line(periods: Numbers) -> Numbers:
    return np.asarray(112.9 - 0.93 * periods)


def plateau(periods: Numbers) -> Numbers:
    return np.asarray(107.7 + 5.4 * (1 - np.exp(-0.25 * periods)) / 0.25)


def vanishing(periods: Numbers) -> Numbers:
    return np.asarray(28.0 * np.exp(-0.3 * periods))


@dataclass(frozen=True)
class Case:
    fit: Callable[[Points], Fit | None]
    curve: Callable[[Numbers], Numbers]
    expected: dict[str, float]


CASES = {
    "linear": Case(fit_linear, line, {"start": 112.9, "rate": -0.93}),
    "slowing": Case(fit_slowing, plateau, {"start": 107.7, "rate": 5.4, "slowing": 0.25}),
    "decay": Case(fit_decay, vanishing, {"start": 28.0, "rate": -8.4}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_exact_points_are_met_exactly(case: Case) -> None:
    uneven = np.array([0.0, 0.5, 2, 3, 7, 11.5])
    for periods in (PERIODS, uneven):
        found = case.fit(points(case.curve(periods), periods))
        assert found is not None
        assert {name: one.value for name, one in found.parameters.items()} == pytest.approx(case.expected, rel=1e-5)
        assert found.predicted == pytest.approx(case.curve(periods), rel=1e-6)
        assert found.r_squared == pytest.approx(1)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_interval_holds_the_truth_as_often_as_it_says(case: Case) -> None:
    random = np.random.default_rng(7)
    trials, held = 100, 0
    for _ in range(trials):
        found = case.fit(points(case.curve(PERIODS) + random.normal(0, 0.3, len(PERIODS))))
        assert found is not None
        held += found.parameters["rate"].low <= case.expected["rate"] <= found.parameters["rate"].high
    # Within three standard deviations of a binomial of 95 %.
    assert abs(held - 0.95 * trials) <= 3 * (trials * 0.95 * 0.05) ** 0.5


def test_a_line_is_as_scipy_has_it() -> None:
    values = line(PERIODS) + np.random.default_rng(2).normal(0, 1, len(PERIODS))
    expected = stats.linregress(PERIODS, values)
    found = fit_linear(points(values))
    assert found is not None
    rate = found.parameters["rate"]
    assert (rate.value, rate.uncertainty) == pytest.approx((expected.slope, expected.stderr))
    assert found.r_squared == pytest.approx(expected.rvalue**2)
    reach = stats.t.ppf(0.975, len(PERIODS) - 2) * expected.stderr
    assert (rate.low, rate.high) == pytest.approx((expected.slope - reach, expected.slope + reach))
    assert found.residual_sd == pytest.approx(np.sqrt(((values - found.predicted) ** 2).sum() / 11))


def test_a_scan_that_weighs_twice_counts_as_four() -> None:
    values = np.array([0.0, 1, 3, 2])
    weighted = fit_linear(points(values, PERIODS[:4], np.array([1.0, 1, 2, 1])))
    repeated = fit_linear(points(np.array([0.0, 1, 3, 3, 3, 3, 2]), np.array([0.0, 1, 2, 2, 2, 2, 3])))
    assert weighted is not None
    assert repeated is not None
    for name in ("start", "rate"):
        assert weighted.parameters[name].value == pytest.approx(repeated.parameters[name].value)


def test_a_straight_line_is_not_seen_to_slow_down() -> None:
    values = line(PERIODS) + np.random.default_rng(3).normal(0, 0.05, len(PERIODS))
    found = fit_slowing(points(values))
    assert found is not None
    assert found.parameters["slowing"].low < 0 < found.parameters["slowing"].high
    assert found.parameters["rate"].low < -0.93 < found.parameters["rate"].high


@pytest.mark.parametrize(("fit", "count"), [(fit_linear, 2), (fit_decay, 2), (fit_slowing, 3)])
def test_without_a_scan_to_spare_there_is_no_interval(fit: Callable[[Points], Fit | None], count: int) -> None:
    values = np.array([3.0, 2.0, 1.6])[:count]
    found = fit(points(values, PERIODS[:count]))
    assert found is not None
    assert found.predicted == pytest.approx(values)
    assert math.isfinite(found.parameters["rate"].value)
    assert all(math.isnan(one.low) and math.isnan(one.high) for one in found.parameters.values())
    assert math.isnan(found.residual_sd)
    for fewer in range(count):
        assert fit(points(values[:fewer], PERIODS[:fewer])) is None
    assert fit(points(values, np.zeros(count))) is None


def test_what_never_was_cannot_vanish() -> None:
    assert fit_decay(points(np.zeros(13))) is None
    flat = fit_linear(points(np.zeros(13)))
    assert flat is not None
    assert flat.parameters["rate"].value == 0
    assert math.isnan(flat.r_squared)


def test_what_stays_does_not_slow_down() -> None:
    found = fit_slowing(points(np.full(13, 5.0)))
    assert found is not None
    assert found.parameters["rate"].value == pytest.approx(0, abs=1e-9)
    assert found.predicted == pytest.approx(np.full(13, 5.0))


def test_scans_that_lie_on_the_curve_by_chance_are_no_surer_than_their_uncertainties() -> None:
    periods, values, spread = np.arange(3.0), np.array([3.0, 2.0, 1.0]), 0.2
    found = fit_linear(Points(periods, values, np.full(3, 1 / spread), is_uncertainty_known=True))
    assert found is not None
    rate = found.parameters["rate"]
    assert rate.uncertainty == pytest.approx(spread / 2**0.5)  # sum of squared distances from the mean time: 2
    assert (rate.low, rate.high) == pytest.approx(
        (-1 - 1.96 * rate.uncertainty, -1 + 1.96 * rate.uncertainty), rel=1e-3
    )
    scattered = np.array([3.0, 1.0, 1.0])
    wide = fit_linear(Points(periods, scattered, np.full(3, 1 / spread), is_uncertainty_known=True))
    alone = fit_linear(points(scattered, periods))
    assert wide is not None
    assert alone is not None
    assert wide.parameters["rate"].low == pytest.approx(alone.parameters["rate"].low)
