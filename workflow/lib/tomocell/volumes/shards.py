"""Shards as zarr v3 defines them (``sharding_indexed``), written chunk by chunk and summed up on the way.

zarr libraries gather a shard in memory, write it, and leave the checksum to whoever reads it again. Here a chunk is
encoded, hashed and written while it is in the processor's cache; threads that write different shards share nothing.
Source: https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from typing import TYPE_CHECKING, Any, NamedTuple

import google_crc32c
import numpy as np
from numcodecs import blosc
from zarr.codecs import BloscCodec

from tomocell.volumes.manifest import FileEntry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Shape

MISSING = np.uint64(2**64 - 1)
WRITE_BYTES = 1 << 17  # larger writes take Linux two to four times as long: it looks for large pages to hold them
SHUFFLES = {"noshuffle": blosc.NOSHUFFLE, "shuffle": blosc.SHUFFLE, "bitshuffle": blosc.BITSHUFFLE}

# In the main thread Blosc would else use threads of its own, whose pieces land in the order in which they finish: the
# same voxels would not give the same bytes.
blosc.use_threads = False


class Codec(NamedTuple):
    """A Blosc codec: compressor, level, and how bytes or bits are sorted before."""

    compressor: str
    level: int
    shuffle: str

    def metadata(self) -> BloscCodec:
        """Return what zarr writes into the metadata of an array."""
        return BloscCodec(cname=self.compressor, clevel=self.level, shuffle=self.shuffle)

    def encode(self, chunk: NDArray[Any]) -> bytes:
        """Return a chunk (C order) encoded."""
        encoded: bytes = blosc.compress(chunk, self.compressor.encode(), self.level, SHUFFLES[self.shuffle])
        return encoded


def choose_codec(dtype: np.dtype[Any], *, labels: bool) -> Codec:
    """Return the codec for label or grey volumes of ``dtype``."""
    # Measured on real volumes. Grey values beyond 8 bits are noise in their lower bits, which no codec shortens: LZ4 on
    # sorted bits writes at 1.1-1.9 GB/s a core and reads at 2 and more, to 87 % of the size; zstd 5 on sorted bytes,
    # 50-110 MB/s and 0.8 GB/s, to 77-85 %. With zstd the codec alone took ten times as long as a copy of the files.
    if labels:
        return Codec("zstd", 1, "bitshuffle")
    if dtype.itemsize == 1:
        return Codec("zstd", 1, "noshuffle")
    return Codec("lz4", 5, "bitshuffle")


def write_shard(path: Path, voxels: NDArray[Any], chunk: Shape, shard: Shape, codec: Codec) -> FileEntry | None:
    """Write a shard (voxels beyond the volume's faces left out) and return its size and checksum.

    Chunks of nothing but zeros are left out; of a shard of nothing else there is no file, and None is returned.
    """
    counts = [edge // part for edge, part in zip(shard, chunk, strict=True)]
    index = np.full((*counts, 2), MISSING, "<u8")
    output = _Output(path)
    try:
        for place, piece in _chunks(voxels, chunk, counts):
            encoded = codec.encode(piece)
            index[place] = (output.size, len(encoded))
            output.write(encoded)
        if output.size == 0:
            path.unlink(missing_ok=True)
            return None
        table = index.tobytes()
        output.write(table + google_crc32c.value(table).to_bytes(4, "little"))
    finally:
        output.close()
    return FileEntry(bytes=output.size, sha256=output.digest.hexdigest())


def _chunks(voxels: NDArray[Any], chunk: Shape, counts: list[int]) -> Iterator[tuple[Shape, NDArray[Any]]]:
    """Yield the place of each chunk that is not all zero, and its voxels, filled up with zeros to a whole chunk.

    The voxels are good until the next chunk is asked for.
    """
    gathered = np.empty(chunk, voxels.dtype)
    for z, y, x in itertools.product(*map(range, counts)):
        start = (z * chunk[0], y * chunk[1], x * chunk[2])
        piece = voxels[tuple(slice(low, low + edge) for low, edge in zip(start, chunk, strict=True))]
        if piece.size == 0 or (piece[0, 0, 0] == 0 and not piece.any()):
            continue
        if piece.shape != chunk:
            gathered[...] = 0
        gathered[tuple(slice(0, size) for size in piece.shape)] = piece
        yield (z, y, x), gathered


class _Output:
    """A file made with the first byte that is written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        if self._descriptor is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        self.digest.update(data)
        self.size += len(data)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest[:WRITE_BYTES]) :]

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
