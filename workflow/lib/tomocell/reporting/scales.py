"""Where numbers come to lie on a drawing, and which of them an axis names."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NICE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
MINUTES = (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 720, 1440)
MOST_TIME_TICKS = 8
MOST_LOG_TICKS = 7
FROM_ZERO = 0.5  # a range that reaches below this share of its maximum starts at zero
MARGIN = 0.06


@dataclass(frozen=True)
class Scale:
    """A map from numbers to positions, linear or logarithmic."""

    low: float
    high: float
    start: float
    stop: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        """Return the position of ``value``; the middle where the range has no width."""
        low, high, at = self.low, self.high, value
        if self.is_log:
            low, high, at = math.log10(low), math.log10(high), math.log10(value)
        share = (at - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.stop - self.start)


def padded(values: Sequence[float]) -> tuple[float, float]:
    """Return a range that holds ``values`` with a little room, from zero where zero is not far."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low == high:
        room = abs(low) * MARGIN or 1.0
        return low - room, high + room
    room = (high - low) * MARGIN
    near_zero = low >= 0 and low < FROM_ZERO * high
    return (0.0 if near_zero else low - room), high + room


def nice_ticks(low: float, high: float, most: int, *, is_log: bool = False) -> list[float]:
    """Return at most about ``most`` round numbers from ``low`` to ``high``."""
    if is_log:
        return _log_ticks(low, high)
    if high <= low:
        return [low]
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(nice * power for nice in NICE_STEPS if nice * power >= raw * (1 - 1e-9))
    return _multiples(low, high, step)


def minute_ticks(low: float, high: float) -> list[float]:
    """Return round minutes: quarters, hours, days."""
    step = next((step for step in MINUTES if (high - low) / step <= MOST_TIME_TICKS), None)
    return nice_ticks(low, high, MOST_TIME_TICKS) if step is None else _multiples(low, high, step)


def _multiples(low: float, high: float, step: float) -> list[float]:
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 2, 5), (1, 3), (1,)):
        ticks = [digit * 10.0**power for power in powers for digit in digits]
        kept = [tick for tick in ticks if low <= tick <= high]
        if len(kept) <= MOST_LOG_TICKS:
            break
    return kept
