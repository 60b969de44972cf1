"""Arrays of XML VTK files: lengths, then bytes, in base64 or as they are, compressed in blocks or not."""

from __future__ import annotations

import base64
import lzma
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.volumes.readers._checks import byte_count
from tomocell.volumes.readers._vtk_xml import Coding, Document

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.readers._vtk_legacy import Array

LEADING_LENGTHS = 3  # of a compressed array: number of blocks, size of a block, size of the last if smaller


def decode_array(path: Path, array: Array, coding: Coding) -> NDArray[Any]:
    """Return an array, shape (Z, Y, X).

    Raises:
        EOFError: If it is cut short, or of another length than its shape.
        ValueError, zlib.error, lzma.LZMAError: If it is damaged.
    """
    if coding.form == "ascii":
        words = _inline_text(path, array).split()
        _check_length(len(words), array.shape[0] * array.shape[1] * array.shape[2])
        return np.array(words).astype(array.dtype).reshape(array.shape)
    size = byte_count(array.shape, array.dtype)
    stream = _Stream(path, coding) if coding.start is not None else _Stream(path, coding, _inline_text(path, array))
    data = stream.compressed(size) if coding.compressor else stream.plain(size)
    _check_length(len(data), size)
    return np.frombuffer(data, array.dtype).reshape(array.shape)


def plain_start(path: Path, array: Array, coding: Coding) -> int | None:
    """Return the byte at which the voxels begin, if they lie in the file as they are; else None.

    Raises:
        EOFError: If the length before them is not that of the array.
    """
    if coding.form != "raw" or coding.compressor or coding.start is None:
        return None
    with path.open("rb") as handle:
        handle.seek(coding.start)
        length = handle.read(coding.lengths.itemsize)
    _check_length(int(np.frombuffer(length, coding.lengths)[0]), byte_count(array.shape, array.dtype))
    return coding.start + coding.lengths.itemsize


def _inline_text(path: Path, array: Array) -> str:
    return "".join(Document(path, array.name, content=True).text).strip()


class _Stream:
    """Bytes that are taken one after the other; base64 in units, each of which was encoded by itself."""

    def __init__(self, path: Path, coding: Coding, text: str = "") -> None:
        self._coding = coding
        if coding.start is None:
            self._data = text.encode("ascii")
        else:
            with path.open("rb") as handle:
                handle.seek(coding.start)
                self._data = handle.read()
        self._at = 0

    def plain(self, size: int) -> bytes:
        """Return ``size`` bytes that follow their length, encoded together with it."""
        width = self._coding.lengths.itemsize
        unit = self._take(width + size)
        _check_length(int(np.frombuffer(unit[:width], self._coding.lengths)[0]), size)
        return unit[width:]

    def compressed(self, size: int) -> bytes:
        """Return ``size`` bytes from blocks compressed one by one."""
        width = self._coding.lengths.itemsize
        begin = self._at
        count, block, last = self._lengths(LEADING_LENGTHS)
        _check_length((count - 1) * block + last if last else count * block, size)
        self._at = begin  # the lengths of the blocks were encoded together with the first three
        if width * count > len(self._data):
            message = f"{count} blocks in {len(self._data)} bytes"
            raise EOFError(message)
        packed = self._lengths(LEADING_LENGTHS + count)[LEADING_LENGTHS:]
        if sum(packed) > len(self._data):
            message = f"blocks of {sum(packed)} bytes in {len(self._data)}"
            raise EOFError(message)
        unit = memoryview(self._take(sum(packed)))
        out, at = bytearray(), 0
        for number, length in enumerate(packed, 1):
            wanted = last if last and number == count else block
            out += _unpack(bytes(unit[at : at + length]), wanted, self._coding.compressor)
            at += length
        return bytes(out)

    def _lengths(self, count: int) -> list[int]:
        data = self._take(count * self._coding.lengths.itemsize)
        return [int(length) for length in np.frombuffer(data, self._coding.lengths)]

    def _take(self, size: int) -> bytes:
        """Return the next ``size`` bytes; of base64, up to the end of the four letters that hold the last."""
        letters = -(-size // 3) * 4 if self._coding.form == "base64" else size
        piece = self._data[self._at : self._at + letters]
        self._at += letters
        data = base64.b64decode(piece, validate=True) if self._coding.form == "base64" else piece
        if len(data) < size:
            message = f"the array ends {size - len(data)} bytes too early"
            raise EOFError(message)
        return data[:size]


def _unpack(data: bytes, size: int, compressor: str) -> bytes:
    if compressor == "zlib":
        out = zlib.decompressobj().decompress(data, size + 1)
    elif compressor == "lzma":
        out = lzma.LZMADecompressor().decompress(data, size + 1)
    else:
        from imagecodecs import lz4_decode

        out = bytes(lz4_decode(data, out=size))
    _check_length(len(out), size)
    return out


def _check_length(found: int, wanted: int) -> None:
    if found != wanted:
        message = f"an array of {found} where {wanted} are needed: it is truncated or altered"
        raise EOFError(message)
