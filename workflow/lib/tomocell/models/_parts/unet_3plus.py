"""UNet 3+: every level of the way up sees every level of the way down, and all of them learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from tomocell.models._parts.layers import Norm, convolve, convolve_twice, enlarge, halve

if TYPE_CHECKING:
    from torch import Tensor


class UNet3Plus(nn.Module):
    """(N, planes, rows, columns) -> logits (N, classes, rows, columns).

    A level on the way up joins one branch from each level: finer ones by maxima, its own, coarser ones (which are
    joined already, but for the lowest) by interpolation, each brought to ``branch`` channels by one convolution.
    """

    def __init__(
        self, channels: tuple[int, ...], branch: int, planes: int, classes: int, norm: Norm, *, deep_supervision: bool
    ) -> None:
        super().__init__()
        pairs = zip((planes, *channels[:-1]), channels, strict=True)
        self.down = nn.ModuleList(convolve_twice(2, (above, below, below), norm) for above, below in pairs)
        lowest = len(channels) - 1
        joined = branch * len(channels)
        self.branches, self.join = nn.ModuleList(), nn.ModuleList()
        for level in range(lowest):
            widths = [joined if level < other < lowest else channels[other] for other in range(len(channels))]
            self.branches.append(nn.ModuleList(convolve(2, width, branch, norm) for width in widths))
            self.join.append(convolve(2, joined, joined, norm))
        supervised = len(channels) if deep_supervision else 1
        widths = [joined] * lowest + [channels[-1]]
        self.heads = nn.ModuleList(nn.Conv2d(width, classes, 3, padding=1) for width in widths[:supervised])

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of the finest level."""
        logits: Tensor = self.heads[0](self._levels(x)[0])
        return logits

    def training_outputs(self, x: Tensor) -> list[Tensor]:
        """Return the logits of every supervised level, finest first, each interpolated to the edges of ``x``."""
        levels = self._levels(x)
        return [
            enlarge(head(level), 2**depth, "bilinear")
            for depth, (head, level) in enumerate(zip(self.heads, levels, strict=False))
        ]

    def _levels(self, x: Tensor) -> list[Tensor]:
        levels: list[Tensor] = []
        for down in self.down:
            levels.append(down(halve(levels[-1]) if levels else x))
        # From the lowest level up: what is already joined replaces what came down.
        for level in reversed(range(len(self.join))):
            levels[level] = self.join[level](torch.cat(self._gather(levels, level), 1))
        return levels

    def _gather(self, levels: list[Tensor], level: int) -> list[Tensor]:
        branches = self.branches[level].children()
        return [
            branch(_resized(source, other - level))
            for other, (branch, source) in enumerate(zip(branches, levels, strict=True))
        ]


def _resized(x: Tensor, deeper: int) -> Tensor:
    """Return ``x`` of a level that lies ``deeper`` (finer, where below 0) at the edges of the level that joins it."""
    if deeper >= 0:
        return enlarge(x, 2**deeper, "bilinear")
    for _ in range(-deeper):
        x = halve(x)
    return x
