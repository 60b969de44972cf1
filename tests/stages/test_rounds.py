"""Two rounds of labelling on a small phantom: predicted, exported, corrected, trained on again, and better for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
import tifffile
import torch

from phantoms.small import scene, small
from support.stores import LIMITS, make_store
from tomocell.labelling.round_settings import LabelSettings
from tomocell.labelling.rounds import decided, find_corrections, learners, open_round
from tomocell.labelling.settings import IGNORE, AnnotateSettings
from tomocell.models.saved import read_card
from tomocell.models.settings import ModelSettings
from tomocell.phantoms.cell.views import LABELS, LabelVolume
from tomocell.phantoms.corrector import correct
from tomocell.stages.annotate import annotate
from tomocell.stages.export_round import Prediction, export_round
from tomocell.stages.infer import infer
from tomocell.stages.train import train
from tomocell.stages.training_set import assemble_training_set, write_training_set
from tomocell.volumes.manifest import file_digest
from tomocell.volumes.readers import open_source
from tomocell.volumes.store import open_store
from tomocell.volumes.volume import whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tomocell.labelling.rounds import Learner

TRAINED, JUDGED = ("cell", "t120"), ("cell", "t060")
NETWORK = {"channels": [8, 16, 32], "blocks_per_level": 1, "dropout": 0.0, "norm": "instance"}
MODEL = ModelSettings.model_validate(
    {
        "name": "net",
        "network": NETWORK,
        "classes": LABELS.names,
        "patch_voxels": [48, 32],
        "train": {
            "epochs": 5,
            "patches_per_plane": 24,
            "batch_size": 8,
            "learning_rate": 0.01,
            "validation": ["t060"],
            "seed": 1,
        },
        "infer": {"tile_voxels": [96, 64], "batch_size": 4},
    }
)
LABEL = LabelSettings.model_validate(
    {"rounds": [{"count": 4, "timesteps": ["t120"], "by": "A. Corrector"}, {"count": 2, "timesteps": ["t120"]}]}
)


class Place(NamedTuple):
    """Where a study in rounds happens."""

    results: Path
    folder: Path


@pytest.fixture(scope="module", autouse=True)
def single_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def truth(key: tuple[str, str]) -> np.ndarray:
    labels = LabelVolume(scene(STILL, int(key[1][1:]) // 60).phases)
    return labels.read(whole(labels.shape))


STILL = small(max_translation_um=0.0, max_rotation_deg=0.0, nonrigid_um=0.0)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Scans that did not move, a few strokes on the one that trains, three planes of the one that judges."""
    root = tmp_path_factory.mktemp("rounds")
    for key in (TRAINED, JUDGED):
        step = root / "results" / key[0] / key[1]
        found = scene(STILL, int(key[1][1:]) // 60)
        z, y, x = (slice(a, a + n) for a, n in zip(STILL.roi_start, STILL.roi_size, strict=True))
        make_store(step / "volume.ome.zarr", found.scan.read((z, y, x)), found.phases.size)
        labels = truth(key)
        drawn = np.full(labels.shape, IGNORE, np.uint8)
        if key == JUDGED:
            drawn[:, 6::18] = labels[:, 6::18]
        else:
            for member in ("dendrite", "pit"):
                plane, column = np.argwhere((labels == LABELS.value(member)).sum(axis=0) > 4)[0]
                stroke = (slice(None), plane, slice(max(column - 3, 0), column + 4))
                drawn[stroke] = labels[stroke]
        tifffile.imwrite(step / "drawn.tif", drawn, photometric="minisblack")
    return Place(root / "results", root / "annotations")


def label_and_train(place: Place, learner: Learner) -> dict[str, Any]:
    """Do what the rules of one round do, up to the trained network; return its metrics."""
    corrections = find_corrections(place.folder)
    for key in (TRAINED, JUDGED):
        step = place.results / key[0] / key[1]
        own = [one for one in corrections if (one.series, one.timestep) == key]
        stores = (step / "volume.ome.zarr", step / "annotations.ome.zarr")
        by = {number: entry.by for number, entry in enumerate(LABEL.rounds, 1)}
        annotate(step / "drawn.tif", *stores, LABELS, AnnotateSettings(), LIMITS, corrections=own, corrected_by=by)
    keys = [TRAINED, JUDGED]
    found = assemble_training_set(place.results, keys, "volume", learner.model, IGNORE, rest=learner.rest)
    folder = place.results / "models" / learner.model.name
    write_training_set(folder / "training_set.json", found)
    train(place.results, learner.model, LABELS.subset(learner.model.classes), dict(NETWORK))
    return read_card(folder).metrics


def export(place: Place, number: int) -> Path:
    """Predict and export the planes that a round waits for."""
    step = place.results / TRAINED[0] / TRAINED[1]
    predictions = {}
    for name, of in decided(MODEL, LABEL.rounds[number - 1], number).items():
        folder = place.results / "models" / name
        store = step / "rounds" / f"{name}.ome.zarr"
        infer(open_store(step / "volume.ome.zarr"), folder, store, MODEL.infer, LIMITS)
        predictions[name] = Prediction(store, folder / "model.safetensors", of)
    folder = place.folder / TRAINED[0] / f"round-{number}" / TRAINED[1]
    grey, settings = step / "volume.ome.zarr", LABEL.rounds[number - 1]
    export_round(folder, grey, predictions, LABELS, settings, number, priority=MODEL.classes, ignore_value=IGNORE)
    return folder


def mean_iou(metrics: dict[str, Any]) -> float:
    return float(np.mean([entry["iou"] for entry in metrics["classes"].values() if entry["iou"] is not None]))


@pytest.fixture(scope="module")
def rounds(place: Place) -> tuple[Place, list[dict[str, Any]], Path]:
    known = learners(MODEL, LABEL)
    assert list(known) == ["net", "net-round-1", "net-round-2"]
    metrics = [label_and_train(place, known["net-round-1"])]
    folder = export(place, 1)
    assert open_round(find_corrections(place.folder), 2) == 1
    make_store(place.results / "truth.ome.zarr", truth(TRAINED), classes=LABELS)
    correct(folder, open_store(place.results / "truth.ome.zarr"))
    assert open_round(find_corrections(place.folder), 2) == 2
    metrics.append(label_and_train(place, known["net-round-2"]))
    return place, metrics, folder


def test_the_second_round_is_better(rounds: tuple[Place, list[dict[str, Any]], Path]) -> None:
    first, second = rounds[1]
    assert second["pixels"] == first["pixels"]
    assert second["accuracy"] > first["accuracy"]
    assert mean_iou(second) > mean_iou(first) + 0.02


def test_what_is_exported_can_be_opened_and_lies_on_the_volume(
    rounds: tuple[Place, list[dict[str, Any]], Path],
) -> None:
    place, _, folder = rounds
    page = json.loads((folder / "round.json").read_text())
    step = place.results / TRAINED[0] / TRAINED[1]
    grey, labels = (open_store(path) for path in (step / "volume.ome.zarr", step / "rounds/net-round-1.ome.zarr"))
    assert len(page["planes"]) == 4
    assert {entry["name"]: entry["value"] for entry in page["classes"]} == {c.name: c.value for c in LABELS}
    assert page["models"] == {"net-round-1": file_digest(place.results / "models/net-round-1/model.safetensors")}
    for plane in page["planes"]:
        for kind, volume in (("grey", grey), ("labels", labels)):
            path = folder / kind / f"y{plane:04d}.tif"
            found = open_source(path)
            expected = volume.read((slice(None), slice(plane, plane + 1), slice(None)))  # type: ignore[arg-type]
            np.testing.assert_array_equal(found.read(whole(found.shape))[0], expected[:, 0])
            with tifffile.TiffFile(path) as tif:
                assert tif.imagej_metadata is not None
                assert tif.imagej_metadata["unit"] == "um"
                numerator, denominator = tif.pages.first.tags["XResolution"].value
                assert denominator / numerator == pytest.approx(grey.size[2])


def test_every_label_set_is_told(rounds: tuple[Place, list[dict[str, Any]], Path]) -> None:
    place, _, folder = rounds
    step = place.results / TRAINED[0] / TRAINED[1]
    drawn, corrected = open_store(step / "annotations.ome.zarr").manifest.notes["label_sets"]
    assert (drawn["round"], drawn["models"]) == (0, None)
    assert drawn["sha256"] == {"drawn.tif": file_digest(step / "drawn.tif")}
    assert drawn.keys() == corrected.keys()
    files = sorted((folder / "corrected").iterdir())
    assert corrected["sha256"] == {path.name: file_digest(path) for path in files}
    page = json.loads((folder / "round.json").read_text())
    assert (corrected["round"], corrected["axis"], corrected["by"]) == (1, "y", "A. Corrector")
    assert corrected["planes"] == page["planes"]
    assert corrected["models"] == page["models"]
    predicted = open_store(step / "rounds/net-round-1.ome.zarr").read(whole(STILL.roi_size))
    true = truth(TRAINED)
    became = true[:, page["planes"]][predicted[:, page["planes"]] != true[:, page["planes"]]]
    assert corrected["changed"] == {c.name: int((became == c.value).sum()) for c in LABELS}
    card = read_card(place.results / "models/net-round-2")
    told = {key: value for key, value in corrected.items() if key != "sha256"}
    assert {"series": "cell", "timestep": "t120"} | told in card.training["label_sets"]
    assert card.training["split"]["leaked_share"] == 0.0
    assert "label_sets" not in read_card(place.results / "models/net-round-1").training["entries"][0]


def test_corrected_planes_are_the_labels_and_the_rest_stays(
    rounds: tuple[Place, list[dict[str, Any]], Path],
) -> None:
    place, _, folder = rounds
    step = place.results / TRAINED[0] / TRAINED[1]
    planes = json.loads((folder / "round.json").read_text())["planes"]
    expected = tifffile.imread(step / "drawn.tif")
    expected[:, planes] = truth(TRAINED)[:, planes]
    store = open_store(step / "annotations.ome.zarr")
    np.testing.assert_array_equal(store.read(whole(store.shape)), expected)
