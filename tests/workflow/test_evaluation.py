"""A truth in the sheet makes evaluations, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import tifffile

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
