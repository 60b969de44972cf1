"""One step down the pyramid: a block at half the resolution.

Grey values are averaged, labels take the majority (ties: the smaller value), so that no class is ever invented.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.volumes.volume import Shape

COARSEST_EDGE = 96


def level_shapes(shape: Shape) -> list[Shape]:
    """Return the shape of each level, finest first, until no edge is longer than ``COARSEST_EDGE``."""
    shapes = [shape]
    while max(shapes[-1]) > COARSEST_EDGE:
        z, y, x = shapes[-1]
        shapes.append(((z + 1) // 2, (y + 1) // 2, (x + 1) // 2))
    return shapes


def halve_grey(block: NDArray[Any]) -> NDArray[Any]:
    """Return the mean over 2 x 2 x 2 voxels, rounded half to even for integers; odd edges repeat their last voxel."""
    views = _corners(block)
    total = np.zeros(views[0].shape, np.float64)
    for view in views:
        total += view
    total /= len(views)
    if np.issubdtype(block.dtype, np.integer):
        np.rint(total, out=total)
    halved: NDArray[Any] = total.astype(block.dtype)
    return halved


def halve_labels(block: NDArray[Any]) -> NDArray[Any]:
    """Return the most frequent label of each 2 x 2 x 2 voxels, the smaller on a tie."""
    views = _corners(block)
    best = np.zeros(views[0].shape, block.dtype)
    most = np.zeros(views[0].shape, np.uint8)
    for value in np.unique(block):
        count = np.zeros(best.shape, np.uint8)
        for view in views:
            count += view == value
        wins = count > most
        best[wins] = value
        most[wins] = count[wins]
    return best


def _corners(block: NDArray[Any]) -> list[NDArray[Any]]:
    if any(size % 2 for size in block.shape):
        block = np.pad(block, [(0, size % 2) for size in block.shape], mode="edge")
    return [block[z::2, y::2, x::2] for z in (0, 1) for y in (0, 1) for x in (0, 1)]
