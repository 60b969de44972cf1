"""Where the tiles of a plane lie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from tomocell.models.settings import Blend


@dataclass(frozen=True)
class Tiling:
    """The tiles of a plane of ``padded`` rows and columns, all of ``tile`` rows and columns.

    Attributes:
        padded: Rows and columns of the plane, mirrored up to at least one tile.
        tile: Rows and columns of a tile.
        corners: First row and column of each tile.
    """

    padded: tuple[int, int]
    tile: tuple[int, int]
    corners: tuple[tuple[int, int], ...]


def lay_tiles(plane: tuple[int, int], tile: tuple[int, int], overlap: float, stride: int) -> Tiling:
    """Cover a plane with tiles that share at least ``overlap`` of their edge, evenly spread.

    A tile is rounded up to a multiple of ``stride``, and is no larger than the plane needs.
    """
    edges = [stride * math.ceil(min(wanted, size) / stride) for wanted, size in zip(tile, plane, strict=True)]
    padded = [max(size, edge) for size, edge in zip(plane, edges, strict=True)]
    rows, columns = (starts(size, edge, overlap) for size, edge in zip(padded, edges, strict=True))
    corners = tuple((row, column) for row in rows for column in columns)
    return Tiling((padded[0], padded[1]), (edges[0], edges[1]), corners)


def blend_weights(edges: tuple[int, ...], blend: Blend) -> torch.Tensor:
    """Return the weight of each voxel of a tile among the tiles that cover it, shape ``edges``, above 0.

    "even" is 1; "gaussian" falls off from the middle with a standard deviation of an eighth of the edge.
    """
    import torch

    weights = torch.ones(())
    for edge in edges:
        along = torch.ones(edge)
        if blend == "gaussian":
            distance = torch.arange(edge) - (edge - 1) / 2
            along = torch.exp(-0.5 * (distance / (edge / 8)) ** 2)
        weights = weights[..., None] * along
    return weights


def starts(size: int, edge: int, overlap: float) -> list[int]:
    """Return where tiles of ``edge`` begin along an axis of ``size``, evenly spread, sharing at least ``overlap``."""
    step = max(1, int(edge * (1 - overlap)))
    count = 1 + math.ceil((size - edge) / step)
    return [round(index * (size - edge) / max(count - 1, 1)) for index in range(count)]
