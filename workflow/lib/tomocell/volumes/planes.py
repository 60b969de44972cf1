"""Single planes of a volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.volumes.volume import AXES, Region, Volume, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Shape

STRIP_BYTES = 32 << 20  # read at once, where planes are read together


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


def read_planes(volume: Volume, axis: int, planes: Sequence[int], chunk: Shape) -> NDArray[Any]:
    """Return planes across ``axis`` that lie in the same chunks, shape (planes, rows, columns).

    Each chunk of ``chunk`` voxels is decoded once for all of them, a strip of rows after the other, so that what lies
    between the planes is never held whole.
    """
    first, span = min(planes), max(planes) + 1 - min(planes)
    rows = 1 if axis == 0 else 0
    row_bytes = span * volume.dtype.itemsize * volume.shape[3 - axis - rows]
    strip = chunk[rows] * max(1, STRIP_BYTES // (row_bytes * chunk[rows]))
    wanted = [plane - first for plane in planes]
    found = []
    for start in range(0, volume.shape[rows], strip):
        region = [*whole(volume.shape)]
        region[axis] = slice(first, first + span)
        region[rows] = slice(start, min(start + strip, volume.shape[rows]))
        found.append(np.moveaxis(volume.read((region[0], region[1], region[2])), axis, 0)[wanted])
    return np.concatenate(found, axis=1)
