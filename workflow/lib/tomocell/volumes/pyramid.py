"""Down the pyramid: which levels a volume has, how each is cut into shards, and a block at half the resolution.

Grey values are averaged, labels take the majority (ties: the smaller value), so that no class is ever invented.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.volumes.volume import Region, Shape

COARSEST_EDGE = 96


class Level(NamedTuple):
    """One level: its shape, its chunk, its shard.

    Attributes:
        halved: Whether its shards are those of the finer level at half the resolution, so that whoever wrote one of
            those can write one of these.
    """

    shape: Shape
    chunk: Shape
    shard: Shape
    halved: bool = False


def plan_levels(shape: Shape, chunk: Shape, shard: Shape) -> list[Level]:
    """Return the levels of a volume, finest first.

    The first ones have shards of half the edge of the level before, as long as such a shard holds as much as a chunk:
    the blocks of a volume then make them in passing. The others are small (an eighth of the volume and less, together)
    and have the shards of the finest one, so that files stay few.
    """
    levels = [fitted(shape, chunk, shard)]
    for coarse in level_shapes(shape)[1:]:
        half = _halved_level(levels[-1], coarse, levels[0].chunk) if levels[-1].halved or len(levels) == 1 else None
        levels.append(half or fitted(coarse, chunk, shard))
    return levels


def level_shapes(shape: Shape) -> list[Shape]:
    """Return the shape of each level, finest first, until no edge is longer than ``COARSEST_EDGE``."""
    shapes = [shape]
    while max(shapes[-1]) > COARSEST_EDGE:
        shapes.append(_half_up(shapes[-1]))
    return shapes


def fitted(shape: Shape, chunk: Shape, shard: Shape) -> Level:
    """Return a level with chunk and shard no larger than the volume needs, the shard in whole chunks."""
    c = [min(edge, size) for edge, size in zip(chunk, shape, strict=True)]
    most = (min(edge, size + part - 1) for edge, size, part in zip(shard, shape, c, strict=True))
    s = [part * max(1, edge // part) for part, edge in zip(c, most, strict=True)]
    return Level(shape, (c[0], c[1], c[2]), (s[0], s[1], s[2]))


def _halved_level(fine: Level, shape: Shape, chunk: Shape) -> Level | None:
    cut_evenly = all(edge % 2 == 0 or edge >= size for edge, size in zip(fine.shard, fine.shape, strict=True))
    shard = _half_up(fine.shard)
    z, y, x = (min(pair) for pair in zip(fine.chunk, shard, strict=True))
    in_whole_chunks = all(edge % part == 0 for edge, part in zip(shard, (z, y, x), strict=True))
    if not (cut_evenly and in_whole_chunks and math.prod(shard) >= math.prod(chunk)):
        return None
    return Level(shape, (z, y, x), shard, halved=True)


def _half_up(shape: Shape) -> Shape:
    z, y, x = shape
    return ((z + 1) // 2, (y + 1) // 2, (x + 1) // 2)


def halved_region(region: Region) -> Region:
    """Return where the voxels of ``region``, which begins at even places, lie in the next level."""
    z, y, x = (slice(part.start // 2, (part.stop + 1) // 2) for part in region)
    return (z, y, x)


def doubled_region(region: Region, shape: Shape) -> Region:
    """Return which voxels of the finer level, of ``shape``, those of ``region`` are made from."""
    z, y, x = (slice(2 * part.start, min(2 * part.stop, size)) for part, size in zip(region, shape, strict=True))
    return (z, y, x)


def halve_grey(block: NDArray[Any]) -> NDArray[Any]:
    """Return the mean over 2 x 2 x 2 voxels, rounded half to even for integers; odd edges repeat their last voxel.

    Integers have at most 32 bits.
    """
    from tomocell.volumes import pyramid_kernels  # compiled code, not needed to read a store

    average = pyramid_kernels.average_floats if block.dtype.kind == "f" else pyramid_kernels.average_integers
    halved = np.empty(_half_up((block.shape[0], block.shape[1], block.shape[2])), block.dtype)
    average(np.ascontiguousarray(block), halved)
    return halved


def halve_labels(block: NDArray[Any]) -> NDArray[Any]:
    """Return the most frequent label of each 2 x 2 x 2 voxels, the smaller on a tie; odd edges repeat their last voxel.

    Labels are integers of at most 32 bits.
    """
    from tomocell.volumes import pyramid_kernels

    halved = np.empty(_half_up((block.shape[0], block.shape[1], block.shape[2])), block.dtype)
    pyramid_kernels.vote(np.ascontiguousarray(block), halved)
    return halved
