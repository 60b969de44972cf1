"""Shards of ours are shards to zarr: its own codecs read them, of nothing nothing is stored, the checksum is right."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from tomocell.volumes.arrays import create_array
from tomocell.volumes.pyramid import fitted
from tomocell.volumes.shards import WRITE_BYTES, choose_codec, write_shard

if TYPE_CHECKING:
    from pathlib import Path

CHUNK, SHARD = (2, 4, 8), (4, 8, 16)
edge = st.integers(1, 16)


def stored(folder: Path, voxels: Any, *, labels: bool = False) -> Any:
    """Write one shard of an array and return what zarr-python alone reads, and the entry."""
    zarr.create_group(folder)
    level, codec = fitted(voxels.shape, CHUNK, SHARD), choose_codec(voxels.dtype, labels=labels)
    create_array(folder / "0", level, voxels.dtype, codec)
    entry = write_shard(folder / "0/c/0/0/0", voxels, level.chunk, level.shard, codec)
    with zarr.config.set({"codec_pipeline.path": "zarr.core.codec_pipeline.BatchedCodecPipeline"}):
        return zarr.open_array(folder / "0", mode="r")[...], entry


@settings(max_examples=40)
@given(
    st.tuples(st.integers(1, 4), st.integers(1, 8), st.integers(1, 16)),
    st.sampled_from(["uint8", "uint16", "int16", "float32"]),
    st.integers(0, 5),
    st.booleans(),
)
def test_zarr_reads_it(tmp_path_factory: Any, shape: Any, dtype: str, seed: int, labels: bool) -> None:  # noqa: FBT001
    random = np.random.default_rng(seed)
    voxels = (random.random(shape) * 100).astype(dtype) * (random.random(shape) < (0.02, 0.5, 1)[seed % 3])
    voxels = voxels.astype(dtype)
    read, _ = stored(tmp_path_factory.mktemp("s"), voxels, labels=labels and dtype == "uint8")
    np.testing.assert_array_equal(read, voxels)


def test_the_entry_is_that_of_the_file(tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(0, 60000, (4, 300, 700)).astype(np.uint16)
    codec = choose_codec(voxels.dtype, labels=False)
    entry = write_shard(tmp_path / "c" / "0", voxels, voxels.shape, voxels.shape, codec)
    content = (tmp_path / "c" / "0").read_bytes()
    assert entry is not None
    assert (entry.bytes, entry.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert len(content) > 2 * WRITE_BYTES


def test_nothing_is_stored_of_nothing(tmp_path: Path) -> None:
    voxels = np.zeros((4, 8, 16), np.uint16)
    assert stored(tmp_path / "a", voxels)[1] is None
    assert not (tmp_path / "a" / "0" / "c" / "0" / "0" / "0").exists()
    voxels[3, 7, 15] = 1
    read, entry = stored(tmp_path / "b", voxels)
    np.testing.assert_array_equal(read, voxels)
    full = stored(tmp_path / "c", np.ones_like(voxels))[1]
    assert entry.bytes < full.bytes  # one chunk, not eight
    assert (
        write_shard(tmp_path / "b/0/c/0/0/0", 0 * voxels, CHUNK, SHARD, choose_codec(voxels.dtype, labels=False))
        is None
    )
    assert not (tmp_path / "b" / "0" / "c" / "0" / "0" / "0").exists()


@pytest.mark.parametrize(
    ("dtype", "labels"), [("uint8", True), ("uint8", False), ("uint16", False), ("float32", False)]
)
def test_the_codec_written_is_the_codec_told(tmp_path: Path, dtype: str, *, labels: bool) -> None:
    voxels = np.random.default_rng(0).integers(0, 9, (4, 8, 16)).astype(dtype)
    stored(tmp_path / "s", voxels, labels=labels)
    (told,) = zarr.open_array(tmp_path / "s" / "0", mode="r").compressors
    codec = choose_codec(voxels.dtype, labels=labels)
    assert (told.cname.value, told.clevel, told.shuffle.value) == codec
    assert told.typesize == voxels.itemsize
