"""NRRD, MetaImage and NIfTI, the formats of ITK."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.volumes.readers._base import FileVolume, WholeVolume
from tomocell.volumes.readers._checks import AXIS_COUNT, byte_count, check_bytes, reading, refuse_dataset, three_axes
from tomocell.volumes.readers._flat import FlatVolume, Place
from tomocell.volumes.readers._inflate import inflate, inflate_bzip2, read_numbers
from tomocell.volumes.readers._itk_headers import read_header
from tomocell.volumes.readers._units import believable_um

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.readers._itk_headers import Header, Stored
    from tomocell.volumes.volume import Region, Shape, Volume, VoxelSize

FORMAT = "NRRD (.nrrd, .nhdr), MetaImage (.mha, .mhd) or NIfTI (.nii, .nii.gz)"
SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd", ".nii", ".nii.gz")


def accepts(path: Path) -> bool:
    """Whether ``path`` is a file named like one of these formats."""
    return path.name.lower().endswith(SUFFIXES) and path.is_file()


def open_source(path: Path, dataset: str | None = None) -> Volume:
    """Open an image; x is the fastest axis of these formats, so voxels come out as (Z, Y, X) in the order stored.

    Directions and origins are left alone. The voxel size is known only where the file names a unit of length:
    "space units" of NRRD, "DistanceUnits" of MetaImage, "xyzt_units" of NIfTI; a spacing of 1, 1, 1 counts as not set.
    Compressed and text files are decoded whole. Scaled grey values (NIfTI) come out scaled, as floats.

    Raises:
        BadInput: If the file is truncated, has several channels or other than three axes.
    """
    refuse_dataset(path, dataset, "this format")
    with reading(path, "an NRRD, MetaImage or NIfTI header"):
        header = read_header(path)
    shape = three_axes(header.sizes[::-1], path)
    volume = _open_voxels(path, header, shape)
    if (header.slope, header.intercept) == (1.0, 0.0):
        return volume
    return _ScaledVolume(volume, header.slope, header.intercept)


def _open_voxels(path: Path, header: Header, shape: Shape) -> FileVolume:
    stored, dtype, size_um = header.stored, np.dtype(header.stored.order + header.type_code), _voxel_size(header)
    check_bytes(stored.path, max(stored.offset, 0), 1)
    if stored.encoding != "raw":
        return WholeVolume(path, shape, dtype, partial(_decode, stored, shape, dtype), size_um)
    offset = stored.offset
    if offset < 0:
        offset = max(0, stored.path.stat().st_size - byte_count(shape, dtype))
    return FlatVolume(path, shape, Place(stored.path, offset, dtype), size_um)


class _ScaledVolume(FileVolume):
    """Another volume, times a slope, plus an intercept; float32 where that holds every stored value, else float64."""

    def __init__(self, stored: FileVolume, slope: float, intercept: float) -> None:
        super().__init__(stored.path, stored.shape, np.result_type(stored.dtype, np.float32), stored.voxel_size_um)
        if not (math.isfinite(slope) and math.isfinite(intercept)):
            found = f"slope {slope}, intercept {intercept}"
            raise BadInput(Fault(self.name, found, "finite numbers", "correct the scaling in the header"))
        self._stored, self._slope, self._intercept = stored, slope, intercept
        self.grain = stored.grain

    def _load(self, region: Region) -> NDArray[Any]:
        grey: NDArray[Any] = self._stored.read(region).astype(self.dtype)
        grey *= self.dtype.type(self._slope)
        grey += self.dtype.type(self._intercept)
        return grey


def _voxel_size(header: Header) -> VoxelSize | None:
    spacing = header.spacing[:AXIS_COUNT][::-1]
    if header.um_per_unit is None or all(edge == 1 for edge in spacing):
        return None
    return believable_um(spacing, [header.um_per_unit] * len(spacing))


def _decode(stored: Stored, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
    size = byte_count(shape, dtype)
    if stored.encoding == "text":
        return read_numbers(stored.path, stored.offset, math.prod(shape), dtype).reshape(shape)
    if stored.encoding == "bzip2":
        return np.frombuffer(inflate_bzip2(stored.path, stored.offset, size), dtype).reshape(shape)
    return np.frombuffer(inflate(stored.path, stored.offset, stored.skip, size), dtype).reshape(shape)
