from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from reporting import fake
from tomocell.errors import BadInput
from tomocell.reporting.truth import (
    REGISTRATION,
    THICKNESS,
    VOLUME,
    compare_with_truth,
    corner_errors,
    roi_corners,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

VOXEL_UM = 2.0
STEPS = ("t00", "t01", "t02")
TRUTH: dict[str, Any] = {
    "series": fake.SERIES,
    "voxel_size_um": [VOXEL_UM] * 3,
    "scan_shape": [40, 50, 60],
    "roi": {"start": [4, 5, 6], "size": [30, 40, 50]},
}


def rotation(angle_deg: float, shift: tuple[float, float, float] = (0, 0, 0)) -> Matrix:
    angle = math.radians(angle_deg)
    matrix = np.eye(4)
    matrix[1:3, 1:3] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    matrix[:3, 3] = shift
    return matrix


def compare(
    folder: Path, measured: dict[str, dict[str, Any]], planted: dict[str, dict[str, Any]], **changes: Any
) -> pd.DataFrame:
    """Compare records by timestep with what was planted by timestep."""
    project = fake.make_project(folder, 3, report={"truth": "truth.json"}, **changes)
    fake.write_json(folder / "truth.json", TRUTH | {"timesteps": planted})
    for step, records in measured.items():
        for name, record in records.items():
            fake.write_json(folder / "results" / fake.SERIES / step / f"{name}.json", record)
    frame = compare_with_truth(project, fake.SERIES, folder / "results")
    assert frame is not None
    return frame


def amounts(**volumes: float) -> dict[str, Any]:
    return {"continuous": {"volume_um3": volumes}}


def volumes_record(**volumes: float) -> dict[str, Any]:
    return {"class_volumes": {f"{name}_um3": value for name, value in volumes.items()}}


def registration_errors(
    folder: Path, measured: NDArray[np.float64], planted: NDArray[np.float64], **changes: Any
) -> Any:
    records = {"t00": {"registration": {"matrix": measured.tolist()}}}
    frame = compare(folder, records, {"t00": {"rigid": {"matrix": planted.tolist()}}}, **changes)
    return frame.set_index("name")


def test_corners_are_those_of_the_region_of_interest() -> None:
    corners = roi_corners(TRUTH)
    assert corners.shape == (8, 3)
    assert corners.min(axis=0).tolist() == [4, 5, 6]
    assert corners.max(axis=0).tolist() == [33, 44, 55]
    assert roi_corners({"scan_shape": [2, 3, 4]}).max(axis=0).tolist() == [1, 2, 3]


def test_equal_matrices_have_no_error() -> None:
    matrix = rotation(3.0, (1, 2, 3))
    assert np.abs(corner_errors(matrix, matrix, roi_corners(TRUTH))).max() == 0


def test_a_shift_is_the_same_error_at_every_corner(tmp_path: Path) -> None:
    planted = rotation(1.0, (0.5, -2.0, 7.0))
    frame = registration_errors(tmp_path, rotation(1.0, (0.5, -2.0 + 0.16, 7.0 - 0.12)), planted)
    assert frame.loc["mean", "measured"] == pytest.approx(0.2 / VOXEL_UM)
    assert frame.loc["worst", "measured"] == pytest.approx(0.2 / VOXEL_UM)
    assert frame["quantity"].unique().tolist() == [REGISTRATION]


def test_a_rotation_is_worst_at_the_farthest_corner(tmp_path: Path) -> None:
    frame = registration_errors(tmp_path, rotation(0.1), rotation(0.0))
    # About z through the origin: 2 sin(a / 2) times the distance from the axis.
    expected = 2 * math.sin(math.radians(0.05)) * math.hypot(44, 55)
    assert frame.loc["worst", "measured"] == pytest.approx(expected)
    assert frame.loc["mean", "measured"] < expected


@pytest.mark.parametrize(("shift_voxels", "is_within"), [(0.09, True), (0.11, False)])
def test_a_tenth_of_a_voxel_is_the_limit(tmp_path: Path, shift_voxels: float, *, is_within: bool) -> None:
    frame = registration_errors(tmp_path, rotation(0, (shift_voxels * VOXEL_UM, 0, 0)), rotation(0))
    assert frame["is_within"].tolist() == [is_within, is_within]


def test_scans_that_were_cropped_alike_are_compared_in_the_frame_of_the_whole_scan(tmp_path: Path) -> None:
    planted = rotation(2.0, (3.0, 1.0, -4.0))
    crop_um = np.array([2, 3, 5]) * VOXEL_UM
    # In the cropped frames p' = p - c the same motion reads p' -> M (p' + c) - c.
    cropped = planted.copy()
    cropped[:3, 3] = planted[:3, :3] @ crop_um + planted[:3, 3] - crop_um
    frame = registration_errors(tmp_path, cropped, planted, convert={"crop_start_voxels": [2, 3, 5]})
    assert frame["measured"].max() < 1e-12


def test_amounts_are_held_against_five_per_cent(tmp_path: Path) -> None:
    measured = {"t00": volumes_record(pit=104.0, dendrite=94.0)}
    frame = compare(tmp_path, measured, {"t00": amounts(pit=100.0, dendrite=100.0)}).set_index("name")
    assert frame["difference_percent"].to_dict() == pytest.approx({"pit": 4.0, "dendrite": -6.0})
    assert frame["is_within"].to_dict() == {"pit": True, "dendrite": False}
    assert frame["tolerance"].to_dict() == pytest.approx({"pit": 5.0, "dendrite": 5.0})
    assert set(frame["quantity"]) == {VOLUME}


@pytest.mark.parametrize(("found", "is_within"), [(19.0, None), (21.0, False)])
def test_where_nothing_was_planted_the_largest_amount_is_the_measure(
    tmp_path: Path, found: float, *, is_within: bool | None
) -> None:
    measured = {"t00": volumes_record(pit=found), "t01": volumes_record(pit=1000.0)}
    frame = compare(tmp_path, measured, {"t00": amounts(pit=0.0), "t01": amounts(pit=1000.0)}).set_index("timestep")
    assert math.isnan(frame.loc["t00", "difference_percent"])
    assert frame["is_within"].astype(object).loc["t00"] is is_within


def test_a_residue_is_not_called_good(tmp_path: Path) -> None:
    measured = {"t00": volumes_record(pit=1.0), "t01": volumes_record(pit=1000.0)}
    frame = compare(tmp_path, measured, {"t00": amounts(pit=19.0), "t01": amounts(pit=1000.0)}).set_index("timestep")
    assert frame["is_within"].tolist() == [None, True]


def test_sides_and_uncertainties_are_taken_along(tmp_path: Path) -> None:
    record = {"effective_thickness": {"plating_side_um": 30.0, "plating_side_uncertainty_um": 0.4, "other_um": 1.0}}
    planted = {"t00": {"continuous": {"effective_thickness_um": {"plating_side": 30.3, "unmeasured": 3.0}}}}
    (row,) = compare(tmp_path, {"t00": record}, planted).to_dict("records")
    assert (row["quantity"], row["name"], row["uncertainty"]) == (THICKNESS, "plating_side", 0.4)
    assert row["is_within"]


def test_only_what_was_measured_is_compared(tmp_path: Path) -> None:
    planted = {step: amounts(pit=1.0) for step in (*STEPS, "elsewhere")}
    frame = compare(tmp_path, {"t01": volumes_record(pit=1.0), "t02": volumes_record(film=1.0)}, planted)
    assert frame["timestep"].tolist() == ["t01"]


def test_no_truth_or_that_of_another_series_gives_nothing(tmp_path: Path) -> None:
    project = fake.make_project(tmp_path, 3)
    assert compare_with_truth(project, fake.SERIES, tmp_path) is None
    project = fake.make_project(tmp_path, 3, report={"truth": "truth.json"})
    fake.write_json(tmp_path / "truth.json", TRUTH | {"series": "other", "timesteps": {}})
    assert compare_with_truth(project, fake.SERIES, tmp_path) is None
    fake.write_json(tmp_path / "truth.json", TRUTH | {"timesteps": {}})
    assert compare_with_truth(project, fake.SERIES, tmp_path) is None


@pytest.mark.parametrize(
    "content", [None, "", "[]", "{}", json.dumps({"timesteps": {"t00": 3}}), json.dumps(TRUTH | {"timesteps": []})]
)
def test_a_truth_that_cannot_be_read_is_named(tmp_path: Path, content: str | None) -> None:
    project = fake.make_project(tmp_path, 3, report={"truth": "truth.json"})
    fake.write_json(tmp_path / fake.SERIES / "t00" / "class_volumes.json", {"pit_um3": 1.0})
    if content is not None:
        (tmp_path / "truth.json").write_text(content)
    with pytest.raises(BadInput, match=r"truth\.json"):
        compare_with_truth(project, fake.SERIES, tmp_path)


def test_the_phantom_writes_what_is_read_here(tmp_path: Path) -> None:
    """The made-up lithium cell, with its own voxels and motions given out as measured."""
    from tomocell.phantoms.lithium import Settings, synthesize
    from tomocell.settings.load import Project
    from tomocell.settings.samples import SampleSheet

    settings = Settings(shape=(112, 44, 44), formats=("raw",), periods_between_scans=12, annotated_timesteps=(1,))
    synthesize(settings, tmp_path / "phantom")
    truth = json.loads((tmp_path / "phantom/truth/truth.json").read_text())
    study = fake.make_project(tmp_path, 3, report={"truth": "phantom/truth/truth.json"}).study
    project = Project(tmp_path / "study.yaml", study, SampleSheet.read(tmp_path / "phantom/samples.tsv"))
    for step, known in truth["timesteps"].items():
        folder = tmp_path / settings.series / step
        matrix = np.array(known["rigid"]["matrix"])
        matrix[2, 3] += 0.05 * settings.voxel_size_um
        fake.write_json(folder / "registration.json", {"matrix": matrix.tolist()})
        volumes = known["voxels"]["volume_um3"]
        fake.write_json(folder / "class_volumes.json", {f"{name}_um3": value for name, value in volumes.items()})
    frame = compare_with_truth(project, settings.series, tmp_path)
    assert frame is not None
    errors = frame[frame["quantity"] == REGISTRATION]["measured"]
    assert errors.to_numpy() == pytest.approx(np.full(6, 0.05))
    electrodes = frame[frame["name"].str.endswith("electrode")]
    assert len(electrodes) == 6
    assert electrodes["is_within"].all()
