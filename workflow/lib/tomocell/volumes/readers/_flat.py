"""Voxels that lie in a file as they are: read by position, no more than asked for."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from tomocell.volumes.readers._base import FileVolume, extent
from tomocell.volumes.readers._checks import byte_count, check_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Region, Shape, VoxelSize

ByteOrder = Literal["<", ">"]
PAGE_BYTES = 4096  # what the kernel reads at least: picking parts of rows shorter than two pages saves nothing


class Place(NamedTuple):
    """Where a dense array lies: x fastest, or z fastest with ``reverse``; ``dtype`` has the byte order of the file."""

    path: Path
    offset: int
    dtype: np.dtype[Any]
    reverse: bool = False


class FlatVolume(FileVolume):
    """A dense array at an offset of a file.

    Positional reads, not a memory map: a file that shrinks under a map kills the process, a short read is an error.
    """

    def __init__(self, path: Path, shape: Shape, place: Place, voxel_size_um: VoxelSize | None = None) -> None:
        super().__init__(path, shape, place.dtype, voxel_size_um)
        check_bytes(place.path, place.offset, byte_count(shape, place.dtype))
        self._place = place
        row = row_grain(shape[0 if place.reverse else 2], self.dtype.itemsize)
        self.grain = (row, 1, 1) if place.reverse else (1, 1, row)

    def _load(self, region: Region) -> NDArray[Any]:
        if self._place.reverse:
            z, y, x = region
            depth, height, width = self.shape
            return self._load_stored((x, y, z), (width, height, depth)).T
        return self._load_stored(region, self.shape)

    def _load_stored(self, region: Region, shape: Shape) -> NDArray[Any]:
        block = np.empty(extent(region), self._place.dtype)
        plane_bytes = shape[1] * shape[2] * self._place.dtype.itemsize
        with opened(self._place.path) as descriptor:
            for plane, index in zip(block, range(region[0].start, region[0].stop), strict=True):
                fill_plane(descriptor, self._place.offset + index * plane_bytes, shape[2], region[1:], plane)
        return to_native(block)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Yield a descriptor of ``path`` for positional reads."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def fill_plane(descriptor: int, start: int, width: int, window: tuple[slice, slice], out: NDArray[Any]) -> None:
    """Fill ``out`` (rows, columns) with the ``window`` of an image that begins at ``start`` and is ``width`` wide."""
    rows, columns = window
    row_bytes = width * out.itemsize
    position = start + rows.start * row_bytes
    if out.size == 0:
        return
    if out.shape[1] == width:
        read_into(descriptor, out, position)
    elif 2 * out[0].nbytes <= row_bytes and row_bytes >= 2 * PAGE_BYTES:
        first = position + columns.start * out.itemsize
        for number, row in enumerate(out):
            read_into(descriptor, row, first + number * row_bytes)
    else:
        full = np.empty((out.shape[0], width), out.dtype)
        read_into(descriptor, full, position)
        out[...] = full[:, columns]


def row_grain(width: int, itemsize: int) -> int:
    """Return the voxels of a row that `fill_plane` reads at least: all of it, or a page of the kernel's."""
    return PAGE_BYTES // itemsize if width * itemsize >= 2 * PAGE_BYTES else width


def read_into(descriptor: int, out: NDArray[Any], position: int) -> None:
    """Fill the C-ordered array ``out`` with the bytes of the file from ``position`` on.

    Raises:
        EOFError: If the file ends before.
    """
    view = out.reshape(-1).view(np.uint8).data
    done = 0
    while done < len(view):
        count = os.preadv(descriptor, [view[done:]], position + done)
        if count == 0:
            message = f"the file ends at byte {position + done}, {len(view) - done} bytes too early"
            raise EOFError(message)
        done += count


def read_bytes(descriptor: int, count: int, position: int) -> bytes:
    """Return ``count`` bytes from ``position`` on.

    Raises:
        EOFError: If the file ends before.
    """
    short = os.pread(descriptor, count, position)
    if len(short) == count:
        return short
    data = np.empty(count, np.uint8)  # beyond 2 GiB one call does not suffice
    read_into(descriptor, data, position)
    return data.tobytes()


def to_native(block: NDArray[Any]) -> NDArray[Any]:
    """Return ``block`` in the byte order of this machine, swapped in place where it differs."""
    if block.dtype.isnative:
        return block
    return block.byteswap(inplace=True).view(block.dtype.newbyteorder("="))
