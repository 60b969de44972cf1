"""What a network sees of a tile: scaled grey values, neighbouring planes, or labels one channel a class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.inference.turned import axis_back

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.inference.bricks import Bricks
    from tomocell.inference.tiles import Grid
    from tomocell.volumes.volume import Shape


@dataclass(frozen=True)
class Sight:
    """How tiles are turned into a network's input.

    Attributes:
        grid: Where tiles lie.
        axis: The walk's axis in the volume.
        offsets: Planes that the network sees, relative to the labelled one, in voxels of the volume, fractions
            interpolated; None for a network of cubes.
        mean: Grey value that becomes 0.
        sd: Grey value difference that becomes 1.
        values: Label values, one channel each; None for grey values.
    """

    grid: Grid
    axis: int
    offsets: NDArray[np.float64] | None
    mean: float
    sd: float
    values: NDArray[np.float32] | None = None

    @property
    def reach(self) -> int:
        """How many planes beyond a tile are seen."""
        return 0 if self.offsets is None else math.ceil(np.abs(self.offsets).max())

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Edges of the input in voxels of the volume, channels first."""
        channels = 1 if self.values is None else len(self.values)
        if self.offsets is None:
            return (channels, *self.grid.edges)
        return (channels * len(self.offsets), *self.grid.edges[1:])

    def planes(self, first: int) -> slice:
        """Return the planes that a tile beginning at plane ``first`` sees."""
        last = first + self.grid.edges[0]
        return slice(max(first - self.reach, 0), min(last + self.reach, self.grid.shape[0]))

    def see(self, bricks: Bricks, corner: Shape) -> NDArray[np.float32]:
        """Return the input of the tile at ``corner``, shape ``input_shape``.

        Raises:
            BadInput: If the tile cannot be read, or holds a label that the network does not know.
        """
        planes = self.planes(corner[0])
        rows, columns = (slice(corner[axis], corner[axis] + self.grid.edges[axis]) for axis in (1, 2))
        seen = np.empty((planes.stop - planes.start, *self.grid.edges[1:]), np.float32)
        bricks.copy(planes, rows, columns, seen)
        if self.values is not None:
            channels = self._one_hot(seen, (planes.start, *corner[1:]))
            return channels if self.offsets is None else channels[:, 0]
        seen -= np.float32(self.mean)
        seen /= np.float32(self.sd)
        return seen[None] if self.offsets is None else self._around(seen, corner[0], planes.start)

    def _around(self, seen: NDArray[np.float32], plane: int, first: int) -> NDArray[np.float32]:
        """Return the planes around ``plane``; where the volume ends, its last plane is repeated."""
        places = np.clip(plane + np.asarray(self.offsets), 0, self.grid.shape[0] - 1)
        below = np.floor(places).astype(int)
        part = (places - below).astype(np.float32)[:, None, None]
        lower: NDArray[np.float32] = seen[below - first]
        if not part.any():
            return lower
        return np.asarray(lower + part * (seen[np.minimum(below + 1, self.grid.shape[0] - 1) - first] - lower))

    def _one_hot(self, seen: NDArray[np.float32], first: tuple[int, ...]) -> NDArray[np.float32]:
        values = np.asarray(self.values)
        channels: NDArray[np.float32] = (seen[None] == values[:, None, None, None]).astype(np.float32)
        known = channels.any(axis=0)
        if not known.all():
            place = np.argwhere(~known)[0]
            where = axis_back([int(step) + start for step, start in zip(place, first, strict=True)], self.axis)
            expected = f"labels that the model sees: {', '.join(str(int(value)) for value in values)}"
            remedy = "label the volume with the classes that the model was trained on"
            raise BadInput(Fault(f"voxel {where}", int(seen[tuple(place)]), expected, remedy))
        return channels
