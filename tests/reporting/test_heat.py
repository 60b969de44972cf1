from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tomocell.reporting import heat
from tomocell.reporting.mapviews import map_views
from tomocell.volumes.maps import Map, write_map

if TYPE_CHECKING:
    from pathlib import Path

PIXEL = (2.0, 1.0)


@pytest.fixture
def no_png(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write maps without their pictures: the page draws them itself."""
    monkeypatch.setattr("tomocell.volumes.maps._picture", lambda *_: b"")


def of(*values: float) -> Map:
    return Map(np.array([values], np.float32), PIXEL, "um")


def colors(content: Map, span: heat.Span) -> list[tuple[int, int, int]]:
    pixels = np.asarray(heat.picture(content, span).convert("RGB"))
    return [tuple(pixel) for pixel in pixels[0].tolist()]


def test_a_value_has_the_same_colour_in_every_map_of_a_scale() -> None:
    small, large = of(0.0, 1.0), of(1.0, 4.0)
    span = heat.span_of([small, large])
    assert (span.low, span.high) == (0.0, 4.0)
    assert colors(small, span)[1] == colors(large, span)[0]
    assert colors(small, heat.span_of([small]))[1] == colors(large, span)[1]


def test_values_of_both_signs_meet_in_a_pale_middle() -> None:
    span = heat.span_of([of(-1.0, 0.0, 3.0)])
    assert (span.low, span.high) == (-3.0, 3.0)
    lost, none, won = colors(of(-3.0, 0.0, 3.0), span)
    assert min(none) > 240
    assert lost[2] > lost[0]
    assert won[0] > won[2]


def test_the_larger_side_sets_the_scale_whichever_its_sign() -> None:
    for values in ((-10.0, 1.0), (-1.0, 10.0)):
        assert heat.span_of([of(*values)]) == heat.Span(-10.0, 10.0, max(values))


@pytest.mark.parametrize("values", [(0.0, 0.0), (np.nan, np.nan), (-2.0, -1.0), (5.0,)])
def test_any_values_have_a_scale_and_a_bar(values: tuple[float, ...]) -> None:
    span = heat.span_of([of(*values)])
    assert span.high >= span.low
    assert heat.picture(of(*values), span).width == len(values)
    assert "Colour scale" in heat.color_bar(span, "um")


def test_no_data_is_grey_and_pixels_become_square() -> None:
    picture = heat.picture(of(np.nan, 1.0), heat.span_of([of(1.0)]))
    assert picture.size == (2, 2)
    assert colors(of(np.nan), heat.span_of([of(1.0)])) == [heat.NO_DATA_COLOR]


def test_one_high_value_does_not_darken_the_rest_and_is_told() -> None:
    values = np.linspace(0.1, 1, 2000, dtype=np.float32).reshape(40, 50)
    values[0, 0] = 50
    span = heat.span_of([Map(values, PIXEL, "um")])
    assert span.high < 1.01
    assert "largest value 50\u00a0µm" in heat.color_bar(span, "um")


@pytest.mark.usefixtures("no_png")
def test_a_large_map_is_averaged_over_what_is_known(tmp_path: Path) -> None:
    values = np.arange(30, dtype=np.float32).reshape(5, 6)
    values[0, 0] = np.nan
    write_map(tmp_path / "a_um.tif", "a_um", Map(values, PIXEL, "um"))
    small = heat.read_small(tmp_path / "a_um.tif", most=3)
    assert small.pixel_size_um == pytest.approx((4.0, 2.0))
    assert small.values.shape == (3, 3)
    assert small.values[0, 0] == pytest.approx(np.nanmean(values[:2, :2]))
    assert small.values[2, 1] == pytest.approx(values[4:, 2:4].mean())  # a row was left over
    assert heat.read_small(tmp_path / "a_um.tif").values.shape == (5, 6)


@given(st.integers(1, 7), st.integers(1, 9), st.integers(1, 4))
def test_averages_keep_the_mean_where_blocks_fit(rows: int, columns: int, factor: int) -> None:
    values = np.arange(rows * factor * columns * factor, dtype=np.float32).reshape(rows * factor, columns * factor)
    assert heat._averaged(values, factor).mean() == pytest.approx(values.mean(), rel=1e-5)


def test_small_maps_are_kept_and_large_ones_are_small_files() -> None:
    noise = np.random.default_rng(0).normal(size=(400, 400)).astype(np.float32)
    large = heat.picture(Map(noise, (1, 1), ""), heat.span_of([Map(noise, (1, 1), "")]))
    with Image.open(io.BytesIO(heat.encode(large))) as picture:
        assert (picture.format, picture.size) == ("WEBP", (400, 400))
    with Image.open(io.BytesIO(heat.encode(large.crop((0, 0, 50, 50))))) as picture:
        assert picture.format == "PNG"
        assert np.array_equal(np.asarray(picture.convert("RGB")), np.asarray(large.crop((0, 0, 50, 50)).convert("RGB")))


@pytest.mark.usefixtures("no_png")
def test_a_view_has_a_picture_for_each_step_and_one_bar(tmp_path: Path) -> None:
    for step, value in (("t0", 1.0), ("t2", 3.0)):
        write_map(tmp_path / f"{step}.tif", "film_um", of(0.0, value))
    (view,) = map_views(
        {"film_um": {step: tmp_path / f"{step}.tif" for step in ("t0", "t2")}}, ("t0", "t1", "t2"), 10**6, {}
    )
    (pane,) = view.panes
    assert view.name == "Film (µm)"
    assert [frame is None for frame in pane.frames] == [False, True, False]
    assert pane.bar is not None
    assert "Colour scale from 0\u00a0µm to 3\u00a0µm" in str(pane.bar)
