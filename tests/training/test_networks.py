"""Training with other networks than the demo's: several planes, deep supervision, weights to start from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from support import tiny_training
from tomocell.models.saved import build_network, load_model, read_card
from tomocell.settings import digest
from tomocell.stages.train import train
from tomocell.training.learner import Learner
from tomocell.training.loss import summed_cross_entropy
from tomocell.training.modules import weights_digest
from tomocell.training.patches import PlaneReader, RandomPatches, WholePlanes
from tomocell.training.samples import Source
from tomocell.training.trainingset import read_training_set

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.models.settings import ModelSettings
    from tomocell.training.trainingset import TrainingSet

SUPERVISED = {"channels": [4, 6], "branch_channels": 4}


def settings(**changes: Any) -> ModelSettings:
    made = tiny_training.settings(epochs=2, learning_rate=0.02)
    return type(made).model_validate(made.model_dump() | changes)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("networks")
    tiny_training.prepare(folder, settings())
    return folder


@pytest.fixture
def training_set(results: Path) -> TrainingSet:
    return read_training_set(results / "models" / "tiny" / "training_set.json")


def test_neighbouring_planes_come_with_the_labelled_one(results: Path, training_set: TrainingSet) -> None:
    entry = training_set.entries[0]
    one, five = (PlaneReader(results, training_set, tiny_training.CLASSES, planes) for planes in (1, 5))
    last = tiny_training.SHAPE[1] - 1
    for plane in (0, 1, 9, last):
        grey, target = five.read(entry, plane)
        assert grey.shape == (5, *target.shape)
        for index, seen in enumerate(range(plane - 2, plane + 3)):
            np.testing.assert_array_equal(grey[index], one.read(entry, min(max(seen, 0), last))[0][0])


def test_patches_of_several_planes_are_cut_and_turned_together(results: Path, training_set: TrainingSet) -> None:
    model = settings(planes=3)
    reader = PlaneReader(results, training_set, tiny_training.CLASSES, 3)
    single = PlaneReader(results, training_set, tiny_training.CLASSES, 1)
    entries = training_set.part("train")
    for index in range(8):
        grey, target = RandomPatches(reader, entries, model, 0)[index]
        middle, same = RandomPatches(single, entries, model, 0)[index]
        assert grey.shape == (3, 8, 16)
        assert torch.equal(grey[1], middle[0])
        assert torch.equal(target, same)
    grey, target = WholePlanes(reader, entries, (8, 16))[0]
    assert grey.shape == (3, *target.shape)


@pytest.mark.parametrize(
    ("architecture", "network"), [("residual_unet", tiny_training.NETWORK), ("unet_3plus", SUPERVISED)]
)
def test_a_model_of_several_planes_is_trained(
    tmp_path: Path, results: Path, architecture: str, network: dict[str, Any]
) -> None:
    model = settings(architecture=architecture, network=network, planes=3)
    (tmp_path / "models").symlink_to(results / "models")
    (tmp_path / "cell").symlink_to(results / "cell")
    train(tmp_path, model, tiny_training.CLASSES, network)
    card = read_card(tmp_path / "models" / "tiny")
    assert (card.architecture, card.planes) == (architecture, 3)
    assert card.metrics["accuracy"] > 0.85
    with torch.inference_mode():
        assert load_model(tmp_path / "models" / "tiny")[0](torch.zeros(1, 3, 9, 14)).shape == (1, 2, 9, 14)


def test_the_loss_is_the_mean_over_supervised_levels(results: Path, training_set: TrainingSet) -> None:
    torch.manual_seed(0)
    network, _ = build_network("unet_3plus", SUPERVISED, 1, 2)
    model = settings(architecture="unet_3plus", network=SUPERVISED)
    source = Source.of(results, training_set, tiny_training.CLASSES, model)
    learner = Learner(network, source, training_set, model)
    x, target = torch.randn(2, 1, 8, 16), torch.randint(-1, 2, (2, 8, 16))
    found = learner.training_step((x, target), 0)
    parts = [summed_cross_entropy(output, target, learner.weights) for output in network.training_outputs(x)]
    assert len(parts) == 2
    mean = sum(loss for loss, _ in parts) / len(parts)
    torch.testing.assert_close(found, mean / parts[0][1])


def test_parts_of_a_network_count_among_what_changes_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = digest.modules_within("tomocell.models", "tomocell.models.unet_3plus")
    assert "tomocell.models._parts.unet_3plus" in parts
    assert "tomocell.models._parts.layers" in parts
    before = {name: weights_digest(name) for name in ("unet_3plus", "residual_unet")}
    real = digest._fingerprint
    monkeypatch.setattr(
        digest, "_fingerprint", lambda module: real(module) + ("x" if module.endswith("layers") else "")
    )
    assert weights_digest("unet_3plus") != before["unet_3plus"]
    assert weights_digest("residual_unet") == before["residual_unet"]
