"""One engine for planes, several planes and cubes: tiles in, finished shards out, in memory that does not grow.

Tiles are worked off along one axis. Behind the first plane of the next layer of tiles nothing changes any more: there
logits become labels, labels fill a shelf of shards, and a full shelf is handed on. A volume longer along that axis
takes longer, and no more memory.
"""

from __future__ import annotations

import itertools
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tomocell.inference.ahead import ahead
from tomocell.inference.bricks import Bricks
from tomocell.inference.rolling import Rolling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tomocell.inference.forward import Forward
    from tomocell.inference.outputs import Outputs
    from tomocell.inference.sight import Sight
    from tomocell.inference.turned import Turned
    from tomocell.volumes.volume import Region, Shape

READERS = 2


@dataclass(frozen=True)
class Engine:
    """A model ready to be led over a volume.

    Attributes:
        source: The volume.
        sight: Where tiles lie, and what the network sees of them.
        forward: The network.
        weights: Of the voxels of a tile.
        outputs: What is made of logits.
        shelf: Planes that are handed on together: a shard's.
    """

    source: Turned
    sight: Sight
    forward: Forward
    weights: NDArray[np.float32]
    outputs: Outputs
    shelf: int

    def run(self, core: Region, emit: Callable[[Region, NDArray[np.uint8]], None]) -> Iterator[int]:
        """Work ``core`` off (in the order of the walk; it begins with a shelf), and yield planes done so far.

        ``emit(region, layers)`` is called from another thread, once at a time, in order, while the next shelf is
        filled: ``layers`` is uint8, (layers, planes, Y, X) as ``outputs.layers`` names them.
        """
        rolling = Rolling(self.sight.grid, core, self.weights, self.outputs)
        with ThreadPoolExecutor(1) as writer:
            shelves = _Shelves(core, self.shelf, len(self.outputs.layers), emit, writer)
            for stop in self._finals(core, rolling):
                shelves.fill(stop, rolling)
                yield stop - core[0].start
            shelves.close()

    def averaged(self, core: Region) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield each plane of ``core`` and its averaged logits, float32, (channels, Y, X)."""
        rolling = Rolling(self.sight.grid, core, self.weights, replace(self.outputs, entropy=True))
        done = core[0].start
        for stop in self._finals(core, rolling):
            for plane in range(done, stop):
                yield plane, rolling.means(plane)
                rolling.clear(plane)
            done = stop

    def _finals(self, core: Region, rolling: Rolling) -> Iterator[int]:
        """Add all tiles to ``rolling``; yield, before the ring is needed again, up to which plane it is final."""
        done = core[0].start
        for corner, logits in self._logits(core):
            if corner[0] > done:
                done = min(corner[0], core[0].stop)
                yield done
            rolling.add(corner, logits)
        yield core[0].stop

    def _logits(self, core: Region) -> Iterator[tuple[Shape, NDArray[np.float32]]]:
        """Yield tiles and what the network says of them, (channels, Z, Y, X), in the order of the walk."""
        grid = self.sight.grid
        along = [grid.reaching(axis, part) for axis, part in enumerate(core)]
        corners = list(itertools.product(along[0], along[1], along[2]))
        layers = [grid.reach(axis, part) for axis, part in enumerate(core)]
        planes = slice(self.sight.planes(layers[0].start).start, self.sight.planes(corners[-1][0]).stop)
        with ThreadPoolExecutor(READERS) as readers:
            bricks = Bricks(self.source, (planes, layers[1], layers[2]), readers)
            try:
                with ahead(self._batches(bricks, corners)) as batches:
                    for some, tiles in batches:
                        outputs = self.forward(tiles, some)
                        whole = outputs.reshape(len(some), -1, *grid.edges)
                        yield from zip(some, whole, strict=True)
            finally:
                bricks.close()

    def _batches(self, bricks: Bricks, corners: list[Shape]) -> Iterator[tuple[list[Shape], NDArray[np.float32]]]:
        first = 0
        while first < len(corners):
            some = corners[first : first + self.forward.batch]
            tiles = np.empty((len(some), *self.sight.input_shape), np.float32)
            for tile, corner in zip(tiles, some, strict=True):
                tile[...] = self.sight.see(bricks, corner)
            yield some, tiles
            first += len(some)


class _Shelves:
    """Planes that are final, gathered until a shelf of shards is full."""

    def __init__(
        self,
        core: Region,
        depth: int,
        layers: int,
        emit: Callable[[Region, NDArray[np.uint8]], None],
        writer: ThreadPoolExecutor,
    ) -> None:
        self.done = core[0].start
        self._core, self._depth, self._layers, self._emit, self._writer = core, depth, layers, emit, writer
        self._written: Future[None] | None = None
        self._open()

    def fill(self, stop: int, rolling: Rolling) -> None:
        """Take the planes up to ``stop`` from ``rolling``."""
        for plane in range(self.done, stop):
            rolling.finish(plane, self._voxels[:, plane - self._planes.start])
            self.done = plane + 1
            if self.done == self._planes.stop:
                self.close()
                region = (self._planes, *self._core[1:])
                self._written = self._writer.submit(self._emit, region, self._voxels)
                self._open()

    def close(self) -> None:
        """Wait until what was handed on is written."""
        if self._written is not None:
            self._written.result()
            self._written = None

    def _open(self) -> None:
        self._planes = slice(self.done, min((self.done // self._depth + 1) * self._depth, self._core[0].stop))
        sizes = [part.stop - part.start for part in (self._planes, *self._core[1:])]
        self._voxels = np.empty((self._layers, *sizes), np.uint8)
