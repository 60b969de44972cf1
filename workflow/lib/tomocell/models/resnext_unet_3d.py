"""U-Net with a ResNeXt101 (32x8d) encoder, 3D, of the catalyst-layer study.

As the 2D one, with every square kernel a cube. ImageNet weights can start it: each 2D kernel is repeated along the
depth and divided by it, so that a volume of equal planes gives what its plane gave.
Sources: Xie et al. 2017, doi:10.1109/CVPR.2017.634; Carreira and Zisserman 2017, doi:10.1109/CVPR.2017.502;
Cicek et al. 2016, doi:10.1007/978-3-319-46723-8_49.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.models._resnext_settings import ResNeXtSettings

if TYPE_CHECKING:
    from torch import nn

DIMENSIONS = 3


class Settings(ResNeXtSettings):
    """Settings of the 3D U-Net with a ResNeXt encoder; the defaults are ResNeXt101 (32x8d), inflated."""


TINY = Settings(blocks=(1, 1), base_channels=4, groups=2, group_width=2, decoder_channels=(8, 8, 4))


def build(settings: Settings, planes: int, classes: int) -> nn.Module:
    """Return the network: (N, planes, Z, Y, X) float32 -> logits (N, classes, Z, Y, X)."""
    from tomocell.models._parts.resnext import ResNeXtUNet

    return ResNeXtUNet(settings.shape(DIMENSIONS), settings.decoder_channels, planes, classes)


def start(network: nn.Module, settings: Settings) -> None:
    """Put ImageNet weights into the encoder, inflated, where the settings name a file.

    Raises:
        BadInput: If the file is missing, holds code, or is of another encoder.
    """
    if settings.pretrained is not None:
        from tomocell.models._parts.pretrained import start_encoder

        start_encoder(network.get_submodule("encoder"), settings.pretrained)


def stride(settings: Settings) -> int:
    """Return what edges must be multiples of."""
    return int(2 ** (len(settings.blocks) + 1))
