"""Dice loss: 1 - (2 I + s) / (P + T + s), the weighted mean over classes.

I, P, T are sums over the labelled voxels of the whole batch (of all ranks): of the probability of the class where it is
true, of its probability, of its truth. Thin and rare classes count as much as any other. The probabilities it leads to
are no frequencies: a network trained by Dice alone is over-confident.
Source: Milletari et al. 2016, doi:10.1109/3DV.2016.79.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from tomocell.settings.base import Frozen

if TYPE_CHECKING:
    from torch import Tensor


class Settings(Frozen):
    """Settings of the Dice loss."""

    smooth_voxels: float = Field(
        1.0, gt=0, description="s: added to numerator and denominator, so that a class that is not there has a loss."
    )


def sums(logits: Tensor, target: Tensor, _: Tensor, __: Settings) -> Tensor:
    """Return I, P and T of each class, shape (3 classes,)."""
    import torch

    from tomocell.training.losses._voxels import labelled, one_hot

    probability = logits.float().softmax(1) * labelled(target).unsqueeze(1)
    true = one_hot(target, logits.shape[1])
    parts = (probability * true, probability, true)
    return torch.cat([part.movedim(1, 0).flatten(1).sum(1) for part in parts])


def value(sums: Tensor, weights: Tensor, settings: Settings) -> Tensor:
    """Return the loss; 0 where nothing is labelled."""
    common, predicted, true = sums.view(3, -1)
    smooth = settings.smooth_voxels
    lost = 1 - (2 * common + smooth) / (predicted + true + smooth)
    mean: Tensor = (lost * weights).sum() / weights.sum()
    return mean
