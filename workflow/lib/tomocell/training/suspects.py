"""Which sample it was, when a loss is no number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tomocell.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def fault_of_loss(
    loss: float, epoch: int, grey: Tensor, own_sums: Tensor, logits: Tensor, where: Sequence[str]
) -> Fault:
    """Return the fault of a loss that is not finite; where the voxels come from, the sample is named.

    Args:
        loss: Of all ranks.
        epoch: From 0.
        grey: What the network saw, shape (N, ...).
        own_sums: What this rank added to the loss.
        logits: What the network made of it, shape (N, ...).
        where: The place of each sample.
    """
    expected = "a finite loss"
    if bool(torch.isfinite(own_sums).all()):
        remedy = "see what the other ranks say"
        return Fault(f"training, epoch {epoch}, another rank's samples", loss, expected, remedy)
    broken = _not_finite(grey)
    if broken:
        remedy = "look at the grey values there: some are no numbers"
    else:
        broken = _not_finite(logits)
        remedy = "lower the learning rate, clip gradients (clip_norm), look at the grey values, or use precision 32"
    first = broken[0] if broken else 0
    samples = f"{where[first]}" + (f" (and {len(broken) - 1} more of the batch)" if len(broken) > 1 else "")
    return Fault(f"training, epoch {epoch}, sample {samples}", loss, expected, remedy)


def _not_finite(tensor: Tensor) -> list[int]:
    finite = torch.isfinite(tensor.detach()).flatten(1).all(1)
    return [index for index, good in enumerate(finite.tolist()) if not good]
