"""Whole or not at all: what a failed, killed or rival writer leaves behind."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from tomocell.errors import BadInput
from tomocell.volumes.publish import atomic_directory, atomic_file, write_text_atomically

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fail_after_half(writing: AbstractContextManager[Path], below: str) -> None:
    with writing as partial:
        (partial / below).write_text("half")
        raise ArithmeticError


def test_a_failed_file_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_text_atomically(path, "old")
    with pytest.raises(ArithmeticError):
        fail_after_half(atomic_file(path), "")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["record.json"]


def test_a_file_is_not_seen_before_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "below" / "record.json"
    with atomic_file(path) as partial:
        partial.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"
    assert names(path.parent) == ["record.json"]


def test_a_failed_directory_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "volume.ome.zarr"
    with atomic_directory(path) as partial:
        (partial / "shard").write_text("old")
    with pytest.raises(ArithmeticError):
        fail_after_half(atomic_directory(path), "shard")
    assert (path / "shard").read_text() == "old"
    assert names(tmp_path) == ["volume.ome.zarr"]


def test_a_directory_takes_the_place_of_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "volume.ome.zarr"
    for name in ("first", "second"):
        with atomic_directory(path) as partial:
            (partial / name).write_text(name)
    assert names(path) == ["second"]
    assert names(tmp_path) == ["volume.ome.zarr"]


def test_what_a_killed_writer_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "labels.ome.zarr"
    for stale in ("labels.ome.zarr.node-1-aa.partial", "labels.ome.zarr.node-1-bb.superseded"):
        (tmp_path / stale).mkdir()
    (tmp_path / "phases.ome.zarr.node-1-aa.partial").mkdir()
    with atomic_directory(path) as partial:
        assert not (tmp_path / "labels.ome.zarr.node-1-aa.partial").exists()
        (partial / "shard").write_text("new")
    assert names(tmp_path) == ["labels.ome.zarr", "phases.ome.zarr.node-1-aa.partial"]


def test_of_two_writers_the_one_that_was_believed_dead_fails_and_the_other_stands(tmp_path: Path) -> None:
    path = tmp_path / "volume.ome.zarr"

    def two_writers() -> None:
        with atomic_directory(path) as slow:
            (slow / "shard").write_text("slow")
            with atomic_directory(path) as quick:
                (quick / "shard").write_text("quick")
            (slow / "more").write_text("slow")

    with pytest.raises(FileNotFoundError):
        two_writers()
    assert (path / "shard").read_text() == "quick"
    assert names(tmp_path) == ["volume.ome.zarr"]


def test_a_writer_whose_folder_was_swept_and_made_again_takes_nobodys_place(tmp_path: Path) -> None:
    path = tmp_path / "volume.ome.zarr"

    def two_writers() -> None:
        with atomic_directory(path) as slow:
            with atomic_directory(path) as quick:
                (quick / "shard").write_text("quick")
            slow.mkdir()  # as zarr does
            (slow / "shard").write_text("slow")

    with pytest.raises(BadInput, match="another writer took over"):
        two_writers()
    assert (path / "shard").read_text() == "quick"
    assert names(tmp_path) == ["volume.ome.zarr"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("store error: No space left on device (os error 28)"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
    ],
    ids=["system", "codec", "quota"],
)
def test_a_full_disk_is_named_even_when_it_has_room_again(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(BadInput, match="room on the disk"), atomic_directory(tmp_path / "store"):
        raise ValueError from error
    assert names(tmp_path) == []


def test_another_error_is_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(KeyError), atomic_file(tmp_path / "record.json"):
        raise KeyError
