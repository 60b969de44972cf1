"""NumPy arrays: ``.npy``, and ``.npz`` archives. Pickled objects are never loaded."""

from __future__ import annotations

import struct
import zipfile
from functools import partial
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tomocell.volumes.readers._base import WholeVolume
from tomocell.volumes.readers._checks import name_one, numeric, reading, refuse_dataset, three_axes
from tomocell.volumes.readers._flat import FlatVolume, Place

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Volume

FORMAT = "NumPy (.npy, .npz)"
LOCAL_HEADER_BYTES = 30
LENGTHS_AT = 26  # of name and extra field, in the local header: PKWARE APPNOTE 4.3.7


class Header(NamedTuple):
    """Header of an array, and the bytes it takes."""

    shape: tuple[int, ...]
    reverse: bool
    dtype: np.dtype[Any]
    length: int


def accepts(path: Path) -> bool:
    """Whether ``path`` is a file named like a NumPy array or archive."""
    return path.suffix.lower() in {".npy", ".npz"} and path.is_file()


def open_source(path: Path, dataset: str | None = None) -> Volume:
    """Open an array; of an archive with several, ``dataset`` names one. The voxel size is not known.

    An uncompressed array is read a region at a time, also inside an archive; a compressed one is decoded whole.

    Raises:
        BadInput: If the file is truncated, or holds objects or other than three axes.
    """
    if path.suffix.lower() == ".npz":
        return _open_archive(path, dataset)
    refuse_dataset(path, dataset, "a .npy file")
    with reading(path, "a NumPy array"), path.open("rb") as handle:
        header = _read_header(handle)
    return _flat(path, header, header.length)


def _open_archive(path: Path, dataset: str | None) -> Volume:
    with reading(path, "a NumPy archive"), zipfile.ZipFile(path) as archive:
        member = _choose(path, archive, dataset)
        with archive.open(member) as handle:
            header = _read_header(handle)
    if member.compress_type == zipfile.ZIP_STORED:
        return _flat(path, header, _content_start(path, member) + header.length)
    numeric(header.dtype, path)
    shape = three_axes(header.shape, path)
    return WholeVolume(path, shape, header.dtype, partial(_decode, path, member.filename, shape))


def _flat(path: Path, header: Header, offset: int) -> FlatVolume:
    numeric(header.dtype, path)
    # Leading axes of length one can be dropped in either order: they change no voxel's place.
    return FlatVolume(path, three_axes(header.shape, path), Place(path, offset, header.dtype, header.reverse))


def _read_header(handle: IO[bytes]) -> Header:
    version = np.lib.format.read_magic(handle)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        message = f"version {version} of the format, which only serves structured types"
        raise ValueError(message)
    shape, reverse, dtype = read(handle)
    return Header(shape, reverse, dtype, handle.tell())


def _choose(path: Path, archive: zipfile.ZipFile, dataset: str | None) -> zipfile.ZipInfo:
    members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    if dataset is None and len(members) == 1:
        return next(iter(members.values()))
    if dataset not in members:
        raise name_one(path, dataset, sorted(members))
    return members[dataset]


def _content_start(path: Path, member: zipfile.ZipInfo) -> int:
    with reading(path, "a NumPy archive"), path.open("rb") as handle:
        handle.seek(member.header_offset)
        name, extra = struct.unpack_from("<HH", handle.read(LOCAL_HEADER_BYTES), LENGTHS_AT)
    return member.header_offset + LOCAL_HEADER_BYTES + int(name) + int(extra)


def _decode(path: Path, member: str, shape: tuple[int, int, int]) -> NDArray[Any]:
    with zipfile.ZipFile(path) as archive, archive.open(member) as handle:
        voxels: NDArray[Any] = np.lib.format.read_array(handle, allow_pickle=False)
        return voxels.reshape(shape, order="A")
