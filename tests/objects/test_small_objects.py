from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from objects.solids import by_scipy, class_volumes, cores, volume
from tomocell.blocks import Limits, cut
from tomocell.errors import BadInput
from tomocell.refinement.small_objects import find_small
from tomocell.volumes.volume import ArrayVolume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.refinement.runs import ObjectRuns
    from tomocell.volumes.volume import Shape

LIMITS = Limits()


def filled(voxels: NDArray[np.uint8], small: ObjectRuns, becomes: int, core: Shape) -> NDArray[np.uint8]:
    """The volume with its small objects given up, in blocks of any shape."""
    after = np.full_like(voxels, 99)
    for block in cut(small.shape, core):
        part = voxels[block.core].copy()
        small.fill(part, block.core, becomes)
        after[block.core] = part
    return after


@given(voxels=class_volumes(), least=st.integers(1, 12), found_in=cores, filled_in=cores)
@settings(deadline=None, max_examples=150)
def test_any_blocks_to_find_and_any_others_to_fill(
    voxels: NDArray[np.uint8], least: int, found_in: Shape, filled_in: Shape
) -> None:
    small = find_small(volume(voxels), 1, least, LIMITS, core=found_in)
    labels = by_scipy(voxels == 1, 26)
    sizes = np.bincount(labels.ravel())
    given_up = (labels > 0) & (sizes[labels] < least)
    np.testing.assert_array_equal(filled(voxels, small, 7, filled_in), np.where(given_up, 7, voxels))
    assert small.voxels == given_up.sum()
    assert small.objects == len(np.unique(labels[given_up]))


def test_the_end_of_something_large_is_not_small() -> None:
    voxels = np.zeros((3, 3, 50), np.uint8)
    voxels[1, 1, 3:] = 1
    voxels[1, 1, :2] = 1
    small = find_small(volume(voxels), 1, 10, LIMITS, core=(2, 2, 6))
    assert (small.objects, small.voxels) == (1, 2)
    after = filled(voxels, small, 0, (1, 3, 7))
    assert after.sum() == 47
    assert not after[:, :, :3].any()


def test_a_region_may_lie_anywhere() -> None:
    voxels = np.zeros((6, 6, 6), np.uint8)
    voxels[2:4, 2:4, 1:5] = 1
    small = find_small(volume(voxels), 1, 17, LIMITS)
    region = (slice(3, 5), slice(1, 3), slice(2, 4))
    part = voxels[region].copy()
    small.fill(part, region, 2)
    expected = np.where(voxels == 1, 2, voxels)[region]
    np.testing.assert_array_equal(part, expected)


def test_nothing_is_smaller_than_one_voxel() -> None:
    voxels = (np.random.default_rng(0).random((9, 9, 9)) < 0.2).astype(np.uint8)
    small = find_small(volume(voxels), 1, 1, LIMITS)
    assert (small.objects, small.voxels) == (0, 0)


def test_a_class_that_is_not_there_has_no_small_objects() -> None:
    small = find_small(volume(np.zeros((4, 4, 4))), 1, 100, LIMITS, core=(2, 2, 2))
    assert (small.objects, small.voxels) == (0, 0)
    assert filled(np.zeros((4, 4, 4), np.uint8), small, 3, (2, 3, 4)).sum() == 0


def test_grey_values_are_told() -> None:
    with pytest.raises(BadInput, match="whole numbers"):
        find_small(ArrayVolume(np.zeros((2, 2, 2)), None), 1, 5, LIMITS)
