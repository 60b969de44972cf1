"""Layers in two and three dimensions under one name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

Norm = Literal["batch", "instance", "none"]
FLAT = 4  # axes of a batch of planes: N, channels, rows, columns
CONVOLUTIONS: dict[int, type[nn.Conv2d | nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED: dict[int, type[nn.ConvTranspose2d | nn.ConvTranspose3d]] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
BATCH_NORMS: dict[int, type[nn.BatchNorm2d | nn.BatchNorm3d]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
INSTANCE_NORMS: dict[int, type[nn.InstanceNorm2d | nn.InstanceNorm3d]] = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}


def normalisation(dimensions: int, channels: int, norm: Norm) -> nn.Module:
    """Return the normalisation of ``channels``, with a learnt scale and shift."""
    if norm == "none":
        return nn.Identity()
    return BATCH_NORMS[dimensions](channels) if norm == "batch" else INSTANCE_NORMS[dimensions](channels, affine=True)


def convolve(dimensions: int, inputs: int, outputs: int, norm: Norm = "batch") -> nn.Sequential:
    """Return convolution of 3 voxels, normalisation, ReLU; a bias only where no normalisation takes it out again."""
    convolution = CONVOLUTIONS[dimensions](inputs, outputs, 3, padding=1, bias=norm == "none")
    return nn.Sequential(convolution, normalisation(dimensions, outputs, norm), nn.ReLU(inplace=True))


def convolve_twice(dimensions: int, channels: tuple[int, int, int], norm: Norm = "batch") -> nn.Sequential:
    """Return two such convolutions, ``channels`` in, between and out."""
    first, between, last = channels
    return nn.Sequential(convolve(dimensions, first, between, norm), convolve(dimensions, between, last, norm))


def halve(x: Tensor) -> Tensor:
    """Return the maxima of pairs along every axis, (N, C, ...); edges are even."""
    return functional.max_pool2d(x, 2) if x.ndim == FLAT else functional.max_pool3d(x, 2)


def halve_overlapping(x: Tensor) -> Tensor:
    """Return the maxima of three at every other voxel (padding 1) along every axis; edges are even."""
    pool = functional.max_pool2d if x.ndim == FLAT else functional.max_pool3d
    return pool(x, 3, stride=2, padding=1)


def enlarge(x: Tensor, factor: int, mode: Literal["nearest", "bilinear"]) -> Tensor:
    """Return ``x`` with every edge ``factor`` times as long."""
    if factor == 1:
        return x
    corners = False if mode == "bilinear" else None
    return functional.interpolate(x, scale_factor=float(factor), mode=mode, align_corners=corners)
