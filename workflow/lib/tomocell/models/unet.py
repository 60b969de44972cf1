"""U-Net, 2D, with bilinear upsampling: the slice network of the pFIB study.

Two 3 x 3 convolutions a level, each with normalisation and ReLU, maxima of 2 x 2 down, bilinear interpolation up, skip
connections. Ours pads, so that logits have the edges of the input; the first U-Net cropped.
Source: Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28.
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
    """Settings of the plain U-Net; the defaults are the usual widths, the lowest one halved for interpolation."""

    channels: Levels = Field((64, 128, 256, 512, 512), description="Channels of each level.")
    norm: Literal["batch", "instance", "none"] = Field(
        "batch", description="Normalisation over the batch (each rank its own), over each patch alone, or none."
    )


TINY = Settings(channels=(4, 8, 8))


def build(settings: Settings, planes: int, classes: int) -> nn.Module:
    """Return the network: (N, planes, rows, columns) float32 -> logits (N, classes, rows, columns)."""
    from tomocell.models._parts.unet import Interpolated

    return Interpolated(settings.channels, planes, classes, settings.norm)


def stride(settings: Settings) -> int:
    """Return what rows and columns must be multiples of."""
    return int(2 ** (len(settings.channels) - 1))
