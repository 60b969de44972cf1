"""A truth in the sheet makes evaluations, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import tifffile

from tomocell.volumes.store import open_store
from tomocell.volumes.volume import whole
from workflow.conftest_workflow import CARD, MODEL, write_threshold_network

if TYPE_CHECKING:
    from pathlib import Path

    from workflow.conftest_workflow import House

pytestmark = pytest.mark.workflow
SHAPE = (20, 24, 28)


def write_truth(path: Path) -> None:
    """Write the ball that `write_ball` drew."""
    z, y, x = np.indices(SHAPE)
    ball = (z - 10) ** 2 + (y - 12) ** 2 + (x - 14) ** 2 <= 36
    tifffile.imwrite(path, np.where(ball, 0, 1).astype(np.uint8), photometric="minisblack")


def test_a_truth_makes_evaluations_and_a_chapter(house: House) -> None:
    write_truth(house.root / "truth.tif")
    sheet = "series\ttimestep\tpath\ttruth\nball\tt00\tball.tif\ttruth.tif\nball\tt01\tball.tif\t\n"
    (house.root / "small.tsv").write_text(sheet)
    # The rows of the sheet stand in the tables, so these are made again.
    assert house.planned() == {"evaluate": 1, "evaluations": 1, "collect": 2, "report": 1}
    house.run()
    record = json.loads((house.root / "results/ball/t00/evaluation.json").read_text())
    assert record["accuracy"] == 1
    assert record["name"] == "small"
    assert record["surface"]["classes"]["pore"] == {"surface_dice": 1.0, "hd95_um": 0.0}
    table = pd.read_csv(house.root / "results/ball/evaluation.csv")
    assert list(table["timestep"]) == ["t00"]
    assert table["classes_pore_iou"][0] == 1
    assert 'id="evaluation"' in (house.root / "results/ball/report.html").read_text()
    assert house.planned() == {}
    text = (house.root / "small.yaml").read_text()
    (house.root / "small.yaml").write_text(text + "evaluate: {of: phases, crop_start_voxels: [4, 0, 0]}\n")
    assert house.planned() == {"evaluate": 1, "evaluations": 1, "report": 1}


def test_the_probabilities_of_a_model_are_held_against_the_truth(house: House) -> None:
    write_truth(house.root / "truth.tif")
    (house.root / "small.tsv").write_text("series\ttimestep\tpath\ttruth\nball\tt00\tball.tif\ttruth.tif\n")
    model = house.root / "results/models/mine"
    model.mkdir(parents=True)
    (model / "model.json").write_text(json.dumps(CARD | {"normalisation": {"mean": 100.0, "sd": 100.0}}))
    write_threshold_network(model / "model.pt")
    told = MODEL.replace("[16, 16]", "[16, 16], infer: {tile_voxels: [16, 16], probabilities: true}")
    house.edit("small.yaml", "threshold: {dark: pore, bright: solid}", told)
    target = "results/ball/t00/evaluation.json"
    assert house.planned("--", target) == {"infer": 1, "evaluate": 1}
    house.run("--", target)
    assert house.planned("--", target) == {}
    found = json.loads((house.root / target).read_text())["calibration"]
    assert found["ece"] == pytest.approx(expected_calibration_error(house.root / "results/ball/t00", 15), abs=1e-12)
    assert 0.01 < found["ece"] < 0.5
    # Phases are no classes of the model.
    with (house.root / "small.yaml").open("a") as study:
        study.write("evaluate: {of: phases}\n")
    assert "probabilities/pore" not in inputs_of_evaluate(house, target)


def expected_calibration_error(folder: Path, bins: int) -> float:
    """Return the mean over voxels of how far the accuracy of their bin is from its confidence."""
    stores = [open_store(folder / f"probabilities/{name}.ome.zarr") for name in ("pore", "solid")]
    shares = np.stack([store.read(whole(SHAPE)) for store in stores]) / 255
    confidence, right = shares.max(0), shares.argmax(0) == tifffile.imread(folder.parents[2] / "truth.tif")
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    inside = [place == number for number in range(bins)]
    return sum(part.mean() * abs(right[part].mean() - confidence[part].mean()) for part in inside if part.any())


def inputs_of_evaluate(house: House, target: str) -> str:
    """Return what the plan says of the rule's inputs."""
    plan = house.run("--dry-run", "--", target).stdout
    return plan.split("rule evaluate:")[1].split("output:")[0]
