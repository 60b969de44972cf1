"""Records of all timesteps become tables, and series analyses read what they need of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from support.stores import make_store
from tomocell.blocks import Limits
from tomocell.series.faraday import Settings
from tomocell.settings.samples import Sample
from tomocell.stages.over_time import Follower, collect, follow
from tomocell.volumes.tables import write_json

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [
    Sample(series="cell", timestep="t0", path="x", time_min=0, state="pristine"),
    Sample(series="cell", timestep="t1", path="x", time_min=60, current_ma=0.75),
]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for sample, volume in zip(ROWS, (None, 1e6), strict=True):
        folder = tmp_path / "cell" / sample.timestep
        volumes = {"film_um3": volume or 0.0, "film_uncertainty_um3": 1.0, "odd_um3": volume, "electrode_um3": 200.0}
        write_json(folder / "class_volumes.json", volumes | {"provenance": {"volume": "x"}})
        write_json(folder / "effective_thickness.json", {"electrode_um": 2.0, "provenance": {}})
    return tmp_path


def test_one_row_per_timestep_with_the_scalars_of_its_record(results: Path) -> None:
    collect(results, ROWS, "class_volumes")
    table = pd.read_csv(results / "cell" / "class_volumes.csv")
    assert list(table.columns)[:3] == ["timestep", "time_min", "state"]
    assert "provenance" not in table
    assert list(table["timestep"]) == ["t0", "t1"]
    assert list(table["film_um3"]) == [0.0, 1e6]
    assert math.isnan(table["odd_um3"][0])


@pytest.mark.parametrize(("later", "warnings"), [(0, 1), (7, 0)])
def test_a_class_at_no_timestep_is_told(
    results: Path,
    later: int,
    warnings: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for sample, film in zip(ROWS, (0, later), strict=True):
        voxels = {"film": film, "odd": 3, "void": 0}  # of void nothing is measured
        store = results / "cell" / sample.timestep / "phases.ome.zarr"
        make_store(store, np.zeros((2, 3, 4), np.uint8), notes={"voxels": voxels})
    collect(results, ROWS, "class_volumes")
    assert caplog.text.count("cell, class_volumes: class film is at no timestep") == warnings
    assert caplog.text.count("at no timestep") == warnings


def test_what_is_told_plane_by_plane_or_as_files_is_no_scalar(results: Path) -> None:
    for sample in ROWS:
        record = {"porosity": 0.5, "profile_z": [0.4, 0.6], "maps": ["a.png"], "part": {"x": [1], "y_um": 2.0}}
        write_json(results / "cell" / sample.timestep / "porosity.json", record | {"provenance": {}})
    collect(results, ROWS, "porosity")
    table = pd.read_csv(results / "cell" / "porosity.csv")
    assert list(table.columns) == ["timestep", "time_min", "state", "porosity", "part_y_um"]


def test_a_timestep_that_did_not_register_is_left_out_where_the_study_registers(results: Path) -> None:
    write_json(results / "cell" / "t1" / "registration.json", {"registered": False})
    settings = Settings(active_area_cm2=0.5, current_min=10, plated=("film",))
    for registers, steps in ((True, ["t0"]), (False, ["t0", "t1"])):
        collect(results, ROWS, "class_volumes", registers=registers)
        assert list(pd.read_csv(results / "cell" / "class_volumes.csv")["timestep"]) == steps
        follow(results, ROWS, Follower("faraday", settings), Limits(), sheet=results / "s.tsv", registers=registers)
        imaged = pd.read_csv(results / "cell" / "faraday.csv")["imaged_um3"]
        assert imaged.notna().sum() == len(steps)


def test_a_series_analysis_follows_the_records(results: Path) -> None:
    settings = Settings(active_area_cm2=0.5, current_min=10, plated=("film",))
    follow(results, ROWS, Follower("faraday", settings), Limits(), sheet=results / "samples.tsv")
    table = pd.read_csv(results / "cell" / "faraday.csv")
    assert list(table["charge_mah"]) == pytest.approx([0, 0.125])
    assert table["faraday_um3"][1] == pytest.approx(6.0643e7 * 100 / 0.5e8, rel=1e-4)  # the imaged area is 100 um2
