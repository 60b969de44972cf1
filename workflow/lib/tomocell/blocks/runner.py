"""The one runner for blocks: in order, a bounded number in flight, in threads or processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sized
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from tomocell.blocks.plan import Block, Limits, Need, choose_core, cut
from tomocell.blocks.progress import show_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Region, Shape, Volume

T = TypeVar("T")
Part = TypeVar("Part")  # a block, or whatever else a volume is walked through in


class Sink(Protocol):
    """What takes the blocks that a stage makes: a store being written."""

    shape: Shape
    shard: Shape

    def write(self, region: Region, voxels: NDArray[Any]) -> None:
        """Write ``voxels`` to ``region``."""


def map_blocks(
    kernel: Callable[[Part], T], blocks: Iterable[Part], workers: int, *, processes: bool = False
) -> Iterator[T]:
    """Yield ``kernel(block)`` for each block, in order, with at most ``workers`` blocks in flight.

    Threads serve kernels that release the GIL (numba, zarr, scipy); processes serve those that hold it
    (cc3d, edt, scikit-image), and then the kernel must be picklable. How far a long walk is shows while it lasts.
    """
    results = _map(kernel, blocks, workers, processes=processes)
    return show_progress(results, len(blocks)) if isinstance(blocks, Sized) else results


def run_blocks(kernel: Callable[[Part], None], blocks: Sequence[Part], workers: int) -> None:
    """Run ``kernel`` on each block, in threads; as nothing has to wait for its turn, no thread waits for another."""
    for _ in show_progress(_map(kernel, blocks, workers, ahead=workers), len(blocks)):
        pass


def _map(
    kernel: Callable[[Part], T], blocks: Iterable[Part], workers: int, *, processes: bool = False, ahead: int = 0
) -> Iterator[T]:
    """Yield results in order; up to ``ahead`` more blocks wait for a worker, or as results for an earlier block."""
    if workers == 1 and not processes:
        yield from map(kernel, blocks)
        return
    with _pool(workers, processes=processes) as pool:
        pending: deque[Future[T]] = deque()
        try:
            for block in blocks:
                pending.append(pool.submit(kernel, block))
                if len(pending) >= workers + ahead:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:  # after an error: those that did not begin
                future.cancel()


def transform_volume(
    kernel: Callable[[NDArray[Any], Block], NDArray[Any]],
    source: Volume,
    sink: Sink,
    need: Need,
    limits: Limits,
    grain: Shape | None = None,
) -> None:
    """Fill ``sink`` with ``kernel(outer voxels, block) -> core voxels``, block by block, in threads.

    Blocks are whole multiples of ``grain``, by default the sink's shard; it must be one itself.
    """
    core = choose_core(sink.shape, need, limits, grain or sink.shard)

    def work(block: Block) -> None:
        sink.write(block.core, kernel(source.read(block.outer), block))

    run_blocks(work, cut(sink.shape, core, need.halo), limits.workers)


def reduce_volume(
    kernel: Callable[[NDArray[Any], Block], T], source: Volume, need: Need, limits: Limits
) -> Iterator[tuple[Block, T]]:
    """Yield ``(block, kernel(outer voxels, block))`` for each block of ``source``, in order, in threads."""
    core = choose_core(source.shape, need, limits)
    blocks = cut(source.shape, core, need.halo)

    def work(block: Block) -> T:
        return kernel(source.read(block.outer), block)

    yield from zip(blocks, map_blocks(work, blocks, limits.workers), strict=True)


def _pool(workers: int, *, processes: bool) -> Executor:
    if processes:
        return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    return ThreadPoolExecutor(workers)
