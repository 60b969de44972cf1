"""Voxels that can only be decoded whole: a zlib, gzip or bzip2 stream, its checksum verified, or text."""

from __future__ import annotations

import bz2
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.volumes.readers._checks import check_text_end

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PIECE_BYTES = 1 << 20
ANY_WRAPPER = 47  # zlib's window bits: 15, and the kind of wrapper (zlib or gzip) found by itself


def inflate(path: Path, offset: int, skip: int, size: int) -> bytearray:
    """Return ``size`` bytes behind the first ``skip`` ones of the zlib or gzip stream that begins at ``offset``.

    Raises:
        EOFError: If the stream does not end exactly there: it is cut short, or holds something else.
        zlib.error: If it is damaged.
    """
    wanted = skip + size
    out = bytearray()
    stream = zlib.decompressobj(ANY_WRAPPER)
    with path.open("rb") as handle:
        handle.seek(offset)
        while len(out) <= wanted:
            piece = stream.unconsumed_tail or stream.unused_data or handle.read(PIECE_BYTES)
            if not piece or (stream.eof and len(out) == wanted):
                break
            if stream.eof:
                stream = zlib.decompressobj(ANY_WRAPPER)  # gzip allows several members, one behind the other
            out += stream.decompress(piece, wanted + 1 - len(out))
    _check_end(len(out), wanted, ended=stream.eof)
    del out[:skip]
    return out


def inflate_bzip2(path: Path, offset: int, size: int) -> bytes:
    """Return the ``size`` bytes of the bzip2 stream that begins at ``offset``.

    Raises:
        EOFError: If the stream does not end exactly there.
        OSError: If it is damaged.
    """
    with path.open("rb") as handle:
        handle.seek(offset)
        with bz2.BZ2File(handle) as stream:
            out = stream.read(size)
            _check_end(len(out), size, ended=not stream.read(1))
    return out


def read_numbers(path: Path, offset: int, count: int, dtype: np.dtype[Any], *, more: bool = False) -> NDArray[Any]:
    """Return ``count`` numbers written as text from ``offset`` on; with ``more`` something else may follow.

    Raises:
        EOFError: If there are more or fewer, or the last may have lost digits.
        ValueError: If something is no number.
    """
    check_text_end(path)
    with path.open("rb") as handle:
        handle.seek(offset)
        words = handle.read().split(None, count if more else -1)[: count if more else None]
    _check_end(len(words), count, ended=True)
    return np.array(words).astype(dtype)


def inflate_head(path: Path, size: int) -> bytes:
    """Return the first ``size`` bytes of a file that is one zlib or gzip stream, fewer if it is shorter."""
    with path.open("rb") as handle:
        return zlib.decompressobj(ANY_WRAPPER).decompress(handle.read(PIECE_BYTES), size)


def _check_end(found: int, wanted: int, *, ended: bool) -> None:
    if found != wanted or not ended:
        message = f"the voxels end after {found} of {wanted}, or do not end there: they are truncated or altered"
        raise EOFError(message)
