"""The plain U-Net in two or three dimensions, upsampled by interpolation or by transposed convolutions."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
from torch import nn

from tomocell.models._parts.layers import CONVOLUTIONS, TRANSPOSED, Norm, convolve_twice, enlarge, halve

if TYPE_CHECKING:
    from torch import Tensor


class Interpolated(nn.Module):
    """2D U-Net: two convolutions a level, maxima down, bilinear up; (N, planes, rows, columns) -> logits.

    Upsampling by interpolation leaves channels as they are, so the lowest level has as many as the one above it, and
    each level on the way up halves twice.
    """

    def __init__(self, channels: tuple[int, ...], planes: int, classes: int, norm: Norm) -> None:
        super().__init__()
        self.first = convolve_twice(2, (planes, channels[0], channels[0]), norm)
        pairs = list(itertools.pairwise(channels))
        self.down = nn.ModuleList(convolve_twice(2, (above, below, below), norm) for above, below in pairs)
        self.up = nn.ModuleList()
        below = channels[-1]
        for level in reversed(range(len(channels) - 1)):
            joined, left = below + channels[level], channels[max(level - 1, 0)]
            self.up.append(convolve_twice(2, (joined, joined // 2, left), norm))
            below = left
        self.last = nn.Conv2d(below, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        levels = [self.first(x)]
        for down in self.down:
            levels.append(down(halve(levels[-1])))
        x = levels.pop()
        for up in self.up:
            x = up(torch.cat([levels.pop(), enlarge(x, 2, "bilinear")], 1))
        logits: Tensor = self.last(x)
        return logits


class Transposed(nn.Module):
    """3D U-Net: channels double before each maximum, transposed convolutions of 2 voxels up; (N, 1, Z, Y, X)."""

    def __init__(self, channels: tuple[int, ...], planes: int, classes: int, norm: Norm) -> None:
        super().__init__()
        self.down = nn.ModuleList()
        inputs = planes
        for level, outputs in enumerate(channels):
            # The first level doubles as well: 32 and 64 where ``channels`` says 64.
            between = max(outputs // 2, 1) if level == 0 else inputs
            self.down.append(convolve_twice(3, (inputs, between, outputs), norm))
            inputs = outputs
        self.rise, self.up = nn.ModuleList(), nn.ModuleList()
        for above, below in reversed(list(itertools.pairwise(channels))):
            self.rise.append(TRANSPOSED[3](below, below, 2, stride=2, bias=False))
            self.up.append(convolve_twice(3, (above + below, above, above), norm))
        self.last = CONVOLUTIONS[3](channels[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        levels: list[Tensor] = []
        for down in self.down:
            levels.append(down(halve(levels[-1]) if levels else x))
        x = levels.pop()
        for rise, up in zip(self.rise, self.up, strict=True):
            x = up(torch.cat([levels.pop(), rise(x)], 1))
        logits: Tensor = self.last(x)
        return logits
