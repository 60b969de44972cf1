"""Where tiles lie, and how much each of their voxels counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tomocell.models.settings import Blend
    from tomocell.volumes.volume import Region, Shape

LEAST_WEIGHT = 1e-3  # as MONAI has it: a corner that only one tile covers must not vanish in rounding


@dataclass(frozen=True)
class Grid:
    """The tiles of a volume, all of ``edges``, beginning at each combination of ``starts``.

    The axes are those of the walk: the one along which tiles are worked off comes first.
    """

    shape: Shape
    edges: Shape
    starts: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]

    def reaching(self, axis: int, part: slice) -> list[int]:
        """Return the starts along ``axis`` of the tiles that reach into ``part``, in order."""
        edge = self.edges[axis]
        return [start for start in self.starts[axis] if start < part.stop and start + edge > part.start]

    def reach(self, axis: int, part: slice) -> slice:
        """Return what these tiles cover along ``axis``."""
        touching = self.reaching(axis, part)
        return slice(touching[0], touching[-1] + self.edges[axis])

    def count(self, core: Region) -> int:
        """Return how many tiles reach into ``core``."""
        return math.prod(len(self.reaching(axis, part)) for axis, part in enumerate(core))


def lay_tiles(shape: Shape, tile: Shape, overlap: float) -> Grid:
    """Cover a volume with tiles, no edge larger than the volume's own."""
    z, y, x = (min(wanted, size) for wanted, size in zip(tile, shape, strict=True))
    along = [tuple(starts(size, edge, overlap)) for size, edge in zip(shape, (z, y, x), strict=True)]
    return Grid(shape, (z, y, x), (along[0], along[1], along[2]))


def starts(size: int, edge: int, overlap: float) -> list[int]:
    """Return where tiles of ``edge`` begin along an axis of ``size``.

    Every ``int(edge * (1 - overlap))`` voxels, the last one drawn back to end with the axis, as MONAI's
    `sliding_window_inference` lays them.
    """
    step = max(1, int(edge * (1 - overlap)))
    count = 1 + math.ceil((size - edge) / step)
    return [min(index * step, size - edge) for index in range(count)]


def blend_weights(edges: Sequence[int], blend: Blend) -> NDArray[np.float32]:
    """Return the weight of each voxel of a tile among the tiles that cover it, shape ``edges``, float32.

    "even" is 1; "gaussian" falls off from the middle with a standard deviation of an eighth of the edge, to no less
    than 0.001, as MONAI's importance map does (``sigma_scale`` 0.125).
    """
    weights = np.ones((), np.float32)
    for edge in edges:
        along = np.ones(edge, np.float32)
        if blend == "gaussian":
            distance = np.arange(edge, dtype=np.float32) - np.float32((edge - 1) / 2)
            along = np.exp(-0.5 * (distance / np.float32(edge / 8)) ** 2)
        weights = weights[..., None] * along
    return np.ascontiguousarray(np.maximum(weights, np.float32(LEAST_WEIGHT)))
