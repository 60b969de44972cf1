"""Reading a cycling curve: a table of time, current and voltage, as instruments and spreadsheets write it."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING

import numpy as np

from tomocell.electrochemistry.curve import Curve
from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.electrochemistry.settings import ChargeSettings

DELIMITERS = ("\t", ";", ",")
COMMENTS = ("#", "%")
MOST_PREAMBLE = 500  # lines; instruments write about 100 before their table
MOST_TOLD = 3
LEAST_SAMPLES = 2
MOST_AT_ONE_TIME = 2  # before and after a jump
REST_SHARE = 0.01  # of the largest current: far above an instrument's offset, far below any period

Line = tuple[int, list[str]]


def read_curve(path: Path, settings: ChargeSettings) -> Curve:
    """Read a cycling curve; tabs, semicolons or commas part its cells, decimal commas where commas do not.

    The line that holds all the columns' names is its header, whatever stands above it; lines that start with ``#`` or
    ``%`` are comments.

    Raises:
        BadInput: If there is no such file or column, no samples, cells that are no finite numbers, or times that fall.
    """
    factors = settings.curve_columns.factors()
    lines = _lines(path)
    start, delimiter, header = _find_header(path, lines, list(factors))
    rows = _rows(lines[start:], start, delimiter)
    places = [header.index(column) for column in factors]
    numbers, samples = _numbers(path, rows, places, decimal_comma=delimiter != ",")
    columns = dict(zip(factors, samples.T * np.array(list(factors.values()))[:, None], strict=True))
    time = columns[settings.curve_columns.time]
    _require_order(path, time, numbers)
    return _curve(columns, settings)


def _curve(columns: dict[str, NDArray[np.float64]], settings: ChargeSettings) -> Curve:
    names = settings.curve_columns
    time, current = columns[names.time], columns[names.current]
    voltage = np.full(len(time), np.nan) if names.voltage is None else columns[names.voltage]
    sign = -1.0 if settings.curve_charging_is_negative else 1.0
    told = settings.rest_below_ma
    return Curve(time, sign * current, voltage, REST_SHARE * float(np.abs(current).max()) if told is None else told)


def _lines(path: Path) -> list[str]:
    try:
        # Only the names of columns that are not read may hold other letters (a degree sign of an old code page).
        return path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise BadInput(Fault(str(path), "no file", "a cycling curve", "put it there, or correct 'curve'")) from error


def _find_header(path: Path, lines: Sequence[str], wanted: Sequence[str]) -> tuple[int, str, list[str]]:
    """Return the index of the line after the header, its delimiter and its names."""
    for index, line in enumerate(lines[:MOST_PREAMBLE]):
        for delimiter in DELIMITERS:
            cells = _names(line, delimiter)
            if set(wanted) <= set(cells):
                _require_once(path, cells, wanted)
                return index + 1, delimiter, cells
    raise BadInput(_no_header(path, lines, wanted))


def _names(line: str, delimiter: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line.lstrip("".join(COMMENTS)).split(delimiter)]


def _require_once(path: Path, cells: list[str], wanted: Sequence[str]) -> None:
    twice = [name for name in wanted if cells.count(name) > 1]
    if twice:
        raise BadInput(Fault(f"{path} header", f"{', '.join(twice)} twice", "each column once", "remove or rename it"))


def _no_header(path: Path, lines: Sequence[str], wanted: Sequence[str]) -> Fault:
    told = [line for line in lines[:MOST_PREAMBLE] if line.strip() and not line.startswith(COMMENTS)]
    if not told:
        return Fault(str(path), "an empty file", f"a table with columns {', '.join(wanted)}", "give the curve")
    splits = (_names(line, delimiter) for line in told for delimiter in DELIMITERS)
    names = max(splits, key=lambda cells: (len(set(wanted) & set(cells)), len(cells)))
    missing = [name for name in wanted if name not in names]
    remedy = "name the file's own columns in curve_columns (voltage: null where there is none)"
    return Fault(str(path), f"columns {', '.join(names)}", f"a column {' and '.join(missing)}", remedy)


def _rows(lines: Sequence[str], start: int, delimiter: str) -> Iterator[Line]:
    """Yield the lines below the header with their numbers in the file; comments and empty lines are passed over."""
    for number, cells in enumerate(csv.reader(lines, delimiter=delimiter), start=start + 1):
        if any(cell.strip() for cell in cells) and not cells[0].startswith(COMMENTS):
            yield number, cells


def _numbers(
    path: Path, rows: Iterator[Line], places: Sequence[int], *, decimal_comma: bool
) -> tuple[list[int], NDArray[np.float64]]:
    """Return the lines' numbers in the file, and the cells at ``places`` as an array of shape (lines, places)."""
    numbers: list[int] = []
    samples: list[list[float]] = []
    strange: list[Fault] = []
    for number, cells in rows:
        found = [_number(cells[place] if place < len(cells) else "", decimal_comma=decimal_comma) for place in places]
        if all(map(math.isfinite, found)):
            numbers.append(number)
            samples.append(found)
        else:
            told = [cells[place] if place < len(cells) else "nothing" for place in places]
            strange.append(
                Fault(f"{path} line {number}", ", ".join(told), "finite numbers", "correct or remove the line")
            )
    if strange:
        raise BadInput(*_few(strange))
    if len(samples) < LEAST_SAMPLES:
        raise BadInput(Fault(str(path), f"{len(samples)} samples", "two or more below the header", "give the curve"))
    return numbers, np.array(samples)


def _number(cell: str, *, decimal_comma: bool) -> float:
    try:
        return float(cell.replace(",", ".") if decimal_comma else cell)
    except ValueError:
        return math.nan


def _few(faults: Sequence[Fault]) -> list[Fault]:
    told = list(faults[:MOST_TOLD])
    if len(faults) > MOST_TOLD:
        last = told[-1]
        more = f"{last.remedy}; and {len(faults) - MOST_TOLD} more such lines"
        told[-1] = Fault(last.where, last.value, last.expected, more)
    return told


def _require_order(path: Path, time_min: NDArray[np.float64], numbers: Sequence[int]) -> None:
    steps = np.diff(time_min)
    stays = (steps[1:] == 0) & (steps[:-1] == 0)
    wrong = [*(np.flatnonzero(steps < 0) + 1), *(np.flatnonzero(stays) + MOST_AT_ONE_TIME)]
    expected = "times that rise; the same time twice only where the current jumps"
    remedy = "sort the lines, or put together what was recorded in parts"
    faults = [
        Fault(
            f"{path} line {numbers[index]}",
            f"{time_min[index]:g} min after {time_min[index - 1]:g} min",
            expected,
            remedy,
        )
        for index in sorted(wrong)
    ]
    if faults:
        raise BadInput(*_few(faults))
