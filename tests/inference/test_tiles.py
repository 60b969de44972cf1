"""Tiles cover a plane, share what was asked for, and are of a size that the network takes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tomocell.inference.tiles import lay_tiles

edge = st.integers(1, 90)
pair = st.tuples(edge, edge)


@given(pair, pair, st.floats(0, 0.9), st.sampled_from([1, 2, 4, 8]))
def test_tiles_cover_and_overlap(plane: tuple[int, int], tile: tuple[int, int], overlap: float, stride: int) -> None:
    tiling = lay_tiles(plane, tile, overlap, stride)
    cover = np.zeros(tiling.padded, int)
    for row, column in tiling.corners:
        cover[row : row + tiling.tile[0], column : column + tiling.tile[1]] += 1
    assert (cover > 0).all()
    assert cover.sum() == len(tiling.corners) * tiling.tile[0] * tiling.tile[1]  # none reaches outside
    assert len(set(tiling.corners)) == len(tiling.corners)
    for axis in (0, 1):
        assert tiling.tile[axis] % stride == 0
        assert tiling.tile[axis] <= max(tile[axis] + stride - 1, stride)
        assert tiling.padded[axis] >= plane[axis]
        assert tiling.padded[axis] in (plane[axis], tiling.tile[axis])
        starts = np.unique([corner[axis] for corner in tiling.corners])
        shared = tiling.tile[axis] - np.diff(starts)
        # Starts are whole voxels, so neighbours may share one voxel less than the real number asks for.
        assert (shared >= tiling.tile[axis] * overlap - 1).all()


def test_a_plane_smaller_than_a_tile_is_one_tile() -> None:
    tiling = lay_tiles((5, 60), (512, 512), 0.25, 8)
    assert (tiling.tile, tiling.padded, tiling.corners) == ((8, 64), (8, 64), ((0, 0),))


def test_the_paper_s_tiles() -> None:
    tiling = lay_tiles((698, 1707), (512, 512), 0.25, 64)
    columns = sorted({column for _, column in tiling.corners})
    assert columns[0] == 0
    assert columns[-1] == 1707 - 512
    assert (512 - np.diff(columns) >= 128).all()
