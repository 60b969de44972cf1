"""V-Net of any width, from MONAI's transitions; at 16 channels MONAI's own, weight by weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monai.networks.nets.vnet import DownTransition, InputTransition, OutputTransition, UpTransition, VNet
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


class WideVNet(nn.Module):
    """(N, planes, Z, Y, X) -> logits (N, classes, Z, Y, X); ``width`` channels at the finest level."""

    def __init__(self, width: int, planes: int, classes: int, dropout: float, act: str) -> None:
        super().__init__()
        # The names are those of MONAI's network, which has no setting for its width, so that its weights fit.
        drop = dropout or None
        rise = (drop, dropout)
        kind = ("elu", {"inplace": True}) if act == "elu" else act
        self.in_tr = InputTransition(3, planes, width, kind)
        self.down_tr32 = DownTransition(3, width, 1, kind)
        self.down_tr64 = DownTransition(3, 2 * width, 2, kind)
        self.down_tr128 = DownTransition(3, 4 * width, 3, kind, dropout_prob=drop)
        self.down_tr256 = DownTransition(3, 8 * width, 2, kind, dropout_prob=drop)
        self.up_tr256 = UpTransition(3, 16 * width, 16 * width, 2, kind, dropout_prob=rise)
        self.up_tr128 = UpTransition(3, 16 * width, 8 * width, 2, kind, dropout_prob=rise)
        self.up_tr64 = UpTransition(3, 8 * width, 4 * width, 1, kind, dropout_prob=(None, dropout))
        self.up_tr32 = UpTransition(3, 4 * width, 2 * width, 1, kind, dropout_prob=(None, dropout))
        self.out_tr = OutputTransition(3, 2 * width, classes, kind)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = VNet.forward(self, x)
        return logits
