"""An operando lithium series over one cycle, with known truth, as the raw files a beamline leaves.

Raises nothing of its own while it draws: settings that cannot work are refused before the first file is written.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import Field, model_validator

from tomocell.errors import BadInput, Fault
from tomocell.phantoms.cell import chronology
from tomocell.phantoms.cell.settings import CellSettings
from tomocell.phantoms.raw_files import WRITERS, RawFile, write_as

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.phantoms.cell.chronology import Timestep
    from tomocell.phantoms.cell.motion import Motion
    from tomocell.phantoms.cell.planted import Stored
    from tomocell.phantoms.cell.surfaces import Landscape, Surfaces
    from tomocell.phantoms.cell.views import PhaseVolume, ScanVolume
    from tomocell.volumes.volume import Volume

COLUMNS = ("series", "timestep", "path", "dataset", "time_min", "state", "current_ma", "reference", "labels")
IGNORE = 255
TRUTH = "truth/truth.json"
CURVE = "curve.csv"


class Settings(CellSettings):
    """An operando lithium series with known truth."""

    series: str = Field("lithium", pattern=r"^[A-Za-z0-9_-]+$", description="Name of the series in the sample sheet.")
    formats: tuple[str, ...] = Field(
        ("tiff_folder", "big_tiff", "data_exchange", "raw", "nrrd"),
        min_length=1,
        description="Raw formats, given to the timesteps in turn.",
    )
    annotated_timesteps: tuple[int, ...] = Field(
        (0, 1, 2, 3, 4), description="Timesteps with sparse labels, counted from 0; negative ones from the end."
    )
    annotated_planes: Annotated[int, Field(ge=1)] = Field(
        8, description="Labelled x-z cross-sections in each of them, evenly spread over the ROI."
    )

    @model_validator(mode="after")
    def _known_formats(self) -> Self:
        unknown = sorted(set(self.formats) - set(WRITERS))
        if unknown:
            msg = f"formats {', '.join(unknown)} are not known; expected some of: {', '.join(WRITERS)}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _timesteps_exist(self) -> Self:
        count = len(chronology.timesteps(self))
        wrong = [index for index in (self.reference_index, *self.annotated_timesteps) if not -count <= index < count]
        if wrong:
            msg = f"reference_index or annotated_timesteps name timesteps {wrong}; expected {-count} to {count - 1}"
            raise ValueError(msg)
        return self

    @property
    def annotated(self) -> set[int]:
        """The annotated timesteps, counted from 0."""
        count = len(chronology.timesteps(self))
        return {index % count for index in self.annotated_timesteps}


@dataclass(frozen=True)
class Scene:
    """One timestep, ready to be read region by region."""

    step: Timestep
    motion: Motion
    scan: ScanVolume
    phases: PhaseVolume
    surfaces: Surfaces
    landscape: Landscape


def scenes(settings: CellSettings) -> Iterator[Scene]:
    """Yield every timestep of the series, at its scale.

    Raises:
        BadInput: If a displaced scan would not cover the region of interest.
    """
    from tomocell.phantoms.cell.motion import motion_of
    from tomocell.phantoms.cell.surfaces import Landscape
    from tomocell.phantoms.cell.views import PhaseVolume, ScanVolume

    settings = settings.scaled()
    steps = chronology.timesteps(settings)
    motions = [motion_of(settings, step) for step in steps]
    landscape = Landscape(settings)
    for step, motion in zip(steps, motions, strict=True):
        surfaces = landscape.at(step)
        scan = ScanVolume(settings, step, surfaces, motion)
        yield Scene(step, motion, scan, PhaseVolume(settings, step, surfaces), surfaces, landscape)


def synthesize(settings: Settings, out: Path) -> None:
    """Write the series to ``out``, all of it or nothing.

    ``samples.tsv``, ``raw/``, ``annotations/``, ``truth/`` and, of a cell that rests, ``curve.csv``.

    Raises:
        BadInput: If ``out`` holds anything but an earlier phantom, or the settings cannot work.
    """
    from tomocell.volumes.publish import atomic_directory

    if out.is_dir() and any(out.iterdir()) and not (out / TRUTH).is_file():
        raise BadInput(Fault(str(out), "a folder with other files", "an empty or new folder", "choose another --out"))
    with atomic_directory(out) as partial:
        _write_series(settings, partial)


def _write_series(settings: Settings, out: Path) -> None:
    from tomocell.phantoms.cell.curve import write_curve
    from tomocell.phantoms.cell.planted import Planter
    from tomocell.phantoms.cell.truth import series_record, timestep_record

    for folder in ("raw", "annotations", "truth"):
        (out / folder).mkdir(parents=True)
    cell = settings.scaled()
    planter = Planter(cell)
    rows, records = [], {}
    for scene in scenes(settings):
        name = scene.step.name
        raw = write_as(settings.formats[scene.step.index % len(settings.formats)], scene.scan, out / "raw" / name)
        stored = _write_truth(scene, out / "truth" / name)
        labels = _annotate(settings, scene, out) if scene.step.index in settings.annotated else ""
        rows.append(_row(settings, scene.step, raw, labels, out))
        record = timestep_record(cell, scene.step, scene.motion, scene.phases, stored.counts)
        records[name] = record | planter.record(scene, stored, record["continuous"]["volume_um3"])
    if settings.rest_min:
        write_curve(cell, out / CURVE)
    record = series_record(cell) | {
        "kind": "lithium",
        "series": settings.series,
        "reference": chronology.reference(settings).name,
        "timesteps": records,
        "settings": settings.model_dump(mode="json"),
    }
    (out / TRUTH).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    (out / "samples.tsv").write_text(_sheet(rows), encoding="utf-8")


def _write_truth(scene: Scene, folder: Path) -> Stored:
    """Write the true phases and labels as stores; return the phases as they are stored."""
    from tomocell.phantoms.cell.planted import Stored
    from tomocell.phantoms.cell.views import LabelVolume
    from tomocell.volumes.store import open_store

    columns = _store(scene.phases, folder / "phases.ome.zarr")
    _store(LabelVolume(scene.phases), folder / "labels.ome.zarr")
    return Stored(open_store(folder / "phases.ome.zarr"), columns)


def _store(volume: Volume, path: Path) -> NDArray[np.int64]:
    """Write a volume; return the voxels of each class along z, shape (classes, Y, X)."""
    from tomocell.blocks import Limits, cut
    from tomocell.volumes.store import Layout, create_store

    columns = np.zeros((len(volume.classes), *volume.shape[1:]), dtype=np.int64)
    with create_store(path, Layout(volume.shape, volume.dtype, volume.size, volume.classes), Limits()) as writer:
        for block in cut(volume.shape, writer.shard):
            voxels = volume.read(block.core)
            writer.write(block.core, voxels)
            for member, column in zip(volume.classes, columns, strict=True):
                column[block.core[1:]] += (voxels == member.value).sum(axis=0)
    return columns


def _annotate(settings: Settings, scene: Scene, out: Path) -> str:
    """Write labels of a few cross-sections as TIFF on the grid of the ROI, all else ignored; return its path."""
    import tifffile

    from tomocell.phantoms.cell.views import LabelVolume

    labels = LabelVolume(scene.phases)
    depth, height, width = labels.shape
    sparse = np.full(labels.shape, IGNORE, dtype=np.uint8)
    for plane in annotated_rows(height, settings.annotated_planes):
        region = (slice(0, depth), slice(plane, plane + 1), slice(0, width))
        sparse[region] = labels.read(region)
    path = f"annotations/{scene.step.name}.tif"
    tifffile.imwrite(out / path, sparse, compression="zlib", metadata=None)
    return path


def annotated_rows(height: int, count: int) -> list[int]:
    """Return the y planes that are labelled: ``count`` of them in the middles of equal parts of the ROI."""
    return sorted({int((part + 0.5) * height / count) for part in range(count)})


def _row(settings: Settings, step: Timestep, raw: RawFile, labels: str, out: Path) -> dict[str, Any]:
    return {
        "series": settings.series,
        "timestep": step.name,
        "path": raw.path.relative_to(out).as_posix(),
        "dataset": raw.dataset,
        "time_min": f"{step.clock_min:g}",
        "state": step.state,
        "current_ma": f"{step.current_ma:g}",
        "reference": "true" if step == chronology.reference(settings) else "false",
        "labels": labels,
    }


def _sheet(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
