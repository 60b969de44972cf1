"""UNet 3+, 2D: full-scale skip connections and deep supervision, of the redox-flow-battery study.

Each level of the decoder joins one branch from every level of the encoder and of the decoder below it; each level has
logits of its own, and the loss is their mean. Left out of the source: the classification-guided module, which tells
whether an organ is in the picture at all.
Source: Huang et al. 2020, doi:10.1109/ICASSP40776.2020.9053405.
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
    """Settings of UNet 3+; the defaults are the published network."""

    channels: Levels = Field((64, 128, 256, 512, 1024), description="Channels of each level of the encoder.")
    branch_channels: int = Field(64, ge=1, description="Channels that each level gives to each joint.")
    deep_supervision: bool = Field(default=True, description="Train the logits of every level, not only the finest.")
    norm: Literal["batch", "instance", "none"] = Field(
        "batch", description="Normalisation over the batch (each rank its own), over each patch alone, or none."
    )


TINY = Settings(channels=(4, 6, 8), branch_channels=4)


def build(settings: Settings, planes: int, classes: int) -> nn.Module:
    """Return the network: (N, planes, rows, columns) float32 -> logits (N, classes, rows, columns)."""
    from tomocell.models._parts.unet_3plus import UNet3Plus

    return UNet3Plus(
        settings.channels,
        settings.branch_channels,
        planes,
        classes,
        settings.norm,
        deep_supervision=settings.deep_supervision,
    )


def stride(settings: Settings) -> int:
    """Return what rows and columns must be multiples of."""
    return int(2 ** (len(settings.channels) - 1))
