"""VTK image data: XML (.vti) and legacy (.vtk, STRUCTURED_POINTS)."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.volumes.readers._base import WholeVolume
from tomocell.volumes.readers._checks import numeric, reading
from tomocell.volumes.readers._flat import FlatVolume, Place
from tomocell.volumes.readers._inflate import read_numbers
from tomocell.volumes.readers._vtk_blocks import decode_array, plain_start
from tomocell.volumes.readers._vtk_legacy import find_legacy
from tomocell.volumes.readers._vtk_xml import find_xml

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.readers._vtk_legacy import Array
    from tomocell.volumes.volume import Volume

FORMAT = "VTK image data (.vti, .vtk)"


def accepts(path: Path) -> bool:
    """Whether ``path`` is a file named like VTK image data."""
    return path.suffix.lower() in {".vti", ".vtk"} and path.is_file()


def open_source(path: Path, dataset: str | None = None) -> Volume:
    """Open an array on the points or the cells of an image; ``dataset`` names one of several.

    x is the fastest axis of VTK, so voxels come out as (Z, Y, X). VTK knows no unit of length: no voxel size.
    Binary legacy files, and .vti files with appended raw data and no compressor, are read a region at a time; others
    are decoded whole, so they must fit in memory.

    Raises:
        BadInput: If it is not image data, or the array is missing, truncated or has several components.
    """
    return _open_legacy(path, dataset) if path.suffix.lower() == ".vtk" else _open_xml(path, dataset)


def _open_legacy(path: Path, dataset: str | None) -> Volume:
    with reading(path, "a legacy VTK file"):
        array = find_legacy(path, dataset)
    if array.text:
        return WholeVolume(path, array.shape, array.dtype, partial(_decode_text, path, array))
    return FlatVolume(path, array.shape, Place(path, array.offset, array.dtype))


def _open_xml(path: Path, dataset: str | None) -> Volume:
    with reading(path, "a .vti file"):
        array, coding = find_xml(path, dataset)
        start = plain_start(path, array, coding)
    numeric(array.dtype, path)
    if start is not None:
        return FlatVolume(path, array.shape, Place(path, start, array.dtype))
    return WholeVolume(path, array.shape, array.dtype, partial(decode_array, path, array, coding))


def _decode_text(path: Path, array: Array) -> NDArray[Any]:
    dtype = np.dtype(np.float32) if array.colors else array.dtype
    values = read_numbers(path, array.offset, math.prod(array.shape), dtype, more=True)
    if array.colors:
        values = np.rint(255 * values).astype(array.dtype)
    return values.reshape(array.shape)
