"""Tiles through the network: batches that fit, mirror images, dropout, other voxel sizes, labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from support.inferring import Moody, averaged, engine, layers, turned_cut
from support.stores import SIZE
from support.tiny_model import card
from tomocell.errors import BadInput
from tomocell.inference.forward import Forward, Passes, _memory_layout, resolve_precision
from tomocell.models.saved import Normalisation, build_network
from tomocell.models.settings import InferSettings
from tomocell.volumes.volume import ArrayVolume

if TYPE_CHECKING:
    from numpy.typing import NDArray

PLAIN = Normalisation(mean=0.0, sd=1.0)
CUBES = card(normalisation=PLAIN, patch_voxels=(4, 6, 5))
TILES = InferSettings(tile_voxels=(4, 6, 5), overlap=0.3, batch_size=8)
CPU = torch.device("cpu")


def scan(shape: tuple[int, int, int] = (9, 11, 12)) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


class Hungry(torch.nn.Module):
    """Runs out of memory with more than ``most`` tiles at once."""

    def __init__(self, inner: torch.nn.Module, most: int) -> None:
        super().__init__()
        self.inner, self.most = inner, most
        self.batches: list[int] = []

    def forward(self, tiles: torch.Tensor) -> torch.Tensor:
        if len(tiles) > self.most:
            raise torch.OutOfMemoryError
        self.batches.append(len(tiles))
        outputs: torch.Tensor = self.inner(tiles)
        return outputs


def moody() -> torch.nn.Module:
    return Moody(np.random.default_rng(1).normal(size=(4, 6, 5)).astype(np.float32))


def test_a_batch_that_does_not_fit_is_halved_for_good() -> None:
    expected = averaged(engine(moody(), CUBES, TILES, scan()))
    hungry = Hungry(moody(), 3)
    np.testing.assert_array_equal(averaged(engine(hungry, CUBES, TILES, scan())), expected)
    assert max(hungry.batches) == 2  # 8, 4, 2
    assert hungry.batches.count(2) > 3


def test_memory_for_not_even_one_tile_is_told() -> None:
    with pytest.raises(BadInput, match=r"full with one tile.*make infer.tile_voxels smaller"):
        averaged(engine(Hungry(moody(), 0), CUBES, TILES, scan()))


def test_an_output_that_is_no_number_is_told() -> None:
    trust = np.ones((4, 6, 5), np.float32)
    trust[1, 2, 3] = np.nan
    with pytest.raises(BadInput, match="voxels that are no numbers"):
        layers(engine(Moody(trust), CUBES, TILES, scan()))


@pytest.mark.parametrize("planes", [True, False])
def test_flips_make_the_answer_of_mirror_images_the_mirror_image(*, planes: bool) -> None:
    torch.manual_seed(0)
    tile = (5, 4) if planes else (4, 5, 4)
    made = card(
        architecture="unet" if planes else "unet_3d",
        network={"channels": [3, 4], "norm": "none"},
        patch_voxels=tile,
        plane_axis="z",
        normalisation=PLAIN,
    )
    network = build_network(str(made.architecture), made.network, 1, 2)[0]
    # Tiles of the mirror image lie where the tiles are: no overlap, and edges are multiples of the tile's.
    settings = InferSettings(tile_voxels=tile, overlap=0.0, batch_size=3, flips=True)
    grey = scan((8, 10, 12))
    found = averaged(engine(network, made, settings, grey))
    assert len(found) == 3  # two classes and the spread
    for axis in (1, 2) if planes else (0, 1, 2):
        other = averaged(engine(network, made, settings, np.flip(grey, axis).copy()))
        np.testing.assert_allclose(np.flip(other, 1 + axis), found, atol=1e-5)
    assert (found[2] > 0).all()
    single = averaged(engine(network, made, settings.model_copy(update={"flips": False}), grey))
    assert np.abs(single - found[:2]).max() > 1e-3  # else the test could not tell


def test_the_spread_is_that_of_the_passes() -> None:
    class Sided(torch.nn.Module):
        def forward(self, tiles: torch.Tensor) -> torch.Tensor:
            ramp = torch.linspace(-2, 2, tiles.shape[-1]).expand_as(tiles)
            return torch.cat([torch.zeros_like(tiles), ramp], dim=1)

    made = card(normalisation=PLAIN, patch_voxels=(3, 3, 5))
    settings = InferSettings(tile_voxels=(3, 3, 5), flips=True, overlap=0.0)
    logit = np.linspace(-2, 2, 5)
    share = 1 / (1 + np.exp(-logit))
    expected = np.abs(share - share[::-1]) / 2  # half of the eight passes each way
    found = engine(Sided(), made, settings, scan((3, 3, 5)))
    np.testing.assert_allclose(averaged(found)[2, 1, 1], expected, atol=1e-6)
    np.testing.assert_allclose(averaged(found)[1], 0, atol=1e-6)
    np.testing.assert_allclose(layers(found)[1, 1, 1], 510 * expected, atol=0.51)


def dropping() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv3d(1, 8, 1), torch.nn.Dropout(0.5), torch.nn.Conv3d(8, 2, 1))


def test_dropout_samples_do_not_depend_on_batches_or_blocks() -> None:
    settings = TILES.model_copy(update={"dropout_samples": 3})
    expected = averaged(engine(dropping(), CUBES, settings, scan()))
    assert expected[2].mean() > 0.01
    torch.manual_seed(5)
    regions = turned_cut((9, 11, 12), 0, (4, 5, 12))[::-1]
    other = settings.model_copy(update={"batch_size": 1})
    np.testing.assert_array_equal(averaged(engine(dropping(), CUBES, other, scan()), regions), expected)
    more = averaged(engine(dropping(), CUBES, settings.model_copy(update={"dropout_samples": 40}), scan()))
    plain = averaged(engine(dropping(), CUBES, TILES, scan()))
    assert np.abs(more[:2] - plain).mean() < 0.5 * np.abs(expected[:2] - plain).mean()  # the mean of many is near


def test_dropout_of_a_network_without_any_is_refused() -> None:
    with pytest.raises(BadInput, match=r"infer.dropout_samples: found 'no dropout in the network'"):
        engine(moody(), CUBES, TILES.model_copy(update={"dropout_samples": 2}), scan())


class Threshold(torch.nn.Module):
    """The second class is what is above 0; notes the edges of what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[int, ...]] = set()

    def forward(self, tiles: torch.Tensor) -> torch.Tensor:
        self.seen.add(tuple(tiles.shape[1:]))
        middle = tiles[:, tiles.shape[1] // 2][:, None]
        return torch.cat([torch.zeros_like(middle), middle], dim=1)


@pytest.mark.parametrize("ratio", [0.5, 2.0, 1.6])
@pytest.mark.parametrize("kind", ["cubes", "planes"])
def test_tiles_are_brought_to_the_model_s_voxel_size_and_back(ratio: float, kind: str) -> None:
    tile: Any = (8, 8, 8) if kind == "cubes" else (8, 8)
    made = card(normalisation=PLAIN, patch_voxels=tile, plane_axis="z", voxel_size_um=(1.0, 1.0, 1.0))
    settings = InferSettings(tile_voxels=tile, overlap=0.25, blend="gaussian")
    shape = (19, 23, 27)
    edge = 1 / ratio  # the model's voxels are ``ratio`` of these
    z, y, x = np.meshgrid(*map(np.arange, shape), indexing="ij")
    grey = (z + 2 * y + 3 * x - 70.5).astype(np.float32)  # linear in space: interpolation changes nothing but at faces
    network = Threshold()
    found = layers(engine(network, made, settings, ArrayVolume(grey, (edge, edge, edge))))[0]
    assert found.shape == shape
    wrong = (found == 3) != (grey > 0)
    assert not wrong[np.abs(grey) > 3.1 / min(ratio, 1)].any()
    # What the network sees is its own patch, to a voxel.
    assert all(abs(edge - 8) <= 1 for seen in network.seen for edge in seen[1:])


def test_neighbouring_planes_are_those_at_the_model_s_distance() -> None:
    class Above(torch.nn.Module):
        def forward(self, tiles: torch.Tensor) -> torch.Tensor:
            return torch.cat([tiles[:, :1], tiles[:, 2:]], dim=1)

    made = card(normalisation=PLAIN, patch_voxels=(4, 4), plane_axis="z", planes=3, voxel_size_um=(1.5, 1.0, 1.0))
    grey = np.repeat(np.arange(10, dtype=np.float32) ** 2, 16).reshape(10, 4, 4)
    settings = InferSettings(tile_voxels=(4, 4))
    found = averaged(engine(Above(), made, settings, ArrayVolume(grey, (1.0, 1.0, 1.0))))
    places = np.clip(np.arange(10)[:, None] + [-1.5, 1.5], 0, 9)
    expected = np.interp(places, np.arange(10), np.arange(10.0) ** 2)
    np.testing.assert_allclose(found[:, :, 2, 2].T, expected, rtol=1e-6)


def test_a_voxel_size_within_a_quarter_is_not_resampled() -> None:
    made = card(normalisation=PLAIN, patch_voxels=(8, 8, 8))
    network = Threshold()
    near = ArrayVolume(scan((9, 9, 9)), (SIZE[0] * 1.2, SIZE[1], SIZE[2] * 0.85))
    layers(engine(network, made, InferSettings(tile_voxels=(8, 8, 8)), near))
    assert network.seen == {(1, 8, 8, 8)}


def test_a_network_of_labels_sees_one_channel_a_class() -> None:
    class Swap(torch.nn.Module):
        def forward(self, tiles: torch.Tensor) -> torch.Tensor:
            assert torch.equal(tiles.sum(1), torch.ones_like(tiles[:, 0]))
            return tiles[:, [1, 2, 0]]

    classes = [{"name": name, "value": value} for name, value in (("pore", 0), ("solid", 4), ("grain", 9))]
    labels = np.random.default_rng(0).choice([0, 4, 9], (7, 8, 9)).astype(np.uint8)
    for tile in ((4, 4, 4), (5, 4)):
        made = card(classes=classes, inputs=classes, patch_voxels=tile)
        found = layers(engine(Swap(), made, InferSettings(tile_voxels=tile), labels))[0]
        np.testing.assert_array_equal(found, _swapped(labels))


def _swapped(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    # The first output is the second input: where that is 4, the first class wins.
    return np.select([labels == 4, labels == 9, labels == 0], [0, 4, 9]).astype(np.uint8)


def test_a_label_that_the_network_does_not_know_is_named() -> None:
    labels = np.zeros((5, 6, 7), np.uint8)
    labels[3, 4, 5] = 8
    made = card(inputs=[{"name": "pore", "value": 0}, {"name": "solid", "value": 4}], patch_voxels=(4, 4, 4))
    with pytest.raises(BadInput, match=r"voxel \(3, 4, 5\): found 8; expected labels that the model sees: 0, 4"):
        layers(engine(Threshold(), made, InferSettings(tile_voxels=(4, 4, 4)), labels))


def test_auto_is_float32_on_a_cpu_and_bfloat16_can_be_asked_for() -> None:
    assert resolve_precision("auto", CPU) is torch.float32
    assert resolve_precision("float32", CPU) is torch.float32
    torch.manual_seed(0)
    network = torch.nn.Conv3d(1, 2, 3, padding=1)
    tiles = scan((4, 6, 5))[None, None]
    exact, rough = (
        Forward(network, Passes(), 1, CPU, resolve_precision(wanted, CPU))(tiles, [(0, 0, 0)])
        for wanted in ("float32", "bfloat16")
    )
    assert rough.dtype == np.float32
    assert 0 < np.abs(exact - rough).max() < 0.05


def test_channels_come_last_only_where_that_is_faster() -> None:
    def layout(name: str, norm: str) -> torch.memory_format:
        return _memory_layout(build_network(name, {"channels": [4, 8], "norm": norm}, 1, 2)[0])

    assert layout("unet", "batch") is torch.channels_last
    assert layout("unet_3d", "batch") is torch.channels_last_3d
    assert layout("unet_3d", "instance") is torch.contiguous_format
    assert layout("unet", "none") is torch.contiguous_format
