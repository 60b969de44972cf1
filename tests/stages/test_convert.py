"""From raw files to stores: the right voxels, or a clear error and nothing on disk; the same bytes after a kill."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
import tifffile

from support.stores import LIMITS, SIZE, tree
from tomocell.blocks import Limits, runner
from tomocell.errors import BadInput
from tomocell.stages.convert import convert
from tomocell.volumes.settings import ConvertSettings
from tomocell.volumes.store import open_store
from tomocell.volumes.volume import whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

SHAPE = (9, 10, 11)
GREY = np.random.default_rng(0).integers(0, 60000, SHAPE).astype(np.uint16)
SMALL = ConvertSettings(chunk_voxels=(4, 4, 4), shard_voxels=(4, 8, 8))


def raw(folder: Path, voxels: NDArray[Any] = GREY) -> Path:
    path = folder / "raw.npy"
    np.save(path, voxels)
    return path


def everything(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_voxels_their_size_and_their_range_are_kept(tmp_path: Path) -> None:
    convert(raw(tmp_path), tmp_path / "out" / "volume.ome.zarr", SIZE, SMALL, LIMITS, digest="abc")
    store = open_store(tmp_path / "out" / "volume.ome.zarr")
    np.testing.assert_array_equal(store.read(whole(SHAPE)), GREY)
    assert store.size == SIZE
    assert store.manifest.notes == {"least": GREY.min(), "greatest": GREY.max()}
    assert store.manifest.provenance.code_digest == "abc"
    assert store.manifest.provenance.settings == SMALL.model_dump(mode="json")
    assert everything(tmp_path / "out") == ["volume.manifest.json", "volume.ome.zarr"]


@pytest.mark.parametrize(("given", "stored"), [("float64", "float32"), ("bool", "uint8"), (">u2", "uint16")])
def test_types_that_zarr_or_memory_do_not_like_are_changed(tmp_path: Path, given: str, stored: str) -> None:
    convert(raw(tmp_path, (GREY % 2).astype(given)), tmp_path / "v.ome.zarr", SIZE, SMALL, LIMITS)
    store = open_store(tmp_path / "v.ome.zarr")
    assert store.dtype == np.dtype(stored)
    np.testing.assert_array_equal(store.read(whole(SHAPE)), GREY % 2)


def test_a_crop_keeps_its_box(tmp_path: Path) -> None:
    settings = ConvertSettings(crop_start_voxels=(1, 2, 3), crop_size_voxels=(4, 5, 8))
    convert(raw(tmp_path), tmp_path / "v.ome.zarr", SIZE, settings, LIMITS)
    np.testing.assert_array_equal(open_store(tmp_path / "v.ome.zarr").read(whole((4, 5, 8))), GREY[1:5, 2:7, 3:])


@pytest.mark.parametrize(
    ("start", "size", "axis"), [((9, 0, 0), None, "z"), ((0, 1, 0), (9, 10, 11), "y"), ((0, 0, 5), (1, 1, 7), "x")]
)
def test_a_crop_that_reaches_outside_is_named(tmp_path: Path, start: Any, size: Any, axis: str) -> None:
    settings = ConvertSettings(crop_start_voxels=start, crop_size_voxels=size)
    with pytest.raises(BadInput, match=f"convert.crop.*{axis}: start") as caught:
        convert(raw(tmp_path), tmp_path / "v.ome.zarr", SIZE, settings, LIMITS)
    assert "raw.npy" in str(caught.value)
    assert everything(tmp_path) == ["raw.npy"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_voxel_that_is_no_number_is_named(tmp_path: Path, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    grey = GREY.astype(np.float32)
    grey[5, 9, 10] = value
    monkeypatch.setattr(runner, "choose_core", lambda *_: (4, 8, 8))
    with pytest.raises(BadInput, match=r"\(5, 9, 10\)") as caught:
        convert(raw(tmp_path, grey), tmp_path / "v.ome.zarr", SIZE, SMALL, LIMITS)
    assert str(value) in str(caught.value)
    assert everything(tmp_path) == ["raw.npy"]


@pytest.mark.parametrize(("core", "workers"), [((4, 8, 8), 1), ((8, 8, 11), 2)])
def test_the_bytes_do_not_depend_on_blocks(
    tmp_path: Path, core: tuple[int, int, int], workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("one", "other"):
        convert(raw(tmp_path), tmp_path / folder / "v.ome.zarr", SIZE, SMALL, Limits(2048, workers))
        monkeypatch.setattr(runner, "choose_core", lambda *_: core)
    assert tree(tmp_path / "one") == tree(tmp_path / "other")


def truncated(folder: Path) -> Path:
    tifffile.imwrite(folder / "a.tif", GREY, photometric="minisblack")
    content = (folder / "a.tif").read_bytes()
    (folder / "a.tif").write_bytes(content[: len(content) * 2 // 3])
    return folder / "a.tif"


def slices(folder: Path, numbers: list[int], odd: int | None = None) -> Path:
    (folder / "scan").mkdir()
    for number in numbers:
        page = GREY[0, :-1] if number == odd else GREY[0]
        tifffile.imwrite(folder / "scan" / f"s_{number:03d}.tif", page, photometric="minisblack")
    return folder / "scan"


def without_dataset(folder: Path) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        file["other"] = GREY
    return folder / "a.h5"


RAW_FAULTS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda folder: folder / "none.tif", "none.tif"),
    "truncated TIFF": (truncated, "a.tif"),
    "slices of two shapes": (lambda folder: slices(folder, [1, 2, 3], 2), "s_002.tif"),
    "gap in the numbering": (lambda folder: slices(folder, [1, 2, 4]), "scan"),
    "HDF5 without the dataset": (without_dataset, "a.h5"),
}


@pytest.mark.parametrize(("make", "word"), RAW_FAULTS.values(), ids=RAW_FAULTS.keys())
def test_a_raw_fault_is_named_and_leaves_nothing(tmp_path: Path, make: Callable[[Path], Path], word: str) -> None:
    path = make(tmp_path)
    dataset = "/exchange/data" if path.suffix == ".h5" else None
    with pytest.raises(BadInput, match=word):
        convert(path, tmp_path / "out" / "v.ome.zarr", SIZE, SMALL, LIMITS, dataset=dataset)
    assert not (tmp_path / "out").exists() or everything(tmp_path / "out") == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not permitted here (it needs root)")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("room", [0, 900_000], ids=["at once", "after some shards"])
def test_a_full_disk_is_named_and_the_old_store_stands(tmp_path: Path, small_disk: Path, room: int) -> None:
    store = small_disk / "v.ome.zarr"
    convert(raw(tmp_path), store, SIZE, SMALL, LIMITS)
    before = tree(small_disk)
    noise = np.random.default_rng(1).integers(0, 65535, (40, 128, 128)).astype(np.uint16)
    large = raw(tmp_path, noise)
    stat = os.statvfs(small_disk)
    filler = max(0, stat.f_bavail * stat.f_frsize - 40_000 - room)
    (small_disk / "filler").write_bytes(bytes(filler))
    shards = ConvertSettings(chunk_voxels=(8, 64, 64), shard_voxels=(8, 128, 128))
    with pytest.raises(BadInput, match="room on the disk"):
        convert(large, store, SIZE, shards, LIMITS)
    (small_disk / "filler").unlink()
    assert tree(small_disk) == before
    np.testing.assert_array_equal(open_store(store).read(whole(SHAPE)), GREY)


SLOW = """
import sys, time
from pathlib import Path
from tomocell.blocks import Limits, runner
from tomocell.stages import convert
from tomocell.volumes.settings import ConvertSettings
runner.choose_core = lambda *_: (4, 8, 8)
check = convert._require_finite
def slow(*arguments):
    time.sleep(0.2)
    check(*arguments)
if sys.argv[3] == "slow":
    convert._require_finite = slow
settings = ConvertSettings(chunk_voxels=(4, 4, 4), shard_voxels=(4, 8, 8))
convert.convert(Path(sys.argv[1]), Path(sys.argv[2]), (2.0, 0.5, 1.25), settings, Limits())
"""


def test_killed_and_run_again_it_gives_the_same_bytes(tmp_path: Path) -> None:
    source = raw(tmp_path)
    undisturbed, killed = tmp_path / "one", tmp_path / "other"
    convert(source, undisturbed / "v.ome.zarr", SIZE, SMALL, LIMITS)
    command = [sys.executable, "-c", SLOW, str(source), str(killed / "v.ome.zarr")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([*command, "slow"], env=environment) as process:
        wait_for(lambda: any(killed.glob("*.partial/0/c/**/*")), process)
        process.send_signal(signal.SIGKILL)
    assert any(killed.glob("*.partial"))
    assert not (killed / "v.manifest.json").exists()
    convert(source, killed / "v.ome.zarr", SIZE, SMALL, LIMITS)
    assert tree(killed) == tree(undisturbed)
    assert everything(killed) == everything(undisturbed)


def wait_for(happened: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        if happened():
            return
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.05)
    pytest.fail("nothing happened in a minute")
