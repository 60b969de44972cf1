"""Single planes of a volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.volumes.volume import AXES, Region, Volume, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray


def axis_number(name: str) -> int:
    """Return 0, 1, 2 for z, y, x."""
    return AXES.index(name)


def read_plane(volume: Volume, axis: int, index: int) -> NDArray[Any]:
    """Return one plane across ``axis``, shape (rows, columns)."""
    return np.squeeze(volume.read(plane_region(volume, axis, index)), axis=axis)


def plane_region(volume: Volume, axis: int, index: int) -> Region:
    """Return the region of one plane across ``axis``."""
    region = [*whole(volume.shape)]
    region[axis] = slice(index, index + 1)
    return (region[0], region[1], region[2])
