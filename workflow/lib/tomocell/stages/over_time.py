"""Over time: records of all timesteps become one table a series, and series analyses compare them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tomocell.refinement.absent import absent_everywhere
from tomocell.series.timeline import Lazy, Timeline
from tomocell.settings import discovery
from tomocell.settings.plug_ins import files_read, tables_read
from tomocell.stages.measure import MAPS, maps_listed, write_result
from tomocell.volumes.manifest import STORE_SUFFIX, manifest_path, read_manifest
from tomocell.volumes.maps import Map, read_map
from tomocell.volumes.store import open_store
from tomocell.volumes.tables import read_json, write_csv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tomocell.blocks import Limits
    from tomocell.settings.base import Frozen
    from tomocell.settings.samples import Sample
    from tomocell.volumes.volume import Volume

log = logging.getLogger(__name__)
PACKAGE = "tomocell.series"


def collect(results: Path, samples: Sequence[Sample], analysis: str, *, registers: bool = True) -> None:
    """Write ``results/<series>/<analysis>.csv``: one row per timestep, the scalars of its record.

    ``registers`` tells whether the study registers; where it does not, records of registration are of another time.
    Timesteps that were flagged as not registered are left out, and the log says so; it also names classes of the
    analysis that are at no timestep, which are not what was meant to be measured.
    """
    placed = [sample for sample in samples if is_in_place(results, sample, registers=registers)]
    rows = [
        {"timestep": sample.timestep, "time_min": sample.time_min, "state": sample.state}
        | scalars(_step(results, sample) / f"{analysis}.json")
        for sample in placed
    ]
    table = pd.DataFrame(rows)
    _warn_of_absent(results, placed, analysis, table)
    write_csv(results / samples[0].series / f"{analysis}.csv", table)


def _warn_of_absent(results: Path, samples: Sequence[Sample], analysis: str, table: pd.DataFrame) -> None:
    stores = [_step(results, sample) / f"phases{STORE_SUFFIX}" for sample in samples]
    notes = [read_manifest(store).notes for store in stores if manifest_path(store).is_file()]
    for name in absent_everywhere(notes):
        if any(f"_{name}_" in f"_{column}_" for column in table):
            told = "%s, %s: class %s is at no timestep; see whether the segmentation knows it, or leave it out"
            log.warning(told, samples[0].series, analysis, name)


@dataclass(frozen=True)
class Follower:
    """A series analysis as a study asks for it."""

    name: str
    settings: Frozen
    digest: str = ""


def follow(
    results: Path, samples: Sequence[Sample], follower: Follower, limits: Limits, *, sheet: Path, registers: bool = True
) -> None:
    """Write what a series analysis makes of the records that it needs: ``<name>.json`` and, last, ``<name>.csv``.

    Both lie in ``results/<series>``, with ``<name>.parquet`` and ``maps/`` where there are any. The analysis is given
    every sample, and the records of those that were not flagged as not registered; files are relative to ``sheet``.
    """
    module = discovery.load(PACKAGE, follower.name, "follow")
    folder = results / samples[0].series
    outcome = module.follow(
        _timeline(results, samples, follower, sheet, registers=registers), follower.settings, limits
    )
    provenance = {"settings": follower.settings.model_dump(mode="json"), "code_digest": follower.digest}
    write_result(folder, follower.name, outcome.result, provenance)
    write_csv(folder / f"{follower.name}.csv", outcome.over_time)


def _timeline(
    results: Path, samples: Sequence[Sample], follower: Follower, sheet: Path, *, registers: bool
) -> Timeline:
    module = discovery.load(PACKAGE, follower.name, "follow")
    placed = [sample for sample in samples if is_in_place(results, sample, registers=registers)]
    folders = {sample.timestep: _step(results, sample) for sample in placed}
    records = {
        step: {need: scalars(folder / f"{need}.json") for need in module.NEEDS} for step, folder in folders.items()
    }
    series = samples[0].series
    return Timeline(
        samples=tuple(samples),
        records=records,
        tables=_tables(folders, module.NEEDS),
        maps=_maps(folders, module.NEEDS),
        volumes=_volumes(folders, getattr(module, "READS", ())),
        followed={
            other: _read_table(results / series / f"{other}.csv")
            for other in tables_read(follower.name, follower.settings)
        },
        files={name: sheet.parent / name for name in files_read(series, follower.name, follower.settings)},
    )


def _tables(folders: Mapping[str, Path], needs: Sequence[str]) -> Lazy[tuple[str, str], pd.DataFrame]:
    paths = {(step, need): folder / f"{need}.parquet" for step, folder in folders.items() for need in needs}
    return Lazy(tuple(key for key, path in paths.items() if path.is_file()), lambda key: pd.read_parquet(paths[key]))


def _maps(folders: Mapping[str, Path], needs: Sequence[str]) -> Lazy[tuple[str, str], Map]:
    paths = {
        (step, Path(file).stem): folder / MAPS / file
        for step, folder in folders.items()
        for need in needs
        for file in maps_listed(folder / f"{need}.json")
        if file.endswith(".tif")
    }
    return Lazy(tuple(paths), lambda key: read_map(paths[key]))


def _volumes(folders: Mapping[str, Path], kinds: Sequence[str]) -> Lazy[tuple[str, str], Volume]:
    paths = {(step, kind): folder / f"{kind}{STORE_SUFFIX}" for step, folder in folders.items() for kind in kinds}
    return Lazy(tuple(paths), lambda key: open_store(paths[key]))


def _read_table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"timestep": str, "since": str})  # both name timesteps, such as 001


def is_in_place(results: Path, sample: Sample, *, registers: bool) -> bool:
    """Tell whether a timestep may be counted: it was registered, or its study does not register."""
    record = _step(results, sample) / "registration.json"
    if not registers or not record.is_file() or read_json(record).get("registered", True):
        return True
    log.warning("%s %s did not register and is left out", sample.series, sample.timestep)
    return False


def scalars(path: Path) -> dict[str, Any]:
    """Return the scalars of a record, without provenance and lists; those of a part are named ``part_scalar``."""
    return _flat({key: value for key, value in read_json(path).items() if key != "provenance"})


def _flat(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in record.items():
        name = f"{prefix}{key}"
        if not isinstance(value, list):
            flat |= _flat(value, f"{name}_") if isinstance(value, dict) else {name: value}
    return flat


def _step(results: Path, sample: Sample) -> Path:
    return results / sample.series / sample.timestep
