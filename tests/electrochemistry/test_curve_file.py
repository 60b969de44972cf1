"""Curves as instruments write them, and each fault of a curve or of the sheet beside it, one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydantic import ValidationError

from electrochemistry.cycling import BY_CURVE, BY_SHEET, HEADER, pulses, rows, write_curve
from tomocell.electrochemistry.checks import curve_faults, sheet_faults
from tomocell.electrochemistry.curve_file import read_curve
from tomocell.electrochemistry.settings import ChargeSettings, CurveColumns
from tomocell.errors import BadInput
from tomocell.settings.samples import Sample

if TYPE_CHECKING:
    from pathlib import Path

BIOLOGIC = CurveColumns(time="time/s", voltage="Ewe/V", current="I/mA")
FORMS: dict[str, tuple[str, CurveColumns]] = {
    "commas": (f"{HEADER}\n0,0,0\n6,3.5,0.75\n", CurveColumns()),
    "a mark, comments, empty lines": (
        f"\ufeff# a cell\n\n{HEADER}\n0,0,0\n# paused\n\n6,3.5,0.75\n",
        CurveColumns(),
    ),
    "the header in a comment": (f"# {HEADER}\n0,0,0\n6,3.5,0.75\n", CurveColumns()),
    "semicolons and decimal commas": ("current_a;x;time_h;voltage_mv\n0;?;0;0\n0,00075;?;0,1;3500\n",
        CurveColumns(time="time_h", voltage="voltage_mv", current="current_a")),
    "tabs below a preamble": (
        "EC-Lab ASCII FILE\nNb header lines : 3\ntime/s\tEwe/V\tI/mA\n0\t0\t0\n360\t3.5\t0.75\n", BIOLOGIC),
    "quotes and brackets": ('"Time (min)","Current (\u00b5A)"\n"0","0"\n6,750\n',
        CurveColumns(time="Time (min)", current="Current (\u00b5A)", voltage=None)),
    "columns between": ("n,time_min,current_ma,voltage_v,note\n1,0,0,0,\n2,6,0.75,3.5,end\n", CurveColumns()),
}  # fmt: skip


@pytest.mark.parametrize(("text", "columns"), FORMS.values(), ids=FORMS.keys())
def test_forms_of_a_curve(tmp_path: Path, text: str, columns: CurveColumns) -> None:
    (tmp_path / "c.csv").write_text(text, encoding="utf-8")
    curve = read_curve(tmp_path / "c.csv", ChargeSettings(curve="c.csv", curve_columns=columns))
    assert curve.time_min == pytest.approx([0, 6])
    assert curve.current_ma == pytest.approx([0, 0.75])
    assert curve.rest_below_ma == pytest.approx(0.0075)
    expected = [np.nan, np.nan] if columns.voltage is None else [0, 3.5]
    assert curve.voltage_v == pytest.approx(expected, nan_ok=True)


def test_the_sign_of_the_instrument_may_be_the_other(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(FORMS["commas"][0])
    settings = ChargeSettings(curve="c.csv", curve_charging_is_negative=True, rest_below_ma=0.2)
    curve = read_curve(tmp_path / "c.csv", settings)
    assert curve.current_ma == pytest.approx([0, -0.75])
    assert curve.has_current.tolist() == [False, True]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    curve = pulses((0.75, -0.75))
    write_curve(tmp_path / "c.csv", curve)
    read = read_curve(tmp_path / "c.csv", BY_CURVE)
    for name in ("time_min", "current_ma", "voltage_v"):
        np.testing.assert_array_equal(getattr(read, name), getattr(curve, name))


FAULTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "empty": ("", ("an empty file", "time_min, current_ma, voltage_v")),
    "only comments": ("# nothing\n", ("an empty file",)),
    "only a header": (HEADER, ("0 samples", "two or more")),
    "one sample": (f"{HEADER}\n0,0,0\n", ("1 samples",)),
    "no column": ("time_min,current_ma,u\n0,0,0\n", ("time_min, current_ma, u", "a column voltage_v", "curve_columns")),
    "column twice": (f"{HEADER},time_min\n0,0,0,0\n", ("header", "time_min twice", "each column once")),
    "no number": (f"{HEADER}\n0,0,0\n1,x,0\n", ("line 3", "1, 0, x", "finite numbers")),
    "not finite": (f"{HEADER}\n0,0,nan\n1,0,0\n", ("line 2", "0, nan, 0", "finite numbers")),
    "a cell too few": (f"{HEADER}\n0,0,0\n\n1,0\n", ("line 4", "1, nothing, 0", "finite numbers")),
    "many lines": (f"{HEADER}\n" + "x,0,0\n" * 9, ("line 2", "line 4", "6 more such lines")),
    "time falls": (f"{HEADER}\n0,0,0\n2,0,0\n1,0,0\n", ("line 4", "1 min after 2 min", "times that rise")),
    "time stands": (f"{HEADER}\n0,0,0\n2,0,0\n2,0,1\n2,0,2\n", ("line 5", "2 min after 2 min", "only where")),
}  # fmt: skip


@pytest.mark.parametrize(("text", "words"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_of_the_curve(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    (tmp_path / "curve_cell.csv").write_text(text)
    faults = curve_faults(rows(0, 0.75), BY_CURVE, lambda name: tmp_path / name)
    told = str(BadInput(*faults))
    assert all(word in told for word in ("curve_cell.csv", *words)), told


def test_a_curve_that_is_not_there(tmp_path: Path) -> None:
    (fault,) = curve_faults(rows(0, 0.75), BY_CURVE, lambda name: tmp_path / name)
    assert "curve_cell.csv: found 'no file'" in str(fault)


def told_of(tmp_path: Path, samples: list[Sample], settings: ChargeSettings = BY_CURVE) -> list[str]:
    write_curve(tmp_path / "curve_cell.csv", pulses((0.75, 0.75, -0.75)))
    return [str(fault) for fault in curve_faults(samples, settings, lambda name: tmp_path / name)]


def test_a_curve_that_fits_has_no_fault(tmp_path: Path) -> None:
    assert not told_of(tmp_path, rows(0, 0.75, 0.75, -0.75, spacing_min=35))
    assert not told_of(tmp_path, rows(None, None, None, None, spacing_min=35))
    assert not told_of(tmp_path, rows(0))


def test_scans_that_the_curve_does_not_cover_are_named(tmp_path: Path) -> None:
    (fault,) = told_of(tmp_path, rows(0, 0.75, 0.75, -0.75, -0.75, spacing_min=35))
    assert "t4 at 140 min" in fault
    assert "t3" not in fault
    assert "between 0 and 110 min" in fault
    early = ChargeSettings(curve="curve_{series}.csv", curve_offset_min=-10)
    (fault,) = told_of(tmp_path, rows(0, 0.75, 0.75, -0.75, spacing_min=35), early)
    assert "t0 at -10 min" in fault


def test_a_current_that_the_curve_contradicts_is_named(tmp_path: Path) -> None:
    (fault,) = told_of(tmp_path, rows(0, 0.75, -0.75, -0.75, spacing_min=35))
    assert "sample sheet, cell t2, current_ma: found -0.75" in fault
    assert "a charge" in fault
    resting = [row for row in rows(*[None] * 7, -0.75, spacing_min=10) if row.timestep in {"t0", "t3", "t6", "t7"}]
    (fault,) = told_of(tmp_path, resting)
    assert "cell t7" in fault
    assert "no charge" in fault


def test_a_curve_of_the_other_sign_throughout_is_one_fault(tmp_path: Path) -> None:
    sheet = rows(0, -0.75, -0.75, 0.75, spacing_min=35)
    (fault,) = told_of(tmp_path, sheet)
    assert "curve_cell.csv" in fault
    assert "set curve_charging_is_negative: true" in fault
    assert not told_of(tmp_path, sheet, BY_CURVE.model_copy(update={"curve_charging_is_negative": True}))


SHEETS: dict[str, tuple[list[Sample], ChargeSettings, tuple[str, ...]]] = {
    "no time beside a curve": (
        [Sample(series="cell", timestep="t0", path="x")],
        BY_CURVE,
        ("cell t0, time_min", "nothing"),
    ),
    "no current": (rows(0, 0.75, None), BY_SHEET, ("cell t2, current_ma", "nothing", "fill the cell")),
    "a charge that discharges": (
        [*rows(0, 0.75), *rows(0, 0.75, -0.75, state="Charge")[2:]],
        BY_SHEET,
        ("cell t2, current_ma", "-0.75", "above 0", "'Charge'"),
    ),
    "a discharge that charges": (rows(0, 1, state="discharging"), BY_SHEET, ("cell t1", "below 0")),
    "the end of a charge that discharges": (
        rows(0, -0.75, state="half_cycle"),
        BY_SHEET,
        ("cell t1, current_ma", "-0.75", "above 0", "'half_cycle'"),
    ),
    "the end of a discharge that charges": (rows(0, 1, state="full_cycle"), BY_SHEET, ("cell t1", "below 0")),
    "a row missing in the middle": (
        [row for row in rows(0, 1, 1, 1, -1, -1) if row.timestep != "t3"],
        BY_SHEET,
        ("cell t4, time_min", "60 min a current period", "about 30 min", "a row may be missing", "periods_since: {t4"),
    ),
    "a row too many": (
        [*rows(0, 1, 1, 1), Sample(series="cell", timestep="t9", path="x", time_min=105, current_ma=1)],
        BY_SHEET,
        ("cell t9", "15 min a current period"),
    ),
    "periods of no timestep": (
        rows(0, 1),
        ChargeSettings(current_min=10, periods_since={"t7": 2}),
        ("periods_since", "t7"),
    ),
}


@pytest.mark.parametrize(("samples", "settings", "words"), SHEETS.values(), ids=SHEETS.keys())
def test_a_fault_of_the_sheet(samples: list[Sample], settings: ChargeSettings, words: tuple[str, ...]) -> None:
    (fault,) = sheet_faults(samples, settings)
    assert all(word in str(fault) for word in words), str(fault)


def test_rows_without_a_fault() -> None:
    gap = [row for row in rows(0, 1, 1, 1, -1, -1) if row.timestep != "t3"]
    for samples, settings in (
        (rows(0), BY_SHEET),
        (rows(None, 1, 0, -1), BY_SHEET),
        (gap, ChargeSettings(current_min=10, periods_since={"cell/t4": 2})),
        (gap, BY_CURVE),
        ([row for row in rows(0, 1, 1, 0, 0, -1) if row.timestep != "t3"], BY_SHEET),
    ):
        assert not sheet_faults(samples, settings)


def test_a_charge_is_known_one_way_or_the_other() -> None:
    with pytest.raises(ValidationError, match="'curve', or 'current_min'"):
        ChargeSettings()


@pytest.mark.parametrize("column", ["time", "time_days", "", "time_mA"])
def test_a_column_ends_in_its_unit(column: str) -> None:
    with pytest.raises(ValidationError, match="ends in its unit, one of s, min, h"):
        CurveColumns(time=column)
