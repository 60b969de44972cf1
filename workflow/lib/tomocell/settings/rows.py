"""Rows of a sample sheet: read as text, and checked against each other."""

from __future__ import annotations

import csv
from collections import Counter
from typing import TYPE_CHECKING

from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Row = tuple[int, dict[str, str]]
TRUE = {"true", "1", "yes"}


def read_rows(path: Path) -> tuple[list[Row], list[Fault]]:
    """Return the rows with their line numbers, empty cells left out, and what is wrong with single rows.

    Raises:
        BadInput: If the file or its header cannot be read: nothing can be said of the rows then.
    """
    numbered = [(number, line) for number, line in _lines(path) if line and not line[0].startswith("#")]
    header = [cell.strip() for cell in numbered[0][1]] if numbered else []
    _require_header(path, header, len(numbered))
    faults = [
        Fault(f"{path} row {number}", f"{len(line)} cells", f"{len(header)} as in the header", "use tabs between cells")
        for number, line in numbered[1:]
        if len(line) > len(header)
    ]
    return [(number, _cells(header, line)) for number, line in numbered[1:]], faults


def faults_between(path: Path, rows: list[Row]) -> list[Fault]:
    """Return what is wrong with rows that are right by themselves: given twice, out of order, two references."""
    return [*_repeated(path, rows), *_at_one_time(path, rows), *_out_of_order(path, rows), *_references(path, rows)]


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:  # spreadsheets put a mark before the text
            return list(enumerate(csv.reader(handle, delimiter="\t"), start=1))
    except OSError as error:
        raise BadInput(Fault(str(path), "no file", "a sample sheet", "correct 'samples' in the study")) from error
    except UnicodeDecodeError as error:
        raise BadInput(Fault(str(path), "bytes that are not UTF-8", "a text table", "save it as UTF-8 text")) from error


def _require_header(path: Path, header: list[str], lines: int) -> None:
    if len(header) == 1:
        remedy = "save it as tab-separated text; spaces and commas do not part cells"
        raise BadInput(Fault(f"{path} header", header[0], "column names with tabs between them", remedy))
    if lines < 2:  # noqa: PLR2004
        raise BadInput(Fault(str(path), f"{lines} lines", "a header and at least one row", "add a row per scan"))
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise BadInput(Fault(f"{path} header", f"{', '.join(twice)} twice", "each column once", "remove or rename it"))


def _cells(header: list[str], line: list[str]) -> dict[str, str]:
    return {name: cell.strip() for name, cell in zip(header, line, strict=False) if cell.strip()}


def _repeated(path: Path, rows: list[Row]) -> Iterator[Fault]:
    keys = Counter((row["series"], row["timestep"]) for _, row in rows if row.keys() >= {"series", "timestep"})
    for (series, timestep), count in keys.items():
        if count > 1:
            remedy = f"given {count} times: rename or remove"
            yield Fault(str(path), f"{series} {timestep}", "each timestep once in a series", remedy)


def _at_one_time(path: Path, rows: list[Row]) -> Iterator[Fault]:
    times = Counter((row.get("series"), _number(row["time_min"])) for _, row in rows if "time_min" in row)
    for (series, time), count in times.items():
        if count > 1:
            remedy = f"{count} rows have it: correct time_min"
            yield Fault(str(path), f"{series} at {time} min", "one scan at a time", remedy)


def _out_of_order(path: Path, rows: list[Row]) -> Iterator[Fault]:
    """Yield the rows that lie before the row above them: what happened between two scans stands in the later one."""
    above: dict[str | None, tuple[int, float]] = {}
    for number, row in rows:
        time = _number(row.get("time_min", ""))
        if isinstance(time, str):
            continue
        series = row.get("series")
        row_above, time_above = above.get(series, (number, time))
        if time < time_above:
            value = f"{series} at {time} min, after row {row_above} at {time_above} min"
            remedy = "sort the rows, or correct time_min"
            yield Fault(f"{path} row {number}", value, "the scans of a series in order of time", remedy)
        above[series] = (number, time)


def _references(path: Path, rows: list[Row]) -> Iterator[Fault]:
    marked = Counter(row.get("series") for _, row in rows if row.get("reference", "").lower() in TRUE)
    for series, count in marked.items():
        if count > 1:
            yield Fault(str(path), f"{series}: {count} rows", "at most one reference in a series", "keep one 'true'")


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell
