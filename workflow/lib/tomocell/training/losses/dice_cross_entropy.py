"""Cross-entropy and Dice loss added: steady gradients of the one, thin and rare classes of the other.

The better loss for thin pores in the pFIB study.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from tomocell.settings.base import Frozen
from tomocell.training.losses import cross_entropy, dice

if TYPE_CHECKING:
    from torch import Tensor


class Settings(Frozen):
    """Settings of the sum."""

    dice_weight: float = Field(1.0, ge=0, description="Weight of the Dice loss; that of cross-entropy is 1.")
    smooth_voxels: float = Field(1.0, gt=0, description="As of the Dice loss.")

    @property
    def dice(self) -> dice.Settings:
        """The settings of the second part."""
        return dice.Settings(smooth_voxels=self.smooth_voxels)


def sums(logits: Tensor, target: Tensor, weights: Tensor, settings: Settings) -> Tensor:
    """Return the sums of both parts, shape (2 + 3 classes,)."""
    import torch

    entropy = cross_entropy.sums(logits, target, weights, cross_entropy.Settings())
    return torch.cat([entropy, dice.sums(logits, target, weights, settings.dice)])


def value(sums: Tensor, weights: Tensor, settings: Settings) -> Tensor:
    """Return the weighted sum of both."""
    entropy = cross_entropy.value(sums[:2], weights, cross_entropy.Settings())
    return entropy + settings.dice_weight * dice.value(sums[2:], weights, settings.dice)
