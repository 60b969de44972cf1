"""Cubes: around labelled planes, every labelled voxel judged once, and a 3D network that is trained and applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from support import tiny_training
from support.stores import LIMITS
from tomocell.errors import BadInput
from tomocell.models.saved import read_card
from tomocell.models.settings import InferSettings, ModelSettings
from tomocell.settings.plug_ins import settings_of_network
from tomocell.stages.infer import infer
from tomocell.stages.train import train
from tomocell.training.cubes import CubeReader, RandomCubes, WholeCubes
from tomocell.training.trainingset import read_training_set
from tomocell.volumes.store import open_store
from tomocell.volumes.volume import whole

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.training.trainingset import TrainingSet

EDGES = (8, 8, 16)
NETWORK: dict[str, Any] = {"channels": [4, 8]}
CUBES = {"patch_voxels": EDGES, "infer": {"tile_voxels": EDGES, "overlap": 0.3, "blend": "gaussian"}}


def settings(**changes: Any) -> ModelSettings:
    made = tiny_training.settings(epochs=5, patches_per_plane=8, learning_rate=0.02, plateau_epochs=8)
    content = made.model_dump() | {"architecture": "unet_3d", "network": NETWORK} | CUBES | changes
    return ModelSettings.model_validate(content)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cubes")
    tiny_training.prepare(folder, settings())
    return folder


@pytest.fixture
def training_set(results: Path) -> TrainingSet:
    return read_training_set(results / "models" / "tiny" / "training_set.json")


@pytest.fixture
def reader(results: Path, training_set: TrainingSet) -> CubeReader:
    return CubeReader(results, training_set, tiny_training.CLASSES)


def test_a_cube_holds_labels_and_comes_again(reader: CubeReader, training_set: TrainingSet) -> None:
    entries = training_set.part("train")
    model = settings(train=settings().train.model_dump() | {"flips": False, "grey_jitter": 0.0})
    cubes = RandomCubes(reader, entries, model, 0)
    assert len(cubes) == sum(len(entry.planes) for entry in entries) * model.train.patches_per_plane
    corners = set()
    for index in range(len(cubes)):
        grey, target = cubes[index]
        assert grey.shape == (1, *EDGES)
        assert target.shape == EDGES
        assert (target >= 0).any()
        assert torch.equal(RandomCubes(reader, entries, model, 0)[index][0], grey)
        corners.add(float(grey.sum()))
    assert len(corners) > len(cubes) // 2
    assert not torch.equal(RandomCubes(reader, entries, model, 1)[0][0], cubes[0][0])


def test_every_labelled_voxel_is_judged_once(reader: CubeReader, training_set: TrainingSet) -> None:
    entries = training_set.part("validation")
    cubes = WholeCubes(reader, entries, EDGES)
    counted = np.zeros(2, int)
    for index in range(len(cubes)):
        target = cubes[index][1]
        counted += [int((target == value).sum()) for value in (0, 1)]
    assert counted.tolist() == [sum(entry.pixels[name] for entry in entries) for name in ("empty", "solid")]


def test_beyond_the_volume_it_is_mirrored_and_not_labelled(reader: CubeReader, training_set: TrainingSet) -> None:
    entry = training_set.entries[0]
    z, y, x = tiny_training.SHAPE
    inside, labels = reader.read(entry, (0, 0, 0), tiny_training.SHAPE)
    grey, target = reader.read(entry, (z - 3, y - 5, 0), (8, 8, x + 6))
    margin = [(0, 5), (0, 3), (0, 6)]
    np.testing.assert_array_equal(grey[0], np.pad(inside[0, -3:, -5:], margin, mode="symmetric"))
    np.testing.assert_array_equal(target, np.pad(labels[-3:, -5:], margin, constant_values=-1))


def test_a_network_of_cubes_is_trained_and_applied(tmp_path: Path, results: Path) -> None:
    (tmp_path / "models").symlink_to(results / "models")
    (tmp_path / "cell").symlink_to(results / "cell")
    train(tmp_path, settings(), tiny_training.CLASSES, NETWORK)
    folder = tmp_path / "models" / "tiny"
    card = read_card(folder)
    assert card.patch_voxels == EDGES
    assert card.metrics["accuracy"] > 0.85
    grey = open_store(tmp_path / "cell" / "t2" / "volume.ome.zarr")
    infer(grey, folder, tmp_path / "labels.ome.zarr", settings().infer, LIMITS)
    labels = open_store(tmp_path / "labels.ome.zarr")
    right = labels.read(whole(labels.shape)) == tiny_training.scan(2)[1]
    assert right.mean() > 0.85
    with pytest.raises(BadInput, match=r"tile_voxels=\[8, 8, 16\]"):
        infer(grey, folder, tmp_path / "other.ome.zarr", InferSettings(), LIMITS)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"patch_voxels": (8, 16)}, "as many edges"),
        ({"planes": 3}, "leave 'planes' out"),
        ({"architecture": "unet"}, "2 edges, as unet sees 2 dimensions"),
    ],
)
def test_cubes_and_planes_are_told_apart(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        settings_of_network(settings(**changes))
