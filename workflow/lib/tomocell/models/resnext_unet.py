"""U-Net with a ResNeXt101 (32x8d) encoder, 2D, of the redox-flow-battery study.

The encoder is torchvision's, weight by weight, so that its ImageNet weights can start it; the decoder doubles edges and
convolves twice a level.
Sources: Xie et al. 2017, doi:10.1109/CVPR.2017.634; Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.models._resnext_settings import ResNeXtSettings

if TYPE_CHECKING:
    from torch import nn

DIMENSIONS = 2


class Settings(ResNeXtSettings):
    """Settings of the U-Net with a ResNeXt encoder; the defaults are ResNeXt101 (32x8d)."""


TINY = Settings(blocks=(1, 1), base_channels=4, groups=2, group_width=2, decoder_channels=(8, 8, 4))


def build(settings: Settings, planes: int, classes: int) -> nn.Module:
    """Return the network: (N, planes, rows, columns) float32 -> logits (N, classes, rows, columns)."""
    from tomocell.models._parts.resnext import ResNeXtUNet

    return ResNeXtUNet(settings.shape(DIMENSIONS), settings.decoder_channels, planes, classes)


def start(network: nn.Module, settings: Settings) -> None:
    """Put ImageNet weights into the encoder, where the settings name a file.

    Raises:
        BadInput: If the file is missing, holds code, or is of another encoder.
    """
    if settings.pretrained is not None:
        from tomocell.models._parts.pretrained import start_encoder

        start_encoder(network.get_submodule("encoder"), settings.pretrained)


def stride(settings: Settings) -> int:
    """Return what rows and columns must be multiples of."""
    return int(2 ** (len(settings.blocks) + 1))
