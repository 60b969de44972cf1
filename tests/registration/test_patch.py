from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from registration.scenes import CUBE, balls, scan
from tomocell.errors import BadInput
from tomocell.registration import patch as patches
from tomocell.registration.patch import Patch, axis_factors, box_around, grid_of, read_patch
from tomocell.volumes.volume import ArrayVolume, Volume, whole

if TYPE_CHECKING:
    from tomocell.volumes.volume import Shape

SHAPE = (33, 40, 47)
EDGES = (2.0, 1.0, 1.5)


@pytest.fixture
def grey() -> ArrayVolume:
    return scan(balls(1, SHAPE), SHAPE, EDGES)


@pytest.mark.parametrize("factors", [(1, 1, 1), (2, 2, 2), (1, 3, 2), (4, 4, 4)])
def test_reducing_averages_boxes_and_keeps_places(grey: ArrayVolume, factors: Shape) -> None:
    region = (slice(4, 32), slice(3, 40), slice(0, 47))
    found = read_patch(grey, region, factors)
    z, y, x = (n // f for n, f in zip((28, 37, 47), factors, strict=True))
    a, b, c = factors
    whole_boxes = grey.read(region)[: z * a, : y * b, : x * c].astype(float).reshape(z, a, y, b, x, c)
    assert_allclose(found.voxels, whole_boxes.mean(axis=(1, 3, 5)), rtol=1e-6)
    first = (np.array([4, 3, 0]) + (np.array(factors) - 1) / 2) * EDGES
    assert_allclose(found.origin_um, first)
    assert_allclose(found.voxel_um, np.array(factors) * EDGES)
    same = read_patch(grey, region).reduced(factors)
    assert_allclose(same.voxels, found.voxels, rtol=1e-6)
    assert_allclose(same.origin_um, found.origin_um)


def test_reading_in_pieces_changes_nothing(grey: ArrayVolume, monkeypatch: pytest.MonkeyPatch) -> None:
    once = read_patch(grey, whole(SHAPE), (3, 2, 2))
    monkeypatch.setattr(patches, "PIECE_VOXELS", 7000)
    assert_array_equal(read_patch(grey, whole(SHAPE), (3, 2, 2)).voxels, once.voxels)


class Stored(ArrayVolume):
    """A volume with reduced copies of other grey values, so that their use shows."""

    def coarser(self, level: int) -> Volume:
        shape = tuple(-(-size // 2**level) for size in self.shape)
        z, y, x = (edge * 2**level for edge in self.size)
        return ArrayVolume(np.full(shape, 7.0, np.float32), (z, y, x))


def test_stored_copies_are_used_where_they_fit() -> None:
    volume = Stored(np.zeros((32, 32, 32), np.float32), EDGES)
    found = read_patch(volume, (slice(4, 32), slice(0, 32), slice(8, 24)), (4, 4, 4))
    assert_array_equal(found.voxels, np.full((7, 8, 4), 7.0))
    plain = read_patch(
        ArrayVolume(np.zeros((32, 32, 32), np.float32), EDGES), (slice(4, 32), slice(0, 32), slice(8, 24)), (4, 4, 4)
    )
    assert_allclose(found.origin_um, plain.origin_um)
    assert_allclose(found.voxel_um, plain.voxel_um)
    assert not read_patch(volume, (slice(3, 31), slice(0, 32), slice(8, 24)), (4, 4, 4)).voxels.any()
    assert not read_patch(volume, whole((32, 32, 32)), (2, 4, 4)).voxels.any()
    assert not read_patch(volume, whole((32, 32, 32)), (3, 3, 3)).voxels.any()


@pytest.mark.parametrize(
    ("reduction", "edges", "shape", "factors"),
    [
        (4, (1, 1, 1), (100, 100, 100), (4, 4, 4)),
        (4, (2, 1, 1), (100, 100, 100), (2, 4, 4)),
        (2, (5, 1, 1), (100, 100, 100), (1, 2, 2)),
        (4, (1, 1, 1), (40, 100, 15), (2, 4, 1)),
    ],
)
def test_reduction_makes_voxels_more_alike(reduction: int, edges: Shape, shape: Shape, factors: Shape) -> None:
    assert axis_factors(reduction, shape, edges) == factors


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_told_with_their_place(bad: float) -> None:
    voxels = np.zeros((20, 20, 20), np.float32)
    voxels[3, 4, 5] = bad
    with pytest.raises(BadInput, match=r"scan7 \[0:20, 0:20, 0:20\].*NaN or infinite"):
        read_patch(ArrayVolume(voxels, CUBE, name="scan7"), whole((20, 20, 20)))


def test_boxes_are_clipped_at_the_scan(grey: ArrayVolume) -> None:
    assert box_around(grey, [(10, 10, 10), (20, 20, 20)], 2) == (slice(3, 13), slice(8, 23), slice(4, 17))
    assert box_around(grey, [(-9, -9, -9), (900, 900, 900)], 2) == whole(SHAPE)
    assert box_around(grey, [(900, 0, 0)], 2) is None


def test_the_grid_of_two_patches_follows_their_places() -> None:
    fixed = Patch(np.zeros((4, 4, 4), np.float32), np.array([10.0, 20, 30]), np.array(EDGES))
    moving = Patch(np.zeros((4, 4, 4), np.float32), np.array([8.0, 19, 33]), np.array(EDGES))
    assert_allclose(grid_of(fixed, moving, np.eye(4)) @ (1, 2, 3, 1), (2, 3, 1))
