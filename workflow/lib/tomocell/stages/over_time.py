"""Over time: records of all timesteps become one table a series, and series analyses compare them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from tomocell.settings import discovery
from tomocell.volumes.tables import read_json, write_csv

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tomocell.settings.base import Frozen
    from tomocell.settings.samples import Sample

PACKAGE = "tomocell.series"


def collect(results: Path, samples: Sequence[Sample], analysis: str) -> None:
    """Write ``results/<series>/<analysis>.csv``: one row per timestep, the scalars of its record."""
    rows = [
        {"timestep": sample.timestep, "time_min": sample.time_min, "state": sample.state}
        | scalars(results / sample.series / sample.timestep / f"{analysis}.json")
        for sample in samples
    ]
    write_csv(results / samples[0].series / f"{analysis}.csv", pd.DataFrame(rows))


def follow(results: Path, samples: Sequence[Sample], name: str, settings: Frozen) -> None:
    """Write ``results/<series>/<name>.csv``: what the series analysis ``name`` makes of the records it needs."""
    module = discovery.load(PACKAGE, name, "follow")
    records = {
        sample.timestep: {
            need: scalars(results / sample.series / sample.timestep / f"{need}.json") for need in module.NEEDS
        }
        for sample in samples
    }
    write_csv(results / samples[0].series / f"{name}.csv", module.follow(samples, records, settings))


def scalars(path: Path) -> dict[str, Any]:
    """Return the scalars of a record, without its provenance."""
    return {key: value for key, value in read_json(path).items() if key != "provenance"}
