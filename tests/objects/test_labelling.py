from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings

from objects.solids import NEIGHBOURS, by_scipy, class_volumes, connectivities, cores, volume
from tomocell.blocks import Limits
from tomocell.blocks.plan import INTERPRETER_MB
from tomocell.errors import BadInput
from tomocell.objects.labelling import LARGEST_CORE, Target, cut_for
from tomocell.objects.numbering import label_blocks
from tomocell.volumes.volume import ArrayVolume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.volumes.volume import Shape, Volume

LIMITS = Limits()
STEPS = [step for step in itertools.product((-1, 0, 1), repeat=3) if step > (0, 0, 0)]


def labelled(source: Volume, target: Target, core: Shape, limits: Limits = LIMITS) -> NDArray[np.int64]:
    labels = np.full(source.shape, -1, np.int64)
    for block, part in label_blocks(source, target, limits, core=core):
        labels[block.core] = part
    return labels


@given(voxels=class_volumes(), core=cores, connectivity=connectivities)
@settings(deadline=None, max_examples=150)
def test_blocks_give_the_labels_of_the_whole(voxels: NDArray[np.uint8], core: Shape, connectivity: int) -> None:
    found = labelled(volume(voxels), Target((1,), connectivity), core)
    np.testing.assert_array_equal(found, by_scipy(voxels == 1, connectivity))


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("connectivity", [6, 18, 26])
def test_voxels_touch_across_faces_edges_and_corners_of_blocks(step: Shape, connectivity: int) -> None:
    touching = sum(map(abs, step)) <= NEIGHBOURS[connectivity]
    for corner in itertools.product((1, 2), repeat=3):
        other = np.add(corner, step)
        voxels = np.zeros((5, 5, 5), np.uint8)
        voxels[corner] = voxels[tuple(other)] = 1
        labels = labelled(volume(voxels), Target((1,), connectivity), (2, 2, 2))
        assert labels.max() == (1 if touching else 2)


def test_an_object_that_turns_back_through_many_blocks_is_one() -> None:
    voxels = np.zeros((11, 13, 17), np.uint8)
    voxels[5, ::4] = voxels[5, 2::4] = 1  # bars along x, joined at alternating ends: one long snake
    voxels[5, 1::4, -1] = voxels[5, 3::4, 0] = 1
    voxels[1:6, 0, 0] = voxels[1, :, 0] = 1  # and a U out of its plane
    voxels[9, 6, 3] = 1
    labels = labelled(volume(voxels), Target((1,)), (2, 3, 4))
    np.testing.assert_array_equal(labels, by_scipy(voxels == 1, 26))
    assert labels.max() == 2


def test_labels_follow_raster_order_though_blocks_do_not() -> None:
    voxels = np.zeros((6, 6, 6), np.uint8)
    voxels[0, 5, 5] = voxels[1, 0, 0] = voxels[1, 5, 0] = voxels[5, 0, 0] = 1
    labels = labelled(volume(voxels), Target((1,)), (3, 3, 3))
    assert [labels[0, 5, 5], labels[1, 0, 0], labels[1, 5, 0], labels[5, 0, 0]] == [1, 2, 3, 4]


def test_several_values_make_one_object() -> None:
    voxels = np.zeros((4, 4, 9), np.uint8)
    voxels[1, 1, :5], voxels[1, 1, 5:] = 1, 2
    assert labelled(volume(voxels), Target((2, 1)), (2, 2, 4)).max() == 1
    assert labelled(volume(voxels), Target((2,)), (2, 2, 4))[1, 1].tolist() == [0] * 5 + [1] * 4


def test_background_can_be_the_object_without_the_outside() -> None:
    voxels = np.ones((4, 5, 6), np.uint8)
    voxels[0, 0, 0] = voxels[-1, -1, -1] = 0
    assert labelled(volume(voxels), Target((0,)), (3, 3, 3)).max() == 2


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int16, np.uint16, np.int64])
def test_any_whole_numbers_will_do(dtype: type[np.generic]) -> None:
    voxels = np.zeros((3, 3, 3), dtype)
    voxels[1] = True
    assert labelled(ArrayVolume(voxels, None), Target((1,)), (2, 2, 2)).sum() == 9


def test_workers_change_nothing() -> None:
    voxels = (np.random.default_rng(1).random((17, 23, 19)) < 0.3).astype(np.uint8)
    one = labelled(volume(voxels), Target((1,), 6), (5, 4, 6))
    np.testing.assert_array_equal(one, labelled(volume(voxels), Target((1,), 6), (5, 4, 6), Limits(2048, 3)))


def test_blocks_keep_to_the_memory_given() -> None:
    class Huge(ArrayVolume):
        shape = (698, 1707, 3896)

        def __init__(self) -> None:
            self.dtype = np.dtype(np.uint8)

    small, large = (cut_for(Huge(), Limits(memory))[0].core for memory in (INTERPRETER_MB + 50, 100_000))
    assert np.prod([part.stop + 2 for part in small]) * 12 < 1.02 * 50 * 2**20
    assert tuple(part.stop for part in large) == LARGEST_CORE


@pytest.mark.parametrize(
    ("voxels", "values", "connectivity", "said"),
    [
        (np.zeros((2, 2, 2), np.uint8), (1,), 8, "6, 18 or 26"),
        (np.zeros((2, 2, 2), np.uint8), (), 26, "some of 0 to 255"),
        (np.zeros((2, 2, 2), np.uint8), (256,), 26, "256"),
        (np.zeros((2, 2, 2), np.uint8), tuple(range(256)), 26, "some of 0 to 255"),
        (np.zeros((2, 2, 2), np.float32), (1,), 26, "whole numbers"),
        (np.full((2, 2, 2), 300, np.uint16), (1,), 26, "labels 300 to 300"),
        (np.full((2, 2, 2), -1, np.int8), (1,), 26, "labels -1 to -1"),
    ],
)
def test_what_is_no_label_volume_is_told(
    voxels: NDArray[np.generic], values: tuple[int, ...], connectivity: int, said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        labelled(ArrayVolume(voxels, None), Target(values, connectivity), (2, 2, 2))
