"""A U-Net whose way down is a ResNeXt, in two and in three dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from tomocell.models._parts.layers import BATCH_NORMS, CONVOLUTIONS, convolve_twice, enlarge, halve_overlapping

if TYPE_CHECKING:
    from torch import Tensor

EXPANSION = 4  # a block ends with four times the channels that name it


@dataclass(frozen=True)
class Shape:
    """What makes a ResNeXt: dimensions, blocks of each stage, channels of the first, groups and their width."""

    dimensions: int
    blocks: tuple[int, ...]
    base_channels: int
    groups: int
    group_width: int

    def stage_channels(self, stage: int) -> int:
        """Return the channels that a stage ends with, stages counted from 0."""
        return (self.base_channels << stage) * EXPANSION

    def grouped_channels(self, stage: int) -> int:
        """Return the channels of the grouped convolution; at the published 64, 32 and 8: 256 in the first stage."""
        return (self.group_width << stage) * self.groups


class Bottleneck(nn.Module):
    """1, grouped 3 (strided), 1 voxels, around a shortcut; names as in torchvision, so that its weights fit."""

    def __init__(self, shape: Shape, stage: int, inputs: int, stride: int) -> None:
        super().__init__()
        convolution, norm = CONVOLUTIONS[shape.dimensions], BATCH_NORMS[shape.dimensions]
        width, outputs = shape.grouped_channels(stage), shape.stage_channels(stage)
        self.conv1 = convolution(inputs, width, 1, bias=False)
        self.bn1 = norm(width)
        self.conv2 = convolution(width, width, 3, stride=stride, padding=1, groups=shape.groups, bias=False)
        self.bn2 = norm(width)
        self.conv3 = convolution(width, outputs, 1, bias=False)
        self.bn3 = norm(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = (
            nn.Sequential(convolution(inputs, outputs, 1, stride=stride, bias=False), norm(outputs))
            if stride > 1 or inputs != outputs
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        outputs: Tensor = self.relu(self.bn3(self.conv3(y)) + self.downsample(x))
        return outputs


class ResNeXt(nn.Module):
    """The way down: (N, planes, ...) -> feature maps at 1/2, 1/4, 1/8, ... of the edges."""

    def __init__(self, shape: Shape, planes: int) -> None:
        super().__init__()
        base = shape.base_channels
        self.conv1 = CONVOLUTIONS[shape.dimensions](planes, base, 7, stride=2, padding=3, bias=False)
        self.bn1 = BATCH_NORMS[shape.dimensions](base)
        self.relu = nn.ReLU(inplace=True)
        self.stages = len(shape.blocks)
        inputs = base
        for stage, count in enumerate(shape.blocks):
            outputs = shape.stage_channels(stage)
            first = Bottleneck(shape, stage, inputs, 1 if stage == 0 else 2)
            rest = (Bottleneck(shape, stage, outputs, 1) for _ in range(count - 1))
            self.add_module(f"layer{stage + 1}", nn.Sequential(first, *rest))
            inputs = outputs

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the feature maps, finest first."""
        maps: list[Tensor] = [self.relu(self.bn1(self.conv1(x)))]
        for stage in range(self.stages):
            below = halve_overlapping(maps[0]) if stage == 0 else maps[-1]
            maps.append(self.get_submodule(f"layer{stage + 1}")(below))
        return maps


class ResNeXtUNet(nn.Module):
    """(N, planes, ...) -> logits (N, classes, ...): a ResNeXt down, doubled edges and two convolutions a level up."""

    def __init__(self, shape: Shape, decoder: tuple[int, ...], planes: int, classes: int) -> None:
        super().__init__()
        self.encoder = ResNeXt(shape, planes)
        skips = [shape.base_channels, *(shape.stage_channels(stage) for stage in range(len(shape.blocks)))]
        below = skips.pop()
        self.decoder = nn.ModuleList()
        # The last level has the edges of the input, where the encoder has no map to give.
        for skip, outputs in zip([*reversed(skips), 0], decoder, strict=True):
            self.decoder.append(convolve_twice(shape.dimensions, (below + skip, outputs, outputs)))
            below = outputs
        self.head = CONVOLUTIONS[shape.dimensions](below, classes, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        maps = self.encoder(x)
        x = maps.pop()
        for level in self.decoder:
            x = enlarge(x, 2, "nearest")
            x = level(torch.cat([x, maps.pop()], 1) if maps else x)
        logits: Tensor = self.head(x)
        return logits
