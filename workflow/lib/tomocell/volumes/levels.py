"""The levels of a store under construction: each region that is written makes its coarser ones and its checksums."""

from __future__ import annotations

import itertools
import math
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks.plan import INTERPRETER_MB, MB, Block, Limits, cut
from tomocell.blocks.runner import run_blocks
from tomocell.volumes.arrays import create_array
from tomocell.volumes.pyramid import Level, doubled_region, halve_grey, halve_labels, halved_region
from tomocell.volumes.shards import choose_codec, write_shard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.manifest import FileEntry
    from tomocell.volumes.volume import Region, Shape

COPIES = 4  # of a shard, at most, while a level is made: of the finer one, of its own, gathered in chunks, encoded


class Levels:
    """All levels of a store. Threads may write at once; those that write into the same shard wait for each other.

    Attributes:
        entries: Size and checksum of the shards, by their path inside the store, taken when they were written.
    """

    def __init__(self, root: Path, plan: list[Level], dtype: np.dtype[Any], *, labels: bool) -> None:
        self._root = root
        self._plan = plan
        self._halve = halve_labels if labels else halve_grey
        self._codec = choose_codec(dtype, labels=labels)
        self._arrays = [create_array(root / str(n), level, dtype, self._codec) for n, level in enumerate(plan)]
        self._in_passing = sum(level.halved for level in plan)
        self._whole: set[Shape] = set()
        self._lock = threading.Lock()
        self.entries: dict[str, FileEntry] = {}

    def write(self, region: Region, voxels: NDArray[Any]) -> None:
        """Write a region of the finest level, and of each level that it makes in passing.

        Of a region that cuts through shards only the voxels are kept for now; `finish` does the rest.
        """
        finest = self._plan[0]
        places = set(_shards_of(region, finest))
        if not _fills_shards(region, finest):
            with self._lock:  # the rest of a shard is read and written again: one at a time
                self._whole -= places
                self._arrays[0][region] = voxels
            return
        self._store(0, region, voxels)
        for number in range(1, self._in_passing + 1):
            region, voxels = halved_region(region), self._halve(voxels)
            self._store(number, region, voxels)
        with self._lock:
            self._whole |= places

    def finish(self, limits: Limits) -> None:
        """Write the shards again that were not written whole, then make the levels that nothing made in passing."""
        finest = self._plan[0]
        blocks = cut(finest.shape, finest.shard)
        rest = [block for block in blocks if _shards_of(block.core, finest)[0] not in self._whole]

        def rewrite(block: Block) -> None:
            self.write(block.core, self._arrays[0][block.core])

        self._walk(rewrite, rest, finest, limits)
        for number in range(self._in_passing + 1, len(self._plan)):
            level = self._plan[number]

            def make(block: Block, number: int = number) -> None:
                self._store(number, block.core, self._halve_in_pieces(number, block.core))

            self._walk(make, cut(level.shape, level.shard), level, limits)

    def _walk(self, work: Callable[[Block], None], blocks: list[Block], level: Level, limits: Limits) -> None:
        need = COPIES * math.prod(level.shard) * self._arrays[0].dtype.itemsize
        fitting = int((limits.memory_mb - INTERPRETER_MB) * MB // need)
        run_blocks(work, blocks, max(1, min(limits.workers, fitting)))

    def _halve_in_pieces(self, number: int, region: Region) -> NDArray[Any]:
        """Return a region of a level from the finer one, of which no more than a shard's worth is held."""
        fine = self._arrays[number - 1]
        coarse = np.empty([part.stop - part.start for part in region], fine.dtype)
        z, y, x = (max(1, edge // 2) for edge in self._plan[number].shard)
        for piece in cut(coarse.shape, (z, y, x)):
            coarse[piece.core] = self._halve(fine[doubled_region(_moved(piece.core, region), fine.shape)])
        return coarse

    def _store(self, number: int, region: Region, voxels: NDArray[Any]) -> None:
        level = self._plan[number]
        for block in cut((voxels.shape[0], voxels.shape[1], voxels.shape[2]), level.shard):
            (place,) = _shards_of(_moved(block.core, region), level)
            name = "/".join(map(str, (number, "c", *place)))
            entry = write_shard(self._root / name, voxels[block.core], level.chunk, level.shard, self._codec)
            with self._lock:
                if entry is None:
                    self.entries.pop(name, None)
                else:
                    self.entries[name] = entry


def _shards_of(region: Region, level: Level) -> list[Shape]:
    z, y, x = (range(part.start // edge, -(-part.stop // edge)) for part, edge in zip(region, level.shard, strict=True))
    return list(itertools.product(z, y, x))


def _fills_shards(region: Region, level: Level) -> bool:
    return all(
        part.start % edge == 0 and (part.stop % edge == 0 or part.stop == size)
        for part, edge, size in zip(region, level.shard, level.shape, strict=True)
    )


def _moved(part: Region, region: Region) -> Region:
    z, y, x = (slice(p.start + r.start, p.stop + r.start) for p, r in zip(part, region, strict=True))
    return (z, y, x)
