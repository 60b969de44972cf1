from __future__ import annotations

import math
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomocell.reporting.scales import Scale, minute_ticks, nice_ticks, padded
from tomocell.reporting.svg import Axes, Band, Guide, Line, draw, rim_class

HOSTILE = '"><script>alert(1)</script>'
FINITE = st.floats(-1e6, 1e6, allow_subnormal=False)


def parse(drawing: object) -> ET.Element:
    return ET.fromstring(str(drawing))  # noqa: S314 (made by us a line ago)


def test_a_chart_is_well_formed_whatever_its_words() -> None:
    axes = Axes(HOSTILE, HOSTILE, HOSTILE, bands=(Band(0, 1, "charge", HOSTILE),), guides=(Guide(2.0, HOSTILE),))
    drawing = draw(HOSTILE, axes, [Line(HOSTILE, "#2f74b5", (0.0, 1.0), (1.0, 2.0), (0.1, None))])
    assert not list(parse(drawing).iter("script"))
    assert "<script" not in str(drawing)


def test_every_finite_point_gets_a_mark_and_gaps_break_the_curve() -> None:
    root = parse(draw("a", Axes("x"), [Line("a", "#2f74b5", (0.0, 1.0, 2.0, 3.0), (1.0, math.nan, None, 4.0))]))
    assert len(list(root.iter("circle"))) == 2
    curve = next(path for path in root.iter("path") if path.get("class") == "curve")
    assert (curve.get("d") or "").count("M") == 2


def test_marks_say_value_and_uncertainty() -> None:
    lines = [Line("Dendrite", "#2f74b5", (0.0, 10.0), (1.0, 2.0), (0.1, 0.2))]
    titles = [title.text for title in parse(draw("a", Axes("Time (min)", "", "µm"), lines)).iter("title")]
    assert titles == ["Dendrite at 0: (1.00 ± 0.10)\u00a0µm", "Dendrite at 10: (2.00 ± 0.20)\u00a0µm"]


def test_higher_values_lie_higher_and_later_ones_to_the_right() -> None:
    root = parse(draw("a", Axes("x"), [Line("a", "#2f74b5", (0.0, 1.0, 2.0), (5.0, 7.0, 6.0))]))
    marks = [(float(mark.get("cx") or 0), float(mark.get("cy") or 0)) for mark in root.iter("circle")]
    assert [x for x, _ in marks] == sorted(x for x, _ in marks)
    first, second, third = (y for _, y in marks)
    assert second < third < first
    assert third == pytest.approx((first + second) / 2, abs=0.2)


def test_large_numbers_move_their_power_to_the_label() -> None:
    drawing = str(draw("a", Axes("x", "", "µm³"), [Line("a", "#2f74b5", (0.0, 1.0), (2e6, 9e6))]))
    assert "10⁶ µm³" in drawing
    assert "000000" not in drawing


@pytest.mark.parametrize("values", [(), (None,), (0.0,), (3.0, 3.0), (math.inf,)])
def test_nothing_or_one_value_is_still_a_chart(values: tuple[float | None, ...]) -> None:
    x = tuple(float(index) for index in range(len(values)))
    assert parse(draw("a", Axes("x"), [Line("a", "#2f74b5", x, values)])).tag == "svg"


def test_logarithmic_axes_give_decades_equal_room() -> None:
    line = Line("a", "#2f74b5", (1.0, 10.0, 100.0), (1.0, 2.0, 3.0))
    marks = [float(mark.get("cx") or 0) for mark in parse(draw("a", Axes("x", is_log=True), [line])).iter("circle")]
    assert marks[1] - marks[0] == pytest.approx(marks[2] - marks[1], abs=0.2)


@pytest.mark.parametrize(("color", "rim"), [("#ffffff", "on-light"), ("#101214", "on-dark"), ("#2f74b5", "")])
def test_colours_that_would_vanish_get_a_rim(color: str, rim: str) -> None:
    assert rim_class(color) == rim


@given(low=FINITE, width=st.floats(1e-3, 1e6), most=st.integers(2, 9))
def test_ticks_are_round_few_and_inside(low: float, width: float, most: int) -> None:
    ticks = nice_ticks(low, low + width, most)
    assert 1 <= len(ticks) <= most + 1
    slack = 1e-6 * width
    assert all(low - slack <= tick <= low + width + slack for tick in ticks)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    assert 10 ** (math.log10(abs(step)) % 1) == pytest.approx(1, rel=0.02) or any(
        10 ** (math.log10(step) % 1) == pytest.approx(nice, rel=0.02) for nice in (2, 2.5, 5, 10)
    )


def test_minutes_are_told_in_quarters_and_hours() -> None:
    assert minute_ticks(0, 240) == [0, 30, 60, 90, 120, 150, 180, 210, 240]
    assert minute_ticks(0, 1440)[1] == 180


@given(st.lists(FINITE, min_size=1, max_size=5))
def test_a_range_holds_its_values(values: list[float]) -> None:
    low, high = padded(values)
    assert low <= min(values)
    assert high >= max(values)
    assert low < high


def test_a_range_near_zero_starts_there_and_a_far_one_does_not() -> None:
    assert padded([1.0, 10.0])[0] == 0
    assert padded([9.0, 10.0])[0] > 8


@given(st.floats(0, 1))
def test_a_scale_is_linear(share: float) -> None:
    assert Scale(2.0, 4.0, 100.0, 300.0)(2 + 2 * share) == pytest.approx(100 + 200 * share)
