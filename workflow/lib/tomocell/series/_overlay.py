"""Two scans of one place seen as one label volume: which voxels of a class another scan has filled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.volumes.volume import Classes, Volume, VoxelClass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.volumes.volume import Region

OTHER, FILLED, OPEN = VoxelClass("other", 0), VoxelClass("filled", 1), VoxelClass("open", 2)


class Overlay(Volume):
    """Voxels of a class at one time: ``filled`` or ``open`` by what another time has there, all else ``other``.

    Read block by block like any volume; a read takes the two scans' regions and one byte a voxel more.

    Raises:
        BadInput: If the scans differ in shape, or lack a class.
    """

    def __init__(self, before: Volume, after: Volume, of: str, filled_by: tuple[str, ...]) -> None:
        if before.shape != after.shape:
            expected = f"{before.shape} (Z, Y, X), as {before.name}"
            raise BadInput(Fault(after.name, after.shape, expected, "register the series to one region of interest"))
        self.name = f"{before.name} and {after.name}"
        self.shape, self.dtype, self.grain = before.shape, np.dtype(np.uint8), before.grain
        self.voxel_size_um = before.size
        self.classes = Classes((OTHER, FILLED, OPEN))
        self._before, self._after = before, after
        self._of = before.classes.value(of)
        self._fillers = [after.classes.value(name) for name in filled_by]

    def read(self, region: Region) -> NDArray[np.uint8]:
        """Return ``region`` of the overlay."""
        mine = self._before.read(region) == self._of
        others = self._after.read(region)
        filled = np.zeros(mine.shape, np.bool_)
        for value in self._fillers:
            filled |= others == value
        codes = np.where(filled, np.uint8(FILLED.value), np.uint8(OPEN.value))
        codes[~mine] = OTHER.value
        return codes
