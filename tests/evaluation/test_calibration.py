"""Calibration: models that know how right they are, and models that do not."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.scenes import SIZE, make_pair, random_pair
from support.stores import LIMITS
from tomocell.blocks import Limits
from tomocell.errors import BadInput
from tomocell.evaluation import calibration as module
from tomocell.evaluation.calibration import calibration, count_confidences, probabilities_of
from tomocell.evaluation.settings import EvaluateSettings
from tomocell.volumes.volume import ArrayVolume, Volume

SHAPE = (6, 7, 8)


def volumes(stack: np.ndarray) -> list[Volume]:  # type: ignore[type-arg]
    return [ArrayVolume(voxels.astype(np.uint8), SIZE) for voxels in stack]


def test_counts_by_hand_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, truth = random_pair(SHAPE)
    stack = np.random.default_rng(1).integers(0, 256, (3, *SHAPE))
    pair = make_pair(labels, truth)
    once = count_confidences(pair, volumes(stack), LIMITS)
    known = truth != 255
    right = np.array([0, 4, 9])[stack.argmax(axis=0)] == truth
    for level in range(256):
        here = known & (stack.max(axis=0) == level)
        assert once[level].tolist() == [here.sum(), (here & right).sum()]
    monkeypatch.setattr(module, "choose_core", lambda *_: (4, 3, 5))
    assert np.array_equal(once, count_confidences(pair, volumes(stack), Limits(2048, 2)))


def test_a_model_as_sure_as_it_is_right_has_no_error() -> None:
    counts = np.zeros((256, 2), np.int64)
    for level in (102, 153, 204, 255):  # probabilities of 0.4, 0.6, 0.8 and 1
        counts[level] = (1000, 1000 * level // 255)
    told = calibration(counts, 15)
    assert told["ece"] == pytest.approx(0, abs=1e-12)
    assert sum(row["voxels"] for row in told["reliability"]) == 4000


def test_a_model_too_sure_of_itself() -> None:
    counts = np.zeros((256, 2), np.int64)
    counts[255] = (800, 600)
    counts[153] = (200, 120)
    told = calibration(counts, 10)
    assert told["ece"] == pytest.approx(0.8 * 0.25)
    assert told["largest_error"] == pytest.approx(0.25)
    last = told["reliability"][-1]
    assert (last["low"], last["high"], last["voxels"]) == (0.9, 1.0, 800)
    assert (last["confidence"], last["accuracy"]) == (1.0, 0.75)
    assert told["reliability"][0]["confidence"] is None
    assert told["reliability"][6]["voxels"] == 200  # 0.6 opens its bin


def test_nothing_judged() -> None:
    assert calibration(np.zeros((256, 2), np.int64), 5)["ece"] is None


def test_probabilities_of_another_model_are_refused() -> None:
    labels, truth = random_pair(SHAPE)
    pair, whole = make_pair(labels, truth), ArrayVolume(truth, SIZE, name="truth")
    given: dict[str, Volume] = {
        "pore": ArrayVolume(np.zeros((2, 3, 4), np.uint8), SIZE),
        "solid": ArrayVolume(np.zeros(SHAPE, np.float32), SIZE),
    }
    with pytest.raises(BadInput) as caught:
        probabilities_of(pair, given, whole, EvaluateSettings())
    told = str(caught.value)
    assert len(caught.value.faults) == 3
    assert all(words in told for words in ("(6, 7, 8)", "float32", "grain"))
