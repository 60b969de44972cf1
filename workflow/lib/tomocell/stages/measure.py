"""Measure: one analysis of one volume, written as record, table and maps."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tomocell.settings import discovery
from tomocell.volumes.maps import write_map
from tomocell.volumes.tables import write_csv, write_json, write_parquet

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.analyses.result import Result
    from tomocell.blocks import Limits
    from tomocell.settings.base import Frozen
    from tomocell.volumes.volume import Volume

log = logging.getLogger(__name__)
PACKAGE = "tomocell.analyses"


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
    log.info("%s of %s: %s", name, volume.name, result.scalars)


def write_result(out: Path, name: str, result: Result, provenance: dict[str, Any], *, csv: bool = False) -> None:
    """Write a result's table and maps, then its record; what an earlier run left is removed first, the record first."""
    for kind in ("json", "parquet", "csv"):
        (out / f"{name}.{kind}").unlink(missing_ok=True)
    if result.table is not None:
        write_parquet(out / f"{name}.parquet", result.table)
        if csv:
            write_csv(out / f"{name}.csv", result.table)
    for map_name, content in result.maps.items():
        write_map(out / "maps" / f"{map_name}.tif", map_name, content)
    write_json(out / f"{name}.json", {**result.scalars, "provenance": provenance})
