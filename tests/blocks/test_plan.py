"""Blocks tile a volume exactly once, see their halo, and stay within the memory."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomocell.blocks import Limits, Need, choose_core, cut
from tomocell.blocks.plan import INTERPRETER_MB, MB
from tomocell.errors import BadInput

edges = st.integers(1, 11)
shapes = st.tuples(edges, edges, edges)
halos = st.tuples(*[st.integers(0, 4)] * 3)


@given(shapes, shapes, halos)
def test_cores_tile_the_volume_and_outers_are_clipped_halos(
    shape: tuple[int, int, int], core: tuple[int, int, int], halo: tuple[int, int, int]
) -> None:
    seen = np.zeros(shape, int)
    places = np.arange(math.prod(shape)).reshape(shape)
    blocks = cut(shape, core, halo)
    assert [block.index for block in blocks] == list(range(len(blocks)))
    for block in blocks:
        seen[block.core] += 1
        np.testing.assert_array_equal(places[block.outer][block.inner], places[block.core])
        for axis in range(3):
            assert block.outer[axis].start == max(0, block.core[axis].start - halo[axis])
            assert block.outer[axis].stop == min(shape[axis], block.core[axis].stop + halo[axis])
    assert (seen == 1).all()


def test_planes_are_slowest() -> None:
    starts = [tuple(part.start for part in block.core) for block in cut((2, 2, 2), (1, 1, 1))]
    assert starts == sorted(starts)


@given(
    shapes,
    shapes,
    halos,
    st.floats(0.1, 64),
    st.integers(1, 4),
    st.floats(0.0001, 0.1),
)
def test_blocks_stay_within_the_memory(
    shape: tuple[int, int, int],
    grain: tuple[int, int, int],
    halo: tuple[int, int, int],
    voxel_bytes: float,
    workers: int,
    budget_mb: float,
) -> None:
    limits = Limits(INTERPRETER_MB + budget_mb, workers)  # type: ignore[arg-type]
    try:
        core = choose_core(shape, Need(halo, voxel_bytes), limits, grain)
    except BadInput:
        core = None
    least = [min(g, s) for g, s in zip(grain, shape, strict=True)]
    cost = math.prod(min(c + 2 * h, s) for c, h, s in zip(core or least, halo, shape, strict=True)) * voxel_bytes
    if core is None:
        assert cost * workers > budget_mb * MB * 0.999
        return
    assert cost * workers <= budget_mb * MB * 1.001
    for axis in range(3):
        assert core[axis] == shape[axis] or core[axis] % grain[axis] == 0


def test_the_memory_that_the_message_asks_for_is_enough() -> None:
    need, shape = Need((2, 2, 2), 100.0), (64, 64, 64)
    with pytest.raises(BadInput) as caught:
        choose_core(shape, need, Limits(210, 2), (64, 64, 64))
    asked = int(str(caught.value.faults[0].expected).split()[2])
    assert choose_core(shape, need, Limits(asked, 2), (64, 64, 64)) == shape
    with pytest.raises(BadInput):
        choose_core(shape, need, Limits(asked - 1, 2), (64, 64, 64))


def test_more_memory_never_makes_a_block_smaller() -> None:
    sizes = [math.prod(choose_core((50, 60, 70), Need(), Limits(INTERPRETER_MB + mb))) for mb in range(1, 5)]
    assert sizes == sorted(sizes)
    assert sizes[-1] == 50 * 60 * 70
