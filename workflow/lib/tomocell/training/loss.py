"""Losses that count labelled pixels only, and count them over all ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

IGNORED = -1


def summed_cross_entropy(logits: Tensor, target: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum of weighted cross-entropies over labelled pixels, and the sum of their weights.

    The mean over all ranks is the ratio of the two sums over all ranks; a mean of each rank's mean would weigh a
    pixel by how few labels its rank happened to draw.

    Args:
        logits: Shape (N, classes, rows, columns), or (N, classes, Z, Y, X).
        target: Shape (N, rows, columns) or (N, Z, Y, X), class indices, -1 where not labelled.
        weights: Shape (classes,).
    """
    # Summed outside: torch's own sum over pixels has no deterministic order on GPUs, on which trainings insist.
    each = functional.cross_entropy(logits.float(), target, weights, ignore_index=IGNORED, reduction="none")
    counted = weights[target.clamp(min=0)] * (target != IGNORED)
    return each.sum(), counted.sum()


def confusion(logits: Tensor, target: Tensor, classes: int) -> Tensor:
    """Return the confusion matrix of labelled pixels, shape (classes, classes), rows true, columns predicted."""
    labelled = target != IGNORED
    pairs = target[labelled] * classes + logits.argmax(1)[labelled]
    return torch.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
