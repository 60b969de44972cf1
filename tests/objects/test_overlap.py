from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from objects.solids import by_scipy, class_volumes, cores, volume
from tomocell.blocks import Limits
from tomocell.blocks.plan import INTERPRETER_MB
from tomocell.errors import BadInput
from tomocell.objects.labelling import Target
from tomocell.objects.numbering import number_volume
from tomocell.objects.overlap import cut_for_overlap, shared_voxels
from tomocell.volumes.volume import ArrayVolume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.volumes.volume import Shape

    Ints = NDArray[np.int64]


def shared(one: NDArray[np.uint8], other: NDArray[np.uint8], core: Shape | None = None, workers: int = 1) -> Ints:
    limits = Limits(2048, workers)
    blocks = cut_for_overlap(volume(one), limits, core)
    numbered = [number_volume(volume(voxels), Target((1,)), blocks, workers) for voxels in (one, other)]
    return shared_voxels(numbered[0], numbered[1], workers)


def by_hand(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> list[list[int]]:
    first, second = by_scipy(one == 1, 26), by_scipy(other == 1, 26)
    pairs = itertools.product(range(1, first.max() + 1), range(1, second.max() + 1))
    counted = [[a, b, int(((first == a) & (second == b)).sum())] for a, b in pairs]
    return [pair for pair in counted if pair[2]]


@given(one=class_volumes(longest=7), core=cores, seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=40)
def test_blocks_count_what_the_whole_has(one: NDArray[np.uint8], core: Shape, seed: int) -> None:
    other = np.random.default_rng(seed).permutation(one.ravel()).reshape(one.shape)
    expected = by_hand(one, other)
    for shape, workers in ((None, 1), (core, 1), (core, 2)):
        assert shared(one, other, shape, workers).tolist() == expected


def test_a_volume_shares_all_with_itself() -> None:
    voxels = (np.random.default_rng(1).random((9, 10, 11)) < 0.1).astype(np.uint8)
    found = shared(voxels, voxels, (4, 5, 3))
    assert (found[:, 0] == found[:, 1]).all()
    assert found[:, 2].sum() == voxels.sum()


def test_nothing_shares_nothing() -> None:
    empty = np.zeros((3, 4, 5), np.uint8)
    assert shared(empty, np.ones_like(empty)).shape == (0, 3)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(BadInput, match="register the series"):
        shared(np.zeros((3, 4, 5), np.uint8), np.zeros((3, 4, 4), np.uint8))


def test_blocks_leave_memory_for_both_volumes() -> None:
    small = ArrayVolume(np.zeros((64, 64, 64), np.uint8), None)
    core = cut_for_overlap(small, Limits(INTERPRETER_MB + 2))[0].core
    assert 2 * 12 * np.prod([part.stop + 2 for part in core]) < 2.1 * 2**20
