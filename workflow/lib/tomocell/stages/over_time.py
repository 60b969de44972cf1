"""Over time: records of all timesteps become one table a series, and series analyses compare them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pandas as pd

from tomocell.refinement.absent import absent_everywhere
from tomocell.settings import discovery
from tomocell.volumes.manifest import STORE_SUFFIX, manifest_path, read_manifest
from tomocell.volumes.tables import read_json, write_csv

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tomocell.settings.base import Frozen
    from tomocell.settings.samples import Sample

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


def follow(results: Path, samples: Sequence[Sample], name: str, settings: Frozen, *, registers: bool = True) -> None:
    """Write ``results/<series>/<name>.csv``: what the series analysis ``name`` makes of the records it needs.

    It is given every sample, and the records of those that were not flagged as not registered.
    """
    module = discovery.load(PACKAGE, name, "follow")
    records = {
        sample.timestep: {need: scalars(_step(results, sample) / f"{need}.json") for need in module.NEEDS}
        for sample in samples
        if is_in_place(results, sample, registers=registers)
    }
    write_csv(results / samples[0].series / f"{name}.csv", module.follow(samples, records, settings))


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
