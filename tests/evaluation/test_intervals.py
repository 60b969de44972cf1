"""Intervals by drawing blocks."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.scenes import NAMES, counted, random_pair
from tomocell.evaluation.metrics import intervals, voxel_metrics
from tomocell.evaluation.settings import EvaluateSettings


def test_the_interval_holds_the_figure_and_is_seeded() -> None:
    labels, truth = random_pair((16, 16, 16))
    cells = counted(labels, truth, edge=4).cells
    record = voxel_metrics(cells.sum(axis=0), NAMES, "pore")
    found, reasons = intervals(cells, NAMES, EvaluateSettings())
    assert found is not None
    assert not reasons
    assert found["blocks"] == 64
    assert found["accuracy"]["low"] < record["accuracy"] < found["accuracy"]["high"]
    for name in NAMES:
        for metric in ("iou", "dice"):
            ends = found["classes"][name][metric]
            assert ends["low"] < record["classes"][name][metric] < ends["high"]
    assert intervals(cells, NAMES, EvaluateSettings())[0] == found
    assert intervals(cells, NAMES, EvaluateSettings(bootstrap_seed=1))[0] != found


def test_the_spread_is_the_standard_error_of_a_share() -> None:
    """Blocks of one voxel, right with chance 0.8: the interval of accuracy is that of a binomial share."""
    right = np.random.default_rng(0).random(4000) < 0.8
    cells = np.zeros((4000, 2, 2), np.int64)
    cells[right, 0, 0] = 1
    cells[~right, 0, 1] = 1
    found, _ = intervals(cells, ("a", "b"), EvaluateSettings(bootstrap_draws=4000))
    assert found is not None
    share = right.mean()
    width = 2 * 1.96 * np.sqrt(share * (1 - share) / 4000)
    assert found["accuracy"]["high"] - found["accuracy"]["low"] == pytest.approx(width, rel=0.06)


def test_equal_blocks_have_no_spread() -> None:
    cells = np.broadcast_to([[8, 2], [1, 9]], (5, 2, 2))
    found, _ = intervals(cells, ("a", "b"), EvaluateSettings())
    assert found is not None
    assert found["accuracy"] == {"low": 0.85, "high": 0.85}


def test_one_block_tells_no_spread() -> None:
    found, reasons = intervals(np.ones((1, 2, 2), np.int64), ("a", "b"), EvaluateSettings())
    assert found is None
    assert "1 blocks" in reasons[0]["reason"]


def test_a_class_that_never_occurs_has_no_interval() -> None:
    cells = np.zeros((3, 2, 2), np.int64)
    cells[:, 0, 0] = 5
    found, _ = intervals(cells, ("a", "b"), EvaluateSettings())
    assert found is not None
    assert found["classes"]["b"] == {"iou": {"low": None, "high": None}, "dice": {"low": None, "high": None}}
