"""The sample sheet: one row per timestep, every fault of every row told at once."""

from __future__ import annotations

import csv
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, ValidationError, field_validator

from tomocell.errors import BadInput, Fault
from tomocell.settings.base import Frozen
from tomocell.settings.faults import faults_of
from tomocell.settings.types import Identifier, VoxelEdge

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Key = tuple[str, str]
RESERVED = ("models", "tables", "logs", "benchmarks")


class Sample(Frozen):
    """One scan: a row of the sheet."""

    series: Identifier = Field(description="The sample over time; letters, digits, '_' and '-'.")
    timestep: Identifier = Field(description="The scan; unique in its series.")
    path: str = Field(min_length=1, description="Raw file or folder, relative to the sheet.")
    dataset: str | None = Field(None, description="Dataset inside an HDF5 or zarr file.")
    time_min: Annotated[float, Field(ge=0)] | None = Field(None, description="Time of the scan since the first, min.")
    state: str | None = Field(None, description="What the cell was doing, in words: pristine, charge, discharge, ...")
    current_ma: float | None = Field(
        None, description="Mean current since the scan before, mA; positive while charging."
    )
    reference: bool = Field(default=False, description="The timestep whose frame all others are registered to.")
    labels: str | None = Field(None, description="Annotations of this timestep, relative to the sheet.")
    measured_porosity: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="Porosity known from another instrument, 0 to 1."
    )
    voxel_size_um: tuple[VoxelEdge, VoxelEdge, VoxelEdge] | None = Field(
        None, description="Voxel edges Z Y X in micrometres where they differ from the study's, separated by spaces."
    )
    gigavoxels: Annotated[float, Field(gt=0)] | None = Field(None, description="Size of this scan in 1e9 voxels.")

    @field_validator("voxel_size_um", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(value.split()) if isinstance(value, str) else value

    @field_validator("series")
    @classmethod
    def _not_reserved(cls, value: str) -> str:
        if value in RESERVED:
            msg = f"a name other than {', '.join(RESERVED)}, which are folders of the results"
            raise ValueError(msg)
        return value

    @property
    def key(self) -> Key:
        """Series and timestep."""
        return (self.series, self.timestep)


class SampleSheet:
    """All scans of a study, in the order of the sheet."""

    def __init__(self, path: Path, samples: Iterable[Sample]) -> None:
        self.path = path
        self.samples = tuple(samples)
        self._by_key = {sample.key: sample for sample in self.samples}

    def __getitem__(self, key: Key) -> Sample:
        return self._by_key[key]

    @property
    def series(self) -> tuple[str, ...]:
        """The series, in order of appearance."""
        return tuple(dict.fromkeys(sample.series for sample in self.samples))

    def timesteps(self, series: str) -> tuple[str, ...]:
        """Return the timesteps of a series, in order."""
        return tuple(sample.timestep for sample in self.samples if sample.series == series)

    def of(self, series: str) -> tuple[Sample, ...]:
        """Return the rows of a series, in order."""
        return tuple(sample for sample in self.samples if sample.series == series)

    def reference(self, series: str) -> str:
        """Return the timestep of ``series`` that is marked as reference, or its last one."""
        marked = [sample.timestep for sample in self.of(series) if sample.reference]
        return marked[0] if marked else self.timesteps(series)[-1]

    def labelled(self) -> tuple[Sample, ...]:
        """Return the rows that have annotations."""
        return tuple(sample for sample in self.samples if sample.labels)

    def locate(self, relative: str) -> Path:
        """Return a path of the sheet as seen from the working directory."""
        return self.path.parent / relative

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a tab-separated sheet.

        Raises:
            BadInput: With every fault of every row.
        """
        rows = _read_rows(path)
        samples, faults = [], []
        for number, row in rows:
            try:
                samples.append(Sample.model_validate(row))
            except ValidationError as error:
                faults.extend(faults_of(error, f"{path} row {number}", "correct the cell"))
        faults.extend(_sheet_faults(path, [row for _, row in rows]))
        if faults:
            raise BadInput(*faults)
        return cls(path, samples)


def _read_rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Return the rows with their line numbers; empty cells are left out."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:  # spreadsheets put a mark before the text
            lines = list(csv.reader(handle, delimiter="\t"))
    except OSError as error:
        raise BadInput(Fault(str(path), "no file", "a sample sheet", "correct 'samples' in the study")) from error
    except UnicodeDecodeError as error:
        raise BadInput(Fault(str(path), "bytes that are not UTF-8", "a text table", "save it as UTF-8 text")) from error
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line and not line[0].startswith("#")]
    if len(numbered) < 2:  # noqa: PLR2004
        raise BadInput(
            Fault(str(path), f"{len(numbered)} lines", "a header and at least one row", "add a row per scan")
        )
    header = [cell.strip() for cell in numbered[0][1]]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise BadInput(Fault(f"{path} header", f"{', '.join(twice)} twice", "each column once", "remove or rename it"))
    return [(number, _cells(path, number, header, line)) for number, line in numbered[1:]]


def _cells(path: Path, number: int, header: list[str], line: list[str]) -> dict[str, Any]:
    if len(line) > len(header):
        fault = Fault(
            f"{path} row {number}", f"{len(line)} cells", f"{len(header)} as in the header", "use tabs between cells"
        )
        raise BadInput(fault)
    return {name: cell.strip() for name, cell in zip(header, line, strict=False) if cell.strip()}


def _sheet_faults(path: Path, rows: list[dict[str, Any]]) -> list[Fault]:
    keys = Counter((row["series"], row["timestep"]) for row in rows if row.keys() >= {"series", "timestep"})
    faults = [
        Fault(
            str(path),
            f"{series} {timestep}",
            "each timestep once in a series",
            f"given {count} times: rename or remove",
        )
        for (series, timestep), count in keys.items()
        if count > 1
    ]
    times = Counter((row.get("series"), _number(row["time_min"])) for row in rows if "time_min" in row)
    faults += [
        Fault(str(path), f"{series} at {time} min", "one scan at a time", f"{count} rows have it: correct time_min")
        for (series, time), count in times.items()
        if count > 1
    ]
    marked = Counter(row.get("series") for row in rows if str(row.get("reference", "")).lower() in {"true", "1", "yes"})
    faults += [
        Fault(str(path), f"{series}: {count} rows", "at most one reference in a series", "keep one 'true'")
        for series, count in marked.items()
        if count > 1
    ]
    return faults


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell
