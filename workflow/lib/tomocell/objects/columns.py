"""Columns along z: between which planes some classes lie, for each place of the y-x plane; block by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import Block, Limits, Need, reduce_volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Volume

    Planes = NDArray[np.int64]
    Values = tuple[int, ...]

VALUES = 256


@dataclass(frozen=True)
class Extents:
    """Where classes begin and end along z, taken as one.

    Attributes:
        first: (Y, X), first plane; the number of planes where the column has none of the classes.
        stop: (Y, X), one past the last plane; 0 where the column has none.
    """

    first: Planes
    stop: Planes

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which columns have a voxel of the classes."""
        return self.stop > 0


def column_extents(volume: Volume, groups: Sequence[Values], limits: Limits) -> list[Extents]:
    """Return the extents of each group of class values, in one pass."""
    depth, rows, columns = volume.shape
    found = [Extents(np.full((rows, columns), depth), np.zeros((rows, columns), np.int64)) for _ in groups]
    tables = [_is_one_of(values) for values in groups]

    def kernel(voxels: NDArray[Any], block: Block) -> list[tuple[Planes, Planes]]:
        return [_ends(table[voxels], block.core[0].start, depth) for table in tables]

    for block, parts in reduce_volume(kernel, volume, Need(bytes_per_voxel=4.0), limits):
        place = block.core[1:]
        for extents, (first, stop) in zip(found, parts, strict=True):
            extents.first[place] = np.minimum(extents.first[place], first)
            extents.stop[place] = np.maximum(extents.stop[place], stop)
    return found


def profile_between(volume: Volume, value: int, extents: Extents, limits: Limits) -> Planes:
    """Return how many voxels of a class each plane has within the ``extents`` of its columns, shape (Z,)."""

    def kernel(voxels: NDArray[Any], block: Block) -> Planes:
        planes = np.arange(block.core[0].start, block.core[0].stop)[:, None, None]
        first, stop = extents.first[block.core[1:]], extents.stop[block.core[1:]]
        return np.asarray(np.count_nonzero((voxels == value) & (planes >= first) & (planes < stop), axis=(1, 2)))

    counts = np.zeros(volume.shape[0], np.int64)
    for block, part in reduce_volume(kernel, volume, Need(bytes_per_voxel=6.0), limits):
        counts[block.core[0]] += part
    return counts


def _is_one_of(values: Values) -> NDArray[np.bool_]:
    table = np.zeros(VALUES, bool)
    table[list(values)] = True
    return table


def _ends(mask: NDArray[np.bool_], start: int, depth: int) -> tuple[Planes, Planes]:
    """Return the first plane of ``mask`` in each column and one past the last, counted in the volume."""
    some = mask.any(axis=0)
    first = np.where(some, start + mask.argmax(axis=0), depth)
    stop = np.where(some, start + len(mask) - mask[::-1].argmax(axis=0), 0)
    return first, stop
