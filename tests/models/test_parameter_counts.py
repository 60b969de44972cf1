"""Networks at their papers' settings have as many parameters as was published, or as arithmetic gives.

They are made on the meta device, which allocates nothing.
"""

from __future__ import annotations

import importlib
import itertools
from typing import Any

import pytest
import torch


def make(name: str, planes: int, classes: int, device: str = "meta", **settings: Any) -> torch.nn.Module:
    module: Any = importlib.import_module(f"tomocell.models.{name}")
    with torch.device(device):
        return module.build(module.Settings(**settings), planes, classes)


def count(network: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def test_resnext_encoder_is_torchvisions() -> None:
    # torchvision tells 88,791,336 parameters of resnext101_32x8d (its documentation, IMAGENET1K_V1), of which the
    # classifier that is left out here has 2048 x 1000 + 1000.
    encoder = make("resnext_unet", 3, 2).get_submodule("encoder")
    assert count(encoder) == 88_791_336 - 2_049_000


def test_resnext_decoder() -> None:
    # Per level: 9 (in + skip) out + 9 out^2, and two normalisations of 2 out.
    levels = [(2048 + 1024, 256), (256 + 512, 128), (128 + 256, 64), (64 + 64, 32), (32, 16)]
    decoder = sum(9 * inputs * outputs + 9 * outputs**2 + 4 * outputs for inputs, outputs in levels)
    assert count(make("resnext_unet", 3, 2)) == 86_742_336 + decoder + 9 * 16 * 2 + 2


def test_resnext_in_three_dimensions() -> None:
    flat, deep = make("resnext_unet", 1, 2), make("resnext_unet_3d", 1, 2)
    # Kernels of 1, 3 and 7 voxels become as many times larger; nothing else changes.
    kernels = [(weight.numel(), weight.shape[-1]) for weight in flat.parameters() if weight.ndim == 4]
    assert count(deep) == count(flat) + sum(size * (edge - 1) for size, edge in kernels)


def test_swin_unet() -> None:
    # Published: 27.17 million (Cao et al. 2022 and comparisons with it; RGB, 9 classes, windows of 7).
    assert round(count(make("swin_unet", 3, 9)) / 1e6, 2) == 27.17


def test_swin_unetr() -> None:
    # Published: 62.19 million (MONAI's page of the network, as trained on 1 channel and 14 classes). Its blocks are
    # made with numbers that the meta device cannot give, so this one is allocated: 250 MB.
    assert round(count(make("swin_unetr", 1, 14, "cpu")) / 1e6, 2) == 62.19


def test_unet_3plus() -> None:
    # Published: 26.97 million (Huang et al. 2020, table 1, without deep supervision). Theirs has a bias before each
    # normalisation, which takes it out again: in pairs on the way down, in branches and in joints.
    biases = 2 * (64 + 128 + 256 + 512 + 1024) + 4 * 5 * 64 + 4 * 320
    assert round((count(make("unet_3plus", 1, 1, deep_supervision=False)) + biases) / 1e6, 2) == 26.97
    # Each other head: 3 x 3 weights from 320 channels, 1024 at the lowest level, and a bias.
    deep, plain = make("unet_3plus", 1, 1), make("unet_3plus", 1, 1, deep_supervision=False)
    assert count(deep) - count(plain) == 3 * (9 * 320 + 1) + 9 * 1024 + 1


def test_unet_3d() -> None:
    # Published: 19,069,955 (Cicek et al. 2016), counting convolutions and their biases, at 3 channels and 3 classes.
    assert count(make("unet_3d", 3, 3, norm="none")) == 19_069_955
    # Normalisation has a scale and a shift where the bias was one number.
    outputs = 32 + 64 + 64 + 128 + 128 + 256 + 256 + 512 + 2 * (256 + 128 + 64)
    assert count(make("unet_3d", 3, 3)) == 19_069_955 + outputs


def test_unet() -> None:
    # The usual one: pairs of 3 x 3 convolutions without bias, each with a scale and a shift.
    pairs = [(3, 64, 64), (64, 128, 128), (128, 256, 256), (256, 512, 512), (512, 512, 512)]
    pairs += [(1024, 512, 256), (512, 256, 128), (256, 128, 64), (128, 64, 64)]
    expected = sum(9 * (a * b + b * c) + 2 * (b + c) for a, b, c in pairs) + 64 * 2 + 2
    assert count(make("unet", 3, 2)) == expected == 17_263_042


def test_vnet_is_monais() -> None:
    from monai.networks.nets.vnet import VNet

    with torch.device("meta"):
        theirs = VNet(in_channels=1, out_channels=2)
    ours = make("vnet", 1, 2)
    shapes = [{name: weight.shape for name, weight in net.state_dict().items()} for net in (ours, theirs)]
    assert shapes[0] == shapes[1]
    # 5^3 weights of as many inputs as outputs, after the source's stages; then what joins and ends them.
    stages = [(16, 0), (32, 1), (64, 2), (128, 3), (256, 2), (256, 2), (128, 2), (64, 1), (32, 1)]
    inner = sum(125 * width**2 * repeats for width, repeats in stages)
    down = sum(8 * width * 2 * width for width in (16, 32, 64, 128))
    up = [(256, 128), (256, 64), (128, 32), (64, 16)]
    rise = sum(8 * inputs * outputs + outputs for inputs, outputs in up)
    ends = 125 * 16 + 125 * 32 * 2 + 2 * 2 + 2
    widths = [16, *(width * repeats for width, repeats in stages), 32, 64, 128, 256, 128, 64, 32, 16, 2]
    norms = 2 * sum(widths)
    assert count(ours) == inner + down + rise + ends + norms


def test_residual_unet_is_the_published_one() -> None:
    # Spec: 7 levels, channels 32 to 512, two convolutions a block; MONAI's count by arithmetic. Each block has a
    # shortcut convolution (3 x 3 where it is strided, 1 x 1 where only channels change, none where neither does).
    channels = (32, 64, 128, 256, 512, 512, 512)
    network = make("residual_unet", 1, 5)
    assert count(network) == _residual(1, channels, 5)


def _residual(planes: int, channels: tuple[int, ...], classes: int) -> int:
    def conv(inputs: int, outputs: int, edge: int = 3) -> int:
        return edge * edge * inputs * outputs + outputs

    def block(inputs: int, outputs: int, convolutions: int, *, strided: bool, last: bool = False) -> int:
        own = conv(inputs, outputs) + (convolutions - 1) * conv(outputs, outputs)
        own += (convolutions - last) * (2 * outputs + 1)  # normalisation and PReLU
        if strided:
            return own + conv(inputs, outputs)
        return own + (conv(inputs, outputs, 1) if inputs != outputs else 0)

    total, inputs = 0, planes
    for outputs in channels[:-1]:
        total += block(inputs, outputs, 2, strided=True)
        inputs = outputs
    total += block(inputs, channels[-1], 2, strided=False)
    # Up: a transposed convolution of 3 x 3 on joined channels, then a block of one convolution.
    below = channels[-1]
    for level in reversed(range(len(channels) - 1)):
        outputs = channels[level - 1] if level else classes
        total += conv(below + channels[level], outputs) + 2 * outputs + 1
        total += block(outputs, outputs, 1, strided=False, last=level == 0)
        below = outputs
    return total


@pytest.mark.parametrize("planes", [1, 5])
def test_attention_unet(planes: int) -> None:
    # No count of the 2D network was published (the source's is 3D). By arithmetic, with biases and, after each
    # convolution but the last, a scale and a shift.
    channels = (64, 128, 256, 512, 1024)

    def conv(inputs: int, outputs: int, edge: int = 3) -> int:
        return edge * edge * inputs * outputs + outputs

    total = conv(planes, 64) + conv(64, 64) + 4 * 64 + conv(64, 2, 1)
    for above, below in itertools.pairwise(channels):
        total += conv(above, below) + conv(below, below) + 4 * below  # the pair of convolutions on the way down
        total += conv(below, above) + 2 * above  # the transposed convolution
        half = above // 2
        total += 2 * (conv(above, half, 1) + 2 * half) + conv(half, 1, 1) + 2  # the gate
        total += conv(2 * above, above) + 1  # what joins, with PReLU and a normalisation without weights
    assert count(make("attention_unet", planes, 2)) == total
