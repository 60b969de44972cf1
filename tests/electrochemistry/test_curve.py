"""The charge of a curve: exact for what is linear between samples, whatever the sampling and the intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from electrochemistry.cycling import BY_CURVE, BY_SHEET, curve_of, pulses, rows
from tomocell.electrochemistry.charge import charge_of_curve, charge_of_sheet
from tomocell.electrochemistry.curve import integral_until
from tomocell.electrochemistry.settings import ChargeSettings

TIMES = st.lists(st.floats(0, 100), min_size=3, max_size=12, unique=True).map(sorted).map(np.array)


def test_one_current_period_by_a_curve() -> None:
    curve = pulses((0.75,))
    assert curve.charge_mah(np.array([0.0, 20, 25, 30, 50])) == pytest.approx([0, 0, 0.0625, 0.125, 0.125], abs=1e-15)
    assert curve.current_time_min(np.array([20.0, 25, 30, 50])) == pytest.approx([0, 5, 10, 10])
    assert curve.charge_variance_mah2(np.array([50.0])) == pytest.approx([0])


@given(TIMES, st.integers(0, 2**32 - 1))
def test_splitting_an_interval_adds_up_and_resampling_keeps_the_charge(time: np.ndarray, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=len(time))
    cuts = np.sort(random.uniform(time[0], time[-1], 4))
    whole = integral_until(time, values, cuts)
    finer = np.union1d(time, random.uniform(time[0], time[-1], 9))
    resampled = integral_until(finer, np.interp(finer, time, values), cuts)
    assert resampled == pytest.approx(whole, abs=1e-8)
    later = time >= time[1]
    behind = integral_until(time[later], values[later], cuts[-1:]) if cuts[-1] > time[1] else [0.0]
    before = integral_until(time[:2], values[:2], cuts[-1:])
    assert before[0] + behind[0] == pytest.approx(whole[-1], abs=1e-8)
    assert integral_until(time, values, time[-1:])[0] == pytest.approx(np.trapezoid(values, time), abs=1e-8)


def test_outside_the_samples_no_charge_is_made_up() -> None:
    time, current = np.array([10.0, 20.0]), np.array([1.0, 1.0])
    assert integral_until(time, current, np.array([0.0, 10, 15, 20, 90])) == pytest.approx([0, 0, 5, 10, 10])


def test_a_ramp_is_integrated_exactly_within_its_samples() -> None:
    curve = curve_of(np.array([0.0, 10.0]), np.array([0.0, 2.0]))
    assert curve.charge_mah(np.array([5.0])) * 60 == pytest.approx([2.5])


def test_a_step_between_samples_is_as_uncertain_as_a_uniform_distribution() -> None:
    # The step lies anywhere in the 2 min between two samples: simulate it.
    coarse = curve_of(np.array([0.0, 10, 12, 20, 22, 30]), np.array([0.0, 0, 3, 3, 0, 0]))
    up, down = np.random.default_rng(0).uniform(0, 2, (2, 20000))
    simulated = 3 * ((20 + down) - (10 + up)) / 60
    end = np.array([30.0])
    assert coarse.charge_mah(end)[0] == pytest.approx(simulated.mean(), rel=2e-3)
    assert coarse.charge_variance_mah2(end)[0] ** 0.5 == pytest.approx(simulated.std(), rel=0.02)
    assert coarse.current_time_min(end)[0] == pytest.approx(10)


def test_irregular_sampling_has_the_charge_of_even_sampling() -> None:
    even = pulses((0.75, -0.5))
    kept = np.random.default_rng(1).uniform(size=len(even.time_min)) < 0.5
    kept |= np.diff(even.current_ma, prepend=1.0) != 0
    kept |= np.diff(even.current_ma, append=1.0) != 0
    thinned = curve_of(even.time_min[kept], even.current_ma[kept])
    assert len(thinned.time_min) < len(even.time_min)
    at = np.linspace(0, even.time_min[-1], 7)
    assert thinned.charge_mah(at) == pytest.approx(even.charge_mah(at), abs=1e-12)


def test_the_envelope_is_the_voltage_of_greatest_size_with_its_sign() -> None:
    curve = pulses((0.75, -0.5))
    envelope = curve.envelope_voltage_v(np.array([0.0, 40, 41, 75]))
    last = [curve.voltage_v[curve.has_current & (curve.time_min < limit)][-1] for limit in (40, 75)]
    assert math.isnan(envelope[0])
    assert math.isnan(envelope[2])
    assert envelope[[1, 3]] == pytest.approx(last)
    assert last[1] < 0


def test_each_period_is_a_row() -> None:
    table = pulses((0.75, 0.75, -0.5)).periods()
    assert list(table["start_min"]) == [20, 50, 80]
    assert list(table["end_min"]) == [30, 60, 90]
    assert list(table["current_min"]) == pytest.approx([10, 10, 10])
    assert list(table["charge_mah"]) == pytest.approx([0.125, 0.125, -0.5 / 6])
    assert list(table["mean_current_ma"]) == pytest.approx([0.75, 0.75, -0.5])


def test_a_reversal_without_rest_parts_two_periods() -> None:
    curve = curve_of(np.array([0.0, 10, 10, 20]), np.array([1.0, 1, -1, -1]))
    table = curve.periods()
    assert list(table["charge_mah"]) == pytest.approx([1 / 6, -1 / 6])
    assert curve.throughput_mah(np.array([20.0])) == pytest.approx([1 / 3])
    assert curve.charge_mah(np.array([20.0])) == pytest.approx([0])


def test_a_curve_without_current_has_no_period() -> None:
    curve = curve_of(np.array([0.0, 40.0]), np.zeros(2))
    assert not len(curve.periods())
    charge = charge_of_curve(rows(0, 0), curve, BY_CURVE)
    assert charge.directions() == [0, 0]
    assert math.isnan(charge.period_min)


def test_sheet_and_curve_tell_the_same_of_galvanostatic_periods() -> None:
    currents = (0.75, 0.75, -0.75, -0.5)
    by_sheet = charge_of_sheet(rows(0, *currents), BY_SHEET)
    offset = ChargeSettings(curve="c.csv", curve_offset_min=5.0)
    by_curve = charge_of_curve(rows(None, *currents), pulses(currents), offset)
    for name in ("net_mah", "throughput_mah", "current_time_min", "mean_current_ma"):
        assert getattr(by_curve, name) == pytest.approx(getattr(by_sheet, name), nan_ok=True), name
    assert by_curve.period_min == pytest.approx(10)
    assert by_curve.directions() == by_sheet.directions() == [0, 1, 1, -1, -1]
    assert by_curve.half_cycle_starts() == [0, 0, 0, 2, 2]


def test_rest_belongs_to_the_half_cycle_before() -> None:
    charge = charge_of_sheet(rows(0, 0, 1, 0, -1, 0, 1), BY_SHEET)
    assert charge.directions() == [0, 0, 1, 1, -1, -1, 1]
    assert charge.half_cycle_starts() == [0, 0, 0, 0, 3, 3, 5]
    assert charge.half_cycles() == [0, 0, 0, 0, 1, 1, 2]
    assert charge.current_time_min.tolist() == [0, 0, 10, 10, 20, 20, 30]


def test_periods_may_differ_from_scan_to_scan() -> None:
    settings = ChargeSettings(current_min=10, periods_since={"t2": 3, "other/t1": 9})
    assert charge_of_sheet(rows(0, 0.6, 0.6), settings).net_mah == pytest.approx([0, 0.1, 0.4])
    named = ChargeSettings(current_min=10, periods_since={"t2": 3, "cell/t2": 2})
    assert charge_of_sheet(rows(0, 0.6, 0.6), named).net_mah == pytest.approx([0, 0.1, 0.3])


def test_the_calibration_of_the_current_is_shared_by_all_scans() -> None:
    charge = charge_of_sheet(rows(0, 0.6, 0.6, -0.6), BY_SHEET)
    assert charge.between(0, 2, 0.01).uncertainty == pytest.approx(0.2 * 0.01)
    assert charge.between(0, 3, 0.01).uncertainty == pytest.approx(0.1 * 0.01)
    assert charge.between(2, 3, 0.01).value == pytest.approx(-0.1)
