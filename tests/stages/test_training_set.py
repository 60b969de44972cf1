"""Which timesteps train and which only judge; the planes and grey values that make up a set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from support import tiny_training
from support.stores import make_store
from tomocell.errors import BadInput
from tomocell.labelling.settings import IGNORE
from tomocell.stages.training_set import assemble_training_set
from tomocell.training.trainingset import read_training_set, split
from tomocell.volumes.store import open_store
from tomocell.volumes.volume import whole

if TYPE_CHECKING:
    from pathlib import Path

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
