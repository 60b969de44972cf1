"""What happens in a step of training and of validation, exact over any number of ranks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

import lightning
import numpy as np
import torch
from torch import distributed
from torch.utils.data import DataLoader, Dataset, Subset

from tomocell.errors import BadInput
from tomocell.training.ahead import Ahead
from tomocell.training.averaging import Average
from tomocell.training.loss import Loss, confusion
from tomocell.training.schedules import schedule_of
from tomocell.training.shards import EveryRankItsShare
from tomocell.training.suspects import fault_of_loss

if TYPE_CHECKING:
    from torch import Tensor

    from tomocell.models._parts.any_size import AnySize
    from tomocell.models.settings import ModelSettings
    from tomocell.training.samples import Source
    from tomocell.training.schedules import Schedule
    from tomocell.training.trainingset import TrainingSet

T = TypeVar("T")
Batch = tuple["Tensor", "Tensor"]


class Learner(lightning.LightningModule):  # type: ignore[misc]
    """A network, its data and its schedule."""

    def __init__(self, network: AnySize, source: Source, training_set: TrainingSet, model: ModelSettings) -> None:
        super().__init__()
        self.network = network
        self.history: list[dict[str, float]] = []
        self._source, self._set, self._model = source, training_set, model
        weights = [model.train.class_weights.get(name, 1.0) for name in model.classes]
        self.register_buffer("weights", torch.tensor(weights), persistent=False)
        self._loss = Loss.of(model)
        self._train_losses: list[float] = []
        self._within = (0, 0)  # epoch, and how many of its batches have trained, when the checkpoint was written
        self._validation_sums: Tensor | None = None
        self.confusion = torch.zeros(len(weights), len(weights), dtype=torch.int64)
        self._judges = True
        self._schedule: Schedule | None = None
        self._schedule_state: dict[str, Any] | None = None
        self._average = Average(network, model.train.ema_decay) if model.train.ema_decay is not None else None

    def train_dataloader(self) -> Ahead[Any]:
        """Return the patches of this epoch, this rank's share of each batch."""
        self._patches = self._source.random(self._set.part("train"), self.current_epoch)
        self._share = EveryRankItsShare(len(self._patches), self._model.train.batch_size, self._rank, self._world)
        self._share.first = self._within[1] if self._within[0] == self.current_epoch else 0
        return _loader(self._patches, batch_sampler=self._share)

    def val_dataloader(self) -> Ahead[Any]:
        """Return the planes that judge; this rank's share of them, each once."""
        entries = self._set.part("validation") or self._set.part("train")
        planes = self._source.whole(entries)
        mine = range(self._rank, len(planes), self._world)
        # With fewer planes than ranks some have nothing to judge: they keep step on a plane that is not counted.
        self._judges = len(mine) > 0
        subset = Subset(planes, mine if self._judges else [0])
        return _loader(subset, batch_size=max(1, self._model.train.batch_size // self._world))

    def on_train_epoch_start(self) -> None:
        """Forget the losses of the epoch before; not called for an epoch that is gone on with."""
        self._train_losses.clear()

    def on_train_batch_start(self, _: Batch, index: int) -> None:
        """Seed by epoch and batch, so that a resumed training draws what an undisturbed one would have drawn."""
        place = (self._model.train.seed, self.current_epoch, index, self._rank)
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0]))

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Return the loss of all ranks' batches, scaled so that the ranks' mean gradient is that of the whole batch."""
        outputs = self.network.training_outputs(batch[0])
        own = self._loss.sums(outputs, batch[1], self.weights)
        loss = self._loss.over_ranks(own, self.weights, self._over_ranks)
        found = float(loss.detach())
        if not math.isfinite(found):
            where = [self._patches.where(place) for place in self._share.batch(index)]
            raise BadInput(fault_of_loss(found, self.current_epoch, batch[0], own, outputs[0], where))
        self._train_losses.append(found)
        return loss * self._world

    def on_train_batch_end(self, *_: Any) -> None:  # noqa: ANN401
        """Let the average of the weights follow."""
        if self._average is not None:
            self._average.update(self.network, self.trainer.global_step)

    def on_validation_epoch_start(self) -> None:
        """Forget the last epoch's counts; judge the averaged weights where there are any."""
        self._validation_sums = None
        self.confusion.zero_()
        if self._average is not None:
            self._average.put_into(self.network)

    def on_validation_end(self) -> None:
        """Train on with the weights as they were; the best checkpoint has been written with those that were judged."""
        if self._average is not None:
            self._average.take_out(self.network)

    def validation_step(self, batch: Batch, _: int) -> None:
        """Count hits and misses."""
        logits = self.network(batch[0])
        sums = self._loss.sums([logits], batch[1], self.weights).double().cpu()
        if self._validation_sums is None:
            self._validation_sums = torch.zeros_like(sums)
        if self._judges:
            self._validation_sums += sums
            self.confusion += confusion(logits, batch[1], len(self._model.classes)).cpu()

    def on_validation_epoch_end(self) -> None:
        """Sum the counts of all ranks, log what they say, and write a line of history."""
        self.confusion = self._over_ranks(self.confusion)
        row = {
            "epoch": float(self.current_epoch),
            "train_loss": sum(self._train_losses) / max(len(self._train_losses), 1),
            "validation_loss": self._validation_loss(),
            "validation_accuracy": int(self.confusion.trace()) / max(int(self.confusion.sum()), 1),
            "learning_rate": float(self.trainer.optimizers[0].param_groups[0]["lr"]),
        }
        self.history.append(row)
        for key in ("train_loss", "validation_loss", "validation_accuracy"):
            self.log(key, row[key], prog_bar=True)
        if self._schedule is not None:
            self._schedule.step(row["validation_loss"], self.current_epoch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam, and the schedule of its step."""
        optimizer = torch.optim.Adam(self.network.parameters(), lr=self._model.train.learning_rate)
        self._schedule = schedule_of(optimizer, self._model.train)
        if self._schedule_state is not None:
            self._schedule.load_state_dict(self._schedule_state)
        return optimizer

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the history, the schedule, the average and the place within the epoch with the weights."""
        checkpoint["within"] = (self.current_epoch, self.trainer.fit_loop.epoch_loop.batch_progress.current.completed)
        checkpoint["train_losses"] = self._train_losses
        checkpoint["history"] = self.history
        checkpoint["confusion"] = self.confusion
        checkpoint["schedule"] = self._schedule.state_dict() if self._schedule is not None else None
        if self._average is not None:
            checkpoint["average"] = {"tensors": self._average.tensors, "steps": self._average.steps}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the history, the schedule, the average and the place within the epoch up again."""
        self._within, self._train_losses = checkpoint["within"], list(checkpoint["train_losses"])
        self.history = list(checkpoint["history"])
        self._schedule_state = checkpoint["schedule"]
        if self._average is not None:
            self._average.load(**checkpoint["average"])

    @property
    def _world(self) -> int:
        return distributed.get_world_size() if distributed.is_initialized() else 1

    @property
    def _rank(self) -> int:
        return distributed.get_rank() if distributed.is_initialized() else 0

    def _validation_loss(self) -> float:
        if self._validation_sums is None:
            return 0.0
        sums = self._over_ranks(self._validation_sums)
        return float(self._loss.value(sums, self.weights.to(sums.device, sums.dtype)))

    def _over_ranks(self, tensor: Tensor) -> Tensor:
        if self._world == 1:
            return tensor
        on_device = tensor.to(self.device)
        distributed.all_reduce(on_device)
        return on_device.to(tensor.device)


def _loader(samples: Dataset[T], **batches: Any) -> Ahead[T]:  # noqa: ANN401
    # A generator of its own: the loader draws a seed from it, and nobody else's draws may depend on when.
    pinned = torch.cuda.is_available()
    return Ahead(DataLoader(samples, generator=torch.Generator(), pin_memory=pinned, **batches))
