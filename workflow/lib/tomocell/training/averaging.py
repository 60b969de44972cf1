"""Weights averaged over the steps of a training, which generalise better than those of any one step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn


class Average:
    """An exponential moving average of a network's weights, its running statistics included.

    After step k the average is decay times itself plus (1 - decay) times the weights, where the decay is
    min(decay, k / (k + 9)): it forgets the random beginning at once.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay = decay
        self.steps = 0
        self.tensors = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        self._own: dict[str, Tensor] | None = None

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take the weights after a step; ``step`` counts from 1, and one taken already is left out."""
        if step <= self.steps:
            return
        self.steps = step
        decay = min(self._decay, step / (step + 9))
        for name, tensor in network.state_dict().items():
            kept = self.tensors[name] = self.tensors[name].to(tensor.device)
            if kept.is_floating_point():
                kept.lerp_(tensor, 1 - decay)
            else:
                kept.copy_(tensor)

    @torch.no_grad()
    def put_into(self, network: nn.Module) -> None:
        """Give the network the averaged weights until ``take_out``."""
        if self.steps:
            self._own = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
            network.load_state_dict(self.tensors)

    @torch.no_grad()
    def take_out(self, network: nn.Module) -> None:
        """Give the network its own weights back."""
        if self._own is not None:
            network.load_state_dict(self._own)
            self._own = None

    def load(self, tensors: Mapping[str, Tensor], steps: int) -> None:
        """Go on from an average that a checkpoint holds."""
        self.tensors, self.steps = dict(tensors), steps
