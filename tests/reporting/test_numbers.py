from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomocell.keys import is_uncertainty, uncertainty_key
from tomocell.reporting.numbers import (
    MINUS,
    NOTHING,
    TIMES,
    describe,
    format_column,
    format_setting,
    format_value,
    power_of_ten,
)

KEYS = {
    "dendrite_um3": ("Dendrite", "µm³"),
    "stripping_electrode_um": ("Stripping electrode", "µm"),
    "number_density_per_mm3": ("Number density", "mm⁻³"),
    "per_solid_volume_per_um": ("Per solid volume", "µm⁻¹"),
    "rate_um_per_period": ("Rate", "µm/period"),
    "network_um2_z": ("Network z", "µm²"),
    "volume_um3_negative": ("Volume negative", "µm³"),
    "bubble_volume_fraction_percent": ("Bubble volume fraction", "%"),
    "min_um": ("Min", "µm"),
    "area_min": ("Area min", ""),
    "time_min": ("Time", "min"),
    "tortuosity_z": ("Tortuosity z", ""),
    "count": ("Count", ""),
    "rotation_z_deg": ("Rotation z", "°"),
    "charge_mah": ("Charge", "mAh"),
}


@pytest.mark.parametrize(("key", "expected"), KEYS.items())
def test_keys_become_words_and_units(key: str, expected: tuple[str, str]) -> None:
    quantity = describe(key)
    assert (quantity.name, quantity.unit) == expected


@pytest.mark.parametrize("key", KEYS)
def test_an_uncertainty_belongs_to_its_value(key: str) -> None:
    bound = uncertainty_key(key)
    assert is_uncertainty(bound, [key])
    assert not is_uncertainty(bound, ["another"])
    assert describe(bound).unit == describe(key).unit


def test_uncertainty_stands_before_the_unit() -> None:
    assert uncertainty_key("plating_side_um") == "plating_side_uncertainty_um"
    assert uncertainty_key("porosity") == "porosity_uncertainty"


@pytest.mark.parametrize(
    ("value", "bound", "unit", "text"),
    [
        (8.3499e6, 1.2e4, "µm³", f"(8.350 ± 0.012){TIMES}10⁶\u00a0µm³"),
        (107.74, 0.26, "µm", "(107.74 ± 0.26)\u00a0µm"),
        (12.0, None, "%", "12\u00a0%"),
        (0.98764, None, "", "0.9876"),
        (25, None, "", "25"),
        (1234.5, 30.0, "", "1\u202f234 ± 30"),
        (14845.0, 445.0, "", f"(14.85 ± 0.45){TIMES}10³"),
        (0.0, 0.0, "µm", "0\u00a0µm"),
        (-0.00001, 0.2, "", "0.00 ± 0.20"),
        (-2.5, None, "°", f"{MINUS}2.500°"),
        (math.nan, None, "µm", NOTHING),
        (None, None, "µm", NOTHING),
        ("done", None, "", "done"),
        (True, None, "", "True"),
    ],
)
def test_values_have_the_digits_they_deserve(value: object, bound: float | None, unit: str, text: str) -> None:
    assert format_value(value, bound, unit) == text


@given(
    value=st.floats(-1e12, 1e12, allow_subnormal=False),
    share=st.floats(1e-3, 10),
)
def test_no_more_is_rounded_away_than_a_tenth_of_the_uncertainty(value: float, share: float) -> None:
    bound = max(abs(value) * share, 1e-3)
    column = format_column([value], [bound])
    shown = read(column.cells[0].split(" ± ")[0]) * 10.0**column.power
    assert abs(shown - value) <= 0.051 * bound * (1 + 1e-9)


@given(st.lists(st.floats(-1e9, 1e9, allow_subnormal=False), min_size=1, max_size=8))
def test_a_column_keeps_the_largest_to_four_digits(values: list[float]) -> None:
    column = format_column(values)
    largest = max(map(abs, values))
    if largest < 1e-3:
        return
    for value, cell in zip(values, column.cells, strict=True):
        assert abs(read(cell) * 10.0**column.power - value) <= 0.51e-3 * largest


def read(text: str) -> float:
    return float(text.replace(MINUS, "-").replace("\u202f", ""))


def test_a_column_shares_its_power_of_ten() -> None:
    column = format_column([2.0e6, 3.0e5, None])
    assert (column.power, column.cells) == (6, ("2.000", "0.300", NOTHING))
    assert column.unit("µm³") == "10⁶ µm³"
    assert format_column([1, 2]).unit("µm") == "µm"


def test_counts_stay_whole_beside_gaps() -> None:
    assert format_column([3.0, math.nan, 12.0]).cells == ("3", NOTHING, "12")


def test_settings_keep_the_digits_they_were_given() -> None:
    assert format_setting([0.2, 1e-5, 3, None, "adam"]) == f"0.2, 1e{MINUS}05, 3, {NOTHING}, adam"


@given(st.integers(-12, 12))
def test_powers_are_superscripts(power: int) -> None:
    assert re.fullmatch("10⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+", power_of_ten(power))
