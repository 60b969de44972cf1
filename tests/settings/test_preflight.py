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
    "inside": ({"crop_start_voxels": [0, 1, 0], "crop_size_voxels": [2, 2, 4]}, 0),
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


def test_the_crop_of_the_phases_leaves_something(tmp_path: Path) -> None:
    write_scans(tmp_path)
    refine = {"crop_start_voxels": [1, 1, 0], "crop_end_voxels": [1, 1, 0]}
    project = load_project(write_study(tmp_path, threshold_study() | {"refine": refine}))
    with pytest.raises(BadInput) as caught:
        check_scans(project, nowhere)
    assert len(caught.value.faults) == 2  # one a scan: of two planes none is left, of three rows one
    for fault in caught.value.faults:
        assert "refine.crop along z: found '1 + 1 voxels'; expected less than the 2" in str(fault)


def test_the_split_plane_lies_in_what_the_crop_leaves(tmp_path: Path) -> None:
    write_scans(tmp_path)
    split = {"solid": {"before": "pore", "after": "solid"}}
    study = threshold_study() | {"refine": {"split": split, "split_plane": 1, "crop_end_voxels": [1, 0, 0]}}
    with pytest.raises(BadInput, match=r"cell t0: refine\.split_plane: found 1; expected a plane inside 1 planes"):
        check_scans(load_project(write_study(tmp_path, study)), nowhere)


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


FIELDS = ("cell\tt0\ta.tif; b.tif\t0\t\t",)
STITCHED = {"stitch": {"axis": "y", "overlap_voxels": 4}, "axes": "y -z x"}  # (6, 8, 5) and (6, 9, 5) become (13, 6, 5)


def write_fields(folder: Path) -> None:
    for name, rows in (("a.tif", 8), ("b.tif", 9)):
        tifffile.imwrite(folder / name, np.zeros((6, rows, 5), np.uint8), photometric="minisblack")


def check(folder: Path, convert: dict[str, Any], rows: tuple[str, ...] = FIELDS) -> list[str]:
    """Return the faults of a study of two fields."""
    project = load_project(write_study(folder, threshold_study() | {"convert": convert}, rows))
    try:
        check_scans(project, lambda sample: folder / f"{sample.timestep}.manifest.json")
    except BadInput as error:
        return [str(fault) for fault in error.faults]
    return []


BOXES: dict[str, tuple[dict[str, Any], int]] = {
    "all": ({}, 0),
    "a box of the stitched and turned": ({"crop_start_voxels": [3, 0, 0], "crop_size_voxels": [10, 6, 5]}, 0),
    "a box of the file's axes": ({"crop_size_voxels": [6, 13, 5]}, 1),
}


@pytest.mark.parametrize(("crop", "count"), BOXES.values(), ids=BOXES.keys())
def test_the_crop_lies_inside_what_was_stitched_and_turned(tmp_path: Path, crop: dict[str, Any], count: int) -> None:
    write_fields(tmp_path)
    told = check(tmp_path, STITCHED | crop)
    assert len(told) == count
    assert all("cell t0" in text and "convert.crop along y" in text and "(13, 6, 5)" in text for text in told)


def test_several_fields_need_the_settings_that_join_them(tmp_path: Path) -> None:
    write_fields(tmp_path)
    (told,) = check(tmp_path, {})
    assert "cell t0" in told
    assert "2 fields of view" in told
    assert "convert.stitch" in told


def test_a_field_that_is_missing_or_gone_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_fields(tmp_path)
    (tmp_path / "b.tif").unlink()
    (told,) = check(tmp_path, STITCHED)
    assert "cell t0" in told
    assert "b.tif" in told
    convert(tmp_path, "t0", "a.tif; b.tif")
    assert check(tmp_path, STITCHED) == []
    assert "b.tif is gone" in caplog.text


@pytest.mark.parametrize(("search", "certain"), [(0, True), (1, False)])
def test_annotations_are_compared_where_the_shape_is_certain(tmp_path: Path, search: int, *, certain: bool) -> None:
    write_fields(tmp_path)
    tifffile.imwrite(tmp_path / "labels.tif", np.zeros((9, 9, 9), np.uint8), photometric="minisblack")
    settings = STITCHED | {"stitch": {"axis": "y", "overlap_voxels": 5, "search_voxels": search}}
    told = check(tmp_path, settings, ("cell\tt0\ta.tif; b.tif\t0\t\tlabels.tif",))
    assert len(told) == (1 if certain else 0)
    assert all("(12, 6, 5)" in text and "(9, 9, 9)" in text for text in told)


def test_the_voxel_size_is_compared_along_the_axes_of_the_result(tmp_path: Path) -> None:
    told = {"axes": "ZYX", "unit": "um", "spacing": 4.0}
    voxels = np.zeros((6, 8, 5), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", voxels, imagej=True, resolution=(1.0, 1.0), metadata=told)
    study = threshold_study() | {"scan": {"voxel_size_um": [1.0, 4.0, 1.0]}, "convert": {"axes": "y -z x"}}
    path = write_study(tmp_path, study, ("cell\tt0\ta.tif\t0\t\t",))
    check_scans(load_project(path), nowhere)
    path = write_study(tmp_path, study | {"convert": {}}, ("cell\tt0\ta.tif\t0\t\t",))
    with pytest.raises(BadInput, match=r"ignore_file_voxel_size") as caught:
        check_scans(load_project(path), nowhere)
    assert "(4.0, 1.0, 1.0)" in str(caught.value)


JUDGED = "series\ttimestep\tpath\ttruth"


def judged(folder: Path, study: dict[str, Any], truth: str = "truth.tif") -> list[str]:
    write_scans(folder)
    path = write_study(folder, study, (f"cell\tt0\tt0.tif\t{truth}",), JUDGED)
    try:
        check_scans(load_project(path), nowhere)
    except BadInput as error:
        return [str(fault) for fault in error.faults]
    return []


@pytest.mark.parametrize(("change", "shape"), GRIDS.values(), ids=GRIDS.keys())
def test_a_truth_has_the_shape_of_what_is_segmented(
    tmp_path: Path, change: dict[str, Any], shape: tuple[int, int, int] | None
) -> None:
    tifffile.imwrite(tmp_path / "truth.tif", np.zeros(shape or (5, 5, 5), np.uint8), photometric="minisblack")
    assert judged(tmp_path, threshold_study() | change) == []
    tifffile.imwrite(tmp_path / "truth.tif", np.zeros((5, 5, 6), np.uint8), photometric="minisblack")
    told = judged(tmp_path, threshold_study() | change)
    assert len(told) == (1 if shape else 0)
    assert all("cell t0, truth: truth.tif" in text and "(5, 5, 6)" in text and str(shape) in text for text in told)


def test_a_truth_of_another_voxel_size_type_or_place_is_told_before_the_first_job(tmp_path: Path) -> None:
    voxels, metadata = np.zeros((2, 3, 4), np.uint8), {"axes": "ZYX", "unit": "um", "spacing": 2.0}
    tifffile.imwrite(tmp_path / "truth.tif", voxels, imagej=True, resolution=(0.5, 0.5), metadata=metadata)
    (told,) = judged(tmp_path, threshold_study())
    assert "truth.tif" in told
    assert "2.0" in told
    (told,) = judged(tmp_path, threshold_study(), "nowhere.tif")
    assert "cell t0, truth" in told
    tifffile.imwrite(tmp_path / "truth.tif", voxels.astype(np.uint16), photometric="minisblack")
    (told,) = judged(tmp_path, threshold_study())
    assert "uint16" in told


def test_the_part_that_is_judged_lies_inside(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "truth.tif", np.zeros((2, 3, 4), np.uint8), photometric="minisblack")
    part = {"evaluate": {"crop_start_voxels": [1, 0, 0], "crop_size_voxels": [1, 3, 4]}}
    assert judged(tmp_path, threshold_study() | part) == []
    part = {"evaluate": {"crop_start_voxels": [1, 0, 0], "crop_size_voxels": [2, 3, 4]}}
    (told,) = judged(tmp_path, threshold_study() | part)
    for words in ("cell t0", "evaluate.crop along z", "voxels 1 to 2", "2 voxels"):
        assert words in told
