"""Swin U-Net, 3D (Swin UNETR): a shifted-window transformer down, convolutions up, of the catalyst-layer study.

MONAI's implementation.
Sources: Hatamizadeh et al. 2022, doi:10.1007/978-3-031-08999-2_22; Liu et al. 2021, doi:10.1109/ICCV48922.2021.00986.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from tomocell.settings.base import Frozen
from tomocell.settings.types import Count

if TYPE_CHECKING:
    from torch import nn

DIMENSIONS = 3
Four = tuple[Count, Count, Count, Count]


class Settings(Frozen):
    """Settings of Swin UNETR; the defaults are the published network."""

    feature_size: int = Field(48, ge=12, multiple_of=12, description="Channels of the finest tokens.")
    depths: Four = Field((2, 2, 2, 2), description="Transformer blocks of each stage.")
    heads: Four = Field((3, 6, 12, 24), description="Attention heads of each stage.")
    window_voxels: int = Field(7, ge=2, description="Edge of an attention window, in tokens of its stage.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of activations dropped while training.")
    checkpoint: bool = Field(default=False, description="Compute activations again on the way back, to save memory.")

    @model_validator(mode="after")
    def _heads_share_channels(self) -> Self:
        uneven = [head for stage, head in enumerate(self.heads) if (self.feature_size << stage) % head]
        if uneven:
            msg = f"expected heads that divide {self.feature_size}, twice, four and eight times that; found {uneven}"
            raise ValueError(msg)
        return self


TINY = Settings(feature_size=12, depths=(1, 1, 1, 1), heads=(1, 1, 2, 2), window_voxels=2)


def build(settings: Settings, planes: int, classes: int) -> nn.Module:
    """Return the network: (N, planes, Z, Y, X) float32 -> logits (N, classes, Z, Y, X)."""
    from monai.networks.nets.swin_unetr import SwinUNETR

    network: nn.Module = SwinUNETR(
        in_channels=planes,
        out_channels=classes,
        feature_size=settings.feature_size,
        depths=settings.depths,
        num_heads=settings.heads,
        window_size=settings.window_voxels,
        drop_rate=settings.dropout,
        use_checkpoint=settings.checkpoint,
        spatial_dims=3,
    )
    return network


def stride(_: Settings) -> int:
    """Return what edges must be multiples of."""
    return 32
