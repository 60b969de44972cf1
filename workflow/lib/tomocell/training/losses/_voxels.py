"""What losses share: voxels that are labelled, and means over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

IGNORED = -1


def labelled(target: Tensor) -> Tensor:
    """Return where voxels are labelled, as 0 and 1, float32, the shape of ``target``."""
    return (target != IGNORED).float()


def weight_of_voxels(target: Tensor, weights: Tensor) -> Tensor:
    """Return the weight of each voxel's class, 0 where it is not labelled; the shape of ``target``."""
    return weights[target.clamp(min=0)] * labelled(target)


def cross_entropies(logits: Tensor, target: Tensor) -> Tensor:
    """Return each voxel's cross-entropy, not weighted, 0 where it is not labelled; the shape of ``target``."""
    return functional.cross_entropy(logits.float(), target, ignore_index=IGNORED, reduction="none")


def one_hot(target: Tensor, classes: int) -> Tensor:
    """Return 1 at each labelled voxel's class, else 0; shape (N, classes, ...), float32."""
    hot = functional.one_hot(target.clamp(min=0), classes).movedim(-1, 1).float()
    return hot * labelled(target).unsqueeze(1)


def weighted_sums(each: Tensor, weights: Tensor) -> Tensor:
    """Return (sum of ``each`` times its weight, sum of weights), shape (2,)."""
    # Summed here: torch's own sum over voxels in its losses has no deterministic order on GPUs.
    return torch.stack([(each * weights).sum(), weights.sum()])


def weighted_mean(sums: Tensor) -> Tensor:
    """Return the mean that such sums make; 0 where nothing is labelled."""
    return sums[0] / torch.where(sums[1] > 0, sums[1], torch.ones_like(sums[1]))
