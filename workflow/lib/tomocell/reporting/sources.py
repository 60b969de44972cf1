"""What a report is made from: the files of a series in the results folder, each of which may be missing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tomocell.errors import BadInput, Fault
from tomocell.volumes.manifest import STORE_SUFFIX, manifest_path
from tomocell.volumes.store import StoreVolume, open_store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from tomocell.settings.load import Project
    from tomocell.settings.samples import Sample

KINDS = ("volume", "registered", "labels", "phases")
OF_REGISTRATION = ("registered", "registration")
PROVENANCE = "provenance"


@dataclass(frozen=True)
class Source:
    """The files of one series.

    Attributes:
        project: The study and its sheet.
        series: Whose files.
        results: Folder of all results.
    """

    project: Project
    series: str
    results: Path

    @property
    def folder(self) -> Path:
        """Folder of the series."""
        return self.results / self.series

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The timesteps, in the order of the sheet."""
        return self.project.sheet.of(self.series)

    @property
    def timesteps(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(sample.timestep for sample in self.samples)

    @property
    def colors(self) -> dict[str, str]:
        """Colour of each class, by name."""
        return {member.name: member.color for member in self.project.study.all_classes}

    @property
    def analyses(self) -> tuple[str, ...]:
        """Analyses of the study, of timesteps first, then of the series."""
        return tuple(dict.fromkeys([*self.project.study.measure, *self.project.study.series]))

    def makes(self, name: str) -> bool:
        """Whether the study makes files called ``name``; those that it does not may be left of another time."""
        return name not in OF_REGISTRATION or self.project.study.registration is not None

    def stores(self, *kinds: str) -> dict[str, StoreVolume]:
        """Return, by timestep, the store of the first of ``kinds`` that the study makes and any timestep has.

        Raises:
            BadInput: If a finished store lacks a shard.
        """
        for kind in filter(self.makes, kinds):
            paths = {step: self.folder / step / f"{kind}{STORE_SUFFIX}" for step in self.timesteps}
            found = {step: open_store(path) for step, path in paths.items() if manifest_path(path).is_file()}
            if found:
                return found
        return {}

    def records(self, name: str) -> dict[str, dict[str, Any]]:
        """Return ``<timestep>/<name>.json`` by timestep, where there is one and the study makes it."""
        if not self.makes(name):
            return {}
        paths = {step: self.folder / step / f"{name}.json" for step in self.timesteps}
        return {step: read_record(path) for step, path in paths.items() if path.is_file()}

    def objects(self, name: str) -> dict[str, pd.DataFrame]:
        """Return ``<timestep>/<name>.parquet`` by timestep, where there is one."""
        paths = {step: self.folder / step / f"{name}.parquet" for step in self.timesteps}
        return {step: _read_parquet(path) for step, path in paths.items() if path.is_file()}

    def over_time(self, name: str) -> pd.DataFrame | None:
        """Return ``<name>.csv``, or the same gathered from the timesteps' records, or None."""
        path = self.folder / f"{name}.csv"
        if path.is_file():
            return read_csv(path)
        records = self.records(name)
        return _gather(records, self.samples) if records else None

    def maps(self) -> dict[str, dict[str, Path]]:
        """Return the maps (TIFF) that records of the study's analyses of a timestep list, by name and timestep."""
        found: dict[str, dict[str, Path]] = {}
        for name in self.project.study.measure:
            for step, record in self.records(name).items():
                for path in _maps_listed(self.folder / step, record):
                    found.setdefault(path.stem, {})[step] = path
        ordered = {step: index for index, step in enumerate(self.timesteps)}
        return {name: dict(sorted(found[name].items(), key=lambda item: ordered[item[0]])) for name in sorted(found)}

    def record_of_series(self, name: str) -> dict[str, Any]:
        """Return ``<name>.json`` of the series; empty where there is none or the study does not ask for it."""
        path = self.folder / f"{name}.json"
        return read_record(path) if name in self.project.study.series and path.is_file() else {}

    def objects_of_series(self, name: str) -> pd.DataFrame | None:
        """Return ``<name>.parquet`` of the series, or None."""
        path = self.folder / f"{name}.parquet"
        return _read_parquet(path) if name in self.project.study.series and path.is_file() else None

    def maps_of_series(self, name: str) -> dict[str, Path]:
        """Return the maps (TIFF) that the record of a series analysis lists, by name."""
        return {path.stem: path for path in _maps_listed(self.folder, self.record_of_series(name))}

    def model_folder(self) -> Path | None:
        """Return the folder of the study's model, where there is one."""
        model = self.project.study.model
        return None if model is None else self.results / "models" / model.name


def read_record(path: Path) -> dict[str, Any]:
    """Read a JSON record.

    Raises:
        BadInput: If it is not one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _unreadable(path, error, "a JSON record") from error
    if not isinstance(content, dict):
        raise _unreadable(path, type(content).__name__, "a JSON record of keys and values")
    return content


def read_csv(path: Path) -> pd.DataFrame:
    """Read a table.

    Raises:
        BadInput: If it is not one.
    """
    import pandas as pd

    try:
        # A timestep called 001 is a name, not the number 1.
        return pd.read_csv(path, dtype={"timestep": str, "series": str})
    except ValueError as error:
        raise _unreadable(path, error, "a table") from error


def flatten(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the entries of a record without its provenance; ``{"a": {"b": 1}}`` becomes ``{"a_b": 1}``."""
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if not prefix and key == PROVENANCE:
            continue
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}_"))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _maps_listed(folder: Path, record: dict[str, Any]) -> list[Path]:
    """Return the TIFFs of ``folder/maps`` that a record lists; a name that leads elsewhere is none of them."""
    listed = record.get("maps")
    names = set(map(str, listed if isinstance(listed, list) else ()))
    return [path for path in sorted((folder / "maps").glob("*.tif")) if path.name in names]


def _gather(records: dict[str, dict[str, Any]], samples: Sequence[Sample]) -> pd.DataFrame:
    import pandas as pd

    times = {sample.timestep: sample.time_min for sample in samples}
    rows = []
    for step, record in records.items():
        scalars = {key: value for key, value in flatten(record).items() if not isinstance(value, list)}
        rows.append({"timestep": step, "time_min": times[step], **scalars})
    return pd.DataFrame(rows)


def _read_parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except (ValueError, OSError) as error:
        raise _unreadable(path, error, "a parquet table") from error


def _unreadable(path: Path, found: object, expected: str) -> BadInput:
    return BadInput(Fault(str(path), str(found), expected, "delete the file and run again"))
