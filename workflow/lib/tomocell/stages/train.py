"""Train: from a training set to a model on disk."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

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
    from tomocell.training.interruptions import TimeLimit
    from tomocell.volumes.volume import Classes

log = logging.getLogger(__name__)
CHECKPOINTS = "checkpoints"
BULKY = {"planes_of", "tiles", "centres", "boxes", "label_sets"}  # of entries: they stand in training_set.json


def train(
    results: Path,
    model: ModelSettings,
    classes: Classes,
    network_settings: dict[str, object],
    limit: TimeLimit | None = None,
) -> None:
    """Train ``results/models/<name>`` from its ``training_set.json``; every rank calls this, the first one writes.

    Raises:
        BadInput: As ``train_network``, or if the weights that start the network cannot be used.
        InterruptedTrainingError: If it ended at a checkpoint, by a signal or near ``limit``; call it again.
    """
    check_world(int(os.environ.get(WORLD_SIZE, "1")), os.environ)
    folder = results / "models" / model.name
    training_set = read_training_set(folder / "training_set.json")
    lightning.seed_everything(model.train.seed, verbose=False)  # before the network draws its first weights
    network, _ = build_network(model.architecture, network_settings, model.planes, len(classes))
    start_network(model.architecture, network_settings, network)
    outcome = train_network(network, results, training_set, model, classes, folder / CHECKPOINTS, limit=limit)
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
            "entries": [entry.model_dump(mode="json", exclude=BULKY) for entry in training_set.entries],
            "split": training_set.split.model_dump(mode="json"),
            "label_sets": [
                {"series": entry.series, "timestep": entry.timestep} | _without_checksums(labels)
                for entry in training_set.entries
                for labels in entry.label_sets
            ],
            "epochs": len(outcome.history),
            "stopped_by": outcome.stopped_by,
            "precision": outcome.precision,
            "ranks": rank_count(),
        },
    )


def _without_checksums(label_set: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a label set without the checksums of its files, which ``training_set.json`` keeps."""
    return {key: value for key, value in label_set.items() if key != "sha256"}
