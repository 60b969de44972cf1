"""Objects where their class cannot be, against whole-volume labels of SciPy, in any blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from objects.solids import by_scipy, class_volumes, cores, volume
from tomocell.blocks import Limits, cut
from tomocell.objects.columns import column_extents, profile_between
from tomocell.refinement.misplaced import find_detached, find_misplaced

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.refinement.runs import ObjectRuns
    from tomocell.volumes.volume import Shape

LIMITS = Limits()
SIDES = st.sampled_from(["before", "after"])


def changed(voxels: NDArray[np.uint8], runs: ObjectRuns, core: Shape) -> NDArray[np.bool_]:
    """Which voxels the runs fill, in blocks of any shape."""
    after = np.full_like(voxels, 99)
    for block in cut(runs.shape, core):
        part = voxels[block.core].copy()
        runs.fill(part, block.core, 7)
        after[block.core] = part
    return np.asarray(after == 7)


@given(
    voxels=class_volumes(),
    plane=st.integers(0, 9),
    side=st.sampled_from(["before", "after"]),
    core=cores,
    filled_in=cores,
)
@settings(deadline=None, max_examples=100)
def test_objects_lie_where_most_of_their_voxels_do(
    voxels: NDArray[np.uint8], plane: int, side: Any, core: Shape, filled_in: Shape
) -> None:
    runs = find_misplaced(volume(voxels), 1, side, plane, LIMITS, core=core)
    labels = by_scipy(voxels == 1, 26)
    sizes = np.bincount(labels.ravel())
    near = np.bincount(labels[:plane].ravel(), minlength=len(sizes))
    wrong = 2 * near < sizes if side == "before" else 2 * near > sizes
    wrong[0] = False
    np.testing.assert_array_equal(changed(voxels, runs, filled_in), wrong[labels])
    assert (runs.objects, runs.voxels) == (wrong.sum(), wrong[labels].sum())


@given(voxels=class_volumes(), core=cores, filled_in=cores)
@settings(deadline=None, max_examples=100)
def test_objects_that_share_no_face_with_a_class(voxels: NDArray[np.uint8], core: Shape, filled_in: Shape) -> None:
    runs = find_detached(volume(voxels), 1, (2,), LIMITS, core=core)
    labels = by_scipy(voxels == 1, 26)
    beside = ndimage.binary_dilation(voxels == 2) & (labels > 0)
    attached = np.isin(labels, np.unique(labels[beside]))
    np.testing.assert_array_equal(changed(voxels, runs, filled_in), (labels > 0) & ~attached)
    assert runs.objects == len(np.unique(labels[(labels > 0) & ~attached]))


def test_what_is_beyond_the_volume_is_nothing_to_touch() -> None:
    voxels = np.ones((3, 3, 3), np.uint8)  # outside stands a value that is no bubble, maybe that of liquid
    assert find_detached(volume(voxels), 1, (0,), LIMITS).objects == 1


def test_as_much_on_either_side_stays() -> None:
    voxels = np.zeros((4, 1, 1), np.uint8)
    voxels[1:3] = 1
    for side in ("before", "after"):
        assert find_misplaced(volume(voxels), 1, side, 2, LIMITS).objects == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("memory_mb", [301, 2048])
@given(voxels=class_volumes())
@settings(deadline=None, max_examples=40)
def test_columns_begin_and_end(memory_mb: int, voxels: NDArray[np.uint8]) -> None:
    limits = Limits(memory_mb, 2)
    mask = voxels > 0
    both, none = column_extents(volume(voxels), [(1, 2), (3,)], limits)
    depth = len(voxels)
    some = mask.any(0)
    np.testing.assert_array_equal(both.first, np.where(some, mask.argmax(0), depth))
    np.testing.assert_array_equal(both.stop, np.where(some, depth - mask[::-1].argmax(0), 0))
    np.testing.assert_array_equal(both.present, some)
    assert not none.present.any()
    before, after = np.maximum.accumulate(mask, 0), np.maximum.accumulate(mask[::-1], 0)[::-1]
    expected = ((voxels == 0) & before & after).sum((1, 2))
    np.testing.assert_array_equal(profile_between(volume(voxels), 0, both, limits), expected)
