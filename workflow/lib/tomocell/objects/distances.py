"""How close objects come to a surface along z, in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tomocell.objects.labelling import LabelledBlock, Target, cut_for, join_blocks
from tomocell.objects.sums import NOWHERE, number_objects

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.blocks import Limits
    from tomocell.volumes.volume import Shape, Volume

    Ints = NDArray[np.int64]

NO_SURFACE = -2


def least_free_planes(
    volume: Volume, value: int, surface: Ints, sign: int, limits: Limits, *, core: Shape | None = None
) -> NDArray[np.float64]:
    """Return the fewest planes between a voxel of each 26-connected object and the surface in its column.

    Args:
        volume: Class values.
        value: That of the objects.
        surface: (Y, X), the plane of the first free voxel of each column, -1 to Z; `NO_SURFACE` where there is none.
        sign: 1 if free voxels have larger planes than the surface, -1 if smaller ones.
        limits: Memory and workers.
        core: Shape of the blocks; as large as memory allows if not given.

    Returns:
        One number an object, in the raster order of their first voxels; less than 0 beyond the surface, not a number
        where no column of the object has one.

    Raises:
        BadInput: If the volume's voxels are not whole numbers from 0 to 255.
    """

    def measure(block: LabelledBlock) -> tuple[Ints, Ints]:
        from tomocell.objects import scans

        first, least = np.full(block.pieces, NOWHERE), np.full(block.pieces, NOWHERE)
        scans.find_first(block.labels, block.frame, first)
        scans.least_distance(block.labels, block.frame, surface, sign, least)
        return first, least

    joined = join_blocks(volume, Target((value,)), cut_for(volume, limits, core), limits.workers, measure)
    first, least = (np.concatenate(parts) for parts in zip(*joined.measured, strict=True))
    found = np.full(joined.count, NOWHERE)
    np.minimum.at(found, number_objects(first, joined)[joined.objects] - 1, least)
    return np.where(found == NOWHERE, np.nan, found)
