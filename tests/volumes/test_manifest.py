"""A store that lost or changed a shard is told apart from a whole one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from support.stores import make_store
from tomocell.errors import BadInput
from tomocell.volumes.manifest import check_content, manifest_path, read_manifest, store_path
from tomocell.volumes.store import open_store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "volume.ome.zarr"
    voxels = np.random.default_rng(1).integers(0, 9, (6, 7, 8)).astype(np.uint16)
    make_store(path, voxels, chunk=(3, 4, 4), shard=(3, 8, 8))
    return path


def shard_of(store: Path) -> Path:
    return min(path for path in store.rglob("*") if path.is_file() and path.name != "zarr.json")


def test_a_whole_store_passes(store: Path) -> None:
    check_content(store, read_manifest(store))
    assert store_path(manifest_path(store)) == store
    assert shard_of(store).relative_to(store).as_posix() in read_manifest(store).files


def test_a_missing_shard_is_named(store: Path) -> None:
    shard = shard_of(store)
    shard.unlink()
    with pytest.raises(BadInput, match="no file") as caught:
        open_store(store)
    assert str(shard) in str(caught.value)


def test_a_shard_of_another_size_is_named(store: Path) -> None:
    shard = shard_of(store)
    with shard.open("ab") as handle:
        handle.write(b"x")
    with pytest.raises(BadInput) as caught:
        open_store(store)
    assert str(shard) in str(caught.value)
    assert f"{shard.stat().st_size} bytes" in str(caught.value)


def test_altered_content_is_named(store: Path) -> None:
    shard = shard_of(store)
    content = bytearray(shard.read_bytes())
    content[0] ^= 1
    shard.write_bytes(content)
    open_store(store)
    with pytest.raises(BadInput, match="checksum") as caught:
        check_content(store, read_manifest(store))
    assert str(shard) in str(caught.value)


def test_every_lost_shard_is_told_at_once(store: Path) -> None:
    lost = [path for path in store.rglob("*") if path.is_file()]
    for path in lost:
        path.unlink()
    with pytest.raises(BadInput) as caught:
        open_store(store)
    assert len(caught.value.faults) == len(lost)


@pytest.mark.parametrize("content", [None, "{}", "no json"], ids=["none", "empty", "not JSON"])
def test_no_manifest_no_store(store: Path, content: str | None) -> None:
    path = manifest_path(store)
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadInput, match="make the store again"):
        open_store(store)
