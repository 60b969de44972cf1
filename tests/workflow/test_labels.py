"""Labels through the workflow: a layer found from strokes, the rest by calibrated threshold; rounds that wait."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from tomocell.volumes.store import open_store
from tomocell.volumes.volume import whole
from workflow.conftest_workflow import House, build_house

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.workflow
SHAPE = (16, 20, 24)
HEAD = """
study: small
samples: small.tsv
scan: {voxel_size_um: [1.0, 1.0, 1.0]}
measure: {porosity: {pore: pore}}
classes:
  - {name: pore, value: 0}
  - {name: solid, value: 1}
  - {name: layer, value: 2}
"""
LAYERED = f"""{HEAD}
classifier: {{name: strokes, classes: [pore, solid, layer], sigmas_voxels: [1.0], trees: 5}}
threshold: {{dark: pore, bright: solid, apart: [layer]}}
"""
IN_ROUNDS = f"""{HEAD}
model: {{name: net, classes: [pore, solid, layer], network: {{channels: [4, 8]}}, patch_voxels: [8, 8]}}
label:
  folder: mine
  rounds:
    - axis: z
      problems:
        - {{name: matter, of: [solid], rest: pore}}
        - {{name: layers, of: [layer], rest: pore}}
    - {{axis: y, timesteps: [t00, t01]}}
"""


def write_scene(folder: Path) -> np.ndarray:
    random = np.random.default_rng(0)
    labels = (random.random(SHAPE) > 0.6).astype(np.uint8)
    labels[:, :, 16:] = 2
    grey = np.array([60, 160, 110])[labels] + random.normal(0, 4, SHAPE)
    drawn = np.full(SHAPE, 255, np.uint8)
    drawn[5] = labels[5]
    for name, voxels in (("t00.tif", grey), ("t01.tif", grey), ("drawn.tif", drawn)):
        tifffile.imwrite(folder / name, voxels.astype(np.uint8), photometric="minisblack")
    rows = ("series timestep path labels measured_porosity", "cell t00 t00.tif drawn.tif 0.6", "cell t01 t01.tif")
    (folder / "small.tsv").write_text("".join(row.replace(" ", "\t") + "\n" for row in rows))
    return labels


@pytest.fixture
def labelled(tmp_path: Path) -> tuple[House, np.ndarray]:
    house = build_house(tmp_path / "house")
    return house, write_scene(house.root)


def test_a_layer_from_strokes_and_the_rest_by_threshold(labelled: tuple[House, np.ndarray]) -> None:
    house, truth = labelled
    (house.root / "small.yaml").write_text(LAYERED)
    target = "results/cell/t00/labels.manifest.json"
    house.run("--", target)
    store = open_store(house.root / "results/cell/t00/labels.ome.zarr")
    notes = store.manifest.notes
    assert (notes["method"], notes["measured_porosity"]) == ("calibrated", 0.6)
    assert notes["apart_share"] == pytest.approx(1 / 3, abs=0.02)
    assert (store.read(whole(SHAPE)) == truth).mean() > 0.98


def test_a_network_of_cubes_gets_its_training_set(labelled: tuple[House, np.ndarray]) -> None:
    house, _ = labelled
    model = "{name: net, architecture: unet_3d, classes: [pore, solid, layer], network: {channels: [4, 8]}, "
    edges = "patch_voxels: [8, 8, 8], infer: {tile_voxels: [8, 8, 8]}}"
    (house.root / "small.yaml").write_text(f"{HEAD}\nmodel: {model}{edges}\n")
    target = "results/models/net/training_set.json"
    house.run("--", target)
    (entry,) = json.loads((house.root / target).read_text())["entries"]
    assert set(entry["centres"]) == {"pore", "solid", "layer"}


def test_a_round_closes_when_a_corrected_plane_comes_back(labelled: tuple[House, np.ndarray]) -> None:
    house, _ = labelled
    (house.root / "small.yaml").write_text(IN_ROUNDS)
    trained = {"convert": 1, "annotate": 1, "training_set": 2, "train": 2, "predict_round": 2, "export_round": 1}
    assert house.planned("--", "corrections") == trained | {"corrections": 1}
    correct(house.root, 1, "t00")
    correct(house.root, 1, "t01")
    trained = {"convert": 2, "annotate": 2, "training_set": 1, "train": 1, "predict_round": 2, "export_round": 2}
    assert house.planned("--", "corrections") == trained | {"corrections": 1}
    correct(house.root, 2, "t01")
    planned = house.planned("all", "corrections")
    assert (planned["annotate"], planned["train"], planned["infer"]) == (2, 1, 2)
    assert "predict_round" not in planned


def correct(root: Path, number: int, timestep: str) -> None:
    axis = "zy"[number - 1]
    path = root / "mine" / "cell" / f"round-{number}" / timestep / "corrected" / f"{axis}0003.tif"
    path.parent.mkdir(parents=True)
    shape = (20, 24) if axis == "z" else (16, 24)
    tifffile.imwrite(path, np.zeros(shape, np.uint8))
