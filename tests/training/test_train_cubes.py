"""A network of cubes that is trained and applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support import tiny_training
from support.stores import LIMITS
from tomocell.errors import BadInput
from tomocell.models.saved import read_card
from tomocell.models.settings import InferSettings, ModelSettings
from tomocell.settings.plug_ins import settings_of_network
from tomocell.stages.infer import infer
from tomocell.stages.train import train
from tomocell.volumes.store import open_store
from tomocell.volumes.volume import whole

if TYPE_CHECKING:
    from pathlib import Path

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
