"""Files of weights in torchvision's layout, written by its rules and not by our encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

Shapes = dict[str, tuple[int, ...]]
FULL = ((3, 4, 23, 3), 64, 32, 8)
SMALL = ((1, 2), 4, 2, 2)  # of ``TINY``, but with a block more


def torchvision_shapes(blocks: tuple[int, ...], base: int, groups: int, width: int) -> Shapes:
    """Return the names and shapes of a ResNeXt's state_dict; resnext101_32x8d for ``FULL``."""
    shapes: Shapes = {"conv1.weight": (base, 3, 7, 7), **_norm("bn1", base)}
    inputs = base
    for stage, count in enumerate(blocks):
        grouped, outputs = int(base * 2**stage * (width / base)) * groups, base * 2**stage * 4
        for block in range(count):
            shapes |= dict(_block(f"layer{stage + 1}.{block}", (inputs, grouped, outputs), groups, first=block == 0))
            inputs = outputs
    return shapes | {"fc.weight": (1000, inputs), "fc.bias": (1000,)}


def small_weights() -> dict[str, torch.Tensor]:
    """Return random weights of a small ResNeXt; variances are above 0."""
    random = torch.Generator().manual_seed(5)
    weights = {}
    for name, shape in torchvision_shapes(*SMALL).items():
        if name.endswith("num_batches_tracked"):
            weights[name] = torch.tensor(7)
        else:
            values = torch.randn(shape, generator=random) * 0.3
            weights[name] = values.abs() + 0.5 if "running_var" in name or "bn" in name else values
    return weights


def _block(name: str, channels: tuple[int, int, int], groups: int, *, first: bool) -> Iterator[tuple[str, tuple]]:
    inputs, grouped, outputs = channels
    yield f"{name}.conv1.weight", (grouped, inputs, 1, 1)
    yield from _norm(f"{name}.bn1", grouped).items()
    yield f"{name}.conv2.weight", (grouped, grouped // groups, 3, 3)
    yield from _norm(f"{name}.bn2", grouped).items()
    yield f"{name}.conv3.weight", (outputs, grouped, 1, 1)
    yield from _norm(f"{name}.bn3", outputs).items()
    if first:
        yield f"{name}.downsample.0.weight", (outputs, inputs, 1, 1)
        yield from _norm(f"{name}.downsample.1", outputs).items()


def _norm(name: str, channels: int) -> Shapes:
    kinds = ("weight", "bias", "running_mean", "running_var")
    return {**{f"{name}.{kind}": (channels,) for kind in kinds}, f"{name}.num_batches_tracked": ()}
