"""The charge that has passed at each scan of a series."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from tomocell.electrochemistry.amount import Amount
from tomocell.electrochemistry.curve import MIN_PER_H
from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tomocell.electrochemistry.curve import Curve
    from tomocell.electrochemistry.settings import ChargeSettings
    from tomocell.settings.samples import Sample

    Numbers = NDArray[np.float64]

# An instrument's offset during rest, or rounding, is no charge: below this share of the largest.
NEGLIGIBLE = 0.01


@dataclass(frozen=True)
class Charge:
    """What has passed at each scan since the first; every array has shape (scans,).

    Attributes:
        net_mah: Charge, positive for charging.
        variance_mah2: Variance of it from the curve's sampling.
        throughput_mah: Charge in either direction.
        current_time_min: Minutes with current.
        mean_current_ma: Mean while current flowed, since the scan before; not a number for the first.
        envelope_voltage_v: Voltage of greatest size while current flowed since the scan before; without a curve, and
            for the first scan, not a number.
        period_min: Minutes of current in one period.
    """

    net_mah: Numbers
    variance_mah2: Numbers
    throughput_mah: Numbers
    current_time_min: Numbers
    mean_current_ma: Numbers
    envelope_voltage_v: Numbers
    period_min: float

    def directions(self) -> list[int]:
        """Return, for each scan, 1 at the end of charging, -1 of discharging; at rest that before; 0 until then."""
        found = [0]
        for sign in directions_between(self.net_mah):
            found.append(sign or found[-1])
        return found

    def half_cycle_starts(self) -> list[int]:
        """Return, for each scan, the index of the scan at which its half cycle began."""
        starts = [0]
        directions = self.directions()
        for index in range(1, len(directions)):
            turned = directions[index - 1] != 0 and directions[index] != directions[index - 1]
            starts.append(index - 1 if turned else starts[-1])
        return starts

    def half_cycles(self) -> list[int]:
        """Return, for each scan, how many half cycles ended before its own began."""
        starts = self.half_cycle_starts()
        return [len(set(starts[: index + 1])) - 1 for index in range(len(starts))]

    def between(self, start: int, end: int, relative_uncertainty: float) -> Amount:
        """Return the charge from one scan to a later one, mAh, of currents that share a relative uncertainty."""
        charge = self.net_mah[end] - self.net_mah[start]
        sampling = max(self.variance_mah2[end] - self.variance_mah2[start], 0.0) ** 0.5
        return Amount(float(charge), float(np.hypot(sampling, charge * relative_uncertainty)))


def charge_of_sheet(samples: Sequence[Sample], settings: ChargeSettings) -> Charge:
    """Return the charge at each scan from the sheet's currents, exact where they are: ``Q = I t``.

    Raises:
        BadInput: If a row but the first has no current.
    """
    currents = [0.0]
    for sample in samples[1:]:
        if sample.current_ma is None:
            raise BadInput(no_current(sample))
        currents.append(sample.current_ma)
    period_min = settings.current_min or 0.0
    minutes = [0.0, *(period_min * settings.periods(sample.series, sample.timestep) for sample in samples[1:])]
    hours = np.array(minutes) / MIN_PER_H
    unknown = np.full(len(samples), np.nan)
    return Charge(
        net_mah=np.cumsum(np.array(currents) * hours),
        variance_mah2=np.zeros(len(samples)),
        throughput_mah=np.cumsum(np.abs(currents) * hours),
        current_time_min=np.cumsum(np.array(minutes) * (np.array(currents) != 0)),
        mean_current_ma=np.array([np.nan, *currents[1:]]),
        envelope_voltage_v=unknown,
        period_min=period_min,
    )


def charge_of_curve(samples: Sequence[Sample], curve: Curve, settings: ChargeSettings) -> Charge:
    """Return the charge at each scan from a cycling curve, which the scans are matched to by time.

    Raises:
        BadInput: If a row has no time.
    """
    at = times_in_curve(samples, settings)
    net, minutes = _since_first(curve.charge_mah(at)), _since_first(curve.current_time_min(at))
    charge, duration = np.diff(net), np.diff(minutes)
    mean = np.divide(charge * MIN_PER_H, duration, out=np.zeros_like(charge), where=duration > 0)
    return Charge(
        net_mah=net,
        variance_mah2=_since_first(curve.charge_variance_mah2(at)),
        throughput_mah=_since_first(curve.throughput_mah(at)),
        current_time_min=minutes,
        mean_current_ma=np.array([np.nan, *mean]),
        envelope_voltage_v=curve.envelope_voltage_v(at),
        period_min=settings.current_min or _usual_period_min(curve),
    )


def times_in_curve(samples: Sequence[Sample], settings: ChargeSettings) -> Numbers:
    """Return the time of each scan on the curve's clock, min.

    Raises:
        BadInput: If a row has no time.
    """
    faults = [no_time(sample) for sample in samples if sample.time_min is None]
    if faults:
        raise BadInput(*faults)
    return np.array([sample.time_min for sample in samples], np.float64) + settings.curve_offset_min


def directions_between(net_mah: Numbers) -> list[int]:
    """Return the sign of the charge between each scan and the next, 0 where it is negligible."""
    charges = np.diff(net_mah)
    least = NEGLIGIBLE * np.abs(charges).max(initial=0.0)
    return [int(sign) for sign in np.sign(charges) * (np.abs(charges) > least)]


def no_current(sample: Sample) -> Fault:
    """Return the fault of a row that has no current and needs one."""
    return Fault(row_of(sample, "current_ma"), "nothing", "the mean current since the scan before, mA", "fill the cell")


def no_time(sample: Sample) -> Fault:
    """Return the fault of a row that has no time and needs one."""
    return Fault(row_of(sample, "time_min"), "nothing", "the scan's time, min, as the curve counts it", "fill the cell")


def row_of(sample: Sample, column: str) -> str:
    """Return where a cell of the sheet stands."""
    return f"sample sheet, {sample.series} {sample.timestep}, {column}"


def _usual_period_min(curve: Curve) -> float:
    minutes = curve.periods()["current_min"]
    return float(median(minutes)) if len(minutes) else float("nan")


def _since_first(values: Numbers) -> Numbers:
    return np.asarray(values - values[0])
