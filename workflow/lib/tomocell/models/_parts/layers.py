"""Layers in two and three dimensions under one name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

Norm = Literal["batch", "instance", "none"]
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
    if x.ndim == 4:  # noqa: PLR2004 -- two dimensions
        return functional.max_pool2d(x, 2)
    # torch's three-dimensional pooling has no deterministic gradient on GPUs, on which trainings insist.
    for axis in range(2, x.ndim):
        first, second = (_every_other(x, axis, start, x.shape[axis] // 2) for start in (0, 1))
        x = torch.maximum(first, second)
    return x


def halve_overlapping(x: Tensor) -> Tensor:
    """Return the maxima of three at every other voxel (padding 1) along every axis; edges are even."""
    if x.ndim == 4:  # noqa: PLR2004 -- two dimensions
        return functional.max_pool2d(x, 3, stride=2, padding=1)
    for axis in range(2, x.ndim):
        half = x.shape[axis] // 2
        even, odd = _every_other(x, axis, 0, half), _every_other(x, axis, 1, half)
        before = torch.cat([even.narrow(axis, 0, 1), odd.narrow(axis, 0, half - 1)], axis)
        x = torch.maximum(torch.maximum(even, odd), before)
    return x


def enlarge(x: Tensor, factor: int, mode: Literal["nearest", "bilinear"]) -> Tensor:
    """Return ``x`` with every edge ``factor`` times as long."""
    if factor == 1:
        return x
    corners = False if mode == "bilinear" else None
    return functional.interpolate(x, scale_factor=float(factor), mode=mode, align_corners=corners)


def _every_other(x: Tensor, axis: int, start: int, count: int) -> Tensor:
    selection = [slice(None)] * x.ndim
    selection[axis] = slice(start, start + 2 * count - 1, 2)
    return x[tuple(selection)]
