"""Swin U-Net, 2D (Swin-Unet): a U-Net of shifted-window transformers alone, of the redox-flow-battery study.

Patches become tokens; stages of transformer blocks, merged in twos down and expanded in twos up, skip connections.
Written after the paper, on MONAI's transformer block.
Source: Cao et al. 2022, doi:10.1007/978-3-031-25066-8_9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from tomocell.settings.base import Frozen
from tomocell.settings.types import Levels

if TYPE_CHECKING:
    from torch import nn

DIMENSIONS = 2


class Settings(Frozen):
    """Settings of Swin-Unet; the defaults are the published network."""

    patch_pixels: int = Field(4, ge=1, description="Edge of the square of pixels that becomes a token.")
    channels: int = Field(96, ge=1, description="Channels of the finest tokens; each stage below has twice these.")
    depths: Levels = Field((2, 2, 2, 2), description="Transformer blocks of each stage, on the way down and up.")
    heads: Levels = Field((3, 6, 12, 24), description="Attention heads of each stage.")
    window_tokens: int = Field(7, ge=2, description="Edge of an attention window; 8 tiles a patch of 512 evenly.")
    drop_path: float = Field(
        0.1, ge=0, lt=1, description="Share of transformer blocks left out while training, at the lowest stage."
    )

    @model_validator(mode="after")
    def _heads_share_channels(self) -> Self:
        if len(self.heads) != len(self.depths):
            msg = f"expected as many 'heads' as 'depths'; found {len(self.heads)} and {len(self.depths)}"
            raise ValueError(msg)
        uneven = [head for stage, head in enumerate(self.heads) if (self.channels << stage) % head]
        if uneven:
            msg = f"expected heads that divide the channels of their stage; found {uneven}"
            raise ValueError(msg)
        return self


TINY = Settings(patch_pixels=2, channels=8, depths=(2, 1), heads=(2, 2), window_tokens=4, drop_path=0.0)


def build(settings: Settings, planes: int, classes: int) -> nn.Module:
    """Return the network: (N, planes, rows, columns) float32 -> logits (N, classes, rows, columns)."""
    from tomocell.models._parts.swin_unet import Shape, SwinUnet

    shape = Shape(
        settings.patch_pixels,
        settings.channels,
        settings.depths,
        settings.heads,
        settings.window_tokens,
        settings.drop_path,
    )
    return SwinUnet(shape, planes, classes)


def stride(settings: Settings) -> int:
    """Return what rows and columns must be multiples of."""
    return int(settings.patch_pixels * 2 ** (len(settings.depths) - 1))
