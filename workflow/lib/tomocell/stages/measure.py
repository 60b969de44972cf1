"""Measure: one analysis of one volume, written as record, table and maps."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from tomocell.errors import BadInput, Fault
from tomocell.settings import discovery
from tomocell.volumes.maps import write_map
from tomocell.volumes.tables import read_json, write_csv, write_json, write_parquet
from tomocell.volumes.volume import NAME

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.analyses.result import Result
    from tomocell.blocks import Limits
    from tomocell.settings.base import Frozen
    from tomocell.volumes.volume import Volume

log = logging.getLogger(__name__)
PACKAGE = "tomocell.analyses"
MAPS = "maps"
MAP_FILE = re.compile(rf"{NAME.pattern}\.(tif|png)")


def measure(  # noqa: PLR0913
    name: str, volume: Volume, settings: Frozen, out: Path, limits: Limits, *, digest: str = "", csv: bool = False
) -> None:
    """Run the analysis ``name`` on ``volume``; write ``out/<name>.json`` last, when the rest stands.

    Raises:
        BadInput: If there is no such analysis, or the volume does not suit it.
    """
    module = discovery.load(PACKAGE, name, "measure")
    result = module.measure(volume, settings, limits)
    provenance = {"volume": volume.name, "settings": settings.model_dump(mode="json"), "code_digest": digest}
    write_result(out, name, result, provenance, csv=csv)
    told = {key: value for key, value in result.scalars.items() if not isinstance(value, list)}
    log.info("%s of %s: %s", name, volume.name, told)


def write_result(out: Path, name: str, result: Result, provenance: dict[str, Any], *, csv: bool = False) -> None:
    """Write a result's table and maps, then its record; what an earlier run left is removed first, the record first.

    The record lists the files of its maps under ``maps``: they share a folder with those of other analyses, and the
    list tells whose they are, and which of them the next run has to remove.

    Raises:
        BadInput: If the name of a map cannot be that of a file.
    """
    maps = [f"{map_name}.{kind}" for map_name in result.maps for kind in ("tif", "png")]
    for file in maps:
        if not MAP_FILE.fullmatch(file):
            raise BadInput(Fault(f"map of {name}", file, "letters, digits, _ and -", "rename the map or its class"))
    stale = maps_listed(out / f"{name}.json") - set(maps)
    for kind in ("json", "parquet", "csv"):
        (out / f"{name}.{kind}").unlink(missing_ok=True)
    for file in stale:
        (out / MAPS / file).unlink(missing_ok=True)
    if result.table is not None:
        write_parquet(out / f"{name}.parquet", result.table)
        if csv:
            write_csv(out / f"{name}.csv", result.table)
    for map_name, content in result.maps.items():
        write_map(out / MAPS / f"{map_name}.tif", map_name, content)
    listed = {MAPS: maps} if maps else {}
    write_json(out / f"{name}.json", {**result.scalars, **listed, "provenance": provenance})


def maps_listed(record: Path) -> set[str]:
    """Return the files of maps that a record lists; none where it cannot be read, and never a file elsewhere."""
    try:
        listed = read_json(record).get(MAPS)
    except (OSError, ValueError, AttributeError):
        return set()
    files = listed if isinstance(listed, list) else []
    return {file for file in files if isinstance(file, str) and MAP_FILE.fullmatch(file)}
