"""What the readers share: a volume in a file, things made on first use, and volumes that must be decoded whole."""

from __future__ import annotations

import threading
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.volumes.readers._checks import byte_count, reading
from tomocell.volumes.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Region, Shape, VoxelSize

T = TypeVar("T")

# Half of the smallest memory a job is given (2 GiB): what is decoded whole must leave room for the work on it.
IN_MEMORY_LIMIT_BYTES = 1 << 30


class Lazy(Generic[T]):
    """A value made on first use, once for all threads, and made anew in another process."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: list[T] = []

    def __reduce__(self) -> tuple[type[Lazy[T]], tuple[Callable[[], T]]]:
        return (Lazy, (self._make,))

    def get(self) -> T:
        """Return the value."""
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]


class FileVolume(Volume):
    """A volume in a file that stays closed between reads.

    Reads share no file position, so threads may read at once; the object holds plain values, so it can be sent to
    another process; and nothing stays open for a series of hundreds of volumes.
    """

    def __init__(
        self, path: Path, shape: Shape, dtype: np.dtype[Any], voxel_size_um: VoxelSize | None = None, name: str = ""
    ) -> None:
        self.path = path
        self.name = name or str(path)
        self.shape = shape
        self.dtype = dtype.newbyteorder("=")
        self.voxel_size_um = voxel_size_um

    def read(self, region: Region) -> NDArray[Any]:
        """Return the voxels of ``region``, shape (Z, Y, X), C order, in the byte order of this machine.

        Raises:
            BadInput: If the file cannot be decoded, or has changed since it was opened.
        """
        inside = within(region, self.shape)
        with reading(self.name, "voxels that can be decoded"):
            block = self._load(inside)
        return np.ascontiguousarray(block, dtype=self.dtype)

    @abstractmethod
    def _load(self, region: Region) -> NDArray[Any]:
        """Return the voxels of ``region``, whose slices all have a start and a stop inside the volume."""


class WholeVolume(FileVolume):
    """A volume whose format can only be decoded whole (compressed as one stream, or text): kept in memory.

    Raises:
        BadInput: If it is larger than `IN_MEMORY_LIMIT_BYTES`.
    """

    def __init__(
        self,
        path: Path,
        shape: Shape,
        dtype: np.dtype[Any],
        decode: Callable[[], NDArray[Any]],
        voxel_size_um: VoxelSize | None = None,
    ) -> None:
        super().__init__(path, shape, dtype, voxel_size_um)
        check_fits_memory(self.name, byte_count(shape, dtype))
        self._voxels = Lazy(decode)

    def _load(self, region: Region) -> NDArray[Any]:
        voxels = self._voxels.get()
        if voxels.shape != self.shape:
            remedy = "check the file, or save it again"
            raise BadInput(Fault(self.name, f"{voxels.shape} when decoded", f"shape {self.shape}", remedy))
        return np.array(voxels[region])


def check_fits_memory(where: str, size: int) -> None:
    """Check that ``size`` bytes may be decoded at once.

    Raises:
        BadInput: If they are more than `IN_MEMORY_LIMIT_BYTES`.
    """
    if size > IN_MEMORY_LIMIT_BYTES:
        expected = f"at most {IN_MEMORY_LIMIT_BYTES >> 20} MiB in a form that can only be decoded whole"
        remedy = "save it without compression, or as TIFF, HDF5 or zarr"
        raise BadInput(Fault(where, f"{size >> 20} MiB", expected, remedy))


def within(region: Region, shape: Shape) -> Region:
    """Return ``region`` with every start and stop written out and inside ``shape``.

    Raises:
        BadInput: If a slice has a step.
    """
    if any(part.step not in (None, 1) for part in region):
        raise BadInput(Fault("region", str(region), "slices without a step", "read the region, then take every nth"))
    z, y, x = (slice(*part.indices(length)[:2]) for part, length in zip(region, shape, strict=True))
    return (z, y, x)


def extent(region: Region) -> Shape:
    """Return the shape (Z, Y, X) of a region whose starts and stops are written out."""
    z, y, x = (max(0, part.stop - part.start) for part in region)
    return (z, y, x)
