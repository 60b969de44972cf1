"""Residual U-Net, 2D: the network of the operando lithium study.

Two residual blocks a level (3 x 3 convolution, batch normalisation, dropout, PReLU), strided convolutions down,
strided transpose convolutions up, skip connections. MONAI's implementation.
Sources: Kerfoot et al. 2019, doi:10.1007/978-3-030-12029-0_40; Huang et al. 2023, doi:10.1038/s41524-023-01039-y.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tomocell.settings.base import Frozen
from tomocell.settings.types import Levels

if TYPE_CHECKING:
    from torch import nn

DIMENSIONS = 2


class Settings(Frozen):
    """Settings of the residual U-Net; the defaults are the published network of 7 levels."""

    channels: Levels = Field((32, 64, 128, 256, 512, 512, 512), description="Channels of each level.")
    blocks_per_level: int = Field(2, ge=1, description="Convolutions in a residual block.")
    dropout: float = Field(0.2, ge=0, lt=1, description="Share of activations dropped while training.")
    norm: Literal["batch", "instance"] = Field(
        "batch", description="Normalisation over the batch (each rank its own) or over each patch alone."
    )


TINY = Settings(channels=(4, 8), blocks_per_level=1, dropout=0.0)


def build(settings: Settings, planes: int, classes: int) -> nn.Module:
    """Return the network: (N, planes, rows, columns) float32 -> logits (N, classes, rows, columns)."""
    from monai.networks.nets.unet import UNet

    network: nn.Module = UNet(
        spatial_dims=2,
        in_channels=planes,
        out_channels=classes,
        channels=settings.channels,
        strides=(2,) * (len(settings.channels) - 1),
        num_res_units=settings.blocks_per_level,
        act="PRELU",
        norm=settings.norm,
        dropout=settings.dropout,
    )
    return network


def stride(settings: Settings) -> int:
    """Return what rows and columns must be multiples of."""
    return int(2 ** (len(settings.channels) - 1))
