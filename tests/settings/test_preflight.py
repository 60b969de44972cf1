"""What is wrong with the scans is told before the first job, all at once, each with its row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from support.stores import make_store
from support.studies import ROWS, model_section, threshold_study, write_scans, write_study
from tomocell.errors import BadInput
from tomocell.settings.load import load_project
from tomocell.settings.preflight import check_scans, was_converted_from
from tomocell.volumes.manifest import manifest_path

if TYPE_CHECKING:
    from tomocell.settings.samples import Sample


def nowhere(_: Sample) -> Path:
    return Path("none.manifest.json")


def test_scans_that_are_there_pass(tmp_path: Path) -> None:
    write_scans(tmp_path)
    check_scans(load_project(write_study(tmp_path, threshold_study())), nowhere)


def test_missing_scans_and_annotations_are_told_together(tmp_path: Path) -> None:
    project = load_project(write_study(tmp_path, threshold_study()))
    with pytest.raises(BadInput) as caught:
        check_scans(project, nowhere)
    told = [str(fault) for fault in caught.value.faults]
    assert len(told) == 3
    for text, row, name in zip(told, ("t0", "t0", "t1"), ("t0.tif", "t0.labels.tif", "t1.tif"), strict=True):
        assert f"samples.tsv, cell {row}" in text
        assert name in text


def convert(folder: Path, name: str, raw: str | None) -> Path:
    """Put a conversion there, of the path that ``raw`` names; return its manifest."""
    notes: dict[str, Any] = {"least": 0.0, "greatest": 0.0} | ({} if raw is None else {"raw": raw})
    store = folder / f"{name}.ome.zarr"
    make_store(store, np.zeros((2, 3, 4), np.uint8), notes=notes)
    return manifest_path(store)


def test_a_scan_that_was_converted_may_be_gone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_scans(tmp_path)
    (tmp_path / "t1.tif").unlink()
    project = load_project(write_study(tmp_path, threshold_study()))
    convert(tmp_path, "t1", "t1.tif")
    check_scans(project, lambda sample: tmp_path / f"{sample.timestep}.manifest.json")
    assert "t1.tif is gone" in caplog.text


@pytest.mark.parametrize("raw", [None, "t2.tif", 7])
def test_a_scan_is_not_excused_by_the_conversion_of_another(tmp_path: Path, raw: Any) -> None:
    write_scans(tmp_path)
    (tmp_path / "t1.tif").unlink()
    project = load_project(write_study(tmp_path, threshold_study()))
    convert(tmp_path, "t1", raw)
    with pytest.raises(BadInput, match=r"cell t1: .*t1\.tif"):
        check_scans(project, lambda sample: tmp_path / f"{sample.timestep}.manifest.json")


def test_a_scan_that_is_there_is_looked_at_though_it_was_converted(tmp_path: Path) -> None:
    write_scans(tmp_path)
    (tmp_path / "t1.tif").write_bytes(b"II*")
    project = load_project(write_study(tmp_path, threshold_study()))
    convert(tmp_path, "t1", "t1.tif")
    with pytest.raises(BadInput, match=r"cell t1: .*t1\.tif"):
        check_scans(project, lambda sample: tmp_path / f"{sample.timestep}.manifest.json")


def test_what_a_manifest_was_converted_from(tmp_path: Path) -> None:
    manifest = convert(tmp_path, "t1", "raw/t1.tif")
    assert was_converted_from(manifest, Path("raw/t1.tif"))
    assert was_converted_from(manifest, Path("./raw/t1.tif"))
    assert not was_converted_from(manifest, Path("t1.tif"))
    assert not was_converted_from(tmp_path / "none.manifest.json", Path("raw/t1.tif"))
    manifest.write_text("{")
    assert not was_converted_from(manifest, Path("raw/t1.tif"))


CROPS: dict[str, tuple[dict[str, Any], int]] = {
    "inside": ({"crop_start_voxels": [1, 0, 0], "crop_size_voxels": [1, 3, 4]}, 0),
    "too long": ({"crop_start_voxels": [1, 0, 0], "crop_size_voxels": [2, 3, 4]}, 2),
    "starts behind": ({"crop_start_voxels": [0, 3, 4]}, 4),
}


@pytest.mark.parametrize(("crop", "count"), CROPS.values(), ids=CROPS.keys())
def test_the_crop_lies_inside_every_scan(tmp_path: Path, crop: dict[str, Any], count: int) -> None:
    write_scans(tmp_path)
    rows = tuple(row.replace("t0.labels.tif", "") for row in ROWS)
    project = load_project(write_study(tmp_path, threshold_study() | {"convert": crop}, rows))
    if not count:
        check_scans(project, nowhere)
        return
    with pytest.raises(BadInput) as caught:
        check_scans(project, nowhere)
    assert len(caught.value.faults) == count
    for fault in caught.value.faults:
        assert "convert.crop along" in str(fault)
        assert "(2, 3, 4)" in str(fault)


GRIDS: dict[str, tuple[dict[str, Any], tuple[int, int, int] | None]] = {
    "as the scan": ({}, (2, 3, 4)),
    "as the crop": ({"convert": {"crop_start_voxels": [0, 1, 0]}}, (2, 2, 4)),
    "as the region of interest": ({"registration": {"roi_size_voxels": [16, 17, 18]}}, (16, 17, 18)),
    "not known yet": ({"registration": {}}, None),
}


@pytest.mark.parametrize(("change", "shape"), GRIDS.values(), ids=GRIDS.keys())
@pytest.mark.parametrize("archived", [False, True])
def test_annotations_have_the_shape_of_what_is_segmented(
    tmp_path: Path, change: dict[str, Any], shape: tuple[int, int, int] | None, *, archived: bool
) -> None:
    write_scans(tmp_path)
    project = load_project(write_study(tmp_path, threshold_study() | change))
    if archived:  # the conversion has the shape that counts, whatever the crop is now
        (tmp_path / "t0.tif").unlink()
        convert(tmp_path, "t0", "t0.tif")
        shape = (2, 3, 4) if "registration" not in change else shape

    def check(labels: tuple[int, int, int]) -> None:
        tifffile.imwrite(tmp_path / "t0.labels.tif", np.zeros(labels, np.uint8), photometric="minisblack")
        check_scans(project, lambda sample: tmp_path / f"{sample.timestep}.manifest.json")

    check(shape or (5, 5, 5))
    if shape is not None:
        with pytest.raises(BadInput, match="cell t0, labels") as caught:
            check((5, 5, 5))
        assert "(5, 5, 5)" in str(caught.value)
        assert str(shape) in str(caught.value)


@pytest.mark.parametrize(("edge_um", "fine"), [(1.0, True), (1.3, True), (0.05, False)])
def test_the_voxel_size_agrees_with_the_file(tmp_path: Path, edge_um: float, *, fine: bool) -> None:
    told = {"axes": "ZYX", "unit": "um", "spacing": edge_um}
    voxels = np.zeros((2, 3, 4), np.uint8)
    tifffile.imwrite(tmp_path / "t0.tif", voxels, imagej=True, resolution=(1 / edge_um, 1 / edge_um), metadata=told)
    path = write_study(tmp_path, threshold_study(), ("cell\tt0\tt0.tif\t0\t\t",))
    project = load_project(path)
    if fine:
        check_scans(project, nowhere)
        return
    with pytest.raises(BadInput) as caught:
        check_scans(project, nowhere)
    assert "samples.tsv, cell t0" in str(caught.value)
    assert "(1.0, 1.0, 1.0)" in str(caught.value)
    assert "0.05" in str(caught.value)


def model_study(**model: Any) -> dict[str, Any]:
    section = model_section() | {"patch_voxels": [2, 4]} | model
    section["infer"] = {"tile_voxels": section["patch_voxels"]}
    section["architecture"] = "residual_unet" if len(section["patch_voxels"]) == 2 else "unet_3d"
    study = threshold_study() | {"model": section}
    del study["threshold"]
    return study


def faults_told(tmp_path: Path, study: dict[str, Any]) -> list[str]:
    with pytest.raises(BadInput) as caught:
        check_scans(load_project(write_study(tmp_path, study)), nowhere)
    return [str(fault) for fault in caught.value.faults]


def test_labels_of_another_voxel_size_are_told_before_the_first_job(tmp_path: Path) -> None:
    write_scans(tmp_path)
    voxels, metadata = np.zeros((2, 3, 4), np.uint8), {"axes": "ZYX", "unit": "um", "spacing": 2.0}
    tifffile.imwrite(tmp_path / "t0.labels.tif", voxels, imagej=True, resolution=(0.5, 0.5), metadata=metadata)
    told = faults_told(tmp_path, threshold_study())
    assert len(told) == 1
    for word in ("cell t0, labels: t0.labels.tif", "2.0", "(1.0, 1.0, 1.0) um, the voxel size of the volume"):
        assert word in told[0]


@pytest.mark.parametrize("patch", [[3, 4], [2, 5], [3, 3, 4]])
def test_a_patch_larger_than_the_volume_is_told_before_the_first_job(tmp_path: Path, patch: list[int]) -> None:
    write_scans(tmp_path)
    check_scans(load_project(write_study(tmp_path, model_study())), nowhere)
    mirrored = model_study(patch_voxels=patch, sampling={"mirror": True})
    check_scans(load_project(write_study(tmp_path, mirrored)), nowhere)
    told = faults_told(tmp_path, model_study(patch_voxels=patch))
    assert len(told) == 1
    assert "model.patch_voxels" in told[0]
    assert "cell t0" in told[0]


def test_wrong_corrections_are_told_before_the_first_job(tmp_path: Path) -> None:
    write_scans(tmp_path)
    for key, name, shape in (("t0", "y0001.tif", (2, 4)), ("t0", "y0002.tif", (2, 3)), ("t9", "y0001.tif", (2, 4))):
        path = tmp_path / "mine" / "cell" / "round-1" / key / "corrected" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(path, np.zeros(shape, np.uint8))
    study = model_study() | {"label": {"folder": str(tmp_path / "mine"), "rounds": [{"axis": "y"}]}}
    told = faults_told(tmp_path, study)
    assert len(told) == 2
    assert "y0002.tif" in told[0]
    assert "cell t9" in told[1]
