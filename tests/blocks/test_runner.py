"""The runner keeps order, bounds what is in flight, passes errors on, and gives what the whole would give."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from support.block_kernels import fail_at_two, index_of
from tomocell.blocks import Block, Limits, Need, cut, map_blocks, reduce_volume, run_blocks, runner, transform_volume
from tomocell.blocks.plan import INTERPRETER_MB
from tomocell.volumes.volume import ArrayVolume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.volumes.volume import Region

SHAPE = (7, 9, 11)
BLOCKS = cut(SHAPE, (3, 4, 5))


class ArraySink:
    def __init__(self) -> None:
        self.shape = SHAPE
        self.shard = (2, 3, 4)
        self.array = np.full(SHAPE, -1.0)

    def write(self, region: Region, voxels: NDArray[Any]) -> None:
        self.array[region] = voxels


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_order_whatever_ends_first(workers: int) -> None:
    def kernel(block: Block) -> int:
        time.sleep(0.002 * ((block.index * 7) % 3))
        return block.index

    assert list(map_blocks(kernel, BLOCKS, workers)) == list(range(len(BLOCKS)))


@pytest.mark.parametrize("walk", [lambda *how: list(map_blocks(*how)), run_blocks], ids=["results", "none"])
def test_no_more_in_flight_than_workers(walk: Any) -> None:
    lock, now, most = threading.Lock(), 0, 0

    def kernel(_: Block) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.002)
        with lock:
            now -= 1

    walk(kernel, BLOCKS, 2)
    assert most == 2


def test_a_slow_block_holds_nobody_up_where_nothing_is_returned() -> None:
    third = threading.Event()

    def kernel(block: Block) -> None:
        if block.index == 2:
            third.set()
        assert block.index != 0 or third.wait(30), "the third block waited for the first"

    run_blocks(kernel, BLOCKS[:3], 2)


def test_after_an_error_no_further_block_begins() -> None:
    begun: list[int] = []

    def kernel(block: Block) -> None:
        begun.append(block.index)
        if block.index == 0:
            raise ArithmeticError
        time.sleep(0.05)

    with pytest.raises(ArithmeticError):
        run_blocks(kernel, BLOCKS, 2)
    assert len(begun) <= 4


def test_blocks_are_not_all_asked_for_at_once() -> None:
    asked = []

    def blocks() -> Any:
        for block in BLOCKS:
            asked.append(block.index)
            yield block

    walk = map_blocks(index_of, blocks(), 2)
    next(walk)
    assert len(asked) <= 3
    walk.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_kernel_reaches_the_caller(workers: int) -> None:
    found = []
    with pytest.raises(ArithmeticError, match="block two"):
        found.extend(map_blocks(fail_at_two, BLOCKS, workers))


def test_processes_give_the_same_and_pass_errors_on() -> None:
    assert list(map_blocks(index_of, BLOCKS[:4], 2, processes=True)) == [0, 1, 2, 3]
    with pytest.raises(ArithmeticError, match="block two"):
        list(map_blocks(fail_at_two, BLOCKS[:4], 1, processes=True))


@pytest.mark.parametrize("core", [(7, 9, 11), (2, 3, 4), (3, 9, 1)])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_filter_with_its_halo_gives_what_the_whole_gives(
    core: tuple[int, int, int], workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = np.random.default_rng(0).normal(size=SHAPE)
    monkeypatch.setattr(runner, "choose_core", lambda *_: core)

    def kernel(voxels: NDArray[Any], block: Block) -> NDArray[Any]:
        return uniform_filter(voxels, 3, mode="nearest")[block.inner]

    sink = ArraySink()
    transform_volume(kernel, ArrayVolume(grey, None), sink, Need((1, 1, 1)), Limits(workers=workers))
    np.testing.assert_allclose(sink.array, uniform_filter(grey, 3, mode="nearest"), atol=1e-12)


def test_reduce_yields_each_block_with_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "choose_core", lambda *_: (3, 4, 5))
    places = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    found = dict.fromkeys(range(len(BLOCKS)))
    for block, total in reduce_volume(lambda voxels, _: int(voxels.sum()), ArrayVolume(places, None), Need(), Limits()):
        assert total == places[block.core].sum()
        found.pop(block.index)
    assert not found


def test_transform_never_splits_a_shard_between_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Region] = []
    monkeypatch.setattr(ArraySink, "write", lambda _, region, __: written.append(region))
    limits = Limits(INTERPRETER_MB + 1)
    transform_volume(
        lambda v, b: v[b.inner], ArrayVolume(np.zeros(SHAPE), None), ArraySink(), Need((0, 0, 0), 9000.0), limits
    )
    assert len(written) > 1
    for region in written:
        for part, shard in zip(region, (2, 3, 4), strict=True):
            assert part.start % shard == 0
