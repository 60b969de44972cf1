"""From raw files to stores: the right voxels, or a clear error and nothing on disk; the same bytes after a kill."""

from __future__ import annotations

import json
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
from tomocell.blocks import Limits, slabs
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
def test_a_voxel_that_is_no_number_is_named(tmp_path: Path, value: float) -> None:
    grey = GREY.astype(np.float32)
    grey[5, 9, 10] = value
    with pytest.raises(BadInput, match=r"\(5, 9, 10\)") as caught:
        convert(raw(tmp_path, grey), tmp_path / "v.ome.zarr", SIZE, SMALL, LIMITS)
    assert str(value) in str(caught.value)
    assert everything(tmp_path) == ["raw.npy"]


def windowed(grey: NDArray[Any]) -> NDArray[Any]:
    low, high = WINDOW
    return np.floor((np.clip(grey.astype(float), low, high) - low) / (high - low) * 255 + 0.5).astype(np.uint8)


def fields(folder: Path) -> list[Path]:
    """Cut the volume into three fields that share four rows, each brighter by 100 than the one before."""
    for number, (start, stop) in enumerate(((0, 6), (2, 10), (6, 10))):
        np.save(folder / f"field{number}.npy", GREY[:, start:stop] + np.uint16(100 * number))
    return [folder / f"field{number}.npy" for number in range(3)]


def blended() -> NDArray[Any]:
    weight = (np.arange(4) + 0.5) / 4
    brighter = np.concatenate([np.zeros(2), 100 * weight, 100 + 100 * weight])
    return np.floor(GREY + brighter[:, None] + 0.5).astype(np.uint16)


WINDOW = (1000.0, 40000.5)
STITCH = {"axis": "y", "overlap_voxels": 4}
WAYS: dict[str, tuple[dict[str, Any], NDArray[Any]]] = {
    "as it is": ({}, GREY),
    "turn": ({"axes": "x z y"}, GREY.transpose(2, 0, 1)),
    "turn with reversal": ({"axes": "-y z x"}, GREY[:, ::-1].transpose(1, 0, 2)),
    "turn, then crop": (
        {"axes": "-y z x", "crop_start_voxels": [1, 2, 3], "crop_size_voxels": [9, 6, 5]},
        GREY[:, ::-1].transpose(1, 0, 2)[1:10, 2:8, 3:8],
    ),
    "window": ({"window_grey": WINDOW, "dtype": "uint8"}, windowed(GREY)),
    "stitch": ({"stitch": STITCH}, blended()),
    "stitch, turn, crop, window": (
        {"stitch": STITCH, "axes": "x z y", "crop_start_voxels": [2, 0, 1], "window_grey": WINDOW, "dtype": "uint8"},
        windowed(blended().transpose(2, 0, 1)[2:, :, 1:]),
    ),
}


@pytest.mark.parametrize(("change", "answer"), WAYS.values(), ids=WAYS.keys())
def test_settings_give_what_numpy_gives_whatever_the_blocks(
    tmp_path: Path, change: dict[str, Any], answer: NDArray[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ConvertSettings.model_validate(SMALL.model_dump() | change)
    source = fields(tmp_path) if settings.stitch else raw(tmp_path)
    trees = []
    for slab, alive, workers in (((4, 8, 8), 1, 1), ((8, 8, 16), 2, 3), ((4, 16, 16), 2, 2), (None, 2, 2)):
        if slab is not None:
            plan = slabs.Plan(slab, alive, 1.0)
            monkeypatch.setattr(slabs, "plan_slabs", lambda _, plan=plan: plan)
        out = tmp_path / f"{slab}"
        convert(source, out / "v.ome.zarr", SIZE, settings, Limits(2048, workers))
        monkeypatch.undo()
        store = open_store(out / "v.ome.zarr")
        assert store.dtype == answer.dtype
        np.testing.assert_array_equal(store.read(whole(store.shape)), answer)
        trees.append(tree(out))
    assert all(other == trees[0] for other in trees)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("stored", ["uint8", "uint16"])
def test_a_window_is_linear_and_rounds_to_the_nearest(tmp_path: Path, dtype: str, stored: str) -> None:
    grey = (GREY.astype(int) % 256 - 128 * dtype.startswith("i")).astype(dtype)
    low, high = 10.0, 90.0
    settings = ConvertSettings(window_grey=(low, high), dtype=stored)  # type: ignore[arg-type]
    convert(raw(tmp_path, grey), tmp_path / "v.ome.zarr", SIZE, settings, LIMITS)
    store = open_store(tmp_path / "v.ome.zarr")
    found, most = store.read(whole(SHAPE)).astype(float), np.iinfo(stored).max
    assert (found[grey <= low] == 0).all()
    assert (found[grey >= high] == most).all()
    inside = (grey > low) & (grey < high)
    assert np.abs(found[inside] / most * (high - low) + low - grey[inside]).max() <= 0.5 * (high - low) / most + 1e-9
    notes = store.manifest.notes["window"]
    assert (notes["low"], notes["high"], notes["dtype"]) == (low, high, stored)
    assert notes["below_percent"] == pytest.approx(100 * np.mean(grey < low))
    assert notes["above_percent"] == pytest.approx(100 * np.mean(grey > high))


@pytest.mark.parametrize(("most", "loud"), [(1.0, True), (100.0, False)])
def test_much_clipping_is_told_loudly(
    tmp_path: Path, most: float, caplog: pytest.LogCaptureFixture, *, loud: bool
) -> None:
    settings = ConvertSettings(window_grey=(30000, 60000), dtype="uint8", clip_warning_percent=most)
    convert(raw(tmp_path), tmp_path / "v.ome.zarr", SIZE, settings, LIMITS)
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert any("below the window" in text and "raw.npy" in text for text in warned) is loud
    assert not any("above the window" in text for text in warned)


def test_the_manifest_tells_how_fields_lie(tmp_path: Path) -> None:
    settings = ConvertSettings.model_validate({"stitch": STITCH})
    convert(fields(tmp_path), tmp_path / "v.ome.zarr", SIZE, settings, LIMITS, raw_name="a;b;c")
    notes = open_store(tmp_path / "v.ome.zarr").manifest.notes
    assert notes["raw"] == "a;b;c"
    assert notes["stitch"]["origin_voxels"] == [0, 0, 0]
    assert [seam["offset_voxels"] for seam in notes["stitch"]["seams"]] == [[0, 0, 0]] * 2
    assert all(seam["correlation"] > 0.999 for seam in notes["stitch"]["seams"])


@pytest.mark.parametrize(("value", "window"), [(7, None), (0, None), (50000, (0.0, 1000.0))])
def test_a_constant_scan_is_refused(tmp_path: Path, value: int, window: tuple[float, float] | None) -> None:
    settings = ConvertSettings(window_grey=window, dtype="uint8" if window else None)
    constant = raw(tmp_path, np.full(SHAPE, value, np.uint16))
    with pytest.raises(BadInput, match=f"{255.0 if window else float(value)} in every voxel") as caught:
        convert(constant, tmp_path / "v.ome.zarr", SIZE, settings, LIMITS)
    assert ("window_grey" in str(caught.value)) is (window is not None)
    assert everything(tmp_path) == ["raw.npy"]


def test_a_number_beyond_float32_is_named(tmp_path: Path) -> None:
    grey = GREY.astype(np.float64)
    grey[1, 2, 3] = 1e300
    with pytest.raises(BadInput, match=r"inf at voxel \(1, 2, 3\)"):
        convert(raw(tmp_path, grey), tmp_path / "v.ome.zarr", SIZE, SMALL, LIMITS)


@pytest.mark.parametrize("axis", range(3))
def test_an_image_is_no_tomogram(tmp_path: Path, axis: int) -> None:
    with pytest.raises(BadInput, match=f"raw.npy: found 'one voxel along {'zyx'[axis]}'"):
        convert(raw(tmp_path, GREY.take([0], axis)), tmp_path / "v.ome.zarr", SIZE, SMALL, LIMITS)
    assert everything(tmp_path) == ["raw.npy"]


@pytest.mark.parametrize(("percent", "told"), [(0.5, "nothing"), (2.0, "a warning"), (60.0, "a fault")])
def test_another_voxel_size_than_the_file_tells(
    tmp_path: Path, percent: float, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    header = {"shape": SHAPE, "dtype": "uint16", "voxel_size_um": (1.0, 1.0, 1.0 + percent / 100)}
    (tmp_path / "v.raw").write_bytes(GREY.tobytes())
    (tmp_path / "v.raw.json").write_text(json.dumps(header))

    def run(**change: Any) -> None:
        settings = ConvertSettings.model_validate({"axes": "x z y"} | change)
        convert(tmp_path / "v.raw", tmp_path / "v.ome.zarr", (1.0, 1.0, 1.0), settings, LIMITS)

    if told == "a fault":
        with pytest.raises(BadInput, match=r"v.raw: found \(1.0, 1.0, 1.0\).*\(1.6, 1.0, 1.0\) um"):
            run()
        assert everything(tmp_path) == ["v.raw", "v.raw.json"]
        run(ignore_file_voxel_size=True)
        return
    run()
    assert ("the file tells a voxel size" in caplog.text) is (told == "a warning")


def truncated(folder: Path) -> Path:
    tifffile.imwrite(folder / "a.tif", GREY, photometric="minisblack")
    content = (folder / "a.tif").read_bytes()
    (folder / "a.tif").write_bytes(content[: len(content) * 2 // 3])
    return folder / "a.tif"


def slices(folder: Path, numbers: list[int], odd: int | None = None, other: NDArray[Any] = GREY[0, :-1]) -> Path:
    (folder / "scan").mkdir()
    for number in numbers:
        page = other if number == odd else GREY[0]
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
    "slices of two depths": (lambda folder: slices(folder, [1, 2, 3, 4], 3, GREY[0].astype(np.uint8)), "s_003.tif"),
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
from tomocell.blocks import Limits
from tomocell.stages import convert
from tomocell.volumes.settings import ConvertSettings
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
