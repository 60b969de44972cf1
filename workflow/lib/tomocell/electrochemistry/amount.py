"""A number with its standard uncertainty, and how the two are told in a table."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Amount:
    """A number and its standard uncertainty; those of two amounts are independent of each other."""

    value: float
    uncertainty: float

    def scaled(self, factor: float) -> Amount:
        """Return it in another unit, or with another sign."""
        return Amount(self.value * factor, abs(self.uncertainty * factor))

    def times(self, other: Amount) -> Amount:
        """Return the product of two amounts."""
        spread = math.hypot(self.uncertainty * other.value, self.value * other.uncertainty)
        return Amount(self.value * other.value, spread)

    def minus(self, other: Amount) -> Amount:
        """Return the difference of two amounts."""
        return Amount(self.value - other.value, math.hypot(self.uncertainty, other.uncertainty))

    def over(self, other: Amount) -> Amount:
        """Return the quotient of two amounts; the other is not nought."""
        ratio = self.value / other.value
        return Amount(ratio, math.hypot(self.uncertainty, ratio * other.uncertainty) / abs(other.value))

    def told(self, name: str, unit: str = "") -> dict[str, float]:
        """Return the two columns of a table: ``name_unit`` and ``name_uncertainty_unit``."""
        ending = f"_{unit}" if unit else ""
        return {f"{name}{ending}": self.value, f"{name}_uncertainty{ending}": self.uncertainty}


UNKNOWN = Amount(math.nan, math.nan)


def total(amounts: list[Amount]) -> Amount:
    """Return the sum of amounts."""
    return Amount(
        math.fsum(amount.value for amount in amounts), math.hypot(*(amount.uncertainty for amount in amounts))
    )
