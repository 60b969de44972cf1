"""Records and tables on disk: JSON with plain numbers, parquet and CSV, each whole or not at all."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from tomocell.volumes.publish import atomic_file, write_text_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a record; numbers that are not finite become null, for JSON has no word for them."""
    write_text_atomically(path, json.dumps(_plain(content), indent=1) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a record."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """Write a table as parquet."""
    with atomic_file(path) as partial:
        table.to_parquet(partial, index=False)


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, numbers with all the digits that tell them apart."""
    write_text_atomically(path, table.to_csv(index=False))


def _plain(value: Any) -> Any:  # noqa: ANN401
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return value
