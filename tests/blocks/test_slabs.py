"""Slabs read a source once where memory allows, ahead of the work, by several threads, and never beyond the limit."""

from __future__ import annotations

import logging
import math
import re
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomocell.blocks import Block, Limits, Need, slabs, transform_slabs
from tomocell.blocks.slabs import Budget, plan_slabs, read_factor
from tomocell.errors import BadInput
from tomocell.volumes.views import TurnedVolume
from tomocell.volumes.volume import ArrayVolume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.volumes.volume import Region, Shape

SHAPE = (40, 60, 70)
SHARD = (8, 16, 16)
GREY = np.random.default_rng(0).integers(0, 60000, SHAPE).astype(np.uint16)
NEED = Need(bytes_per_voxel=8.0)
STACK = (1, *SHAPE[1:])


class CountingVolume(ArrayVolume):
    """Counts the voxels that a source which is read in whole grains decodes."""

    def __init__(self, grain: Shape, voxels: NDArray[Any] = GREY) -> None:
        super().__init__(voxels, None)
        self.grain = grain
        self.decoded = 0
        self._lock = threading.Lock()

    def read(self, region: Region) -> NDArray[Any]:
        counts = [-(-p.stop // g) - p.start // g for p, g in zip(region, self.grain, strict=True)]
        with self._lock:
            self.decoded += math.prod(counts) * math.prod(self.grain)
        return super().read(region)


class ArraySink:
    def __init__(self, shape: Shape = SHAPE) -> None:
        self.shape = shape
        self.shard = SHARD
        self.array = np.zeros(shape, np.uint16)
        self.written: list[Region] = []

    def write(self, region: Region, voxels: NDArray[Any]) -> None:
        self.array[region] = voxels
        self.written.append(region)


def same(voxels: NDArray[Any], _: Block) -> NDArray[Any]:
    return voxels


def enough_for(volume: Any, slab: Shape, workers: int = 2) -> Limits:
    """Return the least memory in which two such slabs fit."""
    cost = Budget(volume, SHARD, NEED, Limits(0, workers)).cost_mb(slab, 2)
    return Limits(cost, workers)  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [1, 3])
def test_a_stack_of_planes_is_read_once_where_a_slab_of_planes_fits(workers: int) -> None:
    source, sink = CountingVolume(STACK), ArraySink()
    transform_slabs(same, source, sink, NEED, enough_for(source, (8, 60, 70), workers))
    assert source.decoded <= 1.05 * GREY.size
    np.testing.assert_array_equal(sink.array, GREY)


@pytest.mark.parametrize("axes", ["x y -z", "y z x", "-y z x", "z -x y"])
def test_a_turned_stack_is_read_once_too(axes: str) -> None:
    source = CountingVolume(STACK)
    turned = TurnedVolume(source, axes)
    slab = [min(-(-grain // part) * part, n) for grain, part, n in zip(turned.grain, SHARD, turned.shape, strict=True)]
    sink = ArraySink(turned.shape)
    transform_slabs(same, turned, sink, NEED, enough_for(turned, (slab[0], slab[1], slab[2])))
    assert source.decoded <= 1.05 * GREY.size
    np.testing.assert_array_equal(sink.array, turned.read(whole_of(turned)))


def whole_of(volume: Any) -> Region:
    z, y, x = (slice(0, length) for length in volume.shape)
    return (z, y, x)


@pytest.mark.parametrize("slab", [(8, 16, 16), (8, 32, 32), (8, 60, 32)])
def test_how_often_planes_are_read_is_told_and_what_would_avoid_it(
    slab: Shape, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    source = CountingVolume(STACK)
    transform_slabs(same, source, ArraySink(), NEED, enough_for(source, slab, 1))
    times, enough = (float(found) for found in re.findall(r"read ([\d.]+) times.* limit of (\d+) MB", caplog.text)[0])
    assert source.decoded / GREY.size == pytest.approx(times, abs=0.06)
    assert times > 1.5
    caplog.clear()
    again = CountingVolume(STACK)
    transform_slabs(same, again, ArraySink(), NEED, Limits(int(enough), 1))
    assert again.decoded == GREY.size
    assert not caplog.text


edges = st.integers(1, 40)
shapes = st.tuples(edges, edges, edges)


@given(shapes, shapes, shapes, st.integers(1, 4), st.floats(0.001, 0.5))
def test_a_plan_fits_its_memory_in_whole_shards_and_wastes_no_more_than_one_with_less(
    shape: Shape, shard: Shape, grain: Shape, workers: int, room_mb: float
) -> None:
    source = ArrayVolume(np.broadcast_to(np.uint16(0), shape), None)
    source.grain = grain
    z, y, x = (min(part, length) for part, length in zip(shard, shape, strict=True))
    empty = Budget(source, (z, y, x), NEED, Limits(0, workers)).cost_mb((0, 0, 0), 2)
    budget = Budget(source, (z, y, x), NEED, Limits(empty + room_mb, workers))  # type: ignore[arg-type]
    try:
        plan = plan_slabs(budget)
    except BadInput:
        assert not budget.fits((z, y, x), 1)
        return
    assert budget.fits(plan.slab, plan.alive)
    for edge, part, length in zip(plan.slab, (z, y, x), shape, strict=True):
        assert edge == length or edge % part == 0
    assert plan.factor == read_factor(source, plan.slab)
    assert 1 <= plan.factor <= read_factor(source, (z, y, x)) + 1e-9


def test_the_memory_that_the_message_asks_for_is_enough() -> None:
    source = CountingVolume((1, 1, 1), np.zeros((64, 512, 512), np.uint16))
    with pytest.raises(BadInput) as caught:
        plan_slabs(Budget(source, (64, 512, 512), NEED, Limits(200, 2)))
    asked = int(str(caught.value.faults[0].expected).split()[2])
    assert plan_slabs(Budget(source, (64, 512, 512), NEED, Limits(asked, 2))).alive == 1
    with pytest.raises(BadInput):
        plan_slabs(Budget(source, (64, 512, 512), NEED, Limits(asked - 1, 2)))


def test_every_shard_is_written_once() -> None:
    source, sink = CountingVolume((1, 1, 1)), ArraySink()
    transform_slabs(same, source, sink, NEED, enough_for(source, (8, 32, 32), 3))
    starts = sorted(tuple(part.start for part in region) for region in sink.written)
    assert starts == sorted({(z, y, x) for z in range(0, 40, 8) for y in range(0, 60, 16) for x in range(0, 70, 16)})


def test_the_next_slab_is_read_while_this_one_is_worked_on() -> None:
    second = threading.Event()

    class Source(CountingVolume):
        def read(self, region: Region) -> NDArray[Any]:
            if region[0].start >= 8:
                second.set()
            return super().read(region)

    source, waited = Source(STACK), []

    def kernel(voxels: NDArray[Any], _: Block) -> NDArray[Any]:
        waited.append(second.wait(30))  # the first slab cannot be done before the second is read
        return voxels

    transform_slabs(kernel, source, ArraySink(), NEED, enough_for(source, (8, 60, 70), 1))
    assert all(waited)


def test_several_threads_read_a_slab() -> None:
    meeting, lock, first = threading.Barrier(2), threading.Lock(), [0, 1]

    class Source(CountingVolume):
        def read(self, region: Region) -> NDArray[Any]:
            with lock:
                is_early = bool(first) and first.pop() is not None
            if is_early:
                meeting.wait(30)  # breaks, and fails the test, unless another read is under way
            return super().read(region)

    source, sink = Source(STACK), ArraySink()
    transform_slabs(same, source, sink, NEED, enough_for(source, (8, 60, 70), 2))
    np.testing.assert_array_equal(sink.array, GREY)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("place", ["source", "kernel"])
def test_an_error_reaches_the_caller_and_nobody_waits_for_ever(workers: int, place: str) -> None:
    class Source(CountingVolume):
        def read(self, region: Region) -> NDArray[Any]:
            if place == "source" and region[0].start >= 16:
                raise ArithmeticError("plane sixteen")
            return super().read(region)

    def kernel(voxels: NDArray[Any], block: Block) -> NDArray[Any]:
        if place == "kernel" and block.core[0].start >= 16:
            raise ArithmeticError("plane sixteen")
        return voxels

    source = Source((1, 1, 1))
    with pytest.raises(ArithmeticError, match="plane sixteen"):
        transform_slabs(kernel, source, ArraySink(), NEED, enough_for(source, SHARD, workers))


@pytest.mark.parametrize("workers", [1, 3])
def test_a_slab_that_cannot_be_begun_ends_the_walk(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_pieces = slabs._Ahead._cut

    def cut_or_fail(ahead: Any, block: Block) -> list[Region]:
        if block.core[0].start >= 16:
            raise MemoryError("no more")
        return cut_pieces(ahead, block)

    monkeypatch.setattr(slabs._Ahead, "_cut", cut_or_fail)
    source = CountingVolume((1, 1, 1))
    with pytest.raises(MemoryError, match="no more"):
        transform_slabs(same, source, ArraySink(), NEED, enough_for(source, SHARD, workers))


def test_no_more_slabs_are_held_than_planned() -> None:
    lock, begun, done, most = threading.Lock(), set[int](), dict[int, int](), 0

    class Source(CountingVolume):
        def read(self, region: Region) -> NDArray[Any]:
            nonlocal most
            with lock:
                begun.add(region[0].start // 8)
                most = max(most, sum(done.get(index, 0) < 20 for index in begun))
            return super().read(region)

    def kernel(voxels: NDArray[Any], block: Block) -> NDArray[Any]:
        with lock:
            done[block.core[0].start // 8] = done.get(block.core[0].start // 8, 0) + 1
        return voxels

    source = Source(STACK)
    transform_slabs(kernel, source, ArraySink(), NEED, enough_for(source, (8, 60, 70), 3))
    assert most == 2
