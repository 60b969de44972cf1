"""Names of keys as words with units, and numbers with the digits they deserve."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

from tomocell.keys import UNITS, find_unit

if TYPE_CHECKING:
    from collections.abc import Sequence

INVERSE = {"um": "µm⁻¹", "um2": "µm⁻²", "um3": "µm⁻³", "mm2": "mm⁻²", "mm3": "mm⁻³"}
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
THIN_SPACE = "\u202f"
NOTHING = "–"  # noqa: RUF001
MINUS = "−"  # noqa: RUF001
TIMES = " × "  # noqa: RUF001
DIGITS = 4  # significant digits where no uncertainty says better
UNCERTAIN_DIGITS = 2
LARGE, SMALL = 1e5, 1e-3


@dataclass(frozen=True)
class Quantity:
    """What a key stands for.

    Attributes:
        key: As the files have it.
        name: In words, without the unit.
        unit: As printed; empty for a pure number.
    """

    key: str
    name: str
    unit: str

    @property
    def label(self) -> str:
        """Name and unit, as an axis says it."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True)
class Column:
    """Numbers of one quantity, written alike: a common power of ten, and digits by uncertainty."""

    power: int
    cells: tuple[str, ...]

    def unit(self, unit: str) -> str:
        """Return ``unit`` with the power of ten before it."""
        return f"{power_of_ten(self.power)} {unit}".strip() if self.power else unit


def describe(key: str) -> Quantity:
    """Return the words and the unit of a key: ``mean_diameter_um`` is "Mean diameter" in µm."""
    parts = key.split("_")
    start, stop = find_unit(parts)
    words = " ".join(parts[:start] + parts[stop:]).strip()
    name = words[:1].upper() + words[1:]
    return Quantity(key, name or key, _unit_text(parts[start:stop]))


def format_value(value: object, uncertainty: float | None = None, unit: str = "") -> str:
    """Return one value with its unit: 8.350 ± 0.012 in units of 10⁶ µm³, 12 %, 25."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return NOTHING if value is None else str(value)
    column = format_column([value], [uncertainty])
    text = column.cells[0]
    if column.power:
        text = f"({text})" if "±" in text else text
        text = f"{text}{TIMES}{power_of_ten(column.power)}"
    if text == NOTHING or not unit:
        return text
    if "±" in text and not column.power:
        text = f"({text})"
    return f"{text}°" if unit == "°" else f"{text}\u00a0{unit}"


def format_setting(value: object) -> str:
    """Return a value that somebody chose, with the digits that they gave it: 0.2, 1e-05, "adam", "8, 16"."""
    if isinstance(value, list | tuple):
        return ", ".join(format_setting(entry) for entry in value)
    if isinstance(value, float):
        return f"{value:.12g}".replace("-", MINUS)
    return NOTHING if value is None else str(value)


def format_column(values: Sequence[float | None], uncertainties: Sequence[float | None] | None = None) -> Column:
    """Return numbers as text with a common power of ten; what is not finite becomes a dash.

    An uncertainty is rounded to two significant digits and its value to the same place; without one the largest value
    has four digits. Whole numbers stay whole.
    """
    bounds = uncertainties or [None] * len(values)
    power = _power(values, bounds)
    whole = power == 0 and all(float(value).is_integer() for value in values if is_number(value))
    places = 0 if whole else _places([value for value in values if is_number(value)], power)
    cells = (_cell(value, bound, power, places) for value, bound in zip(values, bounds, strict=True))
    return Column(power, tuple(cells))


def _power(values: Sequence[float | None], bounds: Sequence[float | None]) -> int:
    """Return the common power; where uncertainties are all of three digits and more, one that hides their noise."""
    # A value far below its uncertainty is told in the uncertainty's power of ten.
    power = common_power([abs(number) for number in (*values, *bounds) if is_number(number)])
    least = min((bound for bound in bounds if is_number(bound) and bound > 0), default=0.0)
    while least / 10.0**power >= 10**UNCERTAIN_DIGITS:
        power += 3
    return power


def common_power(sizes: Sequence[float]) -> int:
    """Return the power of ten, in steps of three, that numbers of these sizes are best divided by."""
    largest = max(sizes, default=0.0)
    if largest == 0 or SMALL <= largest < LARGE:
        return 0
    return 3 * math.floor(math.log10(largest) / 3)


def power_of_ten(power: int) -> str:
    """Return "10⁶" and the like."""
    return "10" + str(power).translate(SUPERSCRIPT)


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether ``value`` is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def fixed(value: float, places: int) -> str:
    """Return ``value`` with ``places`` decimals, thousands set apart, a true minus sign and no minus zero."""
    text = f"{value:,.{max(places, 0)}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.replace(",", THIN_SPACE).replace("-", MINUS)


def _cell(value: float | None, bound: float | None, power: int, places: int) -> str:
    if value is None or not is_number(value):
        return NOTHING
    scale = 10.0**power
    if bound is None or not is_number(bound):
        return fixed(value / scale, places)
    if bound == 0:
        return f"{fixed(value / scale, places)} ± 0" if value else "0"
    # Nobody reads more than a micro-unit; past that the uncertainty is as good as none.
    places = min(max(UNCERTAIN_DIGITS - 1 - _magnitude(bound / scale), 0), 6)
    return f"{fixed(value / scale, places)} ± {fixed(bound / scale, places)}"


def _places(values: list[float], power: int) -> int:
    sizes = [abs(value) / 10.0**power for value in values if value]
    if not sizes:
        return 0
    return min(max(DIGITS - 1 - _magnitude(max(sizes)), 0), 6)


def _magnitude(value: float) -> int:
    return math.floor(math.log10(abs(value)))


def _unit_text(parts: list[str]) -> str:
    if not parts:
        return ""
    if parts[0] == "per":
        return INVERSE.get(parts[1], f"per {UNITS[parts[1]]}")
    return "/".join(UNITS[part] for part in parts if part != "per")
