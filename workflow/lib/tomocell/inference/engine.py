"""One engine for planes, several planes and cubes: tiles in, finished shards out, in memory that does not grow.

Tiles are worked off along one axis. Behind the first plane of the next layer of tiles nothing changes any more: there
logits become labels, labels fill shelves of shards, and a full shelf is handed on. A volume longer along that axis
takes longer, and no more memory.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tomocell.inference.ahead import ahead
from tomocell.inference.bricks import Bricks
from tomocell.inference.outputs import describe
from tomocell.inference.rolling import Rolling
from tomocell.inference.shelves import Shelves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tomocell.inference.forward import Forward
    from tomocell.inference.outputs import Outputs
    from tomocell.inference.rolling import Final
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
        with ThreadPoolExecutor(1) as writer:
            shelves = Shelves(core, self.shelf, len(self.outputs.layers), emit, writer)

            def take(final: Final) -> None:
                describe(self.outputs, final, shelves.at(final.plane)[:, final.rows])

            for stop in self._walk(core, Rolling(self.sight.grid, core, self.weights, self.outputs, take)):
                shelves.hand_on(stop)
                yield stop - core[0].start
            shelves.close()

    def averaged(self, core: Region) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield each plane of ``core`` and its averaged logits, float32, (channels, Y, X)."""
        outputs = replace(self.outputs, entropy=True)  # sums of weights are needed
        rows, columns = (part.stop - part.start for part in core[1:])
        planes: dict[int, NDArray[np.float32]] = {}

        def take(final: Final) -> None:
            plane = planes.setdefault(final.plane, np.empty((outputs.channels, rows, columns), np.float32))
            plane[:, final.rows] = np.moveaxis(final.means(), 1, 0)

        for _ in self._walk(core, Rolling(self.sight.grid, core, self.weights, outputs, take)):
            yield from sorted(planes.items())
            planes.clear()

    def _walk(self, core: Region, rolling: Rolling) -> Iterator[int]:
        """Add all tiles to ``rolling``; yield after each layer up to which plane all is final."""
        for plane, layer in itertools.groupby(self._logits(core), lambda tile: tile[0][0]):
            rolling.begin_layer(plane)
            for first, row in itertools.groupby(layer, lambda tile: tile[0][1]):
                rolling.begin_row(first)
                for corner, logits in row:
                    rolling.add(corner, logits)
                rolling.end_row()
            rolling.end_layer()
            yield rolling.done

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
