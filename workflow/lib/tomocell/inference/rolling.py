"""The buffer that rolls along the walk: what the next row and the next layer of tiles still reach, and no more."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tomocell.inference.kernels import add_tile, clear, move

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tomocell.inference.outputs import Outputs
    from tomocell.inference.tiles import Grid
    from tomocell.volumes.volume import Region, Shape

    Floats = NDArray[np.float32]


class Final(NamedTuple):
    """A piece of one plane to which no later tile adds.

    Attributes:
        plane: In the volume, along the walk.
        rows: Of the core.
        total: Weighted sums, (rows, channels, X).
        cover: Sums of weights, (rows, 1, X); None where they are not wanted.
    """

    plane: int
    rows: slice
    total: Floats
    cover: Floats | None

    def means(self) -> Floats:
        """Return the averaged channels, (rows, channels, X); only where sums of weights are wanted."""
        return np.asarray(self.total / (1 if self.cover is None else self.cover))


class Rolling:
    """Weighted sums of logits while tiles come in the order of the walk: layer by layer, row by row.

    The row of tiles at work adds to a band as high as a tile. Behind the first row of the next one nothing changes any
    more within the layer: planes that the next layer does not reach are final and handed on, the others are carried
    over to it. A voxel's sums are added in the order of its tiles, as if there were one buffer for the volume.

    Args:
        grid: Where tiles lie.
        core: The region that is wanted; what tiles say beyond it is dropped.
        weights: Of the voxels of a tile, shape ``grid.edges``.
        outputs: What is to be made of the sums.
        take: Is given each piece that is final; what it holds is good until it returns.
    """

    def __init__(
        self, grid: Grid, core: Region, weights: Floats, outputs: Outputs, take: Callable[[Final], None]
    ) -> None:
        self._edges, self._core, self._weights, self._take = grid.edges, core, weights, take
        self._planes_end, self._rows_end = (_ends(grid.reaching(axis, core[axis]), core[axis]) for axis in (0, 1))
        depth = carried(grid.starts[0], grid.edges[0])
        self._total = _Sums(grid.edges, core, depth, outputs.channels)
        self._cover = _Sums(grid.edges, core, depth, 1) if outputs.needs_means else None
        self._ones = np.ones((1, *grid.edges), np.float32) if outputs.needs_means else None
        self._until = self.done = core[0].start
        self._layer = self._row = 0
        self._planes, self._rows = slice(self.done, self.done), slice(0, 0)

    def begin_layer(self, first: int) -> None:
        """Turn to the layer of tiles that begin at plane ``first``."""
        self._layer = first
        self._planes, self._rows = slice(self.done, min(first + self._edges[0], self._core[0].stop)), slice(0, 0)

    def begin_row(self, first: int) -> None:
        """Turn to the row of tiles that begin at row ``first``: make room for it, with what was carried over."""
        self._row = first
        end = min(first + self._edges[1], self._core[1].stop) - self._core[1].start
        for sums in self._sums():
            sums.open(self._planes, self._until, slice(self._rows.stop, end))
        self._rows = slice(self._rows.start, end)

    def add(self, corner: Shape, logits: Floats) -> None:
        """Add the output of the tile at ``corner``, shape (channels, Z, Y, X)."""
        low = [max(start, part.start) for start, part in zip(corner, self._core, strict=True)]
        high = [min(start + edge, part.stop) for start, edge, part in zip(corner, self._edges, self._core, strict=True)]
        part = np.array([np.subtract(low, corner), np.subtract(high, low)])
        at = (low[0], low[1] - self._core[1].start, low[2] - self._core[2].start)
        add_tile(self._total.band, np.ascontiguousarray(logits), self._weights, at, part)
        if self._cover is not None and self._ones is not None:
            add_tile(self._cover.band, self._ones, self._weights, at, part)

    def end_row(self) -> None:
        """Hand on what is final behind this row of tiles, and carry over what the next layer reaches."""
        end, final = self._rows_end[self._row] - self._core[1].start, self._planes_end[self._layer]
        rows = slice(self._rows.start, end)
        for plane in range(self._planes.start, final):
            for some in _runs(rows, self._total.band.shape[1]):
                cover = None if self._cover is None else self._cover.piece(plane, some)
                self._take(Final(plane, some, self._total.piece(plane, some), cover))
        for sums in self._sums():
            sums.carry(slice(final, self._planes.stop), rows)
        self._rows = slice(end, self._rows.stop)

    def end_layer(self) -> None:
        """Leave this layer; ``done`` tells up to which plane all is final."""
        self.done, self._until = self._planes_end[self._layer], self._planes.stop

    def _sums(self) -> list[_Sums]:
        return [self._total] if self._cover is None else [self._total, self._cover]


class _Sums:
    """A band of rows as deep as a tile, and the planes that are carried from layer to layer; both are rings.

    Attributes:
        band: (planes, rows, channels, X), float32.
    """

    def __init__(self, edges: Shape, core: Region, depth: int, channels: int) -> None:
        rows, columns = (part.stop - part.start for part in core[1:])
        self.band = np.zeros((edges[0], min(edges[1], rows), channels, columns), np.float32)
        self._carried = np.empty((depth, rows, channels, columns), np.float32)

    def open(self, planes: slice, until: int, rows: slice) -> None:
        """Begin ``rows`` of ``planes``, those before plane ``until`` with what was carried."""
        span = np.array([rows.start, rows.stop])
        move(self._carried, self.band, np.array([planes.start, until]), span)
        clear(self.band, np.array([until, planes.stop]), span)

    def carry(self, planes: slice, rows: slice) -> None:
        """Keep ``rows`` of ``planes`` for the next layer."""
        move(self.band, self._carried, np.array([planes.start, planes.stop]), np.array([rows.start, rows.stop]))

    def piece(self, plane: int, rows: slice) -> Floats:
        """Return ``rows`` that follow each other in the band, (rows, channels, X)."""
        low = rows.start % self.band.shape[1]
        return self.band[plane % self.band.shape[0], low : low + rows.stop - rows.start]


def carried(starts: Sequence[int], edge: int) -> int:
    """Return how many planes the next layer reaches at most of one at ``starts``: all that need be held of a layer."""
    return max((low + edge - high for low, high in itertools.pairwise(starts)), default=0)


def _ends(starts: Sequence[int], part: slice) -> dict[int, int]:
    """Return, for tiles at ``starts``, before which voxel of ``part`` nothing changes any more behind them."""
    following = [*starts[1:], part.stop]
    return {start: min(max(end, part.start), part.stop) for start, end in zip(starts, following, strict=True)}


def _runs(rows: slice, ring: int) -> list[slice]:
    """Return ``rows`` cut where the ring begins anew."""
    middle = min((rows.start // ring + 1) * ring, rows.stop)
    return [part for part in (slice(rows.start, middle), slice(middle, rows.stop)) if part.start < part.stop]
