"""The pixel classifier on stores: better than a threshold where grey values overlap, and blind to blocks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from support.stores import LIMITS, SIZE, make_store, tree
from tomocell import cli
from tomocell.blocks import Limits, runner
from tomocell.errors import BadInput
from tomocell.labelling import features
from tomocell.labelling.settings import IGNORE, AnnotateSettings, ClassifierSettings, ThresholdSettings
from tomocell.stages import classify as stage
from tomocell.stages.annotate import annotate
from tomocell.stages.classify import classify, train_classifier
from tomocell.stages.forest_file import load_forest
from tomocell.stages.threshold import segment_by_threshold
from tomocell.volumes.store import open_store
from tomocell.volumes.volume import Classes, VoxelClass, whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SHAPE = (20, 30, 34)
CLASSES = Classes((VoxelClass("pore", 2, "#112233"), VoxelClass("fibre", 5), VoxelClass("layer", 9)))
SETTINGS = ClassifierSettings(name="strokes", classes=CLASSES.names, sigmas_voxels=(1.0, 2.0), trees=20)


def scene(seed: int = 0) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """A layer whose mean grey is that of the mixture of pores and fibres beside it: only its texture tells."""
    random = np.random.default_rng(seed)
    coarse = random.random(tuple(size // 5 + 1 for size in SHAPE)) > 0.5
    fibre = coarse.repeat(5, 0).repeat(5, 1).repeat(5, 2)[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    labels = np.where(fibre, 5, 2).astype(np.uint8)
    labels[:, :, 22:] = 9
    means = np.select([labels == 5, labels == 9], [160.0, 130.0], 100.0)
    return random.normal(means, 14).round().astype(np.uint16), labels


def strokes(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    sparse = np.full(SHAPE, IGNORE, np.uint8)
    for plane in (4, 14):
        sparse[plane, 6:12] = labels[plane, 6:12]
    return sparse


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classifier")
    prepare(folder, strokes(scene()[1]))
    train(folder, folder / "model")
    return folder


def prepare(folder: Path, drawn: NDArray[np.uint8]) -> None:
    make_store(folder / "volume.ome.zarr", scene()[0], chunk=(8, 8, 8), shard=(8, 8, 8))
    np.save(folder / "strokes.npy", drawn)
    stores = (folder / "volume.ome.zarr", folder / "annotations.ome.zarr")
    annotate(folder / "strokes.npy", *stores, CLASSES, AnnotateSettings(), LIMITS)


def train(folder: Path, model: Path, **chosen: Any) -> None:
    settings = SETTINGS.model_copy(update=chosen)
    pair = (folder / "volume.ome.zarr", folder / "annotations.ome.zarr")
    train_classifier([pair], model, CLASSES, settings, LIMITS)


def test_a_few_strokes_find_a_layer_that_no_threshold_can(trained: Path, tmp_path: Path) -> None:
    grey, labels = scene(1)
    volume = make_store(tmp_path / "volume.ome.zarr", grey)
    classify(volume, trained / "model", tmp_path / "labels.ome.zarr", SETTINGS, LIMITS, digest="abc")
    store = open_store(tmp_path / "labels.ome.zarr")
    hits = (store.read(whole(SHAPE)) == labels).mean()
    settings = ThresholdSettings(dark="pore", between=("layer",), bright="fibre")
    segment_by_threshold(volume.path, tmp_path / "otsu.ome.zarr", CLASSES, settings, LIMITS)
    by_otsu = (open_store(tmp_path / "otsu.ome.zarr").read(whole(SHAPE)) == labels).mean()
    assert hits > 0.9 > by_otsu
    assert store.classes == CLASSES
    assert store.manifest.provenance.code_digest == "abc"
    assert set(store.manifest.provenance.parents) == {"grey", "trees", "card"}


def test_labels_do_not_depend_on_blocks_or_workers(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = open_store(trained / "volume.ome.zarr")
    classify(volume, trained / "model", tmp_path / "one" / "labels.ome.zarr", SETTINGS, LIMITS)
    monkeypatch.setattr(runner, "choose_core", lambda *_: (7, 9, 34))
    monkeypatch.setattr(features, "PIECE", (4, 5, 6))
    labels = tmp_path / "other" / "labels.ome.zarr"
    classify(volume, trained / "model", labels, SETTINGS, Limits(2048, workers=3))
    assert tree(tmp_path / "one") == tree(tmp_path / "other")


@pytest.mark.parametrize("edge", [5, 64])
def test_the_forest_does_not_depend_on_what_is_read_together(
    trained: Path, tmp_path: Path, edge: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "NEAR", edge)
    monkeypatch.setattr(features, "PIECE", (edge, edge, edge))
    monkeypatch.setattr(runner, "choose_core", lambda *_: (8, 8, 8))
    train(trained, tmp_path / "model")
    assert tree(tmp_path / "model") == tree(trained / "model")


def test_the_seed_draws_voxels_and_grows_trees(trained: Path, tmp_path: Path) -> None:
    train(trained, tmp_path / "few", voxels_per_class=50)
    train(trained, tmp_path / "others", voxels_per_class=50, seed=1)
    used = load_forest(tmp_path / "few")[1].training["voxels_used"]
    assert used == {"pore": 50, "fibre": 50, "layer": 50}
    assert tree(tmp_path / "few")["classifier.safetensors"] != tree(tmp_path / "others")["classifier.safetensors"]


def test_what_the_classifier_found_is_taken_out_before_the_calibration_and_put_back(
    trained: Path, tmp_path: Path
) -> None:
    grey, labels = scene()
    volume = open_store(trained / "volume.ome.zarr")
    rest = labels != 9
    make_store(tmp_path / "classified.ome.zarr", labels, classes=CLASSES)
    settings = ThresholdSettings(dark="pore", bright="fibre", apart=("layer",), porosity_error=0.02)
    porosity = float((labels[rest] == 2).mean())
    where = tmp_path / "labels.ome.zarr"
    how = {"classified": tmp_path / "classified.ome.zarr", "measured_porosity": porosity}
    segment_by_threshold(volume.path, where, CLASSES, settings, LIMITS, **how)
    store = open_store(where)
    found, notes = store.read(whole(SHAPE)), store.manifest.notes
    np.testing.assert_array_equal(found == 9, labels == 9)
    assert (found[rest] == 2).mean() == pytest.approx(notes["porosity"], abs=1e-12)
    assert notes["porosity"] == pytest.approx(porosity, abs=0.01)
    assert notes["within_error"]
    assert notes["apart_share"] == pytest.approx((~rest).mean())
    np.testing.assert_array_equal(found[rest] == 5, grey[rest] >= notes["threshold"])
    assert notes["threshold_band"][0] <= notes["threshold"] <= notes["threshold_band"][1]
    assert set(store.manifest.provenance.parents) == {"grey", "classified"}


def test_a_layer_that_leaves_nothing_is_named(trained: Path, tmp_path: Path) -> None:
    make_store(tmp_path / "classified.ome.zarr", np.full(SHAPE, 9, np.uint8), classes=CLASSES)
    settings = ThresholdSettings(dark="pore", bright="fibre", apart=("layer",))
    arguments = (trained / "volume.ome.zarr", tmp_path / "labels.ome.zarr", CLASSES, settings, LIMITS)
    with pytest.raises(BadInput, match="voxels other than layer"):
        segment_by_threshold(*arguments, classified=tmp_path / "classified.ome.zarr")
    make_store(tmp_path / "classified.ome.zarr", np.full((3, 4, 5), 9, np.uint8), classes=CLASSES)
    with pytest.raises(BadInput, match=r"\(3, 4, 5\).*\(20, 30, 34\)"):
        segment_by_threshold(*arguments, classified=tmp_path / "classified.ome.zarr")


def test_a_class_without_a_stroke_is_named(tmp_path: Path) -> None:
    drawn = strokes(scene()[1])
    prepare(tmp_path, np.where(drawn == 9, IGNORE, drawn).astype(np.uint8))
    with pytest.raises(BadInput, match="class layer: found 0; expected labelled voxels"):
        train(tmp_path, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_classifier_of_another_voxel_size_is_refused(trained: Path, tmp_path: Path) -> None:
    volume = make_store(tmp_path / "volume.ome.zarr", scene()[0], (SIZE[0], SIZE[1], 3 * SIZE[2]))
    with pytest.raises(BadInput, match="voxel size that the classifier was trained at"):
        classify(volume, trained / "model", tmp_path / "labels.ome.zarr", SETTINGS, LIMITS)


@pytest.mark.parametrize("spoil", ["missing", "cut short", "other features", "no card"])
def test_a_broken_classifier_is_named(trained: Path, tmp_path: Path, spoil: str) -> None:
    for name, content in tree(trained / "model").items():
        (tmp_path / name).write_bytes(content)
    trees, card = tmp_path / "classifier.safetensors", tmp_path / "classifier.json"
    if spoil == "missing":
        trees.unlink()
    elif spoil == "cut short":
        trees.write_bytes(trees.read_bytes()[:-8])
    elif spoil == "other features":
        content = json.loads(card.read_text())
        content["features"][1] = "laplacian"
        card.write_text(json.dumps(content))
    else:
        card.write_text("{}")
    with pytest.raises(BadInput, match="train"):
        load_forest(tmp_path)


def test_the_command_line_takes_a_classifier_for_a_model(trained: Path, tmp_path: Path) -> None:
    cli.main(["infer", str(trained / "model"), str(trained / "volume.ome.zarr"), "--out", str(tmp_path / "out")])
    volume = open_store(trained / "volume.ome.zarr")
    classify(volume, trained / "model", tmp_path / "labels.ome.zarr", SETTINGS, LIMITS)
    one, other = (open_store(path / "labels.ome.zarr").read(whole(SHAPE)) for path in (tmp_path, tmp_path / "out"))
    np.testing.assert_array_equal(one, other)
