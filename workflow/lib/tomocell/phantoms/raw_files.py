"""Raw files as a beamline leaves them: one function a format, each writing plane by plane, never a whole volume.

Every function takes a grey volume and a path without ending, and returns what a sample sheet needs to find the data.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Volume

EXCHANGE_DATASET = "/exchange/data"
UM_PER_CM = 1e4
UM_PER_MM = 1e3


@dataclass(frozen=True)
class RawFile:
    """Where a scan was written, and the dataset inside the file for formats that have one."""

    path: Path
    dataset: str = ""


def write_tiff_folder(volume: Volume, stem: Path) -> RawFile:
    """Write one TIFF a plane into a folder: ``slice_00000.tif``, ..."""
    import tifffile

    stem.mkdir(parents=True)
    for index, plane in enumerate(_planes(volume)):
        tifffile.imwrite(stem / f"slice_{index:05d}.tif", plane, metadata=None, **_resolution(volume))
    return RawFile(stem)


def write_big_tiff(volume: Volume, stem: Path) -> RawFile:
    """Write one BigTIFF with a page a plane."""
    return _write_pages(volume, stem.with_name(f"{stem.name}.tif"), bigtiff=True)


def write_multipage_tiff(volume: Volume, stem: Path) -> RawFile:
    """Write one classic TIFF with a page a plane; under 4 GB."""
    return _write_pages(volume, stem.with_name(f"{stem.name}.tif"), bigtiff=False)


def write_data_exchange(volume: Volume, stem: Path) -> RawFile:
    """Write HDF5 in the layout of Data Exchange (doi:10.1107/S160057751401604X), a chunk a plane."""
    import h5py

    path = stem.with_name(f"{stem.name}.h5")
    with h5py.File(path, "w") as handle:
        handle["implements"] = "exchange:measurement"
        chunk = (1, *volume.shape[1:])
        data = handle.create_dataset(EXCHANGE_DATASET, shape=volume.shape, dtype=volume.dtype, chunks=chunk)
        data.attrs["axes"] = "z:y:x"
        handle["measurement/sample/voxel_size"] = np.array(volume.size)
        handle["measurement/sample/voxel_size"].attrs["units"] = "um"
        for index, plane in enumerate(_planes(volume)):
            data[index] = plane
    return RawFile(path, EXCHANGE_DATASET)


def write_raw(volume: Volume, stem: Path) -> RawFile:
    """Write little-endian voxels without a header, and a JSON sidecar that says what they are."""
    path = stem.with_name(f"{stem.name}.raw")
    sidecar = {
        "shape": list(volume.shape),
        "dtype": str(volume.dtype),
        "byte_order": "little",
        "voxel_size_um": list(volume.size),
    }
    path.with_suffix(".json").write_text(json.dumps(sidecar, indent=2) + "\n", encoding="utf-8")
    with path.open("wb") as handle:
        for plane in _planes(volume):
            handle.write(_little(plane))
    return RawFile(path)


def write_nrrd(volume: Volume, stem: Path) -> RawFile:
    """Write NRRD with its header attached and no compression; sizes and spacings in file order (x, y, z), mm."""
    path = stem.with_name(f"{stem.name}.nrrd")
    spacings = " ".join(f"{edge / UM_PER_MM:.9g}" for edge in reversed(volume.size))
    header = [
        "NRRD0004",
        f"type: {volume.dtype}",
        "dimension: 3",
        f"sizes: {' '.join(str(size) for size in reversed(volume.shape))}",
        f"spacings: {spacings}",
        'units: "mm" "mm" "mm"',
        "endian: little",
        "encoding: raw",
    ]
    with path.open("wb") as handle:
        handle.write(("\n".join(header) + "\n\n").encode())
        for plane in _planes(volume):
            handle.write(_little(plane))
    return RawFile(path)


WRITERS: dict[str, Callable[[Volume, Path], RawFile]] = {
    "tiff_folder": write_tiff_folder,
    "big_tiff": write_big_tiff,
    "data_exchange": write_data_exchange,
    "raw": write_raw,
    "nrrd": write_nrrd,
    "multipage_tiff": write_multipage_tiff,
}


def write_as(name: str, volume: Volume, stem: Path) -> RawFile:
    """Write ``volume`` in the format called ``name``.

    Raises:
        BadInput: If there is no such format.
    """
    if name not in WRITERS:
        raise BadInput(Fault("format", name, f"one of: {', '.join(WRITERS)}", "correct the name"))
    return WRITERS[name](volume, stem)


def _write_pages(volume: Volume, path: Path, *, bigtiff: bool) -> RawFile:
    import tifffile

    with tifffile.TiffWriter(path, bigtiff=bigtiff) as handle:
        handle.write(
            _planes(volume), shape=volume.shape, dtype=volume.dtype, photometric="minisblack", **_resolution(volume)
        )
    return RawFile(path)


def _planes(volume: Volume) -> Iterator[NDArray[Any]]:
    rows, columns = slice(0, volume.shape[1]), slice(0, volume.shape[2])
    for index in range(volume.shape[0]):
        yield volume.read((slice(index, index + 1), rows, columns))[0]


def _resolution(volume: Volume) -> dict[str, Any]:
    _, row, column = volume.size
    return {"resolution": (UM_PER_CM / column, UM_PER_CM / row), "resolutionunit": "CENTIMETER"}


def _little(plane: NDArray[Any]) -> bytes:
    return plane.astype(plane.dtype.newbyteorder("<"), copy=False).tobytes()
