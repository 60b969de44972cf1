"""Accuracy and the metrics of each class, against scikit-learn's and by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn import metrics

from support.stores import CLASSES, LIMITS, SIZE
from tomocell.blocks import Limits
from tomocell.errors import BadInput
from tomocell.evaluation import counts, surfaces
from tomocell.stages.evaluate import evaluate
from tomocell.training.metrics import metrics_of
from tomocell.volumes.tables import read_json
from tomocell.volumes.volume import ArrayVolume, Classes, VoxelClass

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SHAPE = (5, 6, 7)


def volumes() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    random = np.random.default_rng(0)
    truth = random.choice([0, 1, 7, 255], SHAPE).astype(np.uint8)
    labels = np.where(random.random(SHAPE) < 0.7, truth, 1)
    labels[truth == 255] = random.choice([0, 1, 7], (truth == 255).sum())
    return labels.astype(np.uint8), truth


def record(folder: Path, labels: NDArray[Any], truth: NDArray[Any], classes: Classes = CLASSES) -> dict[str, Any]:
    sides = [ArrayVolume(voxels, SIZE, classes, name) for voxels, name in ((labels, "labels"), (truth, "truth"))]
    evaluate(sides[0], sides[1], folder / "evaluation.json", 255, LIMITS)
    return read_json(folder / "evaluation.json")


def test_the_metrics_are_those_of_scikit_learn(tmp_path: Path) -> None:
    labels, truth = volumes()
    found = record(tmp_path, labels, truth)
    judged = truth != 255
    true, guess = truth[judged], labels[judged]
    assert found["pixels"] == judged.sum()
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(true, guess))
    per_class = metrics.precision_recall_fscore_support(true, guess, labels=[0, 1, 7])
    iou = metrics.jaccard_score(true, guess, labels=[0, 1, 7], average=None)
    for index, name in enumerate(CLASSES.names):
        expected = [per_class[kind][index] for kind in range(3)]
        one = found["classes"][name]
        assert [one[key] for key in ("precision", "recall", "f1")] == pytest.approx(expected)
        assert one["iou"] == pytest.approx(iou[index])
        assert one["dice"] == pytest.approx(2 * iou[index] / (1 + iou[index]))


def test_a_perfect_answer_and_a_class_that_never_occurs(tmp_path: Path) -> None:
    truth = np.zeros(SHAPE, np.uint8)
    found = record(tmp_path, truth, truth)
    assert found["accuracy"] == 1
    assert set(found["classes"]["empty"].values()) == {1.0}
    assert set(found["classes"]["grain"].values()) == {None}
    assert metrics_of(np.zeros((2, 2), np.int64), ("a", "b"))["accuracy"] is None


def test_a_class_is_never_ignored(tmp_path: Path) -> None:
    classes = Classes((VoxelClass("empty", 0), VoxelClass("solid", 255)))
    truth = np.full(SHAPE, 255, np.uint8)
    with pytest.raises(BadInput, match="class solid"):
        record(tmp_path, truth, truth, classes)
    sides = [ArrayVolume(truth, SIZE, classes, name) for name in ("labels", "truth")]
    evaluate(sides[0], sides[1], tmp_path / "evaluation.json", -1, LIMITS)
    assert read_json(tmp_path / "evaluation.json")["pixels"] == truth.size


def test_annotations_name_the_voxels_that_nobody_labelled(tmp_path: Path) -> None:
    labels, truth = volumes()
    annotations = Classes((*CLASSES, VoxelClass("ignored", 255)))
    assert record(tmp_path, labels, truth, annotations)["pixels"] == (truth != 255).sum()


def test_one_name_means_one_value(tmp_path: Path) -> None:
    labels, truth = volumes()
    other = Classes((VoxelClass("empty", 0), VoxelClass("solid", 7), VoxelClass("grain", 1)))
    with pytest.raises(BadInput, match=r"class solid.*found 7; expected 1"):
        evaluate(
            ArrayVolume(labels, SIZE, other, "labels"), ArrayVolume(truth, SIZE, CLASSES, "truth"),
            tmp_path / "evaluation.json", 255, LIMITS,
        )  # fmt: skip
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("workers", [1, 2])
def test_the_outcome_does_not_depend_on_blocks(tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    labels, truth = volumes()
    once = record(tmp_path, labels, truth)
    for module in (counts, surfaces):
        monkeypatch.setattr(module, "choose_core", lambda *_: (2, 5, 3))
    sides = [ArrayVolume(voxels, SIZE, CLASSES, name) for voxels, name in ((labels, "labels"), (truth, "truth"))]
    evaluate(sides[0], sides[1], tmp_path / "evaluation.json", 255, Limits(2048, workers))
    assert read_json(tmp_path / "evaluation.json") == once


def test_what_cannot_be_compared_is_named(tmp_path: Path) -> None:
    labels, truth = volumes()
    faults = {
        "the shape of truth": (labels[1:], truth, CLASSES),
        "labels as uint8": (labels.astype(float), truth, CLASSES),
        "no classes": (labels, truth, Classes()),
        "255 everywhere": (labels, np.full_like(truth, 255), CLASSES),
        r"values \[7\]": (labels, truth, CLASSES.subset(("empty", "solid"))),
    }
    for words, (one, other, classes) in faults.items():
        with pytest.raises(BadInput, match=words):
            record(tmp_path, one, other, classes)
    assert not list(tmp_path.iterdir())


def test_why_something_is_null_is_told(tmp_path: Path) -> None:
    labels, truth = volumes()
    truth[truth == 7] = 1
    found = record(tmp_path, labels, truth)
    assert found["classes"]["grain"]["recall"] is None
    told = {entry["of"]: entry["reason"] for entry in found["reasons"]}
    assert told["classes.grain: recall"] == "no voxel of grain in truth"
    assert told["surface.classes.grain: hd95_um"] == "no surface in truth"
    assert told["tortuosity"] == "voxels are left out"
    sides = [ArrayVolume(voxels, None, CLASSES) for voxels in (labels, truth)]
    evaluate(sides[0], sides[1], tmp_path / "evaluation.json", 255, LIMITS)
    unsized = read_json(tmp_path / "evaluation.json")
    assert unsized["surface"] is unsized["physical"] is None
    assert any("no voxel size" in entry["reason"] for entry in unsized["reasons"])
    assert unsized["accuracy"] == found["accuracy"]
