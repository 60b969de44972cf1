"""The papers' networks and trainings: each preset is a section 'model' that a study can take as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tomocell.models.settings import ModelSettings
from tomocell.settings import discovery
from tomocell.settings.plug_ins import settings_of_network

FOLDER = Path(__file__).parents[2] / "config" / "presets"
PRESETS = sorted(FOLDER.glob("*.yaml"))


def read(path: Path) -> ModelSettings:
    return ModelSettings.model_validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_is_a_model_with_its_network(path: Path) -> None:
    model = read(path)
    settings_of_network(model)
    paper, _, architecture = path.stem.partition("-")
    assert model.architecture == architecture
    assert paper in {"lithium", "redox", "pore", "pfib"}


def test_every_network_stands_in_a_preset() -> None:
    assert {read(path).architecture for path in PRESETS} == set(discovery.names_offering("tomocell.models", "build"))


def test_the_lithium_preset_is_the_published_network() -> None:
    model = read(FOLDER / "lithium-residual_unet.yaml")
    network = settings_of_network(model).model_dump()
    assert network["channels"] == (32, 64, 128, 256, 512, 512, 512)
    assert (network["blocks_per_level"], network["dropout"], network["norm"]) == (2, 0.2, "batch")
    assert (model.patch_voxels, model.infer.overlap) == ((512, 512), 0.25)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("redox-*.yaml")), ids=lambda path: path.stem)
def test_the_redox_presets_train_as_published(path: Path) -> None:
    train = read(path).train
    assert (train.epochs, train.batch_size, train.learning_rate, train.least_learning_rate) == (200, 8, 1e-4, 1e-6)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("pore-*.yaml")), ids=lambda path: path.stem)
def test_the_pore_presets_are_of_the_published_cubes(path: Path) -> None:
    model = read(path)
    assert model.patch_voxels == model.infer.tile_voxels == (96, 96, 96)
    assert (model.train.epochs, model.train.batch_size, model.train.learning_rate) == (100, 4, 1e-4)
    # Cubes that share 32 of 96 voxels begin 64 apart.
    assert int(96 * (1 - model.infer.overlap)) == 64
    assert model.infer.blend == "gaussian"
