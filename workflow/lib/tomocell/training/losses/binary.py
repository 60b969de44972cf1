"""Binary cross-entropy: each class against all others by a sigmoid of its own, the mean over classes and voxels.

Classes do not compete as in a softmax; the label is still the class of the highest logit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.settings.base import Frozen

if TYPE_CHECKING:
    from torch import Tensor


class Settings(Frozen):
    """Binary cross-entropy has no settings."""


def sums(logits: Tensor, target: Tensor, weights: Tensor, _: Settings) -> Tensor:
    """Return the sum of weighted cross-entropies, each the mean over classes, and the sum of weights, shape (2,)."""
    from torch.nn import functional

    from tomocell.training.losses._voxels import one_hot, weight_of_voxels, weighted_sums

    hot = one_hot(target, logits.shape[1])
    each = functional.binary_cross_entropy_with_logits(logits.float(), hot, reduction="none").mean(1)
    return weighted_sums(each, weight_of_voxels(target, weights))


def value(sums: Tensor, _weights: Tensor, _settings: Settings) -> Tensor:
    """Return the mean."""
    from tomocell.training.losses._voxels import weighted_mean

    return weighted_mean(sums)
