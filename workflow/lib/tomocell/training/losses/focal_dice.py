"""Focal and Dice loss added: hard voxels, and thin and rare classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from tomocell.settings.base import Frozen
from tomocell.training.losses import dice, focal

if TYPE_CHECKING:
    from torch import Tensor


class Settings(Frozen):
    """Settings of the sum."""

    gamma: float = Field(2.0, ge=0, description="As of the focal loss.")
    dice_weight: float = Field(1.0, ge=0, description="Weight of the Dice loss; that of the focal loss is 1.")
    smooth_voxels: float = Field(1.0, gt=0, description="As of the Dice loss.")

    @property
    def focal(self) -> focal.Settings:
        """The settings of the first part."""
        return focal.Settings(gamma=self.gamma)

    @property
    def dice(self) -> dice.Settings:
        """The settings of the second part."""
        return dice.Settings(smooth_voxels=self.smooth_voxels)


def sums(logits: Tensor, target: Tensor, weights: Tensor, settings: Settings) -> Tensor:
    """Return the sums of both parts, shape (2 + 3 classes,)."""
    import torch

    hard = focal.sums(logits, target, weights, settings.focal)
    return torch.cat([hard, dice.sums(logits, target, weights, settings.dice)])


def value(sums: Tensor, weights: Tensor, settings: Settings) -> Tensor:
    """Return the weighted sum of both."""
    hard = focal.value(sums[:2], weights, settings.focal)
    return hard + settings.dice_weight * dice.value(sums[2:], weights, settings.dice)
