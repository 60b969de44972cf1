"""Tiles cover a volume, share what was asked for, and count as MONAI's do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from monai.data.utils import compute_importance_map, dense_patch_slices
from monai.inferers.utils import _get_scan_interval

from tomocell.inference.tiles import blend_weights, lay_tiles

edge = st.integers(1, 40)
three = st.tuples(edge, edge, edge)


@given(three, three, st.floats(0, 0.9))
def test_tiles_cover_and_overlap(shape: tuple[int, int, int], tile: tuple[int, int, int], overlap: float) -> None:
    grid = lay_tiles(shape, tile, overlap)
    for axis in range(3):
        cover = np.zeros(shape[axis], int)
        for start in grid.starts[axis]:
            cover[start : start + grid.edges[axis]] += 1
        assert (cover > 0).all()
        assert cover.sum() == len(grid.starts[axis]) * grid.edges[axis]  # none reaches outside
        assert grid.edges[axis] == min(tile[axis], shape[axis])
        shared = grid.edges[axis] - np.diff(grid.starts[axis])
        assert (shared >= min(int(tile[axis] * overlap), grid.edges[axis] - 1)).all()
        assert (np.diff(grid.starts[axis]) > 0).all()


@given(three, three, st.floats(0, 0.9))
def test_tiles_lie_where_monai_has_them(
    shape: tuple[int, int, int], tile: tuple[int, int, int], overlap: float
) -> None:
    grid = lay_tiles(shape, tile, overlap)
    interval = _get_scan_interval(shape, grid.edges, 3, (overlap,) * 3)
    theirs = [tuple(part.start for part in place) for place in dense_patch_slices(shape, grid.edges, interval)]
    ours = [(z, y, x) for z in grid.starts[0] for y in grid.starts[1] for x in grid.starts[2]]
    assert ours == theirs


@given(st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 20)), st.slices(20), st.integers(0, 2))
def test_tiles_that_reach_into_a_part_are_all_that_do(tile: tuple[int, int, int], part: slice, axis: int) -> None:
    grid = lay_tiles((20, 20, 20), tile, 0.4)
    start, stop, _ = part.indices(20)
    low, high = min(start, stop, 19), max(start, stop) + 1
    expected = [
        first for first in grid.starts[axis] if set(range(first, first + grid.edges[axis])) & set(range(low, high))
    ]
    assert grid.reaching(axis, slice(low, high)) == expected


@pytest.mark.parametrize("edges", [(33, 16), (96, 96, 96), (1, 5, 40)])
def test_weights_are_those_of_monai(edges: tuple[int, ...]) -> None:
    for ours, theirs in (("even", "constant"), ("gaussian", "gaussian")):
        expected = compute_importance_map(edges, mode=theirs, sigma_scale=0.125).numpy()
        np.testing.assert_allclose(blend_weights(edges, "even" if ours == "even" else "gaussian"), expected, rtol=2e-5)


def test_the_gaussian_is_an_eighth_of_the_edge_wide() -> None:
    weights = blend_weights((33, 16), "gaussian")
    assert weights[16, 7] == weights.max() == weights[16, 8]
    np.testing.assert_allclose(weights[16 + 4, 7] / weights[16, 7], np.exp(-0.5 * (4 / (33 / 8)) ** 2), rtol=1e-5)
    np.testing.assert_array_equal(weights, weights[::-1, ::-1])
    assert (weights > 0).all()
