"""Slabs: a source read ahead in large pieces that suit it, worked on and written shard by shard.

Where reading is dear (a compressed plane is decoded whole, whatever part of it is wanted), the pieces that are read
must suit the source, and those that are written must suit the sink. A slab is whole shards, chosen so that the source
is read once where memory allows; the next slab is read while the shards of this one are worked on.
"""

from __future__ import annotations

import itertools
import logging
import math
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tomocell.blocks.plan import MB, Block, Limits, Need, cut
from tomocell.blocks.runner import Sink, run_blocks
from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Region, Shape, Volume

log = logging.getLogger(__name__)
STARTED_MB = 180  # resident size of a started conversion: 85 to 150 measured, with zarr, h5py, tifffile and scipy
MOST_READERS = 8  # threads that read at once: more only wait for the same disk
PIECES = 8  # that a slab is read in, for each thread: what is being read is held twice
IN_PIECES = 2 / PIECES  # of a slab: pieces on their way, as decoded and as copied
MOST_COUNTS = 16  # sizes of a slab tried along an axis
LOUD_FACTOR = 1.05


class Plan(NamedTuple):
    """How a source is walked through: the slab, how many of them are held at once, how often a voxel is read."""

    slab: Shape
    alive: int
    factor: float


class Task(NamedTuple):
    """A shard, the slab that holds it, and where in it."""

    slab: Block
    shard: Block
    place: Region


def transform_slabs(
    kernel: Callable[[NDArray[Any], Block], NDArray[Any]], source: Volume, sink: Sink, need: Need, limits: Limits
) -> None:
    """Fill ``sink`` with ``kernel(voxels, shard) -> voxels``, a shard at a time, in threads, reading ahead.

    ``need`` counts what a shard takes while it is worked on and written; it has no halo. The source is read by up to
    `MOST_READERS` threads more, so that workers seldom wait for the disk.

    Raises:
        BadInput: If not even slabs of one shard fit the memory.
    """
    budget = Budget(source, _clip(sink.shard, source.shape), need, limits)
    plan = plan_slabs(budget)
    _tell(budget, plan)
    slabs = cut(source.shape, plan.slab)
    tasks = [task for slab in slabs for task in _tasks(slab, sink.shard)]
    with _reading(budget, slabs, plan.alive) as ahead:

        def work(task: Task) -> None:
            try:
                sink.write(task.shard.core, kernel(ahead.take(task), task.shard))
            finally:
                ahead.release(task)

        run_blocks(work, tasks, limits.workers)


@dataclass(frozen=True)
class Budget:
    """What the memory of a walk goes to: shards being worked on, one a worker, and slabs of the source."""

    source: Volume
    shard: Shape
    need: Need
    limits: Limits

    def cost_mb(self, slab: Shape, alive: int) -> float:
        """Return the memory that a walk with ``alive`` slabs at once takes."""
        shards = self.limits.workers * math.prod(self.shard) * self.need.bytes_per_voxel
        slabs = math.prod(slab) * self.source.dtype.itemsize * (alive + IN_PIECES)
        return STARTED_MB + (shards + slabs) / MB

    def fits(self, slab: Shape, alive: int) -> bool:
        """Whether that is within the limit."""
        return self.cost_mb(slab, alive) <= self.limits.memory_mb


def plan_slabs(budget: Budget) -> Plan:
    """Return the slab that reads the source with the least waste; of such, a small one of whole rows.

    Raises:
        BadInput: If not even a slab of one shard fits the memory.
    """
    source = budget.source
    axes = (_edges(length, part) for length, part in zip(source.shape, budget.shard, strict=True))
    slabs = [(z, y, x) for z, y, x in itertools.product(*axes)]
    best = [
        min((Plan(slab, alive, read_factor(source, slab)) for slab in fitting), key=lambda plan: _merit(budget, plan))
        for alive in (2, 1)
        if (fitting := [slab for slab in slabs if budget.fits(slab, alive)])
    ]
    if best:  # reading ahead can hide one reading at most
        return best[-1] if 2 * best[-1].factor <= best[0].factor else best[0]
    least = math.ceil(budget.cost_mb(budget.shard, 1))
    remedy = "raise mem_mb, use fewer threads, or make the shards of the store smaller"
    raise BadInput(Fault("memory limit", f"{budget.limits.memory_mb} MB", f"at least {least} MB", remedy))


def read_factor(source: Volume, slab: Shape) -> float:
    """Return how often a voxel of ``source`` is read when it is walked through in slabs, whole grains at a time."""
    parts = zip(source.shape, slab, source.grain, strict=True)
    return math.prod(_read_along(length, edge, grain) / length for length, edge, grain in parts)


def _read_along(length: int, edge: int, grain: int) -> int:
    stops = ((start, min(start + edge, length)) for start in range(0, length, edge))
    return sum(min(-(-stop // grain) * grain, length) - start // grain * grain for start, stop in stops)


def _merit(budget: Budget, plan: Plan) -> tuple[float, ...]:
    z, y, x = plan.slab
    shards = math.prod(-(-edge // part) for edge, part in zip(plan.slab, budget.shard, strict=True))
    # Small slabs of whole rows: as little waits for the first one, and the memory is used again. 256 plain planes of
    # 2048 x 2048 took 1.4 s of the kernel's time; in slabs of whole planes, in fresh memory, 3.8 s.
    return (round(plan.factor, 6), shards < budget.limits.workers, -x, y, z)


def _edges(length: int, shard: int) -> list[int]:
    """Return lengths of slabs along an axis: whole shards, doubled where there are too many to try them all."""
    count = -(-length // shard)
    counts = range(1, count + 1) if count <= MOST_COUNTS else [1 << power for power in range(count.bit_length())]
    return sorted({min(number * shard, length) for number in (*counts, count)})


def _clip(shape: Shape, most: Shape) -> Shape:
    z, y, x = (min(part, length) for part, length in zip(shape, most, strict=True))
    return (z, y, x)


def _tell(budget: Budget, plan: Plan) -> None:
    source = budget.source
    log.info("%s: read in slabs of %s, %d at once", source.name, plan.slab, plan.alive)
    if plan.factor > LOUD_FACTOR:
        z, y, x = (-(-grain // part) * part for part, grain in zip(budget.shard, source.grain, strict=True))
        enough = math.ceil(budget.cost_mb(_clip((z, y, x), source.shape), 2))
        told = "%s: each voxel is read %.1f times, since slabs of %s split what can only be read whole (%s); a limit "
        told += "of %d MB, fewer threads or smaller shards avoid it"
        log.warning(told, source.name, plan.factor, plan.slab, source.grain, enough)


def _tasks(slab: Block, shard: Shape) -> Iterator[Task]:
    corner = [part.start for part in slab.core]
    shape = _extent(slab.core)
    for block in cut(shape, shard):
        z, y, x = (slice(low + part.start, low + part.stop) for low, part in zip(corner, block.core, strict=True))
        yield Task(slab, Block(block.index, (z, y, x), (z, y, x), block.inner), block.core)


def _extent(region: Region) -> Shape:
    z, y, x = (part.stop - part.start for part in region)
    return (z, y, x)


@dataclass
class _Slab:
    memory: NDArray[Any]
    voxels: NDArray[Any]
    left: int
    reads: list[Future[None]] = field(default_factory=list)


class _Ahead:
    """The slabs in memory: some being worked on, some being read."""

    def __init__(self, budget: Budget, slabs: list[Block], pool: ThreadPoolExecutor, pieces: int) -> None:
        self._source, self._shard = budget.source, budget.shard
        self._pool, self._pieces = pool, pieces
        self._most_voxels = max(math.prod(_extent(slab.core)) for slab in slabs)
        self._waiting = iter(slabs)
        self._broken = False
        self._held: dict[int, _Slab] = {}
        self._free: list[NDArray[Any]] = []  # of slabs let go of: fresh memory costs the kernel's time
        self._changed = threading.Condition()

    def begin(self) -> None:
        """Begin to read the next slab, if there is one."""
        block = next(self._waiting, None)
        if block is None:
            return
        shape = _extent(block.core)
        shards = math.prod(-(-edge // part) for edge, part in zip(shape, self._shard, strict=True))
        memory = self._free.pop() if self._free else np.empty(self._most_voxels, self._source.dtype)
        slab = _Slab(memory, memory[: math.prod(shape)].reshape(shape), shards)
        slab.reads = [self._pool.submit(self._read, slab, block, piece) for piece in self._cut(block)]
        self._held[block.index] = slab
        self._changed.notify_all()

    def take(self, task: Task) -> NDArray[Any]:
        """Return the voxels of a shard, when its slab has been read."""
        with self._changed:
            self._changed.wait_for(lambda: self._broken or task.slab.index in self._held)
            if self._broken:
                message = f"slab {task.slab.index} could not be begun"
                raise RuntimeError(message)
            slab = self._held[task.slab.index]
        for read in slab.reads:
            read.result()
        return slab.voxels[task.place]

    def release(self, task: Task) -> None:
        """Let go of a shard; with the last one of its slab, the slab, for the next one."""
        with self._changed:
            slab = self._held.get(task.slab.index)
            if slab is None:
                return
            slab.left -= 1
            if slab.left == 0:
                del self._held[task.slab.index]
                self._free.append(slab.memory)
                self._begin_or_tell()

    def _begin_or_tell(self) -> None:
        try:
            self.begin()
        except BaseException:
            self._broken = True  # else who waits for this slab would wait for ever
            self._changed.notify_all()
            raise

    def start(self, count: int) -> None:
        """Begin to read the first ``count`` slabs."""
        with self._changed:
            for _ in range(count):
                self.begin()

    def _read(self, slab: _Slab, block: Block, piece: Region) -> None:
        z, y, x = (
            slice(part.start - whole.start, part.stop - whole.start)
            for part, whole in zip(piece, block.core, strict=True)
        )
        slab.voxels[z, y, x] = self._source.read(piece)

    def _cut(self, block: Block) -> list[Region]:
        """Cut a slab along its first axis, or the one with most grains, where the source can be cut without waste."""
        grains = [-(-edge // grain) for edge, grain in zip(_extent(block.core), self._source.grain, strict=True)]
        axis = 0 if grains[0] >= self._pieces else grains.index(max(grains))
        part, grain = block.core[axis], self._source.grain[axis]
        step = -(-grains[axis] // self._pieces) * grain
        bounds = [part.start, *range((part.start // step + 1) * step, part.stop, step), part.stop]
        pieces = [slice(low, high) for low, high in itertools.pairwise(bounds)]
        z, y, x = block.core
        return [{0: (piece, y, x), 1: (z, piece, x), 2: (z, y, piece)}[axis] for piece in pieces]


@contextmanager
def _reading(budget: Budget, slabs: list[Block], alive: int) -> Iterator[_Ahead]:
    readers = min(budget.limits.workers, MOST_READERS)
    pool = ThreadPoolExecutor(readers, thread_name_prefix="reader")
    try:
        ahead = _Ahead(budget, slabs, pool, PIECES * readers)
        ahead.start(alive)
        yield ahead
    finally:
        pool.shutdown(cancel_futures=True)
