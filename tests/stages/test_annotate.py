"""Labels drawn by hand: right ones are stored and counted, wrong ones are named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from support.stores import CLASSES, LIMITS, SIZE, make_store
from tomocell.blocks import runner
from tomocell.errors import BadInput
from tomocell.labelling.rounds import find_corrections
from tomocell.labelling.settings import IGNORE, AnnotateSettings
from tomocell.stages.annotate import annotate
from tomocell.volumes.manifest import file_digest
from tomocell.volumes.store import StoreVolume, open_store
from tomocell.volumes.volume import whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.labelling.rounds import Correction

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
        "label_sets": [
            {"round": 0, "by": "", "sha256": {"labels.npy": file_digest(tmp_path / "labels.npy")}}
            | dict.fromkeys(["axis", "planes", "models", "changed"])
        ],
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


def test_labels_of_another_voxel_size_are_named(tmp_path: Path) -> None:
    import tifffile

    make_store(tmp_path / "volume.ome.zarr", np.zeros(SHAPE, np.uint16))
    path, store = tmp_path / "labels.tif", tmp_path / "annotations.ome.zarr"
    metadata = {"axes": "ZYX", "unit": "um"}
    arguments = (path, tmp_path / "volume.ome.zarr", store, CLASSES, AnnotateSettings(), LIMITS)
    for factor in (1.0, 1.1):
        resolution = (1 / SIZE[2], 1 / (factor * SIZE[1]))
        tifffile.imwrite(path, sparse(), imagej=True, resolution=resolution, metadata=metadata | {"spacing": SIZE[0]})
        if factor == 1.0:
            annotate(*arguments)
    with pytest.raises(BadInput, match=r"0\.55.*the voxel size of the volume"):
        annotate(*arguments)


def correction(folder: Path, number: int, name: str, labels: NDArray[np.uint8]) -> list[Correction]:
    import tifffile

    path = folder / "a" / "cell" / f"round-{number}" / "t0" / "corrected" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, labels)
    return find_corrections(folder / "a")


def overlaid(folder: Path, corrections: list[Correction], drawn: NDArray[np.uint8] | None) -> StoreVolume:
    make_store(folder / "volume.ome.zarr", np.zeros(SHAPE, np.uint16), chunk=(2, 2, 2), shard=(2, 4, 4))
    if drawn is not None:
        np.save(folder / "labels.npy", drawn)
    store = folder / "annotations.ome.zarr"
    first = None if drawn is None else folder / "labels.npy"
    annotate(first, folder / "volume.ome.zarr", store, CLASSES, AnnotateSettings(), LIMITS, corrections=corrections)
    return open_store(store)


@pytest.mark.parametrize("core", [SHAPE, (2, 3, 5)])
def test_later_rounds_lie_over_earlier_ones_and_what_is_not_labelled_stays(
    tmp_path: Path, core: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = np.full((6, 8), 7, np.uint8), np.full((7, 8), IGNORE, np.uint8)
    other[2:5, 3] = 0
    correction(tmp_path, 1, "y0002.tif", one)
    found = correction(tmp_path, 2, "z0004.tif", other)
    monkeypatch.setattr(runner, "choose_core", lambda *_: core)
    expected = sparse()
    expected[:, 2] = 7
    expected[4, 2:5, 3] = 0
    store = overlaid(tmp_path, found, sparse())
    np.testing.assert_array_equal(store.read(whole(SHAPE)), expected)
    first, second, third = store.manifest.notes["label_sets"]
    assert (first["round"], second["round"], third["round"]) == (0, 1, 2)
    assert (second["axis"], second["planes"], third["axis"], third["planes"]) == ("y", [2], "z", [4])
    assert second["changed"] is None  # what had been predicted is not there
    assert store.manifest.notes["pixels"]["grain"] == int((expected == 7).sum())


def test_corrections_may_be_all_the_labels_there_are(tmp_path: Path) -> None:
    plane = np.zeros((6, 8), np.uint8)
    store = overlaid(tmp_path, correction(tmp_path, 1, "y0002.tif", plane), None)
    assert store.manifest.notes["pixels"] == {"empty": 48, "solid": 0, "grain": 0}
    assert store.manifest.notes["planes"]["y"] == [2]


@pytest.mark.parametrize(
    ("name", "plane", "words"),
    [
        ("y0002.tif", np.full((6, 8), 9, np.uint8), "label 9"),
        ("y0002.tif", np.zeros((6, 7), np.uint8), r"\(1, 6, 7\).*\(1, 6, 8\)"),
        ("x0008.tif", np.zeros((6, 7), np.uint8), "plane 8"),
    ],
)
def test_a_wrong_correction_is_named_with_its_file(
    tmp_path: Path, name: str, plane: NDArray[np.uint8], words: str
) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        overlaid(tmp_path, correction(tmp_path, 1, name, plane), sparse())
    assert name in str(caught.value)
    assert not (tmp_path / "annotations.ome.zarr").exists()


def test_labels_may_come_as_zarr(tmp_path: Path) -> None:
    import zarr

    make_store(tmp_path / "volume.ome.zarr", np.zeros(SHAPE, np.uint16))
    zarr.save_array(tmp_path / "drawn.zarr", sparse())
    stores = (tmp_path / "volume.ome.zarr", tmp_path / "annotations.ome.zarr")
    records = []
    for value in (1, 1, 0):
        annotate(tmp_path / "drawn.zarr", *stores, CLASSES, AnnotateSettings(), LIMITS)
        store = open_store(stores[1])
        np.testing.assert_array_equal(store.read(whole(SHAPE)), zarr.open_array(tmp_path / "drawn.zarr")[:])
        records += store.manifest.notes["label_sets"]
        zarr.open_array(tmp_path / "drawn.zarr")[0, 0, 0] = value
    assert [list(record["sha256"]) for record in records] == [["drawn.zarr"]] * 3
    assert records[1] == records[2] != records[0]  # the checksum follows what is drawn


def test_labels_outside_the_part_that_is_learned_from_do_not_count(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 2, (9, 10, 11)).astype(np.uint8)
    np.save(tmp_path / "drawn.npy", labels)
    make_store(tmp_path / "grey.ome.zarr", np.zeros(labels.shape, np.uint16))
    for start, size in (((0, 0, 0), (4, 10, 11)), ((2, 3, 4), None), ((1, 0, 5), (20, 2, 3)), ((8, 9, 10), None)):
        settings = AnnotateSettings(part_start_voxels=start, part_size_voxels=size)
        store = tmp_path / f"{start[0]}.ome.zarr"
        annotate(tmp_path / "drawn.npy", tmp_path / "grey.ome.zarr", store, CLASSES, settings, LIMITS)
        expected = np.full_like(labels, 255)
        stop = [first + length for first, length in zip(start, size or labels.shape, strict=True)]
        part = tuple(slice(first, last) for first, last in zip(start, stop, strict=True))
        expected[part] = labels[part]
        assert np.array_equal(open_store(store).read(whole(labels.shape)), expected)
