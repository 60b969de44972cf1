"""A cycling curve between its samples: charge, time with current, and the envelope of the voltage."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

MIN_PER_H = 60.0
# Between two samples lies a ramp or a step at any moment: the integral is uniform between the two rectangles.
SAMPLING_VARIANCE = 1 / 12


@dataclass(frozen=True)
class Curve:
    """Samples of a galvanostatic experiment.

    Attributes:
        time_min: Shape (n,), n >= 2, never falling; the same time twice is a jump.
        current_ma: Shape (n,), positive while charging.
        voltage_v: Shape (n,); not a number where it is not known.
        rest_below_ma: A current at most this large is rest.
    """

    time_min: Numbers
    current_ma: Numbers
    voltage_v: Numbers
    rest_below_ma: float

    @property
    def has_current(self) -> NDArray[np.bool_]:
        """Which samples are not rest, shape (n,)."""
        return np.abs(self.current_ma) > self.rest_below_ma

    def charge_mah(self, until_min: Numbers) -> Numbers:
        """Return the charge from the curve's start until each time, mAh: the integral of the linear interpolation."""
        return integral_until(self.time_min, self.current_ma, until_min) / MIN_PER_H

    def throughput_mah(self, until_min: Numbers) -> Numbers:
        """Return the charge that passed in either direction until each time, mAh: the integral of ``|I|``."""
        return integral_until(self.time_min, np.abs(self.current_ma), until_min) / MIN_PER_H

    def charge_variance_mah2(self, until_min: Numbers) -> Numbers:
        """Return the variance of the charge until each time, mAh^2, of which differences give those of intervals.

        What happens between two samples is not known: the rectangle of the one and that of the other bound its
        integral, so the standard uncertainty is ``|dI| dt / sqrt(12)``, independent from step to step. Steps up and
        down do not cancel in it, as they would in the difference of the two Riemann sums of the whole.
        """
        steps = np.diff(self.current_ma) * np.diff(self.time_min) / MIN_PER_H
        return self._shared(steps**2 * SAMPLING_VARIANCE, until_min)

    def current_time_min(self, until_min: Numbers) -> Numbers:
        """Return the minutes with current until each time; a step lies midway between its samples."""
        halves = self.has_current[1:] * 0.5 + self.has_current[:-1] * 0.5
        return self._shared(halves * np.diff(self.time_min), until_min)

    def envelope_voltage_v(self, until_min: Numbers) -> Numbers:
        """Return, for each time, the voltage of greatest size among the samples with current since the time before.

        Not a number for the first time, and where no current flowed.
        Source: Huang et al. 2023, doi:10.1038/s41524-023-01039-y, Supplementary Fig. 3.
        """
        edges = np.searchsorted(self.time_min, until_min, side="right")
        voltage = np.where(self.has_current, self.voltage_v, np.nan)
        since = [_greatest(voltage[start:stop]) for start, stop in pairwise(edges)]
        return np.array([np.nan, *since])

    def periods(self) -> pd.DataFrame:
        """Return one row per current period: unbroken current of one sign.

        Columns: ``start_min``, ``end_min`` (its first and last sample), ``current_min`` (its duration, steps midway
        between samples), ``charge_mah``, ``mean_current_ma`` and ``envelope_voltage_v``.
        """
        import pandas as pd

        sign = np.sign(self.current_ma) * self.has_current
        turns = np.flatnonzero(np.diff(sign)) + 1
        runs = [run for run in np.split(np.arange(len(sign)), turns) if sign[run[0]]]
        return pd.DataFrame([self._period(run) for run in runs], columns=list(PERIOD_COLUMNS))

    def _period(self, run: NDArray[np.int64]) -> tuple[float, ...]:
        start, end = self.time_min[run[0]], self.time_min[run[-1]]
        weights = self._weights(run)
        minutes, charge = weights.sum(), (weights * self.current_ma[run]).sum()
        mean = charge / minutes if minutes else self.current_ma[run].mean()
        return start, end, minutes, charge / MIN_PER_H, mean, _greatest(self.voltage_v[run])

    def _weights(self, run: NDArray[np.int64]) -> Numbers:
        """Return the minutes that each sample of a run stands for in the trapezoid rule."""
        last = len(self.time_min) - 1
        after = self.time_min[np.minimum(run + 1, last)] - self.time_min[run]
        before = self.time_min[run] - self.time_min[np.maximum(run - 1, 0)]
        return np.asarray((after + before) / 2)

    def _shared(self, amounts: Numbers, until_min: Numbers) -> Numbers:
        """Return the sum of what lies between samples until each time, shared by time within a pair of samples."""
        return np.asarray(np.interp(until_min, self.time_min, np.concatenate([[0.0], np.cumsum(amounts)])))


PERIOD_COLUMNS = ("start_min", "end_min", "current_min", "charge_mah", "mean_current_ma", "envelope_voltage_v")


def integral_until(time: Numbers, values: Numbers, until: Numbers) -> Numbers:
    """Return the integral of the linear interpolation of ``values`` from ``time[0]`` to each of ``until``.

    Exact for what is linear between its samples; outside the samples ``values`` count as nought. Splitting an
    interval changes nothing but the rounding.
    """
    widths = np.diff(time)
    total = np.concatenate([[0.0], np.cumsum(widths * (values[1:] + values[:-1]) / 2)])
    at = np.clip(until, time[0], time[-1])
    index = np.clip(np.searchsorted(time, at, side="right") - 1, 0, len(time) - 2)
    inside = at - time[index]
    share = np.divide(inside, widths[index], out=np.zeros_like(inside), where=widths[index] > 0)
    mean = values[index] + share * (values[index + 1] - values[index]) / 2
    return np.asarray(total[index] + mean * inside)


def _greatest(voltage: Numbers) -> float:
    known = voltage[np.isfinite(voltage)]
    return float(known[np.argmax(np.abs(known))]) if len(known) else float("nan")
