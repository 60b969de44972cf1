"""The sample sheet: one row per timestep, every fault of every row told at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, ValidationError, field_validator

from tomocell.errors import BadInput
from tomocell.settings.base import Frozen
from tomocell.settings.faults import faults_of
from tomocell.settings.rows import faults_between, read_rows
from tomocell.settings.types import Identifier, VoxelEdge

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Key = tuple[str, str]
FIELD_SEPARATOR = ";"
MAPS = "maps"
RESERVED = ("models", "tables", "logs", "benchmarks")


class Sample(Frozen):
    """One scan: a row of the sheet."""

    series: Identifier = Field(description="The sample over time; letters, digits, '_' and '-'.")
    timestep: Identifier = Field(description="The scan; unique in its series.")
    path: str = Field(
        min_length=1,
        description="Raw file or folder, relative to the sheet; several with ';' between are fields of view that "
        "'convert.stitch' joins, in order along its axis.",
    )
    dataset: str | None = Field(None, description="Dataset inside an HDF5 or zarr file.")
    time_min: Annotated[float, Field(ge=0)] | None = Field(None, description="Time of the scan since the first, min.")
    state: str | None = Field(None, description="What the cell was doing, in words: pristine, charge, discharge, ...")
    current_ma: float | None = Field(
        None, description="Mean current since the scan before, mA; positive while charging."
    )
    reference: bool = Field(default=False, description="The timestep whose frame all others are registered to.")
    labels: str | None = Field(None, description="Annotations of this timestep, relative to the sheet.")
    truth: str | None = Field(
        None,
        description="True labels of this timestep, relative to the sheet, to evaluate by: uint8, a value of a class or "
        "the ignore value for every voxel of what is segmented (the converted scan, its crop and turn included; for a "
        "registered series the region of interest).",
    )
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

    @field_validator("timestep")
    @classmethod
    def _no_folder_of_a_series(cls, value: str) -> str:
        if value == MAPS:
            msg = f"a name other than '{MAPS}', which is a folder of each series"
            raise ValueError(msg)
        return value

    @field_validator("path")
    @classmethod
    def _no_empty_field(cls, value: str) -> str:
        if not all(part.strip() for part in value.split(FIELD_SEPARATOR)):
            msg = f"a path on both sides of every '{FIELD_SEPARATOR}'"
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

    def towards_reference(self, series: str, timestep: str) -> str:
        """Return the neighbour of a timestep on the way to the reference; the reference itself for its neighbours."""
        steps, reference = self.timesteps(series), self.reference(series)
        here, there = steps.index(timestep), steps.index(reference)
        return steps[here + (there > here) - (there < here)]

    def labelled(self) -> tuple[Sample, ...]:
        """Return the rows that have annotations."""
        return tuple(sample for sample in self.samples if sample.labels)

    def judged(self, series: str) -> tuple[Sample, ...]:
        """Return the rows of a series that have a truth."""
        return tuple(sample for sample in self.of(series) if sample.truth)

    def locate(self, relative: str) -> Path:
        """Return a path of the sheet as seen from the working directory."""
        return self.path.parent / relative

    def locate_scan(self, sample: Sample) -> list[Path]:
        """Return the paths of a scan's fields of view, as seen from the working directory: mostly one."""
        return [self.locate(part.strip()) for part in sample.path.split(FIELD_SEPARATOR)]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a tab-separated sheet.

        Raises:
            BadInput: With every fault of every row.
        """
        rows, faults = read_rows(path)
        samples = []
        for number, row in rows:
            try:
                samples.append(Sample.model_validate(row))
            except ValidationError as error:
                faults.extend(faults_of(error, f"{path} row {number}", "correct the cell"))
        faults.extend(faults_between(path, rows))
        if faults:
            raise BadInput(*faults)
        return cls(path, samples)
