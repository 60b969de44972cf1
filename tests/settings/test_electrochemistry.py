"""Studies with a cycling curve and with rates: what is wrong is told before the first job, where it stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.studies import threshold_study, write_scans, write_study
from tomocell.errors import BadInput
from tomocell.settings.load import load_project
from tomocell.settings.preflight import check_scans

if TYPE_CHECKING:
    from tomocell.settings.samples import Sample

HEADER = "series\ttimestep\tpath\ttime_min\tcurrent_ma"
ROWS = ("cell\tt0\tt0.tif\t0\t", "cell\tt1\tt1.tif\t30\t0.75")
CURVE = "time_min,voltage_v,current_ma\n0,0,0\n10,0,0\n10,3,0.75\n20,3,0.75\n20,0,0\n30,0,0\n"
RATE = {"analysis": "effective_thickness", "key": "solid_um", "half": "charge"}


def study(**series: dict[str, Any]) -> dict[str, Any]:
    faraday = {"active_area_cm2": 0.5, "curve": "curves/{series}.csv", "plated": ["solid"]}
    measured = threshold_study() | {"measure": {"class_volumes": {}, "effective_thickness": {}}}
    return measured | {"series": {"faraday": faraday} | series}


def told(folder: Path, content: dict[str, Any], rows: tuple[str, ...] = ROWS) -> str:
    """Return what is told when the study is loaded and its files are looked at; nothing where all is well."""
    write_scans(folder)
    try:
        check_scans(load_project(write_study(folder, content, rows, HEADER)), nowhere)
    except BadInput as error:
        return str(error)
    return ""


def nowhere(_: Sample) -> Path:
    return Path("none.manifest.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "curves").mkdir()
    (tmp_path / "curves" / "cell.csv").write_text(CURVE)
    return tmp_path


def test_a_study_with_a_curve_and_rates(folder: Path) -> None:
    assert not told(folder, study(rates={"quantities": [RATE]}))


def test_a_curve_that_is_gone_or_wrong(folder: Path) -> None:
    curve = folder / "curves" / "cell.csv"
    curve.write_text(CURVE.replace("10,3,", "10,x,"))
    assert "series.faraday" in told(folder, study())
    assert "cell.csv line 4: found '10, 0.75, x'" in told(folder, study())
    curve.unlink()
    assert "cell.csv: found 'no file'" in told(folder, study())


def test_a_curve_and_a_sheet_that_contradict_each_other(folder: Path) -> None:
    message = told(folder, study(), (ROWS[0], ROWS[1].replace("0.75", "-0.75")))
    assert "sample sheet, cell t1, current_ma: found -0.75" in message
    assert "t1 at 300 min" in told(folder, study(), (ROWS[0], ROWS[1].replace("30", "300")))


@pytest.mark.parametrize("strange", ["effective_thicknes", "rates"])
def test_rates_of_an_analysis_that_the_study_does_not_make(folder: Path, strange: str) -> None:
    message = told(folder, study(rates={"quantities": [RATE | {"analysis": strange}]}))
    assert f"series.rates: found '{strange}'" in message
    assert "ask for" in message


def test_a_half_or_a_model_that_there_is_not(folder: Path) -> None:
    assert "'linear', 'slowing' or 'decay'" in told(folder, study(rates={"quantities": [RATE | {"model": "cubic"}]}))
    message = told(folder, study(rates={"quantities": [RATE | {"half": "discharge"}]}))
    assert "series.rates, sample sheet, cell, current_ma: found 'a charge and no discharge'" in message
