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
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.environments import LightningEnvironment, TorchElasticEnvironment

from tomocell.errors import BadInput, Fault
from tomocell.models._parts.weights import read_checkpoint
from tomocell.training.checkpoints import WholeFiles
from tomocell.training.interruptions import Interruptions, TimeLimit
from tomocell.training.learner import Learner
from tomocell.training.modules import weights_digest
from tomocell.training.progress import LiveHistory, check_tensorboard
from tomocell.training.samples import Source
from tomocell.training.stops import Reason, reason, stop_rules
from tomocell.volumes.publish import write_text_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from lightning.pytorch.callbacks import Callback

    from tomocell.models._parts.any_size import AnySize
    from tomocell.models.settings import ModelSettings, TrainSettings
    from tomocell.training.trainingset import TrainingSet
    from tomocell.volumes.volume import Classes

log = logging.getLogger(__name__)
logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # what devices there are not, and advertisements
FINGERPRINT, LAST = "fingerprint.txt", "last.ckpt"
BF16_CAPABILITY = 8  # A100 and later; what came before computes bf16 by detours


@dataclass(frozen=True)
class Outcome:
    """What a training leaves.

    Attributes:
        weights: Of the best epoch; averaged ones, where the training averages.
        history: A row an epoch.
        confusion: Of the best epoch, shape (classes, classes), rows true.
        stopped_by: Which rule ended the training.
        precision: The arithmetic that was used.
    """

    weights: dict[str, torch.Tensor]
    history: list[dict[str, float]]
    confusion: torch.Tensor
    stopped_by: Reason
    precision: str


def train_network(  # noqa: PLR0913
    network: AnySize,
    results: Path,
    training_set: TrainingSet,
    model: ModelSettings,
    classes: Classes,
    checkpoints: Path,
    *,
    limit: TimeLimit | None = None,
) -> Outcome | None:
    """Train ``network``; go on from the last checkpoint in ``checkpoints`` if it is of the same training.

    The caller seeds, before it makes the network.

    Returns None on every rank but the first.

    Raises:
        BadInput: If the number of ranks is not what was asked for, there are fewer samples than a batch,
            or the loss is not finite.
        InterruptedTrainingError: If it ended at a checkpoint, by a signal or near ``limit``; call it again.
    """
    check_tensorboard(wanted=model.tensorboard)
    last = _last_checkpoint(checkpoints, fingerprint(training_set, model, classes))
    learner = Learner(network, Source.of(results, training_set, classes, model), training_set, model)
    patience, minutes = stop_rules(model.train)
    curves = results / "tensorboard" / model.name if model.tensorboard else None
    interruptions = Interruptions(checkpoints / LAST, model.checkpoint_min, limit or TimeLimit())
    trainer = _trainer(model, checkpoints, [patience, minutes, LiveHistory(checkpoints, curves), interruptions])
    if last is not None:
        log.info("going on from %s", last)
    trainer.fit(learner, ckpt_path=last, weights_only=True)
    if not trainer.is_global_zero:
        return None
    best = read_checkpoint(_best_checkpoint(checkpoints), "delete the folder of checkpoints, and train anew")
    weights = {name.removeprefix("network."): tensor for name, tensor in best["state_dict"].items()}
    return Outcome(weights, learner.history, best["confusion"], reason(patience, minutes), precision_of(model.train))


def fingerprint(training_set: TrainingSet, model: ModelSettings, classes: Classes) -> str:
    """Return a digest of all that a checkpoint must agree with to be gone on from: data, settings and code."""
    parts = (
        training_set.model_dump_json(),
        json.dumps(model.what_trains),
        json.dumps([(member.name, member.value) for member in classes]),
        weights_digest(model),
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


def precision_of(train: TrainSettings) -> str:
    """Return the arithmetic of a training on this machine."""
    if train.precision != "auto":
        return train.precision
    if not torch.cuda.is_available():
        return "32"
    return "bf16-mixed" if torch.cuda.get_device_capability()[0] >= BF16_CAPABILITY else "16-mixed"


def _trainer(model: ModelSettings, checkpoints: Path, rules: list[Callback]) -> lightning.Trainer:
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    nodes = rank_count() // local
    # Written when the epoch was judged, while the network still has the weights that were: averaged ones, maybe.
    best = ModelCheckpoint(
        checkpoints,
        filename="best",
        monitor="validation_accuracy",
        mode="max",
        enable_version_counter=False,
        save_on_train_epoch_end=False,
    )
    # Written last of all, when the epoch is over: what it holds of the best epoch and of patience is then up to date.
    latest = ModelCheckpoint(
        checkpoints, filename=LAST.removesuffix(".ckpt"), enable_version_counter=False, save_on_train_epoch_end=True
    )
    return lightning.Trainer(
        accelerator="gpu" if torch.cuda.is_available() else "cpu",
        devices=local,
        num_nodes=nodes,
        strategy="ddp" if rank_count() > 1 else "auto",
        # torchrun starts the ranks, under SLURM too: the trainer must not take the tasks of a step for ranks.
        plugins=[TorchElasticEnvironment() if rank_count() > 1 else LightningEnvironment(), WholeFiles()],
        max_epochs=model.train.epochs,
        precision=precision_of(model.train),
        accumulate_grad_batches=model.train.accumulate_batches,
        gradient_clip_val=model.train.clip_norm,
        callbacks=[best, latest, *rules],
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
    last = checkpoints / LAST
    if _read(note) == mark:
        if last.is_file():
            read_checkpoint(last, "delete the folder of checkpoints, and train anew")
            return last
        return None
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
