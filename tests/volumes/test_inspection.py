"""A whole store passes; whatever is missing, altered, cut short or foreign is named, with the voxels it held."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from support.stores import CLASSES, make_store
from tomocell import cli
from tomocell.errors import BadInput
from tomocell.stages.check import check
from tomocell.volumes.inspection import inspect
from tomocell.volumes.manifest import manifest_path
from tomocell.volumes.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable


SHAPE = (10, 30, 200)
SHARD = "0/c/1/0/2"
REGION = "level 0, voxels z 8:10, y 0:16, x 64:96"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    voxels = np.random.default_rng(1).integers(0, 60000, SHAPE).astype(np.uint16)
    return make_store(tmp_path / "volume.ome.zarr", voxels, chunk=(4, 8, 16), shard=(8, 16, 32)).path


def told(path: Path, *, quick: bool = False) -> list[str]:
    return [str(fault) for fault in inspect(path, 2, quick=quick).faults]


@pytest.mark.parametrize("quick", [False, True])
def test_a_whole_store_has_no_fault(store: Path, caplog: pytest.LogCaptureFixture, *, quick: bool) -> None:
    caplog.set_level("INFO", logger="tomocell")
    check([store, store], 2, quick=quick)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert f"{'sizes' if quick else 'checksums'} right, 3 levels" in lines[0]
    found = inspect(store, 1, quick=quick)
    files = open_store(store).manifest.files
    assert found.shards == sum("/c/" in name for name in files)
    assert found.nbytes == sum(entry.bytes for name, entry in files.items() if "/c/" in name)


def flipped(path: Path, at: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


@pytest.mark.parametrize("harm", [cut_short, Path.unlink])
@pytest.mark.parametrize("quick", [False, True])
def test_a_shard_that_is_missing_or_cut_short_is_named_once(
    store: Path, harm: Callable[[Path], None], *, quick: bool
) -> None:
    harm(store / SHARD)
    (fault,) = told(store, quick=quick)
    assert str(store / SHARD) in fault
    assert REGION in fault


@pytest.mark.parametrize("at", [0, 100, -1], ids=["header", "voxels", "index"])
def test_a_flipped_bit_is_found_by_content_not_by_size(store: Path, at: int) -> None:
    flipped(store / SHARD, at)
    (fault,) = told(store)
    assert "checksum" in fault
    assert str(store / SHARD) in fault
    assert REGION in fault
    assert told(store, quick=True) == []


def test_every_broken_shard_is_named(store: Path) -> None:
    harmed = [SHARD, "1/c/0/0/0", "2/c/0/0/0"]
    for name in harmed:
        flipped(store / name)
    faults = told(store)
    assert len(faults) == 3
    for name, fault in zip(sorted(harmed), sorted(faults), strict=True):
        assert str(store / name) in fault


def test_altered_metadata_is_named_and_the_rest_still_looked_at(store: Path) -> None:
    flipped(store / "1" / "zarr.json", 20)
    flipped(store / SHARD)
    assert any("1/zarr.json" in fault and "checksum" in fault for fault in told(store))
    assert any(SHARD in fault for fault in told(store))
    (store / "zarr.json").write_text("no json")
    faults = told(store)
    assert any(fault.startswith(f"{store / 'zarr.json'}: ") for fault in faults)
    assert any(SHARD in fault and "checksum" in fault for fault in faults)


@pytest.mark.parametrize("multiscales", [[], {}, [{}], [{"datasets": [{}]}], None, 3])
def test_metadata_that_makes_no_sense_is_told(store: Path, multiscales: Any) -> None:
    manifest_path(store).unlink()
    zarr.open_group(store, mode="r+").attrs["ome"] = {"multiscales": multiscales}
    assert any("path of each level" in fault for fault in told(store))


def test_a_level_that_is_no_array_is_told(store: Path) -> None:
    manifest_path(store).unlink()
    shutil.rmtree(store / "2")
    zarr.create_group(store / "2")
    assert any("zarr metadata of 2" in fault for fault in told(store))


def test_a_foreign_file_is_named(store: Path) -> None:
    (store / "0" / "c" / "notes.txt").write_text("mine")
    for quick in (True, False):
        (fault,) = told(store, quick=quick)
        assert "foreign" in fault
        assert "notes.txt" in fault


def test_a_missing_level_is_named(store: Path) -> None:
    shutil.rmtree(store / "1")
    faults = told(store)
    assert any("1/zarr.json" in fault for fault in faults)
    assert any("1/c/0/0/0" in fault for fault in faults)
    assert all("/1" in fault for fault in faults)


def test_levels_that_do_not_agree_are_told(store: Path) -> None:
    metadata = store / "2" / "zarr.json"
    told_before = json.loads(metadata.read_text())
    metadata.write_text(json.dumps({**told_before, "shape": [3, 8, 24]}))
    manifest_path(store).unlink()
    assert told(store) == []  # smaller than the finer one: possible
    metadata.write_text(json.dumps({**told_before, "shape": [3, 8, 240]}))
    assert any("no level larger" in fault for fault in told(store))


def test_a_level_of_another_shape_than_the_manifest_says(store: Path) -> None:
    content = json.loads(manifest_path(store).read_text())
    manifest_path(store).write_text(json.dumps({**content, "shape": [10, 30, 101]}))
    assert any("as the manifest says" in fault for fault in told(store))


def test_without_manifest_what_is_there_is_decoded(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="tomocell")
    manifest_path(store).unlink()
    check([store], 2)
    assert "no manifest" in caplog.records[-1].getMessage()
    flipped(store / SHARD, -1)
    (fault,) = told(store)
    assert REGION in fault
    assert "decoded" in fault
    assert told(store, quick=True) == []


def test_a_manifest_that_is_none_is_told(store: Path) -> None:
    manifest_path(store).write_text("no json")
    assert any("a manifest" in fault for fault in told(store))


def foreign(path: Path, zarr_format: Any, shape: tuple[int, ...]) -> Path:
    group = zarr.create_group(path, zarr_format=zarr_format)
    chunks = tuple(max(1, size // 2) for size in shape)
    array = group.create_array("s0", shape=shape, chunks=chunks, dtype="uint16", fill_value=0)
    array[...] = np.random.default_rng(0).integers(0, 60000, shape)
    axes = [{"name": name, "type": "space"} for name in "czyx"[-len(shape) :]]
    multiscale = {"axes": axes, "datasets": [{"path": "s0"}], "version": "0.4"}
    ome = {"multiscales": [multiscale]}
    group.attrs.update(ome if zarr_format == 2 else {"ome": {**ome, "version": "0.5"}})
    return path


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("shape", [(4, 10, 12), (2, 4, 10, 12)], ids=["zyx", "czyx"])
def test_stores_of_others_are_read_through(tmp_path: Path, zarr_format: int, shape: tuple[int, ...]) -> None:
    path = foreign(tmp_path / "theirs.zarr", zarr_format, shape)
    found = inspect(path, 2)
    assert (found.faults, found.levels, found.shards) == ([], 1, 2 ** len(shape))
    chunk = max(
        file for file in path.rglob("*") if file.is_file() and "zarr" not in file.name and ".z" not in file.name
    )
    cut_short(chunk)
    (fault,) = told(path)
    assert str(chunk) in fault
    assert inspect(path / "s0", 2).shards == found.shards  # an array alone


def test_no_store_at_all(tmp_path: Path) -> None:
    assert "correct the path" in told(tmp_path / "none.ome.zarr")[0]
    (tmp_path / "empty").mkdir()
    assert len(told(tmp_path / "empty")) == 1


def test_the_command_names_all_stores_and_ends_with_status_2(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = make_store(tmp_path / "labels.ome.zarr", np.ones((4, 5, 6), np.uint8), classes=CLASSES).path
    cli.main(["check", str(store), str(good), "--threads", "2"])
    shown = capsys.readouterr().err
    assert shown.count("checksums right") == 2
    flipped(store / SHARD)
    cli.main(["check", "--quick", str(store)])
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli.main(["check", str(store), str(good)])
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert f"{store}: broken, 1 fault" in shown
    assert f"{good}: checksums right" in shown
    assert REGION in shown
    assert "Traceback" not in shown


def test_the_stage_raises_what_it_found(store: Path) -> None:
    flipped(store / SHARD)
    with pytest.raises(BadInput, match="level 0, voxels z 8:10"):
        check([store], 1)
