"""Regions of stores, put together from bricks that stay in memory within a bound."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.volumes.volume import Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.volumes.store import StoreVolume
    from tomocell.volumes.volume import Region, Shape


class BrickCache:
    """The chunks of stores that were read last; overlapping cubes decode each chunk once.

    Args:
        most_bytes: Memory of the bricks kept; the one read last always stays.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bricks: OrderedDict[tuple[str, tuple[int, ...]], NDArray[Any]] = OrderedDict()
        self._lock = Lock()
        self.bytes = 0

    def read(self, volume: Volume, region: Region, brick: Shape) -> NDArray[Any]:
        """Return the voxels of ``region``, which lies inside ``volume``, read in bricks of the shape of its chunks."""
        out = np.empty([part.stop - part.start for part in region], volume.dtype)
        ranges = [range(part.start // edge, -(-part.stop // edge)) for part, edge in zip(region, brick, strict=True)]
        for place in itertools.product(*ranges):
            low = [index * edge for index, edge in zip(place, brick, strict=True)]
            voxels = self._brick(volume, place, brick)
            first = [max(part.start, at) for part, at in zip(region, low, strict=True)]
            last = [min(p.stop, at + n) for p, at, n in zip(region, low, voxels.shape, strict=True)]
            target = tuple(slice(a - p.start, b - p.start) for a, b, p in zip(first, last, region, strict=True))
            out[target] = voxels[tuple(slice(a - at, b - at) for a, b, at in zip(first, last, low, strict=True))]
        return out

    def _brick(self, volume: Volume, place: tuple[int, ...], brick: Shape) -> NDArray[Any]:
        with self._lock:
            return self._kept(volume, place, brick)

    def _kept(self, volume: Volume, place: tuple[int, ...], brick: Shape) -> NDArray[Any]:
        key = (volume.name, place)
        if key not in self._bricks:
            z, y, x = (
                slice(index * edge, min((index + 1) * edge, size))
                for index, edge, size in zip(place, brick, volume.shape, strict=True)
            )
            self._bricks[key] = volume.read((z, y, x))
            self.bytes += self._bricks[key].nbytes
            while len(self._bricks) > 1 and self.bytes > self._most_bytes:
                self.bytes -= self._bricks.popitem(last=False)[1].nbytes
        self._bricks.move_to_end(key)
        return self._bricks[key]


class CachedVolume(Volume):
    """A store whose chunks are read through a cache."""

    def __init__(self, store: StoreVolume, cache: BrickCache) -> None:
        self.name, self.shape, self.dtype = store.name, store.shape, store.dtype
        self.voxel_size_um, self.classes = store.voxel_size_um, store.classes
        self._store, self._cache = store, cache

    def read(self, region: Region) -> NDArray[Any]:
        """Return the voxels of ``region``, a copy."""
        return self._cache.read(self._store, region, self._store.manifest.chunk)
