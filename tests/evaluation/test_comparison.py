"""Many models side by side."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from evaluation.scenes import CLASSES, SIZE, random_pair
from support.stores import LIMITS, make_store
from tomocell.cli import main
from tomocell.errors import BadInput
from tomocell.evaluation.comparison import to_markdown
from tomocell.evaluation.settings import EvaluateSettings
from tomocell.stages.compare import write_comparison
from tomocell.stages.evaluate import How, evaluate
from tomocell.volumes.tables import read_json
from tomocell.volumes.volume import ArrayVolume

if TYPE_CHECKING:
    from pathlib import Path


def evaluated(folder: Path, name: str, noise: float) -> Path:
    """Evaluate labels of which a share is wrong."""
    _, truth = random_pair()
    wrong = np.random.default_rng(5).random(truth.shape) < noise
    labels = np.where(wrong | (truth == 255), 0, truth).astype(np.uint8)
    sides = [ArrayVolume(voxels, SIZE, CLASSES, name) for voxels in (labels, truth)]
    out = folder / name / "evaluation.json"
    evaluate(sides[0], sides[1], out, 255, LIMITS, How(EvaluateSettings(bootstrap_edge_voxels=4)))
    return out


def test_one_row_a_model_the_best_first(tmp_path: Path) -> None:
    paths = [evaluated(tmp_path, name, noise) for name, noise in (("otsu", 0.4), ("forest", 0.1), ("unet", 0.0))]
    main(["compare", *map(str, paths), "--out", str(tmp_path / "out")])
    frame = pd.read_csv(tmp_path / "out" / "comparison.csv")
    assert list(frame["model"]) == ["unet", "forest", "otsu"]
    assert frame["accuracy"][0] == 1
    record = read_json(paths[0])
    otsu = frame.iloc[2]
    assert otsu["solid_iou"] == record["classes"]["solid"]["iou"]
    assert otsu["solid_hd95_um"] == record["surface"]["classes"]["solid"]["hd95_um"]
    assert otsu["pore_share_error_points"] == record["physical"]["pore"]["share_error_points"]
    assert otsu["accuracy_low"] == record["intervals"]["accuracy"]["low"]
    lines = (tmp_path / "out" / "comparison.md").read_text().splitlines()
    assert lines[0].startswith("| model | voxels | accuracy (%) | accuracy low (%)")
    assert lines[2].startswith("| unet |")
    assert "| 100.00 |" in lines[2]
    assert "ece" not in lines[0]  # nobody gave probabilities


def test_what_cannot_be_compared_is_told(tmp_path: Path) -> None:
    path = evaluated(tmp_path, "otsu", 0.2)
    record = read_json(path)

    def altered(**changes: Any) -> Path:
        other = tmp_path / "other.json"
        other.write_text(json.dumps(record | changes))
        return other

    (tmp_path / "broken.json").write_text("{")
    for words, paths in {
        "otsu twice": [path, path],
        "other, pixels": [path, altered(name="other", pixels=3)],
        "FileNotFoundError": [path, tmp_path / "none.json"],
        "JSONDecodeError": [path, tmp_path / "broken.json"],
    }.items():
        with pytest.raises(BadInput, match=words):
            write_comparison(paths, tmp_path / "out")
    (tmp_path / "older.json").write_text(json.dumps({"accuracy": 1.0}))
    with pytest.raises(BadInput, match="evaluate again"):
        write_comparison([path, tmp_path / "older.json"], tmp_path / "out")
    with pytest.raises(BadInput, match="other, classes"):
        write_comparison([path, altered(name="other", classes={"a": {}})], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_name_cannot_break_the_table() -> None:
    text = to_markdown(pd.DataFrame({"model": ["a|b"], "accuracy": [None], "x_hd95_um": [1.23456]}))
    assert "a\\|b" in text
    assert "1.235" in text


def test_the_command_takes_settings_and_probabilities(tmp_path: Path) -> None:
    labels, truth = random_pair()
    for name, voxels in (("labels", labels), ("truth", truth)):
        make_store(tmp_path / f"{name}.ome.zarr", voxels, SIZE)
    for name, value in zip(CLASSES.names, (0, 4, 9), strict=True):
        sure = np.where(labels == value, 255, 0).astype(np.uint8)
        make_store(tmp_path / "probabilities" / f"{name}.ome.zarr", sure, SIZE)
    main(
        [
            "evaluate", str(tmp_path / "labels.ome.zarr"), str(tmp_path / "truth.ome.zarr"), "--name", "mine",
            "--classes", "pore=0,solid=4,grain=9", "--probabilities", str(tmp_path / "probabilities"),
            "--set", "surface_tolerance_um=1.0", "--set", "surfaces=true", "--out", str(tmp_path / "out"),
        ]
    )  # fmt: skip
    record = read_json(tmp_path / "out" / "evaluation.json")
    assert record["name"] == "mine"
    assert record["surface"]["tolerance_um"] == 1
    # Always sure, and right as often as the labels are.
    assert record["calibration"]["ece"] == pytest.approx(1 - record["accuracy"])
    assert record["tortuosity"] is None


def test_a_folder_without_probabilities_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels, _ = random_pair()
    make_store(tmp_path / "labels.ome.zarr", np.where(labels == 9, 0, labels).astype(np.uint8), SIZE)
    path = str(tmp_path / "labels.ome.zarr")
    (tmp_path / "none").mkdir()
    for folder, words in (("none", "stores <class>.ome.zarr"), (".", "probabilities of pore: found 'classes labels'")):
        told = [
            "--probabilities",
            str(tmp_path / folder),
            "--classes",
            "pore=0,solid=4",
            "--out",
            str(tmp_path / "out"),
        ]
        with pytest.raises(SystemExit) as caught:
            main(["evaluate", path, path, *told])
        assert caught.value.code == 2
        assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
