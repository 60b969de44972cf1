"""Cross-entropy: -log p of the true class, the weighted mean over labelled voxels.

The loss of the lithium, pore and pFIB studies. A rare class counts by its share of voxels, if it is not weighted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.settings.base import Frozen

if TYPE_CHECKING:
    from torch import Tensor


class Settings(Frozen):
    """Cross-entropy has no settings."""


def sums(logits: Tensor, target: Tensor, weights: Tensor, _: Settings) -> Tensor:
    """Return the sum of weighted cross-entropies and the sum of weights, shape (2,)."""
    from tomocell.training.losses._voxels import cross_entropies, weight_of_voxels, weighted_sums

    return weighted_sums(cross_entropies(logits, target), weight_of_voxels(target, weights))


def value(sums: Tensor, _weights: Tensor, _settings: Settings) -> Tensor:
    """Return the mean."""
    from tomocell.training.losses._voxels import weighted_mean

    return weighted_mean(sums)
