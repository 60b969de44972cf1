"""Boundary-aware cross-entropy: voxels close to another class count more.

The weight of a voxel is that of its class, times 1 + ``strength`` where a voxel labelled as another class lies within
``reach_voxels`` along every axis. Voxels that are not labelled make no boundary. With reach 1, the two layers of
voxels that touch are weighted; a strength of 0 is cross-entropy.
In the spirit of the weight map of Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28, by reach, not by distance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from tomocell.settings.base import Frozen

if TYPE_CHECKING:
    from torch import Tensor

PLANES = 4  # axes of (N, classes, rows, columns)


class Settings(Frozen):
    """Settings of the boundary-aware loss."""

    strength: float = Field(4.0, ge=0, description="How much more a voxel close to another class counts.")
    reach_voxels: int = Field(2, ge=1, le=16, description="How close is close, along each axis.")


def sums(logits: Tensor, target: Tensor, weights: Tensor, settings: Settings) -> Tensor:
    """Return the sum of weighted cross-entropies and the sum of weights, shape (2,)."""
    from tomocell.training.losses._voxels import cross_entropies, weight_of_voxels, weighted_sums

    near = near_another_class(target, logits.shape[1], settings.reach_voxels)
    of_voxels = weight_of_voxels(target, weights) * (1 + settings.strength * near)
    return weighted_sums(cross_entropies(logits, target), of_voxels)


def value(sums: Tensor, _weights: Tensor, _settings: Settings) -> Tensor:
    """Return the mean."""
    from tomocell.training.losses._voxels import weighted_mean

    return weighted_mean(sums)


def near_another_class(target: Tensor, classes: int, reach: int) -> Tensor:
    """Return 1 where more than one class is labelled within ``reach``, else 0; the shape of ``target``, float32."""
    from torch.nn import functional

    from tomocell.training.losses._voxels import one_hot

    hot = one_hot(target, classes)
    pool = functional.max_pool2d if hot.ndim == PLANES else functional.max_pool3d
    return (pool(hot, 2 * reach + 1, stride=1, padding=reach).sum(1) > 1).float()
