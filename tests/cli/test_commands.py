"""Every command on small files: exactly the files of the contract, or status 2 with the reason and no traceback."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from support import tiny_training
from support.stores import SIZE
from support.tiny_model import save_tiny
from tomocell import __version__, cli
from tomocell.settings import discovery
from tomocell.volumes.store import open_store
from tomocell.volumes.tables import read_json
from tomocell.volumes.volume import whole

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = discovery.names_offering("tomocell.cli", "configure")
ANALYSES = discovery.names_offering("tomocell.analyses", "measure")
EDGES = ["--voxel-size-um", *map(str, SIZE)]
CLASSES = ["--classes", "empty=0,solid=3"]


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "grey.tif", tiny_training.scan(0)[0], photometric="minisblack")
    return tmp_path / "grey.tif"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "labels.tif", tiny_training.scan(0)[1], photometric="minisblack")
    return tmp_path / "labels.tif"


def run(*arguments: object) -> None:
    cli.main([str(argument) for argument in arguments])


def files(folder: Path) -> set[str]:
    """Return the files below ``folder``, a store counting as one."""
    paths = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {path.partition(".ome.zarr/")[0] + ".ome.zarr" if ".ome.zarr/" in path else path for path in paths}


@pytest.mark.parametrize(
    "command", [[name] for name in COMMANDS] + [["measure", name] for name in ANALYSES], ids=" ".join
)
def test_every_command_has_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*command, "--help")
    assert ended.value.code == 0
    assert f"usage: tomocell {' '.join(command)}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ANALYSES)
def test_the_help_of_an_analysis_tells_its_settings(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("measure", name, "--help")
    told = " ".join(capsys.readouterr().out.split())
    for key, field in discovery.load("tomocell.analyses", name, "measure").Settings.model_fields.items():
        assert f"{key}: {' '.join((field.description or '').split())}" in told


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("--version")
    assert (ended.value.code, capsys.readouterr().out) == (0, f"tomocell {__version__}\n")


def test_convert(tmp_path: Path, grey: Path) -> None:
    crop = ["--set", "crop_start_voxels=[1, 0, 0]", "--set", "crop_size_voxels=[4, 5, 6]"]
    run("convert", grey, *EDGES, *crop, "--out", tmp_path / "out")
    assert files(tmp_path / "out") == {"volume.ome.zarr", "volume.manifest.json"}
    store = open_store(tmp_path / "out" / "volume.ome.zarr")
    assert store.size == SIZE
    np.testing.assert_array_equal(store.read(whole(store.shape)), tiny_training.scan(0)[0][1:5, :5, :6])


def test_convert_several_fields_of_view(tmp_path: Path) -> None:
    scan = tiny_training.scan(0)[0]
    for number, rows in enumerate((slice(0, 12), slice(8, 24))):
        tifffile.imwrite(tmp_path / f"{number}.tif", scan[:, rows], photometric="minisblack")
    stitch = ["--set", "stitch.axis=y", "--set", "stitch.overlap_voxels=4", "--set", "axes=y -z x"]
    run("convert", tmp_path / "0.tif", tmp_path / "1.tif", *EDGES, *stitch, "--out", tmp_path / "out")
    store = open_store(tmp_path / "out" / "volume.ome.zarr")
    assert store.size == SIZE
    np.testing.assert_array_equal(store.read(whole(store.shape)), scan[::-1].transpose(1, 0, 2))


def test_convert_turns_the_voxel_size_of_the_file(tmp_path: Path) -> None:
    told = {"axes": "ZYX", "unit": "um", "spacing": 4.0}
    tifffile.imwrite(tmp_path / "v.tif", tiny_training.scan(0)[0], imagej=True, resolution=(1.0, 0.5), metadata=told)
    run("convert", tmp_path / "v.tif", "--set", "axes=y -z x", "--out", tmp_path / "out")
    assert open_store(tmp_path / "out" / "volume.ome.zarr").size == (2.0, 4.0, 1.0)


def test_the_help_of_convert_tells_the_settings_of_its_sections(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("convert", "--help")
    assert "  stitch.overlap_voxels: " in capsys.readouterr().out


def test_measure_a_file(tmp_path: Path, labels: Path) -> None:
    run("measure", "class_volumes", labels, *EDGES, *CLASSES, "--out", tmp_path / "out")
    assert files(tmp_path / "out") == {"class_volumes.json"}
    solid = (tiny_training.scan(0)[1] == 3).sum() * np.prod(SIZE)
    assert read_json(tmp_path / "out" / "class_volumes.json")["solid_um3"] == pytest.approx(solid)


def test_measure_with_table_and_maps(tmp_path: Path, labels: Path) -> None:
    run("measure", "porosity", labels, *EDGES, *CLASSES, "--set", "pore=empty", "--csv", "--out", tmp_path / "a")
    assert files(tmp_path / "a") == {"porosity.json", "porosity.parquet", "porosity.csv"}
    run("measure", "occupancy", labels, *EDGES, *CLASSES, "--set", "of=[solid]", "--out", tmp_path / "b")
    maps = {f"maps/solid_{name}.{end}" for name in ("thickness_um", "density") for end in ("tif", "png")}
    assert files(tmp_path / "b") == {"occupancy.json", *maps}


def test_infer_then_measure_and_evaluate_its_store(tmp_path: Path, grey: Path, labels: Path) -> None:
    save_tiny(tmp_path / "model")
    small = ["--set", "tile_voxels=[8, 16]", "--set", "batch_size=4"]
    run("infer", tmp_path / "model", grey, *EDGES, *small, "--out", tmp_path / "out")
    assert files(tmp_path / "out") == {"labels.ome.zarr", "labels.manifest.json"}
    store = tmp_path / "out" / "labels.ome.zarr"
    run("measure", "class_volumes", store, "--out", tmp_path / "measured")  # size and classes come from the store
    found = read_json(tmp_path / "measured" / "class_volumes.json")
    assert found["empty_um3"] + found["solid_um3"] == pytest.approx(np.prod(tiny_training.SHAPE) * np.prod(SIZE))
    run("evaluate", store, labels, *CLASSES, "--out", tmp_path / "judged")
    assert files(tmp_path / "judged") == {"evaluation.json"}
    record = read_json(tmp_path / "judged" / "evaluation.json")
    assert set(record["classes"]["solid"]) == {"precision", "recall", "f1", "iou", "dice"}
    guess = open_store(store).read(whole(tiny_training.SHAPE))
    assert record["accuracy"] == pytest.approx((guess == tiny_training.scan(0)[1]).mean())


def test_view(tmp_path: Path, grey: Path, labels: Path) -> None:
    run("view", grey, *EDGES, "--out", tmp_path / "out")
    run("view", labels, *EDGES, *CLASSES, "--out", tmp_path / "out")
    assert files(tmp_path / "out") == {"grey.png", "labels.png"}
    assert (tmp_path / "out" / "grey.png").read_bytes().startswith(b"\x89PNG")


def test_schema(tmp_path: Path) -> None:
    run("schema", "--out", tmp_path / "out")
    assert "Study" in json.loads((tmp_path / "out" / "schema.json").read_text())["title"]


FAULTS = {
    "no file": (["measure", "porosity", "none.tif", *EDGES, *CLASSES], "none.tif"),
    "no voxel size": (["measure", "porosity", "{labels}", *CLASSES, "--set", "pore=solid"], "--voxel-size-um"),
    "metres": (["view", "{labels}", "--voxel-size-um", "1e-6", "1e-6", "1e-6"], "micrometres"),
    "no classes": (["measure", "class_volumes", "{labels}", *EDGES], "--classes"),
    "classes misspelt": (["view", "{labels}", *EDGES, "--classes", "solid:3"], "name=value"),
    "class value too large": (["view", "{labels}", *EDGES, "--classes", "solid=256"], "from 0 to 255"),
    "class value no number": (["view", "{labels}", *EDGES, "--classes", "solid=\u00b2"], "whole number"),
    "class value twice": (["view", "{labels}", *EDGES, "--classes", "a=1,b=1"], "each value once"),
    "unknown class": (["measure", "porosity", "{labels}", *EDGES, *CLASSES], "empty, solid"),
    "unknown setting": (["measure", "occupancy", "{labels}", *EDGES, *CLASSES, "--set", "off=1"], "off"),
    "no pair": (["measure", "occupancy", "{labels}", *EDGES, *CLASSES, "--set", "of"], "name=value"),
    "grey, not labels": (["measure", "class_volumes", "{grey}", *EDGES, *CLASSES], "uint16"),
    "no model": (["infer", "nowhere", "{grey}", *EDGES], "model.json"),
    "two shapes": (["evaluate", "{labels}", "{small}", *CLASSES], "(12, 24, 28)"),
    "too little memory": (["convert", "{grey}", *EDGES, "--memory-mb", "150"], "at least"),
    "grey, not labels, by porosity": (["measure", "porosity", "{grey}", *EDGES, *CLASSES], "uint16"),
    "value without class": (
        ["measure", "class_volumes", "{labels}", *EDGES, "--classes", "pore=0,solid=1"],
        f"3 in {int((tiny_training.scan(0)[1] == 3).sum())} voxels",
    ),
    "class name": (["view", "{labels}", *EDGES, "--classes", "../evil=3"], "letters, digits"),
    "setting twice": (
        ["measure", "occupancy", "{labels}", *EDGES, *CLASSES, *["--set", "patches=3"] * 2],
        "patches once",
    ),
    "class ignored": (["evaluate", "{labels}", "{labels}", *CLASSES, "--ignore-value", "3"], "class solid"),
    "a section and one of its settings": (
        ["convert", "{grey}", *EDGES, "--set", "stitch=null", "--set", "stitch.axis=z"],
        "stitch.axis once",
    ),
    "a mirror image": (["convert", "{grey}", *EDGES, "--set", "axes=x y z"], "allow_mirror"),
    "fields that nothing joins": (["convert", "{grey}", "{grey}", *EDGES], "2 fields of view"),
    "no study": (["train", "none.yaml"], "none.yaml"),
}


@pytest.mark.parametrize(("arguments", "word"), FAULTS.values(), ids=FAULTS.keys())
def test_bad_input_ends_with_status_2_and_its_reason(  # noqa: PLR0913, PLR0917 -- fixtures
    arguments: list[str],
    word: str,
    tmp_path: Path,
    grey: Path,
    labels: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("small.npy", np.zeros((2, 3, 4), np.uint8))
    told = [part.format(labels=labels, grey=grey, small="small.npy") for part in arguments]
    out = [] if told[0] == "train" else ["--out", tmp_path / "out"]
    with pytest.raises(SystemExit) as ended:
        run(*told, *out)
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert word in shown
    assert "Traceback" not in shown
    assert shown.count(word) <= 2
    assert not (tmp_path / "out").exists() or files(tmp_path / "out") == set()


@pytest.mark.parametrize("limit", [("--threads", "0"), ("--threads", "-1"), ("--memory-mb", "0"), ("--threads", "two")])
def test_limits_are_above_nought(labels: Path, limit: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("measure", "class_volumes", labels, *EDGES, *CLASSES, "--out", "out", *limit)
    assert ended.value.code == 2
    assert f"{limit[0]}: found {limit[1]!r}" in capsys.readouterr().err


@pytest.mark.parametrize("below", ["", "below/deeper"])
def test_a_file_is_no_folder(tmp_path: Path, labels: Path, below: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(SystemExit) as ended:
        run("view", labels, *EDGES, "--out", tmp_path / "taken" / below)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert str(tmp_path / "taken") in told
    assert "Traceback" not in told
    assert (tmp_path / "taken").read_text() == "mine"


def test_the_folder_of_a_log_is_made(tmp_path: Path, labels: Path) -> None:
    log = tmp_path / "logs" / "today" / "job.log"
    run("evaluate", labels, labels, *CLASSES, "--out", tmp_path / "out", "--log", log)
    assert "accuracy 1.0" in log.read_text()


def test_only_the_first_rank_writes_the_log(
    tmp_path: Path, labels: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "job.log"
    log.write_text("first rank")
    monkeypatch.setenv("RANK", "1")
    run("view", labels, *EDGES, "--out", tmp_path / "out", "--log", log)
    assert log.read_text() == "first rank"
    assert "labels.png" in capsys.readouterr().err
    monkeypatch.setenv("RANK", "0")
    run("view", labels, *EDGES, "--out", tmp_path / "out", "--log", log)
    assert "labels.png" in log.read_text()


def test_a_log_takes_the_lines_and_the_terminal_the_reason(
    tmp_path: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "job.log"
    run("view", labels, *EDGES, "--out", tmp_path / "out", "--log", log)
    assert "labels.png" in log.read_text()
    with pytest.raises(SystemExit):
        run("view", tmp_path / "none.tif", *EDGES, "--out", tmp_path / "out", "--log", log)
    assert "none.tif" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert "none.tif" in capsys.readouterr().err


def test_a_fault_of_the_program_is_no_bad_input(tmp_path: Path, labels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ArithmeticError

    monkeypatch.setattr("tomocell.stages.view.view", broken)
    log = tmp_path / "job.log"
    with pytest.raises(ArithmeticError):
        run("view", labels, *EDGES, "--out", tmp_path / "out", "--log", log)
    assert "Traceback" in log.read_text()


def test_the_module_runs_as_a_program_and_starts_without_heavy_libraries(tmp_path: Path) -> None:
    seen = "import sys; from tomocell.cli import build_parser; build_parser(); print(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    loaded = subprocess.run([sys.executable, "-c", seen], env=environment, capture_output=True, text=True, check=True)
    assert not {"torch", "pandas", "matplotlib", "SimpleITK", "numba", "lightning"} & set(loaded.stdout.split())
    command = [sys.executable, "-m", "tomocell", "view", "none.tif", "--out", "out"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "none.tif" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_logging_is_left_as_it_was_found(tmp_path: Path, labels: Path) -> None:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    run("view", labels, *EDGES, "--out", tmp_path / "out", "--log", tmp_path / "job.log")
    assert (root.handlers, root.level) == before
