"""zarr arrays as this package uses them: fast codecs, and threads that read and write side by side."""

from __future__ import annotations

import os
import threading
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import zarr

from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.pyramid import Level
    from tomocell.volumes.shards import Codec
    from tomocell.volumes.volume import Region, Shape

DIMENSIONS = ("z", "y", "x")


class Array:
    """An array of a store on disk; every thread has a handle of its own.

    The codecs of one handle run one call at a time, so that threads that share it wait for each other.

    Raises:
        BadInput: If there is no such array.
    """

    def __init__(self, path: Path, mode: Literal["r", "r+"] = "r") -> None:
        self.path = path
        self._mode = mode
        self._local = threading.local()
        handle = self._handle()
        self.shape: Shape = (handle.shape[0], handle.shape[1], handle.shape[2])
        self.shard: Shape = handle.shards or handle.chunks
        self.dtype: np.dtype[Any] = handle.dtype

    def __getitem__(self, region: Region) -> NDArray[Any]:
        return np.asarray(self._handle()[region])

    def __setitem__(self, region: Region, voxels: NDArray[Any]) -> None:
        self._handle()[region] = voxels

    def _handle(self) -> zarr.Array[Any]:
        if not hasattr(self._local, "handle"):
            self._local.handle = self._open()
        handle: zarr.Array[Any] = self._local.handle
        return handle

    def _open(self) -> zarr.Array[Any]:
        use_fast_codecs()
        try:
            return zarr.open_array(self.path, mode=self._mode, zarr_format=3)
        except (OSError, ValueError, KeyError) as error:
            where, level = str(self.path.parent), f"level {self.path.name}"
            raise BadInput(Fault(where, level, "an OME-Zarr store", "make the store again")) from error


def create_array(path: Path, level: Level, dtype: np.dtype[Any], codec: Codec) -> Array:
    """Create an array at ``path``, whose parent is a group."""
    use_fast_codecs()
    zarr.open_group(path.parent, mode="a").create_array(
        path.name,
        shape=level.shape,
        dtype=dtype,
        chunks=level.chunk,
        shards=level.shard,
        compressors=codec.metadata(),
        fill_value=0,
        dimension_names=DIMENSIONS,
    )
    return Array(path, "r+")


@cache
def use_fast_codecs() -> None:
    """Let zarrs (Rust) encode and decode: without the GIL, 2-4 times as fast as zarr-python's own pipeline."""
    # zarr-python makes its pool of threads on first use; with one thread in it, no two calls would run at once.
    with zarr.config.set({"threading.max_workers": (os.cpu_count() or 1) + 4}):
        zarr.create_group({})
    # One thread a call: with more, the chunks of a shard land in the order in which they happen to finish, and the
    # same volume would not give the same bytes. Blocks run side by side instead.
    zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline", "threading.max_workers": 1})
