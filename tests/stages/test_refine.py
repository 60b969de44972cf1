"""From labels to phases: small objects given up, classes split by depth, and notes of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from support.stores import LIMITS, make_store, tree
from tomocell.blocks import Limits, runner
from tomocell.errors import BadInput
from tomocell.objects import labelling
from tomocell.refinement.settings import RefineSettings
from tomocell.stages.refine import refine
from tomocell.volumes.store import StoreVolume, open_store
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


@pytest.mark.parametrize("core", [(4, 4, 4), (4, 8, 10)])
def test_phases_do_not_depend_on_blocks(
    tmp_path: Path, core: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    refined(tmp_path / "one", small_objects=SMALL, split=SPLIT)
    for chooser in (runner, labelling):
        monkeypatch.setattr(chooser, "choose_core", lambda *_: core)
    refined(tmp_path / "other", Limits(2048, 2), small_objects=SMALL, split=SPLIT)
    assert tree(tmp_path / "one") == tree(tmp_path / "other")


def test_a_plane_outside_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"refine\.split_plane: found 9; expected a plane inside 9"):
        refined(tmp_path, split=SPLIT, split_plane=9)
    assert not (tmp_path / "phases.ome.zarr").exists()
