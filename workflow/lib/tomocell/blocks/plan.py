"""How large a block may be, and where the blocks of a volume lie."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from tomocell.volumes.volume import Region, Shape

INTERPRETER_MB = 300  # resident size of a started job with numpy, numba, pandas, scipy and zarr loaded
MB = 1 << 20


@dataclass(frozen=True)
class Need:
    """What a stage asks of its blocks.

    Attributes:
        halo: Voxels needed around a block along (Z, Y, X) to compute it as if it were not cut.
        bytes_per_voxel: Peak memory of the kernel per voxel of the block with its halo, input and output included.
    """

    halo: Shape = (0, 0, 0)
    bytes_per_voxel: float = 16.0


@dataclass(frozen=True)
class Limits:
    """What a job may use: resident memory of the whole job in MB (2**20 bytes), and workers at once."""

    memory_mb: int = 2048
    workers: int = 1


@dataclass(frozen=True)
class Block:
    """A block of a volume.

    Attributes:
        index: Position in the walk, from 0, x fastest.
        core: The region of the volume that this block answers for.
        outer: The region it reads: the core and its halo, clipped at the volume's faces.
        inner: Where the core lies inside the outer region.
    """

    index: int
    core: Region
    outer: Region
    inner: Region


def choose_core(shape: Shape, need: Need, limits: Limits, grain: Shape = (1, 1, 1)) -> Shape:
    """Return the largest core, in whole grains, that fits the memory of one worker.

    Grown along x, then y, then z, so that a block is a slab of the store where memory allows. ``grain`` is the
    shard of the store written to: then no shard has two writers.

    Raises:
        BadInput: If not even one grain fits.
    """
    budget = (limits.memory_mb - INTERPRETER_MB) * MB / limits.workers
    core = [min(grain[axis], shape[axis]) for axis in range(3)]
    if _cost(core, shape, need) > budget:
        raise too_little(limits, _cost(core, shape, need))
    for axis in (2, 1, 0):
        _grow(core, axis, shape, lambda trial: _cost(trial, shape, need) <= budget)
    return (core[0], core[1], core[2])


def too_little(limits: Limits, block_bytes: float) -> BadInput:
    """Return the fault of a limit that not even one block a worker of ``block_bytes`` fits into."""
    least = math.ceil(INTERPRETER_MB + limits.workers * block_bytes / MB)
    remedy = "raise mem_mb, use fewer threads, or make the shards of the store smaller"
    return BadInput(Fault("memory limit", f"{limits.memory_mb} MB", f"at least {least} MB", remedy))


def cut(shape: Shape, core: Shape, halo: Shape = (0, 0, 0)) -> list[Block]:
    """Return the blocks of a volume, planes slowest."""
    starts = itertools.product(*(range(0, shape[axis], core[axis]) for axis in range(3)))
    return [_block(index, start, shape, core, halo) for index, start in enumerate(starts)]


def _block(index: int, start: tuple[int, ...], shape: Shape, core: Shape, halo: Shape) -> Block:
    stop = [min(start[axis] + core[axis], shape[axis]) for axis in range(3)]
    low = [max(start[axis] - halo[axis], 0) for axis in range(3)]
    high = [min(stop[axis] + halo[axis], shape[axis]) for axis in range(3)]
    return Block(
        index,
        core=_region(start, stop),
        outer=_region(low, high),
        inner=_region([start[a] - low[a] for a in range(3)], [stop[a] - low[a] for a in range(3)]),
    )


def _region(low: tuple[int, ...] | list[int], high: list[int]) -> Region:
    return (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))


def _cost(core: list[int], shape: Shape, need: Need) -> float:
    outer = (min(core[axis] + 2 * need.halo[axis], shape[axis]) for axis in range(3))
    return math.prod(outer) * need.bytes_per_voxel


def _grow(core: list[int], axis: int, shape: Shape, fits: Callable[[list[int]], bool]) -> None:
    """Grow ``core`` along ``axis`` in whole grains while it ``fits``."""
    grain = core[axis]
    low, high = 1, math.ceil(shape[axis] / grain)
    while low < high:
        middle = (low + high + 1) // 2
        trial = [*core]
        trial[axis] = min(middle * grain, shape[axis])
        low, high = (middle, high) if fits(trial) else (low, middle - 1)
    core[axis] = min(low * grain, shape[axis])
