"""V-Net, 3D: residual stages of 5 x 5 x 5 convolutions, of the catalyst-layer study.

Five levels, one to three convolutions each around a shortcut, strided convolutions down, transposed ones up. MONAI's
implementation, which normalises over the batch and uses ELU where the source has PReLU and no normalisation.
Source: Milletari et al. 2016, doi:10.1109/3DV.2016.79.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tomocell.settings.base import Frozen

if TYPE_CHECKING:
    from torch import nn

DIMENSIONS = 3


class Settings(Frozen):
    """Settings of V-Net; the defaults are MONAI's network."""

    base_channels: int = Field(16, ge=1, description="Channels of the finest level; each level below has twice these.")
    dropout: float = Field(0.5, ge=0, lt=1, description="Share of channels dropped while training.")
    activation: Literal["elu", "prelu"] = Field("elu", description="MONAI's activation, or the source's.")


TINY = Settings(base_channels=2, dropout=0.0)


def build(settings: Settings, planes: int, classes: int) -> nn.Module:
    """Return the network: (N, planes, Z, Y, X) float32 -> logits (N, classes, Z, Y, X)."""
    from tomocell.models._parts.vnet import WideVNet

    return WideVNet(settings.base_channels, planes, classes, settings.dropout, settings.activation)


def stride(_: Settings) -> int:
    """Return what edges must be multiples of."""
    return 16
