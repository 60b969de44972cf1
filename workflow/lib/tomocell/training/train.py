"""Training a model: seeded, resumable, on any number of ranks, ending in files that load without pickle."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import lightning
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.plugins.environments import LightningEnvironment, TorchElasticEnvironment

from tomocell.errors import BadInput, Fault
from tomocell.training.learner import Learner
from tomocell.training.modules import weights_digest
from tomocell.training.samples import Source
from tomocell.volumes.publish import write_text_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.models._parts.any_size import AnySize
    from tomocell.models.settings import ModelSettings
    from tomocell.training.trainingset import TrainingSet
    from tomocell.volumes.volume import Classes

log = logging.getLogger(__name__)
logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # what devices there are not, and advertisements
FINGERPRINT = "fingerprint.txt"


@dataclass(frozen=True)
class Outcome:
    """What a training leaves: the best weights, the history of all epochs, the best epoch's confusion matrix."""

    weights: dict[str, torch.Tensor]
    history: list[dict[str, float]]
    confusion: torch.Tensor


def train_network(
    network: AnySize,
    results: Path,
    training_set: TrainingSet,
    model: ModelSettings,
    classes: Classes,
    checkpoints: Path,
) -> Outcome | None:
    """Train ``network``; go on from the last checkpoint in ``checkpoints`` if it is of the same training.

    The caller seeds, before it makes the network.

    Returns None on every rank but the first.

    Raises:
        BadInput: If the number of ranks is not what was asked for, there are fewer samples than a batch,
            or the loss is not finite.
    """
    last = _last_checkpoint(checkpoints, fingerprint(training_set, model, classes))
    learner = Learner(network, Source.of(results, training_set, classes, model), training_set, model)
    trainer = _trainer(model, checkpoints)
    if last is not None:
        log.info("going on from %s", last)
    trainer.fit(learner, ckpt_path=last, weights_only=True)
    if not trainer.is_global_zero:
        return None
    best = torch.load(_best_checkpoint(checkpoints), weights_only=True, map_location="cpu")
    weights = {name.removeprefix("network."): tensor for name, tensor in best["state_dict"].items()}
    return Outcome(weights, learner.history, best["confusion"])


def fingerprint(training_set: TrainingSet, model: ModelSettings, classes: Classes) -> str:
    """Return a digest of all that a checkpoint must agree with to be gone on from: data, settings and code."""
    parts = (
        training_set.model_dump_json(),
        model.model_dump_json(exclude={"infer"}),
        json.dumps([(member.name, member.value) for member in classes]),
        weights_digest(model.architecture),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def forget_checkpoints(checkpoints: Path) -> None:
    """Remove the checkpoints of a training: one that is over, or another one.

    Their note goes first, so that what a kill leaves of them belongs to no training.
    """
    (checkpoints / FINGERPRINT).unlink(missing_ok=True)
    shutil.rmtree(checkpoints, ignore_errors=True)


def rank_count() -> int:
    """Return how many ranks torchrun started (1 without it)."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def _trainer(model: ModelSettings, checkpoints: Path) -> lightning.Trainer:
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    nodes = rank_count() // local
    best = ModelCheckpoint(
        checkpoints, filename="best", monitor="validation_accuracy", mode="max", enable_version_counter=False
    )
    # Written last of all, when the epoch is over: what it holds of the best epoch and of patience is then up to date.
    latest = ModelCheckpoint(checkpoints, filename="last", enable_version_counter=False, save_on_train_epoch_end=True)
    patience = EarlyStopping("validation_accuracy", patience=model.train.patience_epochs, mode="max")
    return lightning.Trainer(
        accelerator="gpu" if torch.cuda.is_available() else "cpu",
        devices=local,
        num_nodes=nodes,
        strategy="ddp" if rank_count() > 1 else "auto",
        # torchrun starts the ranks, under SLURM too: the trainer must not take the tasks of a step for ranks.
        plugins=[TorchElasticEnvironment() if rank_count() > 1 else LightningEnvironment()],
        max_epochs=model.train.epochs,
        precision=model.train.precision,
        callbacks=[best, latest, patience],
        use_distributed_sampler=False,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        logger=False,
        enable_progress_bar=os.isatty(2),
        enable_model_summary=False,
        deterministic=True,
    )


def _last_checkpoint(checkpoints: Path, mark: str) -> Path | None:
    """Return the checkpoint to go on from; clear away those of another training."""
    note = checkpoints / FINGERPRINT
    last = checkpoints / "last.ckpt"
    if _read(note) == mark:
        return last if last.is_file() else None
    if int(os.environ.get("RANK", "0")) == 0:
        forget_checkpoints(checkpoints)
        checkpoints.mkdir(parents=True, exist_ok=True)
        write_text_atomically(note, mark)
    return None


def _read(note: Path) -> str:
    try:
        return note.read_text()
    except FileNotFoundError:  # the first rank may be clearing the folder right now
        return ""


def _best_checkpoint(checkpoints: Path) -> Path:
    # By its name, not as the trainer remembers it: the folder may have moved since the checkpoint was written.
    path = checkpoints / "best.ckpt"
    if not path.is_file():
        raise BadInput(Fault(str(path), "no file", "the weights of the best epoch", "delete the folder, train again"))
    return path
