"""Train: from a training set to a model on disk."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import lightning
import pandas as pd

from tomocell.models.saved import ClassCard, ModelCard, Normalisation, build_network, save_model, start_network
from tomocell.training.launch import WORLD_SIZE, check_world
from tomocell.training.metrics import metrics_of
from tomocell.training.train import Outcome, forget_checkpoints, rank_count, train_network
from tomocell.training.trainingset import TrainingSet, read_training_set
from tomocell.volumes.tables import write_csv

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.models.settings import ModelSettings
    from tomocell.volumes.volume import Classes

log = logging.getLogger(__name__)
CHECKPOINTS = "checkpoints"


def train(results: Path, model: ModelSettings, classes: Classes, network_settings: dict[str, object]) -> None:
    """Train ``results/models/<name>`` from its ``training_set.json``; every rank calls this, the first one writes.

    Raises:
        BadInput: As ``train_network``, or if the weights that start the network cannot be used.
    """
    check_world(int(os.environ.get(WORLD_SIZE, "1")), os.environ)
    folder = results / "models" / model.name
    training_set = read_training_set(folder / "training_set.json")
    lightning.seed_everything(model.train.seed, verbose=False)  # before the network draws its first weights
    network, _ = build_network(model.architecture, network_settings, model.planes, len(classes))
    start_network(model.architecture, network_settings, network)
    outcome = train_network(network, results, training_set, model, classes, folder / CHECKPOINTS)
    if outcome is not None:
        card = model_card(model, classes, network_settings, training_set, outcome)
        write_csv(folder / "history.csv", pd.DataFrame(outcome.history))
        save_model(folder, card, outcome.weights)
        # Else a training that is asked for again would begin at its end.
        forget_checkpoints(folder / CHECKPOINTS)
        log.info("%s: validation accuracy %.4f", folder, card.metrics["accuracy"])


def model_card(
    model: ModelSettings, classes: Classes, network: dict[str, object], training_set: TrainingSet, outcome: Outcome
) -> ModelCard:
    """Return the card of a trained model."""
    return ModelCard(
        name=model.name,
        architecture=model.architecture,
        network=network,
        classes=tuple(ClassCard(name=c.name, value=c.value, color=c.color) for c in classes),
        plane_axis=model.plane_axis,
        planes=model.planes,
        patch_voxels=model.patch_voxels,
        voxel_size_um=training_set.voxel_size_um,
        normalisation=Normalisation(mean=training_set.grey_mean, sd=training_set.grey_sd),
        metrics=metrics_of(outcome.confusion.numpy(), classes.names),
        training={
            "settings": model.train.model_dump(mode="json"),
            "entries": [entry.model_dump(mode="json") for entry in training_set.entries],
            "epochs": len(outcome.history),
            "ranks": rank_count(),
        },
    )
