"""From labels to phases: small objects given up, classes split by depth, and notes of both."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from support.stores import LIMITS, make_store, tree
from tomocell.blocks import Limits, runner
from tomocell.errors import BadInput
from tomocell.objects import labelling
from tomocell.refinement.settings import RefineSettings
from tomocell.stages.evaluate import evaluate, open_truth
from tomocell.stages.refine import refine
from tomocell.volumes.store import StoreVolume, open_store
from tomocell.volumes.tables import read_json
from tomocell.volumes.volume import Classes, VoxelClass, whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

NAMES = ("background", "dendrite", "film", "near", "far")
ALL = Classes(tuple(VoxelClass(name, value) for value, name in enumerate(NAMES)))
LABELS = ALL.subset(NAMES[:3])
SHAPE = (9, 8, 10)
SPLIT = {"film": {"before": "near", "after": "far"}}
SMALL = {"dendrite": {"least_voxels": 5, "becomes": "background"}}


def labels() -> NDArray[np.uint8]:
    voxels = np.zeros(SHAPE, np.uint8)
    voxels[:, 5:] = 2
    voxels[1, 1, 1:5] = 1  # 4 voxels: too small
    voxels[4, 1, 1:4] = voxels[5, 2, 4:6] = 1  # 5 voxels that touch at an edge: just large enough
    voxels[8, 0, 9] = 1  # 1 voxel in the corner
    return voxels


def refined(folder: Path, limits: Limits = LIMITS, **settings: Any) -> StoreVolume:
    make_store(folder / "labels.ome.zarr", labels(), classes=LABELS, chunk=(4, 4, 4), shard=(4, 4, 4))
    chosen = RefineSettings.model_validate(settings)
    refine(folder / "labels.ome.zarr", folder / "phases.ome.zarr", ALL, chosen, limits, digest="abc")
    return open_store(folder / "phases.ome.zarr")


def test_without_rules_phases_are_labels(tmp_path: Path) -> None:
    store = refined(tmp_path)
    np.testing.assert_array_equal(store.read(whole(SHAPE)), labels())
    assert store.classes == LABELS
    assert set(store.manifest.provenance.parents) == {"labels"}


def test_small_objects_are_given_up_by_their_whole_size(tmp_path: Path) -> None:
    store = refined(tmp_path, small_objects=SMALL)
    expected = labels()
    expected[1, 1, 1:5] = expected[8, 0, 9] = 0
    np.testing.assert_array_equal(store.read(whole(SHAPE)), expected)
    assert store.manifest.notes["small_objects"] == {"dendrite": {"objects": 2, "voxels": 5}}


@pytest.mark.parametrize(("given", "plane"), [(None, 4), (1, 1), (8, 8)])
def test_a_class_is_split_at_the_plane(tmp_path: Path, given: int | None, plane: int) -> None:
    store = refined(tmp_path, split=SPLIT, split_plane=given)
    expected = labels()
    expected[:plane][expected[:plane] == 2] = 3
    expected[plane:][expected[plane:] == 2] = 4
    np.testing.assert_array_equal(store.read(whole(SHAPE)), expected)
    assert store.manifest.notes["split_plane"] == plane
    assert store.classes.names == ("background", "dendrite", "near", "far")


def test_small_objects_go_before_the_split(tmp_path: Path) -> None:
    small = {"dendrite": {"least_voxels": 5, "becomes": "film"}}
    voxels = refined(tmp_path, small_objects=small, split=SPLIT).read(whole(SHAPE))
    assert set(voxels[1, 1, 1:5]) == {3}
    assert voxels[8, 0, 9] == 4


WHERE = {"dendrite": {"side": "before", "otherwise": "background"}}
TOUCH = {"dendrite": {"of": ["far"], "otherwise": "background"}}
MIDDLE = {"electrolyte": "background", "electrodes": ["film"]}
CROP = {"crop_start_voxels": [1, 0, 2], "crop_end_voxels": [0, 1, 3]}
RULES: dict[str, Any] = {"where": WHERE, "small_objects": SMALL, "split": SPLIT, "must_touch": TOUCH, **CROP}


def test_an_object_mostly_on_the_wrong_side_becomes_something_else(tmp_path: Path) -> None:
    store = refined(tmp_path, where=WHERE, split_plane=5)
    expected = labels()
    expected[8, 0, 9] = 0
    np.testing.assert_array_equal(store.read(whole(SHAPE)), expected)  # what lies on both sides stays whole
    assert store.manifest.notes["where"] == {"dendrite": {"objects": 1, "voxels": 1}}


def test_small_objects_are_those_that_where_left(tmp_path: Path) -> None:
    # The piece in the corner becomes film, which is then no small dendrite.
    where = {"dendrite": {"side": "before", "otherwise": "film"}}
    store = refined(tmp_path, where=where, small_objects=SMALL, split=SPLIT, split_plane=5)
    assert store.read(whole(SHAPE))[8, 0, 9] == 4
    assert store.manifest.notes["small_objects"] == {"dendrite": {"objects": 1, "voxels": 4}}


def test_what_touches_nothing_that_it_must_becomes_something_else(tmp_path: Path) -> None:
    voxels = labels()
    voxels[7, 3:5, 7] = 1  # it stands on the far film
    make_store(tmp_path / "labels.ome.zarr", voxels, classes=LABELS)
    settings = RefineSettings.model_validate({"split": SPLIT, "must_touch": TOUCH})
    refine(tmp_path / "labels.ome.zarr", tmp_path / "phases.ome.zarr", ALL, settings, LIMITS)
    store = open_store(tmp_path / "phases.ome.zarr")
    assert np.argwhere(store.read(whole(SHAPE)) == 1).tolist() == [[7, 3, 7], [7, 4, 7]]
    assert store.manifest.notes["must_touch"] == {"dendrite": {"objects": 3, "voxels": 10}}


def test_a_crop_leaves_a_part_that_knows_where_it_lay(tmp_path: Path) -> None:
    store = refined(tmp_path, **CROP, split=SPLIT)
    expected = labels()[1:, :-1, 2:-3]
    expected[:4][expected[:4] == 2] = 3
    expected[4:][expected[4:] == 2] = 4
    assert store.shape == (8, 7, 5)
    np.testing.assert_array_equal(store.read(whole(store.shape)), expected)
    assert store.manifest.notes["split_plane"] == 4  # of the 8 planes that are left
    assert store.manifest.notes["crop_start_voxels"] == [1, 0, 2]
    assert store.origin_um == (2.0, 0.0, 2.5)
    metadata = json.loads((store.path / "zarr.json").read_text())["attributes"]["ome"]
    transforms = metadata["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    assert transforms[1] == {"type": "translation", "translation": [2.0, 0.0, 2.5]}


def test_the_truth_is_cropped_as_the_phases_were(tmp_path: Path) -> None:
    store = refined(tmp_path, **CROP)
    make_store(tmp_path / "truth.ome.zarr", labels(), classes=LABELS)
    truth = open_truth(tmp_path / "truth.ome.zarr", LABELS, store)
    np.testing.assert_array_equal(truth.read(whole(store.shape)), store.read(whole(store.shape)))
    evaluate(store, truth, tmp_path / "evaluation.json", -1, LIMITS)
    assert read_json(tmp_path / "evaluation.json")["accuracy"] == 1


def test_a_crop_that_leaves_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"refine\.crop along x: found '6 \+ 4 voxels'; expected less than the 10"):
        refined(tmp_path, crop_start_voxels=[0, 0, 6], crop_end_voxels=[0, 0, 4])


def layers(tilt: int = 0) -> NDArray[np.uint8]:
    """Pouch, electrode, 9 planes of electrolyte, electrode, pouch; tilted by some planes over the width."""
    voxels = np.zeros((30, 6, 10), np.uint8)
    for column in range(10):
        low = 5 + tilt * column // 10
        voxels[low : low + 4, :, column] = voxels[low + 13 : low + 15, :, column] = 2
    return voxels


@pytest.mark.parametrize(("tilt", "plane"), [(0, 14), (4, 15)])
def test_the_plane_is_found_in_the_middle_of_the_electrolyte(tmp_path: Path, tilt: int, plane: int) -> None:
    voxels = layers(tilt)
    make_store(tmp_path / "labels.ome.zarr", voxels, classes=LABELS)
    settings = RefineSettings.model_validate({"split": SPLIT, "split_electrolyte": MIDDLE})
    refine(tmp_path / "labels.ome.zarr", tmp_path / "phases.ome.zarr", ALL, settings, LIMITS)
    store = open_store(tmp_path / "phases.ome.zarr")
    assert store.manifest.notes["split_plane"] == plane  # between, not of the 30 planes, pouch and all
    found = store.read(whole(voxels.shape))
    np.testing.assert_array_equal(found == 3, (voxels == 2) & (np.indices(voxels.shape)[0] < plane))
    assert store.manifest.notes["voxels"] == {
        name: int((found == value).sum())
        for name, value in (("background", 0), ("dendrite", 1), ("near", 3), ("far", 4))
    }


def test_electrodes_without_electrolyte_between_them_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no background between film"):
        refined(tmp_path, split=SPLIT, split_electrolyte=MIDDLE)  # film from the first plane to the last


@pytest.mark.parametrize("core", [(4, 4, 4), (4, 8, 10)])
@pytest.mark.parametrize("rules", [{"small_objects": SMALL, "split": SPLIT}, RULES], ids=["few", "all"])
def test_phases_do_not_depend_on_blocks(
    tmp_path: Path, core: tuple[int, int, int], rules: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    refined(tmp_path / "one", **rules)
    for chooser in (runner, labelling):
        monkeypatch.setattr(chooser, "choose_core", lambda *_: core)
    refined(tmp_path / "other", Limits(2048, 2), **rules)
    assert tree(tmp_path / "one") == tree(tmp_path / "other")


def test_a_plane_outside_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"refine\.split_plane: found 9; expected a plane inside 9"):
        refined(tmp_path, split=SPLIT, split_plane=9)
    assert not (tmp_path / "phases.ome.zarr").exists()
