"""Values planted by analysis are held against what the records say, whatever the analysis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from reporting import fake
from tomocell.reporting.page import build_sections
from tomocell.reporting.sources import Source
from tomocell.reporting.truth import compare_with_truth

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from tomocell.settings.load import Project

TRUTH: dict[str, Any] = {"series": fake.SERIES, "voxel_size_um": [2.0] * 3, "scan_shape": [40, 50, 60]}


def make(folder: Path, planted: dict[str, Any], **report: Any) -> Project:
    """Return a project of three timesteps whose truth plants these values of ``analysis: {key: value}`` in each."""
    project = fake.make_project(folder, 3, report={"truth": "truth.json"} | report)
    fake.write_json(
        folder / "truth.json", TRUTH | {"timesteps": {step: {"planted": planted} for step in ("t00", "t01")}}
    )
    return project


def compare(project: Project, folder: Path) -> pd.DataFrame | None:
    return compare_with_truth(project, fake.SERIES, folder)


@pytest.mark.parametrize(("found", "is_within"), [(10.0, True), (13.9, True), (14.1, False), (5.9, False)])
def test_twice_the_stated_uncertainty_is_the_limit(tmp_path: Path, found: float, *, is_within: bool) -> None:
    project = make(tmp_path, {"porosity": {"open_um3": 10.0}})
    record = {"open_um3": found, "open_uncertainty_um3": 2.0}
    fake.write_json(tmp_path / fake.SERIES / "t00" / "porosity.json", record)
    frame = compare(project, tmp_path)
    assert frame is not None
    (row,) = frame.to_dict("records")
    assert (row["timestep"], row["quantity"], row["name"]) == ("t00", "porosity", "open_um3")
    assert (row["measured"], row["planted"], row["tolerance"]) == (found, 10.0, 4.0)
    assert row["difference_over_uncertainty"] == pytest.approx((found - 10) / 2)
    assert row["is_within"] is is_within


def test_what_states_no_uncertainty_is_not_judged_unless_it_agrees(tmp_path: Path) -> None:
    project = make(tmp_path, {"porosity": {"count": 7, "other": 3}})
    fake.write_json(tmp_path / fake.SERIES / "t01" / "porosity.json", {"count": 7, "other": 4})
    frame = compare(project, tmp_path)
    assert frame is not None
    assert frame.set_index("name")["is_within"].to_dict() == {"count": True, "other": None}
    assert frame["difference_over_uncertainty"].isna().all()


def test_a_series_analysis_is_read_from_its_table(tmp_path: Path) -> None:
    project = make(tmp_path, {"faraday": {"charge_mah": 0.125, "capacity_ratio": 0.9}})
    (tmp_path / fake.SERIES).mkdir()
    rows = "timestep,time_min,charge_mah,capacity_ratio\nt00,0,0.125,\nt01,10,0.2,0.95\nt02,20,0.3,0.9\n"
    (tmp_path / fake.SERIES / "faraday.csv").write_text(rows)
    frame = compare(project, tmp_path)
    assert frame is not None
    found = frame.set_index(["timestep", "name"])["measured"].to_dict()
    assert found == {("t00", "charge_mah"): 0.125, ("t01", "charge_mah"): 0.2, ("t01", "capacity_ratio"): 0.95}


def test_only_analyses_of_the_study_are_compared(tmp_path: Path) -> None:
    project = make(tmp_path, {"elsewhere": {"count": 1}, "porosity": {"unmeasured_um": 1.0, "nothing_um": None}})
    for name in ("elsewhere", "porosity"):
        record = {"count": 1, "nothing_um": 2.0, "unmeasured_um": None}
        fake.write_json(tmp_path / fake.SERIES / "t00" / f"{name}.json", record)
    assert compare(project, tmp_path) is None


def test_amounts_are_held_to_their_uncertainty_where_the_study_says_so(tmp_path: Path) -> None:
    truth = {"timesteps": {"t00": {"continuous": {"volume_um3": {"pit": 100.0, "dendrite": 100.0, "film": 100.0}}}}}
    record = {"pit_um3": 104.0, "pit_uncertainty_um3": 1.0, "dendrite_um3": 94.0, "dendrite_uncertainty_um3": 4.0}
    fake.write_json(tmp_path / fake.SERIES / "t00" / "class_volumes.json", record | {"film_um3": 100.5})
    verdicts = {}
    for within in ("percent", "uncertainty"):
        project = make(tmp_path, {}, truth_within=within)
        fake.write_json(tmp_path / "truth.json", TRUTH | truth)
        frame = compare(project, tmp_path)
        assert frame is not None
        verdicts[within] = frame.set_index("name")["is_within"].to_dict()
        ratios = frame.set_index("name")["difference_over_uncertainty"].to_dict()
        assert ratios["pit"] == pytest.approx(4.0)
        assert math.isnan(ratios["film"])
    assert verdicts["percent"] == {"pit": True, "dendrite": False, "film": True}
    assert verdicts["uncertainty"] == {"pit": False, "dendrite": True, "film": None}


def test_the_page_shows_them_with_their_verdicts(tmp_path: Path) -> None:
    project = make(tmp_path, {"porosity": {"open_um3": 10.0, "shut_um3": 10.0}})
    for step, found in (("t00", 11.0), ("t01", 16.0)):
        record = {"open_um3": found, "open_uncertainty_um3": 2.0, "shut_um3": 10.0, "shut_uncertainty_um3": 1.0}
        fake.write_json(tmp_path / fake.SERIES / step / "porosity.json", record)
    (section,) = [one for one in build_sections(Source(project, fake.SERIES, tmp_path)) if one.id == "truth"]
    table = next(block for block in section.blocks if block.kind == "table")
    last = {row[1].text: (row[-2].text, row[-1].text, row[-1].verdict) for row in table.rows}
    assert last == {"Open (µm³)": ("3.0", "1 of 2", "bad"), "Shut (µm³)": ("0.0", "2 of 2", "good")}
    assert [(figure.value, figure.verdict) for figure in section.figures] == [("3 of 4", "bad")]
