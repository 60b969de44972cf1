"""Which timesteps train and which only judge; the planes and grey values that make up a set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from support import tiny_training
from support.stores import make_store
from tomocell.errors import BadInput
from tomocell.labelling.settings import IGNORE
from tomocell.models.settings import ModelSettings
from tomocell.stages.training_set import assemble_training_set
from tomocell.training.samples import Source
from tomocell.training.trainingset import read_training_set, split
from tomocell.volumes.store import open_store
from tomocell.volumes.volume import Classes, VoxelClass, whole

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.training.trainingset import TrainingSet

KEYS = [("cell", "t0"), ("cell", "t1"), ("other", "t0")]


def parts(*named: str, keys: list[tuple[str, str]] = KEYS) -> list[str]:
    found = split(keys, tiny_training.settings(validation=list(named)))
    return [found[key] for key in keys]


def test_whole_timesteps_are_held_out() -> None:
    assert parts() == ["train", "train", "validation"]
    assert parts("t1") == ["train", "validation", "train"]
    assert parts("t0") == ["validation", "train", "validation"]
    assert parts("other/t0") == ["train", "train", "validation"]
    assert parts("cell/t0", "t1") == ["validation", "validation", "train"]


def test_a_single_timestep_trains_and_judges() -> None:
    assert parts(keys=KEYS[:1]) == ["train"]


@pytest.mark.parametrize(("named", "words"), [(["t9"], "t9"), (["t0", "t1"], "left to train on")])
def test_a_split_that_cannot_be_is_named(named: list[str], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        parts(*named)


def test_the_set_holds_the_labelled_planes_and_the_grey_values_of_those_that_train(tmp_path: Path) -> None:
    model = tiny_training.settings()
    tiny_training.prepare(tmp_path, model)
    found = read_training_set(tmp_path / "models" / "tiny" / "training_set.json")
    assert [entry.part for entry in found.entries] == ["train", "train", "validation"]
    assert [entry.planes for entry in found.entries] == [(5, 13, 21), (6, 14, 22), (7, 15, 23)]
    greys = [tiny_training.scan(seed)[0][:, entry.planes] for seed, entry in enumerate(found.entries[:2])]
    assert found.grey_mean == pytest.approx(np.mean(greys))
    assert found.grey_sd == pytest.approx(np.std(greys))
    for seed, entry in enumerate(found.entries):
        labels = tiny_training.scan(seed)[1][:, entry.planes]
        assert entry.pixels == {"empty": (labels == 0).sum(), "solid": (labels == 3).sum()}


@pytest.mark.parametrize("what", ["volume", "annotations"])
def test_the_set_changes_with_the_content_of_a_store(tmp_path: Path, what: str) -> None:
    model, keys = tiny_training.settings(), [("cell", name) for name in tiny_training.TIMESTEPS]
    tiny_training.prepare(tmp_path, model)
    before = read_training_set(tmp_path / "models" / "tiny" / "training_set.json")
    store = open_store(tmp_path / "cell" / "t2" / f"{what}.ome.zarr")  # it only judges: its grey values are not counted
    voxels = store.read(whole(store.shape))[::-1].copy()
    make_store(store.path, voxels, classes=store.classes, notes=store.manifest.notes)
    after = assemble_training_set(tmp_path, keys, "volume", model, IGNORE)
    assert after.entries[:2] == before.entries[:2]
    assert after.entries[2] != before.entries[2]
    assert after.grey_mean == before.grey_mean


def prepared(folder: Path, **changes: object) -> tuple[ModelSettings, TrainingSet]:
    tiny_training.prepare(folder, tiny_training.settings())
    content = tiny_training.settings().model_dump() | changes
    content["infer"] = {"tile_voxels": content["patch_voxels"]}
    model = ModelSettings.model_validate(content)
    keys = [("cell", name) for name in tiny_training.TIMESTEPS]
    return model, assemble_training_set(folder, keys, "volume", model, IGNORE)


def test_scans_held_out_leak_nothing(tmp_path: Path) -> None:
    record = prepared(tmp_path)[1].split
    assert (record.settings["by"], record.leaked_share) == ("timestep", 0.0)
    assert record.validation_pixels == 3 * 12 * 28


def test_a_split_at_random_leaks_and_a_block_with_a_gap_does_not(tmp_path: Path) -> None:
    found = prepared(tmp_path, split={"by": "random", "share": 0.3, "leakage_voxels": 8})[1]
    counts = {part: sum(len(entry.planes) for entry in found.part(part)) for part in ("train", "validation")}
    assert counts == {"train": 6, "validation": 3}
    assert found.split.leaked_share is not None
    assert found.split.leaked_share > 0.6  # planes are 8 apart
    both = [(entry.timestep, plane) for entry in found.entries for plane in entry.planes]
    assert len(both) == len(set(both)) == 9
    blocks = {"by": "block", "axis": "y", "ranges": [[16, 24]], "gap_voxels": 2, "leakage_voxels": 4}
    found = prepared(tmp_path, split=blocks)[1]
    assert found.split.leaked_share == 0.0
    assert [entry.planes for entry in found.part("validation")] == [(21,), (22,), (23,)]
    assert [entry.planes for entry in found.part("train")] == [(5, 13), (6,), (7,)]


def test_blocks_may_cut_through_the_planes(tmp_path: Path) -> None:
    model, found = prepared(tmp_path, split={"by": "block", "axis": "z", "ranges": [[9, 12]], "gap_voxels": 2})
    for entry in found.entries:
        rows = 7 if entry.part == "train" else 3
        assert sum(entry.pixels.values()) == 3 * rows * 28
    reader = Source.of(tmp_path, found, tiny_training.CLASSES, model).reader
    for part, rows in (("train", slice(0, 7)), ("validation", slice(9, 12))):
        target = reader.read(found.part(part)[0], 5)[1]
        inside = np.zeros(target.shape, bool)
        inside[rows] = True
        np.testing.assert_array_equal(target >= 0, inside)


@pytest.mark.parametrize(
    ("split_settings", "words"),
    [
        ({"by": "block", "axis": "y", "ranges": [[0, 24]]}, "no train voxel"),
        ({"by": "block", "axis": "y", "ranges": [[0, 3]]}, "no validation voxel"),
        ({"by": "block", "axis": "z", "ranges": [[0, 13]]}, "below 12"),
    ],
)
def test_a_split_that_leaves_nothing_is_named(tmp_path: Path, split_settings: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        prepared(tmp_path, split=split_settings)


@pytest.mark.parametrize("patch", [(13, 16), (8, 8, 29)])
def test_a_patch_larger_than_the_volume_is_named_or_mirrored(tmp_path: Path, patch: tuple[int, ...]) -> None:
    with pytest.raises(BadInput) as caught:
        prepared(tmp_path, patch_voxels=patch)
    assert len(caught.value.faults) == 3
    assert "model.patch_voxels" in str(caught.value)
    assert "model.sampling.mirror" in str(caught.value)
    model, found = prepared(tmp_path, patch_voxels=patch, sampling={"mirror": True})
    reader = Source.of(tmp_path, found, tiny_training.CLASSES, model).reader
    for samples in (
        Source(reader, model).random(found.part("train"), 0),
        Source(reader, model).whole(found.part("validation")),
    ):
        assert samples[0][1].shape == patch


def test_a_class_that_never_trains_is_named(tmp_path: Path) -> None:
    model = tiny_training.settings()
    tiny_training.prepare(tmp_path, model)
    wider = model.model_copy(update={"classes": (*model.classes, "pit")})
    keys = [("cell", name) for name in tiny_training.TIMESTEPS]
    with pytest.raises(BadInput, match="class pit: found 0; expected labelled voxels"):
        assemble_training_set(tmp_path, keys, "volume", wider, IGNORE)


def test_other_classes_count_as_the_rest(tmp_path: Path) -> None:
    tiny_training.prepare(tmp_path, tiny_training.settings())
    model = tiny_training.settings().model_copy(update={"classes": ("solid", "other")})
    keys = [("cell", name) for name in tiny_training.TIMESTEPS]
    found = assemble_training_set(tmp_path, keys, "volume", model, IGNORE, rest="other")
    classes = Classes((VoxelClass("solid", 3), VoxelClass("other", 9)))
    target = Source.of(tmp_path, found, classes, model).reader.read(found.entries[0], 5)[1]
    np.testing.assert_array_equal(target, (tiny_training.scan(0)[1][:, 5] != 3).astype(int))


def test_a_training_set_of_an_earlier_version_is_named(tmp_path: Path) -> None:
    path = tmp_path / "training_set.json"
    path.write_text('{"entries": []}')
    with pytest.raises(BadInput, match=r"training_set\.json.*grey_mean"):
        read_training_set(path)


def test_scans_of_two_voxel_sizes_are_named(tmp_path: Path) -> None:
    model = tiny_training.settings()
    tiny_training.prepare(tmp_path, model)
    make_store(tmp_path / "cell" / "t1" / "volume.ome.zarr", tiny_training.scan(1)[0], (1.0, 1.0, 1.0))
    keys = [("cell", name) for name in tiny_training.TIMESTEPS]
    with pytest.raises(BadInput, match="one voxel size"):
        assemble_training_set(tmp_path, keys, "volume", model, IGNORE)
    make_store(tmp_path / "cell" / "t0" / "volume.ome.zarr", np.full(tiny_training.SHAPE, 4, np.uint16))
    with pytest.raises(BadInput, match="contrast"):
        assemble_training_set(tmp_path, [keys[0]], "volume", model, IGNORE)
