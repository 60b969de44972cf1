"""Attention U-Net, 2D: gates before each skip connection weigh where to look, of the redox-flow-battery study.

Two 3 x 3 convolutions a level, strided down, transposed convolutions up, an additive attention gate on each skip
connection. MONAI's implementation.
Source: Oktay et al. 2018, doi:10.48550/arXiv.1804.03999.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from tomocell.settings.base import Frozen
from tomocell.settings.types import Levels

if TYPE_CHECKING:
    from torch import nn

DIMENSIONS = 2


class Settings(Frozen):
    """Settings of the Attention U-Net; the defaults are the widths of the first U-Net."""

    channels: Levels = Field((64, 128, 256, 512, 1024), description="Channels of each level.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of activations dropped while training.")


TINY = Settings(channels=(4, 8))


def build(settings: Settings, planes: int, classes: int) -> nn.Module:
    """Return the network: (N, planes, rows, columns) float32 -> logits (N, classes, rows, columns)."""
    from monai.networks.nets.attentionunet import AttentionUnet

    network: nn.Module = AttentionUnet(
        spatial_dims=2,
        in_channels=planes,
        out_channels=classes,
        channels=settings.channels,
        strides=(2,) * (len(settings.channels) - 1),
        dropout=settings.dropout,
    )
    return network


def stride(settings: Settings) -> int:
    """Return what rows and columns must be multiples of."""
    return int(2 ** (len(settings.channels) - 1))
