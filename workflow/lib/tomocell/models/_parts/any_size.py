"""Any input size: mirror it up to what the network can take, cut the logits back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class AnySize(nn.Module):
    """A network that takes edges of any length, where ``inner`` takes multiples of ``multiple`` only.

    The input is mirrored behind its last voxel, edge voxel included (as ``np.pad``'s "symmetric"), however short it
    is; an input that fits goes through untouched. An input with fewer than ``least`` multiples is mirrored once more
    along its last axis: no normalisation can do with a lowest level of a single voxel.
    """

    def __init__(self, inner: nn.Module, multiple: int, least: int = 2) -> None:
        super().__init__()
        self.inner = inner
        self.multiple = multiple
        self.least = least

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes, ...) of the edges of ``x``, shape (N, channels, ...)."""
        logits: Tensor = self.inner(self._fit(x))
        return _cut(logits, x)

    def training_outputs(self, x: Tensor) -> list[Tensor]:
        """Return the logits that the loss averages: the main ones, then those of deep supervision if there are any."""
        outputs = getattr(self.inner, "training_outputs", None)
        if outputs is None:
            return [self.forward(x)]
        return [_cut(logits, x) for logits in outputs(self._fit(x))]

    def _fit(self, x: Tensor) -> Tensor:
        shape = [-(-size // self.multiple) for size in x.shape[2:]]
        shape[-1] *= self.least if math.prod(shape) < self.least else 1
        return mirrored(x, [count * self.multiple for count in shape])


def mirrored(x: Tensor, edges: Sequence[int]) -> Tensor:
    """Return ``x`` (N, channels, ...) mirrored behind its end up to these ``edges``."""
    for axis, wanted in enumerate(edges, start=2):
        size = x.shape[axis]
        if wanted != size:
            there_and_back = torch.arange(wanted, device=x.device) % (2 * size)
            x = x.index_select(axis, torch.minimum(there_and_back, 2 * size - 1 - there_and_back))
    return x


def _cut(logits: Tensor, like: Tensor) -> Tensor:
    for axis in range(2, like.ndim):
        if logits.shape[axis] != like.shape[axis]:
            logits = logits.narrow(axis, 0, like.shape[axis])
    return logits
