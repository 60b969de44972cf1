"""U-Net, 3D: the network that refines stacked slices in the pFIB study.

Two 3 x 3 x 3 convolutions a level, each with normalisation and ReLU; channels double before each maximum of 2 x 2 x 2;
transposed convolutions up, skip connections. Ours pads, so that logits have the edges of the input.
Source: Cicek et al. 2016, doi:10.1007/978-3-319-46723-8_49.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tomocell.settings.base import Frozen
from tomocell.settings.types import Levels

if TYPE_CHECKING:
    from torch import nn

DIMENSIONS = 3


class Settings(Frozen):
    """Settings of the 3D U-Net; the defaults are the published network."""

    channels: Levels = Field((64, 128, 256, 512), description="Channels that each level ends with.")
    norm: Literal["batch", "instance", "none"] = Field(
        "batch", description="Normalisation over the batch (each rank its own), over each cube alone, or none."
    )


TINY = Settings(channels=(4, 8))


def build(settings: Settings, planes: int, classes: int) -> nn.Module:
    """Return the network: (N, planes, Z, Y, X) float32 -> logits (N, classes, Z, Y, X)."""
    from tomocell.models._parts.unet import Transposed

    return Transposed(settings.channels, planes, classes, settings.norm)


def stride(settings: Settings) -> int:
    """Return what edges must be multiples of."""
    return int(2 ** (len(settings.channels) - 1))
