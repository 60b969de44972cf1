"""What the two- and the three-dimensional ResNeXt encoder have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from tomocell.models._pretrained_settings import Pretrained
from tomocell.settings.base import Frozen
from tomocell.settings.types import Levels

if TYPE_CHECKING:
    from tomocell.models._parts.resnext import Shape


class ResNeXtSettings(Frozen):
    """Settings of a ResNeXt encoder with a U-Net's decoder."""

    blocks: Levels = Field((3, 4, 23, 3), description="Residual blocks of each stage of the encoder.")
    base_channels: int = Field(
        64, ge=1, description="Channels of the first convolution; stages end with 4, 8, ... times these."
    )
    groups: int = Field(32, ge=1, description="Parallel paths of a block (cardinality).")
    group_width: int = Field(8, ge=1, description="Channels of a path in the first stage; each below has twice these.")
    decoder_channels: Levels = Field(
        (256, 128, 64, 32, 16),
        description="Channels of the decoder's levels, the lowest first; one more than 'blocks'.",
    )
    pretrained: Pretrained | None = Field(None, description="ImageNet weights that start the encoder.")

    @model_validator(mode="after")
    def _decoder_of_the_encoder(self) -> Self:
        if len(self.decoder_channels) != len(self.blocks) + 1:
            msg = f"expected {len(self.blocks) + 1} 'decoder_channels', one more than 'blocks'"
            raise ValueError(msg)
        return self

    def shape(self, dimensions: int) -> Shape:
        """Return what makes the encoder."""
        from tomocell.models._parts.resnext import Shape

        return Shape(dimensions, self.blocks, self.base_channels, self.groups, self.group_width)
