"""One engine for planes and cubes: MONAI's averaged logits, however the volume is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from monai.inferers import sliding_window_inference

from support.inferring import Moody, averaged, engine, layers, turned_cut
from support.tiny_model import card
from tomocell.models.saved import Normalisation, build_network
from tomocell.models.settings import Blend, InferSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.models.saved import ModelCard

SMALL = {"channels": [4, 8], "blocks_per_level": 1, "dropout": 0.0, "norm": "instance"}
MODES = {"even": "constant", "gaussian": "gaussian"}


def network_of(made: ModelCard) -> torch.nn.Module:
    torch.manual_seed(0)
    return build_network(str(made.architecture), made.network, made.planes, len(made.classes))[0].eval()


def scan(shape: tuple[int, int, int], dtype: str = "uint16") -> NDArray[Any]:
    return np.random.default_rng(0).integers(90, 130, shape).astype(dtype)


def monai(
    network: torch.nn.Module, grey: NDArray[Any], settings: InferSettings, roi: tuple[int, ...]
) -> NDArray[np.float32]:
    """Return what MONAI makes of ``grey`` (channels, ...); logits (classes, ...)."""
    normal = (grey.astype(np.float32) - np.float32(110)) / np.float32(12)
    with torch.inference_mode():
        given = torch.from_numpy(normal)[None]
        mode = MODES[settings.blend]
        made = sliding_window_inference(given, roi, 4, network, settings.overlap, mode, sigma_scale=0.125)
        return made[0].numpy()


@pytest.mark.parametrize("blend", ["even", "gaussian"])
@pytest.mark.parametrize(
    ("shape", "tile", "overlap"),
    [((21, 18, 27), (8, 8, 12), 0.25), ((9, 30, 13), (8, 12, 8), 0.5), ((3, 19, 22), (8, 8, 8), 0.3)],
)
def test_cubes_give_monai_s_logits(
    shape: tuple[int, int, int], tile: tuple[int, int, int], overlap: float, blend: Blend
) -> None:
    made = card(architecture="unet_3d", network={"channels": [4, 8], "norm": "instance"}, patch_voxels=tile)
    settings = InferSettings(tile_voxels=tile, overlap=overlap, blend=blend)
    network, grey = network_of(made), scan(shape)
    # A volume thinner than the tile: ours is a tile as thin as the volume, which the network mirrors up to what it can
    # take; MONAI does so for a window of -1, else it puts zeros around.
    roi = tuple(-1 if edge > size else edge for edge, size in zip(tile, shape, strict=True))
    expected = monai(network, grey[None], settings, roi)
    found = averaged(engine(network, made, settings, grey))
    assert found.shape == (2, *shape)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(layers(engine(network, made, settings, grey))[0] == 3, found[1] > found[0])


@pytest.mark.parametrize("blend", ["even", "gaussian"])
@pytest.mark.parametrize(("axis", "planes"), [("z", 1), ("y", 3), ("x", 5)])
def test_planes_give_monai_s_logits(axis: str, planes: int, blend: Blend) -> None:
    made = card(plane_axis=axis, planes=planes, network=SMALL)
    settings = InferSettings(tile_voxels=(8, 12), overlap=0.4, blend=blend, batch_size=7)
    network, grey = network_of(made), scan((7, 14, 17))
    number = "zyx".index(axis)
    stack = np.moveaxis(grey, number, 0)
    reach = planes // 2
    around = np.pad(stack, [(reach, reach), (0, 0), (0, 0)], mode="edge")
    roi = tuple(-1 if edge > size else edge for edge, size in zip((8, 12), stack.shape[1:], strict=True))
    expected = [monai(network, around[plane : plane + planes], settings, roi) for plane in range(len(stack))]
    found = averaged(engine(network, made, settings, grey))
    np.testing.assert_allclose(found, np.moveaxis(np.stack(expected, 1), 1, 1 + number), rtol=0, atol=1e-5)


@pytest.mark.parametrize("blend", ["even", "gaussian"])
def test_cutting_changes_no_bit(blend: Blend) -> None:
    shape, tile = (13, 9, 17), (6, 9, 7)
    trust = np.random.default_rng(1).normal(size=tile).astype(np.float32)
    made = card(normalisation=Normalisation(mean=5.0, sd=2.0), patch_voxels=tile)
    grey = np.random.default_rng(0).integers(0, 11, shape).astype(np.uint8)
    settings = InferSettings(
        tile_voxels=(6, 12, 7), overlap=0.3, blend=blend, batch_size=3, probabilities=True, entropy=True
    )
    expected = layers(engine(Moody(trust), made, settings, grey))
    logits = averaged(engine(Moody(trust), made, settings, grey))
    assert len(expected) == 4  # labels, two probabilities, entropy
    for core in ((5, 4, 6), (10, 9, 1), (13, 1, 17)):
        for batch in (1, 100):
            other = settings.model_copy(update={"batch_size": batch})
            regions = turned_cut(shape, 0, core)[::-1]
            np.testing.assert_array_equal(layers(engine(Moody(trust), made, other, grey), regions), expected)
            np.testing.assert_array_equal(averaged(engine(Moody(trust), made, other, grey), regions), logits)


def test_logits_are_averaged_before_the_choice() -> None:
    tile = (6, 8)
    trust = np.random.default_rng(1).normal(size=tile).astype(np.float32)
    plain = card(normalisation=Normalisation(mean=0.0, sd=1.0), plane_axis="z", patch_voxels=tile)
    settings = InferSettings(tile_voxels=tile, overlap=0.5, batch_size=4)
    grey = np.random.default_rng(0).normal(size=(3, 13, 21)).astype(np.float32)
    made = engine(Moody(trust), plain, settings, grey)
    sums, votes, count, last = (np.zeros(grey.shape) for _ in range(4))
    for row in made.sight.grid.starts[1]:
        for column in made.sight.grid.starts[2]:
            window = (slice(None), slice(row, row + 6), slice(column, column + 8))
            logits = grey[window] * trust
            sums[window] += logits
            votes[window] += logits > 0
            last[window] = logits
            count[window] += 1
    averaged_first = sums > 0
    np.testing.assert_array_equal(layers(made)[0], np.where(averaged_first, 3, 0))
    assert all((averaged_first != other).any() for other in (votes > count / 2, last > 0))  # else it could not tell


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64", ">f4", "bool"])
def test_any_type_of_grey_value_is_normalised(dtype: str) -> None:
    class Brightness(torch.nn.Module):
        def forward(self, tiles: torch.Tensor) -> torch.Tensor:
            return torch.cat([torch.zeros_like(tiles), tiles], dim=1)

    grey = scan((2, 3, 30), "uint8")
    mean = 110.0
    if dtype == "bool":
        grey, mean = grey > 110, 0.5
    made = card(normalisation=Normalisation(mean=mean, sd=3.0))
    found = layers(engine(Brightness(), made, InferSettings(tile_voxels=(8, 9)), grey.astype(dtype)))
    np.testing.assert_array_equal(found[0], np.where(grey > mean, 3, 0))


def test_probabilities_and_entropy_are_those_of_the_softmax() -> None:
    class Ramp(torch.nn.Module):
        def forward(self, tiles: torch.Tensor) -> torch.Tensor:
            return torch.cat([-((tiles - number) ** 2) for number in range(5)], dim=1)

    classes = [{"name": f"c{number}", "value": 10 * number + 1} for number in range(5)]
    made = card(normalisation=Normalisation(mean=0, sd=1), classes=classes, patch_voxels=(4, 4, 4))
    grey = np.random.default_rng(0).integers(0, 5, (5, 6, 7)).astype(np.uint8)
    settings = InferSettings(tile_voxels=(4, 4, 4), probabilities=True, entropy=True)
    found = layers(engine(Ramp(), made, settings, grey))
    np.testing.assert_array_equal(found[0], 10 * grey + 1)
    logits = -((grey[None].astype(float) - np.arange(5)[:, None, None, None]) ** 2)
    shares = np.exp(logits) / np.exp(logits).sum(0)
    np.testing.assert_allclose(found[1:6], 255 * shares, atol=0.51)
    entropy = -(shares * np.log(shares)).sum(0) / np.log(5)
    np.testing.assert_allclose(found[6], 255 * entropy, atol=0.51)
