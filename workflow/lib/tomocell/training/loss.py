"""The loss of a training, over all its outputs and ranks; the confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from tomocell.settings import discovery
from tomocell.settings.plug_ins import settings_of_loss
from tomocell.training.losses._voxels import IGNORED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    from torch import Tensor

    from tomocell.models.settings import ModelSettings

__all__ = ["IGNORED", "Loss", "confusion"]


@dataclass(frozen=True)
class Loss:
    """A loss with its settings."""

    module: ModuleType
    settings: Any

    @classmethod
    def of(cls, model: ModelSettings) -> Loss:
        """Return the loss that a model's training names."""
        settings = settings_of_loss(model)
        return cls(discovery.load("tomocell.training.losses", model.train.loss, "sums"), settings)

    def sums(self, outputs: Sequence[Tensor], target: Tensor, weights: Tensor) -> Tensor:
        """Return the sums of each output, shape (outputs, n)."""
        return torch.stack([self.module.sums(logits, target, weights, self.settings) for logits in outputs])

    def value(self, sums: Tensor, weights: Tensor) -> Tensor:
        """Return the mean of the outputs' losses: one of most networks, more with deep supervision."""
        return torch.stack([self.module.value(row, weights, self.settings) for row in sums]).mean()

    def over_ranks(self, own: Tensor, weights: Tensor, add: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the loss of all ranks' voxels, with the gradient of this rank's; ``add`` sums over ranks."""
        alone = own.detach()
        return self.value(own + (add(alone.clone()) - alone), weights)


def confusion(logits: Tensor, target: Tensor, classes: int) -> Tensor:
    """Return the confusion matrix of labelled pixels, shape (classes, classes), rows true, columns predicted."""
    labelled = target != IGNORED
    pairs = target[labelled] * classes + logits.argmax(1)[labelled]
    return torch.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
