"""What happens in a step of training and of validation, exact over any number of ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightning
import torch
from torch import distributed
from torch.optim.lr_scheduler import ReduceLROnPlateau

from tomocell.errors import BadInput, Fault
from tomocell.training.loss import confusion, summed_cross_entropy
from tomocell.training.shards import EveryRankItsShare

if TYPE_CHECKING:
    from torch import Tensor

    from tomocell.models._parts.any_size import AnySize
    from tomocell.models.settings import ModelSettings
    from tomocell.training.samples import Source
    from tomocell.training.trainingset import TrainingSet

SHRINK = 0.2


class Learner(lightning.LightningModule):  # type: ignore[misc]
    """A network, its data and its schedule."""

    def __init__(self, network: AnySize, source: Source, training_set: TrainingSet, model: ModelSettings) -> None:
        super().__init__()
        self.network = network
        self.history: list[dict[str, float]] = []
        self._source, self._set, self._model = source, training_set, model
        weights = [model.train.class_weights.get(name, 1.0) for name in model.classes]
        self.register_buffer("weights", torch.tensor(weights), persistent=False)
        self._train_sums = torch.zeros(2, dtype=torch.float64)
        self._validation_sums = torch.zeros(2, dtype=torch.float64)
        self.confusion = torch.zeros(len(weights), len(weights), dtype=torch.int64)
        self._judges = True
        self._plateau: ReduceLROnPlateau | None = None
        self._plateau_state: dict[str, Any] | None = None

    def train_dataloader(self) -> torch.utils.data.DataLoader[Any]:
        """Return the patches of this epoch, this rank's share of each batch."""
        patches = self._source.random(self._set.part("train"), self.current_epoch)
        share = EveryRankItsShare(len(patches), self._model.train.batch_size, self._rank, self._world)
        return torch.utils.data.DataLoader(patches, batch_sampler=share)

    def val_dataloader(self) -> torch.utils.data.DataLoader[Any] | list[Any]:
        """Return the planes that judge; this rank's share of them, each once."""
        entries = self._set.part("validation") or self._set.part("train")
        planes = self._source.whole(entries)
        mine = range(self._rank, len(planes), self._world)
        # With fewer planes than ranks some have nothing to judge: they keep step on a plane that is not counted.
        self._judges = len(mine) > 0
        subset = torch.utils.data.Subset(planes, mine if self._judges else [0])
        return torch.utils.data.DataLoader(subset, batch_size=max(1, self._model.train.batch_size // self._world))

    def on_train_start(self) -> None:
        """Train no further if patience had run out when the checkpoint was written."""
        patience = self.trainer.early_stopping_callback
        self.trainer.should_stop = patience is not None and patience.wait_count >= patience.patience

    def on_train_epoch_start(self) -> None:
        """Seed by epoch, so that a resumed training draws what an undisturbed one would have drawn."""
        torch.manual_seed(self._model.train.seed * 100_003 + self.current_epoch * self._world + self._rank)
        self._train_sums.zero_()

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """Return this rank's part of the batch's mean loss, scaled so that the ranks' average is the mean."""
        # One of most networks; more with deep supervision, and then the loss is their mean.
        sums = [summed_cross_entropy(o, batch[1], self.weights) for o in self.network.training_outputs(batch[0])]
        loss, count = torch.stack([part for part, _ in sums]).mean(), sums[0][1]
        total = self._over_ranks(count.detach().clone())
        if not torch.isfinite(loss):
            where = f"training, epoch {self.current_epoch}, batch {index}"
            raise BadInput(
                Fault(where, float(loss.detach()), "a finite loss", "lower the learning rate, or check the grey values")
            )
        self._train_sums += torch.stack([loss.detach(), count.detach()]).double().cpu()
        return loss * self._world / total.clamp(min=1)

    def on_validation_epoch_start(self) -> None:
        """Forget the last epoch's counts."""
        self._validation_sums.zero_()
        self.confusion.zero_()

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        """Count hits and misses."""
        logits = self.network(batch[0])
        if not self._judges:
            return
        loss, count = summed_cross_entropy(logits, batch[1], self.weights)
        self._validation_sums += torch.stack([loss, count]).double().cpu()
        self.confusion += confusion(logits, batch[1], len(self._model.classes)).cpu()

    def on_validation_epoch_end(self) -> None:
        """Sum the counts of all ranks, log what they say, and write a line of history."""
        self.confusion = self._over_ranks(self.confusion)
        validation, train = self._over_ranks(self._validation_sums.clone()), self._over_ranks(self._train_sums.clone())
        accuracy = float(self.confusion.trace() / self.confusion.sum().clamp(min=1))
        row = {
            "epoch": float(self.current_epoch),
            "train_loss": float(train[0] / train[1].clamp(min=1)),
            "validation_loss": float(validation[0] / validation[1].clamp(min=1)),
            "validation_accuracy": accuracy,
            "learning_rate": float(self.trainer.optimizers[0].param_groups[0]["lr"]),
        }
        self.history.append(row)
        for key in ("train_loss", "validation_loss", "validation_accuracy"):
            self.log(key, row[key], prog_bar=True)
        if self._plateau is not None:
            self._plateau.step(row["validation_loss"])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam, its step shrinking to a fifth when the validation loss stands still.

        The schedule is stepped and kept here: the trainer would step it after the checkpoint of the epoch is
        written, so that a resumed training would miss a step.
        """
        train = self._model.train
        optimizer = torch.optim.Adam(self.network.parameters(), lr=train.learning_rate)
        self._plateau = ReduceLROnPlateau(
            optimizer, factor=SHRINK, patience=train.plateau_epochs, min_lr=train.least_learning_rate
        )
        if self._plateau_state is not None:
            self._plateau.load_state_dict(self._plateau_state)
        return optimizer

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the history and the schedule with the weights."""
        checkpoint["history"] = self.history
        checkpoint["confusion"] = self.confusion
        checkpoint["plateau"] = self._plateau.state_dict() if self._plateau is not None else None

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the history and the schedule up again."""
        self.history = list(checkpoint["history"])
        self._plateau_state = checkpoint["plateau"]

    @property
    def _world(self) -> int:
        return distributed.get_world_size() if distributed.is_initialized() else 1

    @property
    def _rank(self) -> int:
        return distributed.get_rank() if distributed.is_initialized() else 0

    def _over_ranks(self, tensor: Tensor) -> Tensor:
        if self._world == 1:
            return tensor
        on_device = tensor.to(self.device)
        distributed.all_reduce(on_device)
        return on_device.to(tensor.device)
