"""The chapter on labels beside their truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from evaluation.scenes import CLASSES, SIZE, random_pair
from reporting import fake
from support.stores import LIMITS
from tomocell.evaluation.settings import EvaluateSettings
from tomocell.reporting.bars import Bar, draw_bars, draw_matrix
from tomocell.reporting.page import build_report
from tomocell.reporting.sections import evaluation
from tomocell.reporting.sources import Source
from tomocell.settings.load import Project
from tomocell.settings.samples import SampleSheet
from tomocell.stages.evaluate import How, evaluate
from tomocell.volumes.tables import read_json
from tomocell.volumes.volume import ArrayVolume

if TYPE_CHECKING:
    from pathlib import Path


def judged(folder: Path, steps: int, **changes: Any) -> Project:
    bare = fake.make_project(folder, steps)
    samples = fake.make_samples(steps, truth="truth.tif", **changes)
    return Project(bare.path, bare.study, SampleSheet(bare.sheet.path, samples))


def evaluated(project: Project, results: Path) -> list[dict[str, Any]]:
    labels, truth = random_pair()
    sides = [ArrayVolume(voxels, SIZE, CLASSES, "scan") for voxels in (labels, truth)]
    sure = {name: ArrayVolume(np.full(truth.shape, 99, np.uint8), SIZE) for name in CLASSES.names}
    how = How(EvaluateSettings(bootstrap_edge_voxels=4), "unet", sure)
    paths = [results / fake.SERIES / step / "evaluation.json" for step in project.sheet.timesteps(fake.SERIES)]
    for path in paths:
        evaluate(sides[0], sides[1], path, 255, LIMITS, how)
    return [read_json(path) for path in paths]


def test_one_timestep_is_told_in_full(tmp_path: Path) -> None:
    project = judged(tmp_path, 1)
    (record,) = evaluated(project, tmp_path)
    page = build_report(project, fake.SERIES, tmp_path)
    chapter = page[page.index('<section id="evaluation"') : page.index('<section id="appendix"')]
    for words in ("IoU of each class", "True (rows), found (columns)", "Surface Dice", "HD95", "Labels minus truth",
                  "Expected calibration error", "voxels are left out"):  # fmt: skip
        assert words in chapter
    for name in CLASSES.names:
        assert f"{100 * record['classes'][name]['iou']:.2f} %" in chapter
    assert f"pore taken for solid: {record['confusion']['voxels'][0][1]} voxels" in chapter
    assert f"{100 * record['accuracy']:.2f}\u00a0%" in page


def test_several_timesteps_are_curves_and_folded_tables(tmp_path: Path) -> None:
    project = judged(tmp_path, 3)
    evaluated(project, tmp_path)
    (section,) = evaluation.build(Source(project, fake.SERIES, tmp_path))
    kinds = [block.kind for block in section.blocks]
    assert kinds == ["charts", "details", "details", "details"]


def test_what_was_left_of_another_study_is_not_shown(tmp_path: Path) -> None:
    project = judged(tmp_path, 2)
    evaluated(project, tmp_path)
    assert evaluation.build(Source(fake.make_project(tmp_path, 2), fake.SERIES, tmp_path)) == []


def test_bars_end_at_their_share() -> None:
    full, half, none = (Bar(name, "#2f74b5", share) for name, share in (("a", 1.0), ("b", 0.5), ("c", None)))
    drawn = str(draw_bars("shares", [full, half, none]))
    room = 460 - 110 - 56
    assert f'width="{room}.0"' in drawn
    assert f'width="{room / 2}"' in drawn
    assert "none" in drawn
    assert "50.00 %" in drawn


@pytest.mark.parametrize("name", ["<b>", "a_very_long_name_of_a_class"])
def test_names_are_escaped_and_fit(name: str) -> None:
    drawn = str(draw_matrix("matrix", [name, "b"], [[1, 3], [0, 0]]))
    assert "<b>" not in drawn
    assert "25.0" in drawn
    assert "75.0" in drawn
    assert drawn.count(">none<") == 2
