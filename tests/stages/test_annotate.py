"""Labels drawn by hand: right ones are stored and counted, wrong ones are named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from support.stores import CLASSES, LIMITS, SIZE, make_store
from tomocell.blocks import runner
from tomocell.errors import BadInput
from tomocell.labelling.settings import IGNORE, AnnotateSettings
from tomocell.stages.annotate import annotate
from tomocell.volumes.manifest import file_digest
from tomocell.volumes.store import StoreVolume, open_store
from tomocell.volumes.volume import whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SHAPE = (6, 7, 8)


def sparse() -> NDArray[np.uint8]:
    labels = np.full(SHAPE, IGNORE, np.uint8)
    labels[:, 3] = 1
    labels[2:4, 3] = 7
    labels[5, 6, 0] = 0
    return labels


def annotated(folder: Path, labels: NDArray[Any], **chosen: int) -> StoreVolume:
    make_store(folder / "volume.ome.zarr", np.zeros(SHAPE, np.uint16))
    np.save(folder / "labels.npy", labels)
    store = folder / "annotations.ome.zarr"
    annotate(folder / "labels.npy", folder / "volume.ome.zarr", store, CLASSES, AnnotateSettings(**chosen), LIMITS)
    return open_store(store)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16"])
def test_labels_are_stored_with_what_each_plane_holds(tmp_path: Path, dtype: str) -> None:
    store = annotated(tmp_path, sparse().astype(dtype))
    np.testing.assert_array_equal(store.read(whole(SHAPE)), sparse())
    assert store.classes.names == ("empty", "solid", "grain", "ignored")
    assert store.size == SIZE
    assert store.manifest.notes == {
        "pixels": {"empty": 1, "solid": 4 * 8, "grain": 2 * 8},
        "planes": {"z": list(range(6)), "y": [3, 6], "x": list(range(8))},
        "label_sets": [{"round": 0, "file": "labels.npy", "sha256": file_digest(tmp_path / "labels.npy")}],
    }


def test_the_counts_do_not_depend_on_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    once = annotated(tmp_path / "one", sparse()).manifest.notes
    monkeypatch.setattr(runner, "choose_core", lambda *_: (2, 3, 5))
    assert annotated(tmp_path / "other", sparse()).manifest.notes == once


@pytest.fixture(autouse=True)
def folders(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()


def fault(folder: Path, labels: NDArray[Any], **chosen: int) -> str:
    with pytest.raises(BadInput) as caught:
        annotated(folder, labels, **chosen)
    left = sorted(path.name for path in folder.iterdir() if path.is_file() or "partial" in path.name)
    assert left == ["labels.npy", "volume.manifest.json"]
    assert not (folder / "annotations.ome.zarr").exists()
    return str(caught.value)


def test_another_shape_is_named(tmp_path: Path) -> None:
    text = fault(tmp_path, sparse()[1:])
    assert "(5, 7, 8)" in text
    assert "(6, 7, 8)" in text
    assert "labels.npy" in text


def test_a_value_without_a_class_is_named(tmp_path: Path) -> None:
    labels = sparse()
    labels[0, 0, 0] = 9
    text = fault(tmp_path, labels)
    assert "label 9" in text
    assert "7 (grain)" in text


def test_a_value_that_does_not_fit_eight_bits_is_not_folded_into_a_class(tmp_path: Path) -> None:
    labels = sparse().astype(np.uint16)
    labels[0, 0, 0] = 256 + 1
    assert "label 257" in fault(tmp_path, labels)


@pytest.mark.parametrize("value", [1.5, np.nan])
def test_a_value_that_is_no_whole_number_is_not_rounded(tmp_path: Path, value: float) -> None:
    labels = sparse().astype(np.float32)
    labels[0, 0, 0] = value
    assert f"label {value}" in fault(tmp_path, labels)


def test_an_empty_label_set_is_named(tmp_path: Path) -> None:
    text = fault(tmp_path, np.full(SHAPE, IGNORE, np.uint8))
    assert "no labelled voxel" in text
    assert "255" in text


def test_another_ignore_value(tmp_path: Path) -> None:
    labels = np.where(sparse() == IGNORE, 100, sparse())
    assert annotated(tmp_path, labels, ignore_value=100).manifest.notes["pixels"]["grain"] == 16
