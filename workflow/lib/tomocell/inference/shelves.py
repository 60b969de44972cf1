"""Labels gathered until a shelf of shards is full, and written while the next one fills."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor, Future

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Region


class Shelves:
    """The shelves that a layer of tiles reaches, and the one that is being written.

    Args:
        core: The region that is worked off; it begins with a shelf.
        depth: Planes of a shelf.
        layers: Of uint8 that are made of each voxel.
        emit: Is given each full shelf, (layers, planes, Y, X), in order, by ``writer``.
        writer: One thread.
    """

    def __init__(
        self,
        core: Region,
        depth: int,
        layers: int,
        emit: Callable[[Region, NDArray[np.uint8]], None],
        writer: Executor,
    ) -> None:
        self._core, self._depth, self._layers, self._emit, self._writer = core, depth, layers, emit, writer
        self._open: dict[int, tuple[slice, NDArray[np.uint8]]] = {}
        self._written: Future[None] | None = None

    def at(self, plane: int) -> NDArray[np.uint8]:
        """Return the place of a plane, (layers, Y, X)."""
        number = plane // self._depth
        if number not in self._open:
            self.close()  # what is being written makes room
            planes = slice(number * self._depth, min((number + 1) * self._depth, self._core[0].stop))
            sizes = [part.stop - part.start for part in (planes, *self._core[1:])]
            self._open[number] = planes, np.empty((self._layers, *sizes), np.uint8)
        planes, voxels = self._open[number]
        return voxels[:, plane - planes.start]

    def hand_on(self, stop: int) -> None:
        """Have all shelves written that end at plane ``stop`` or before."""
        for number, (planes, voxels) in sorted(self._open.items()):
            if planes.stop <= stop:
                self.close()
                del self._open[number]
                self._written = self._writer.submit(self._emit, (planes, *self._core[1:]), voxels)

    def close(self) -> None:
        """Wait until what was handed on is written."""
        if self._written is not None:
            self._written.result()
            self._written = None


def shelves_held(step: int, depth: int) -> int:
    """Return how many shelves are in memory at most where ``step`` planes become final at once."""
    return max(2, (step - 2) // depth + 2)
