"""Categorical focal loss: -(1 - p)^gamma log p of the true class, the weighted mean over labelled voxels.

The loss of the redox study. What the network is sure of already counts less; gamma 0 is cross-entropy.
Source: Lin et al. 2017, doi:10.1109/ICCV.2017.324.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from tomocell.settings.base import Frozen

if TYPE_CHECKING:
    from torch import Tensor


class Settings(Frozen):
    """Settings of the focal loss."""

    gamma: float = Field(2.0, ge=0, description="How much less a voxel counts that is well predicted.")


def sums(logits: Tensor, target: Tensor, weights: Tensor, settings: Settings) -> Tensor:
    """Return the sum of weighted focal losses and the sum of weights, shape (2,)."""
    import torch

    from tomocell.training.losses._voxels import cross_entropies, weight_of_voxels, weighted_sums

    entropy = cross_entropies(logits, target)
    # 1 - p, kept from 0: the slope of a power below 1 has no end there.
    missed = -torch.expm1(-entropy)
    each = missed.clamp(min=torch.finfo(missed.dtype).tiny) ** settings.gamma * entropy
    return weighted_sums(each, weight_of_voxels(target, weights))


def value(sums: Tensor, _weights: Tensor, _settings: Settings) -> Tensor:
    """Return the mean."""
    from tomocell.training.losses._voxels import weighted_mean

    return weighted_mean(sums)
