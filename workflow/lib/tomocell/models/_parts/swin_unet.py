"""Swin-Unet: transformer blocks in shifted windows down and up, without a convolution between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from monai.networks.nets.swin_unetr import PatchMergingV2, SwinTransformerBlock, compute_mask, get_window_size
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

Window = tuple[int, int]


@dataclass(frozen=True)
class Shape:
    """What makes a Swin-Unet; ``window`` in tokens, ``drop_path`` the share of blocks left out at the lowest stage."""

    patch: int
    channels: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: int
    drop_path: float

    def stage(self, index: int) -> Stage:
        """Return a fresh stage, counted from 0, the finest; later blocks are left out more often."""
        blocks, before = sum(self.depths), sum(self.depths[:index])
        drops = [self.drop_path * (before + block) / max(blocks - 1, 1) for block in range(self.depths[index])]
        return Stage(self.channels << index, self.heads[index], (self.window, self.window), drops)


class Stage(nn.Module):
    """Transformer blocks, every other one in windows shifted by half; tokens (N, rows, columns, channels)."""

    def __init__(self, channels: int, heads: int, window: Window, drops: list[float]) -> None:
        super().__init__()
        self.window, self.shift = window, (window[0] // 2, window[1] // 2)
        self.blocks = nn.ModuleList(
            SwinTransformerBlock(channels, heads, window, self.shift if index % 2 else (0, 0), drop_path=drop)
            for index, drop in enumerate(drops)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the tokens, as many as came."""
        window, shift = get_window_size(x.shape[1:3], self.window, self.shift)
        padded = [-(-size // edge) * edge for size, edge in zip(x.shape[1:3], window, strict=True)]
        mask = compute_mask(padded, window, shift, x.device)
        for block in self.blocks:
            x = block(x, mask)
        return x


class Expand(nn.Module):
    """Each token becomes ``factor`` x ``factor`` tokens of ``outputs`` channels."""

    def __init__(self, inputs: int, outputs: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.expand = nn.Linear(inputs, outputs * factor**2, bias=False)
        self.norm = nn.LayerNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return the tokens (N, factor rows, factor columns, outputs)."""
        count, rows, columns, _ = x.shape
        f = self.factor
        tokens = self.expand(x).view(count, rows, columns, f, f, -1).permute(0, 1, 3, 2, 4, 5)
        spread: Tensor = self.norm(tokens.reshape(count, rows * f, columns * f, -1))
        return spread


class SwinUnet(nn.Module):
    """(N, planes, rows, columns) -> logits (N, classes, rows, columns)."""

    def __init__(self, shape: Shape, planes: int, classes: int) -> None:
        super().__init__()
        stages, lowest = len(shape.depths), len(shape.depths) - 1
        widths = [shape.channels << stage for stage in range(stages)]
        self.embed = nn.Conv2d(planes, widths[0], shape.patch, stride=shape.patch)
        self.embed_norm = nn.LayerNorm(widths[0])
        self.down = nn.ModuleList(shape.stage(stage) for stage in range(stages))
        self.merge = nn.ModuleList(PatchMergingV2(width, spatial_dims=2) for width in widths[:-1])
        self.norm = nn.LayerNorm(widths[-1])
        above = list(reversed(range(lowest)))
        self.expand = nn.ModuleList(Expand(widths[stage + 1], widths[stage], 2) for stage in above)
        self.join = nn.ModuleList(nn.Linear(2 * widths[stage], widths[stage]) for stage in above)
        self.up = nn.ModuleList(shape.stage(stage) for stage in above)
        self.norm_up = nn.LayerNorm(widths[0])
        self.spread = Expand(widths[0], widths[0], shape.patch)
        self.head = nn.Conv2d(widths[0], classes, 1, bias=False)
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        x = self.embed_norm(self.embed(x).permute(0, 2, 3, 1))
        skips: list[Tensor] = []
        for down, merge in zip(self.down, self.merge, strict=False):
            skips.append(down(x))
            x = merge(skips[-1])
        x = self.norm(self.down[-1](x))
        for expand, join, up in zip(self.expand, self.join, self.up, strict=True):
            x = up(join(torch.cat([expand(x), skips.pop()], -1)))
        x = self.spread(self.norm_up(x))
        logits: Tensor = self.head(x.permute(0, 3, 1, 2))
        return logits


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
