"""The cycling curve of the cell: current and voltage over the clock, as a potentiostat writes them.

The voltage is a plausible polarisation: ohmic, with an overpotential that rises through each half cycle as the
surfaces are used up, and that relaxes in the rests. Nothing but the current is a truth to measure.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.phantoms.cell.settings import CellSettings

    Column = NDArray[np.float64]

COLUMNS = ("time_min", "voltage_v", "current_ma")
SAMPLES_PER_PERIOD = 40  # of current; a whole number, so that sums over the samples are the charge
OHM = 80.0
OVERPOTENTIAL_V = 0.03
RISE = 1.5  # of the overpotential over a half cycle
SETTLE_MIN = 1.5
RELAX_MIN = 4.0


def curve(settings: CellSettings) -> dict[str, Column]:
    """Return time, voltage and current from the first scan to the end of the rest after the last, evenly sampled.

    Each scan stands in the middle of a rest. Current flows for samples of ``start <= time < stop``, so that the sum
    over samples times their distance is the charge exactly, and so is the trapezoidal rule.
    """
    step = settings.period_min / SAMPLES_PER_PERIOD
    cycle = settings.period_min + settings.rest_min
    periods = 2 * settings.periods_per_half_cycle
    count = round((periods * cycle + settings.rest_min / 2) / step) + 1
    time = np.arange(count) * step
    # Where in its period a sample is; half a step keeps the comparison clear of rounding.
    since = time - settings.rest_min / 2 + step / 2
    period = np.clip(np.floor(since / cycle), 0, periods - 1)
    since = since - period * cycle
    flows = (since > 0) & (since < settings.period_min)
    sign = np.where(period < settings.periods_per_half_cycle, 1.0, -1.0)
    current = np.where(flows, sign * settings.current_ma, 0.0)
    return {"time_min": time, "voltage_v": _voltage(settings, since, period, sign), "current_ma": current}


def write_curve(settings: CellSettings, path: Path) -> None:
    """Write the curve as CSV."""
    columns = curve(settings)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(COLUMNS)
        for time, voltage, current in zip(*(columns[name] for name in COLUMNS), strict=True):
            writer.writerow((f"{time:.4f}", f"{voltage:.6f}", f"{current:.4f}"))


def _voltage(settings: CellSettings, since: Column, period: Column, sign: Column) -> Column:
    """Return V = +-(I R + eta (1 + rise s^2) (1 - exp(-t / settle))) in a period of current; relaxing after it."""
    half = settings.periods_per_half_cycle
    used = (period % half + np.clip(since / settings.period_min, 0, 1)) / half
    built = 1 - np.exp(-np.clip(since, 0, settings.period_min) / SETTLE_MIN)
    overpotential = OVERPOTENTIAL_V * (1 + RISE * used**2) * built
    rested = np.exp(-np.maximum(since - settings.period_min, 0) / RELAX_MIN)
    ohmic = np.where((since > 0) & (since < settings.period_min), settings.current_ma * OHM / 1e3, 0.0)
    return np.asarray(sign * (ohmic + overpotential * rested))
