"""What lands on disk: complete, consistent with itself, the same each time, and never over somebody's data."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from phantoms.small import small
from tomocell.errors import BadInput
from tomocell.phantoms.cell.views import LABEL_OF_PHASE
from tomocell.phantoms.lithium import annotated_rows, scenes, synthesize
from tomocell.settings.discovery import load, names_offering
from tomocell.settings.samples import SampleSheet
from tomocell.volumes.readers import open_source
from tomocell.volumes.store import open_store
from tomocell.volumes.volume import whole

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("t000", "t060", "t120", "t180", "t240")
SETTINGS = small(annotated_timesteps=(1, -1), annotated_planes=3)


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("series") / "lithium"
    synthesize(SETTINGS, out)
    return out


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_kind_is_found() -> None:
    assert names_offering("tomocell.phantoms", "synthesize") == ["lithium", "lithium_25"]
    assert load("tomocell.phantoms", "lithium", "synthesize").synthesize is synthesize


def test_again_gives_the_same_bytes(series: Path, tmp_path: Path) -> None:
    synthesize(SETTINGS, tmp_path / "again")
    assert digests(tmp_path / "again") == digests(series)


def test_another_seed_gives_another_series(series: Path, tmp_path: Path) -> None:
    synthesize(SETTINGS.model_copy(update={"seed": 8}), tmp_path / "other")
    first, second = digests(series), digests(tmp_path / "other")
    assert first.keys() == second.keys()
    assert first["raw/t180.raw"] != second["raw/t180.raw"]
    assert first["truth/truth.json"] != second["truth/truth.json"]


def test_the_sheet_is_one_that_we_read(series: Path) -> None:
    sheet = SampleSheet.read(series / "samples.tsv")
    assert sheet.series == ("lithium",)
    assert sheet.timesteps("lithium") == NAMES
    assert sheet.reference("lithium") == "t240"
    assert [sample.state for sample in sheet.samples] == ["pristine", "charge", "half_cycle", "discharge", "full_cycle"]
    assert [sample.current_ma for sample in sheet.samples] == [0, 0.75, 0.75, -0.75, -0.75]
    assert [sample.timestep for sample in sheet.labelled()] == ["t060", "t240"]
    assert [(series / sample.path).exists() for sample in sheet.samples] == [True] * 5


def test_raw_files_hold_the_scans(series: Path) -> None:
    sheet = SampleSheet.read(series / "samples.tsv")
    for one in scenes(SETTINGS):
        sample = sheet["lithium", one.step.name]
        source = open_source(sheet.locate(sample.path), sample.dataset)
        np.testing.assert_array_equal(source.read(whole(SETTINGS.shape)), one.scan.read(whole(SETTINGS.shape)))


def test_annotations_are_true_where_they_are_and_ignored_elsewhere(series: Path) -> None:
    rows = annotated_rows(SETTINGS.roi_size[1], 3)
    assert len(rows) == 3
    for name in ("t060", "t240"):
        sparse = tifffile.imread(series / f"annotations/{name}.tif")
        truth = open_store(series / f"truth/{name}/labels.ome.zarr").read(whole(SETTINGS.roi_size))
        np.testing.assert_array_equal(sparse[:, rows], truth[:, rows])
        assert (np.delete(sparse, rows, axis=1) == 255).all()


def test_the_record_counts_the_stored_voxels(series: Path) -> None:
    record = json.loads((series / "truth/truth.json").read_text())
    assert (record["kind"], record["reference"], tuple(record["timesteps"])) == ("lithium", "t240", NAMES)
    voxel_um3 = np.prod(record["voxel_size_um"])
    for name in NAMES:
        phases = open_store(series / f"truth/{name}/phases.ome.zarr")
        labels = open_store(series / f"truth/{name}/labels.ome.zarr")
        voxels = phases.read(whole(phases.shape))
        np.testing.assert_array_equal(labels.read(whole(labels.shape)), LABEL_OF_PHASE[voxels])
        assert {member.name: member.value for member in phases.classes} == record["phases"]
        assert {member.name: member.value for member in labels.classes} == record["labels"]
        volumes = record["timesteps"][name]["voxels"]["volume_um3"]
        for phase, value in record["phases"].items():
            assert volumes[phase] == pytest.approx((voxels == value).sum() * voxel_um3, abs=1e-3)


def test_the_record_tells_charge_and_ratio(series: Path) -> None:
    record = json.loads((series / "truth/truth.json").read_text())
    told = [record["timesteps"][name]["electrochemistry"] for name in NAMES]
    assert [one["charge_mah"] for one in told] == pytest.approx([0, 0.75, 1.5, 0.75, 1.5])
    assert [one["net_charge_mah"] for one in told] == pytest.approx([0, 0.75, 1.5, 0.75, 0])
    for one, name in zip(told[1:], NAMES[1:], strict=True):
        volumes = record["timesteps"][name]["continuous"]["volume_um3"]
        seen = volumes["redeposited"] or volumes["deposited"] + volumes["dendrite"]
        assert seen / one["faraday_um3"] == pytest.approx(one["capacity_ratio"], rel=1e-6)
        assert one["capacity_ratio"] == pytest.approx(record["capacity_ratio"], rel=0.02)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "mine.tif").write_bytes(b"beam time")
    with pytest.raises(BadInput, match="choose another --out"):
        synthesize(SETTINGS, tmp_path)
    assert (tmp_path / "raw" / "mine.tif").read_bytes() == b"beam time"


def test_an_earlier_phantom_is_replaced(series: Path, tmp_path: Path) -> None:
    out = tmp_path / "lithium"
    (out / "truth").mkdir(parents=True)
    (out / "truth" / "truth.json").write_text("{}")
    (out / "stale").write_text("from before")
    synthesize(SETTINGS, out)
    assert digests(out) == digests(series)


def test_nothing_is_left_of_a_series_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="roi_margin_voxels"):
        synthesize(small(max_translation_um=60.0), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
