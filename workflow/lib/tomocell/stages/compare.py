"""Compare: evaluations of many label volumes in one table."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from tomocell.errors import BadInput, Fault
from tomocell.evaluation.comparison import compare, to_markdown
from tomocell.volumes.publish import write_text_atomically
from tomocell.volumes.tables import write_csv

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

log = logging.getLogger(__name__)
KEYS = ("name", "accuracy", "pixels", "classes", "means")


def write_comparison(paths: Sequence[Path], out: Path) -> None:
    """Write ``comparison.csv`` and ``comparison.md`` into ``out``: a row for each ``evaluation.json``.

    Raises:
        BadInput: If a file is no evaluation, or they cannot be compared.
    """
    frame = compare([_read(path) for path in paths])
    write_csv(out / "comparison.csv", frame)
    write_text_atomically(out / "comparison.md", to_markdown(frame))
    log.info("%s: %d models, the best %s", out / "comparison.csv", len(frame), frame["model"].iloc[0])


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(Fault(str(path), type(error).__name__, "an evaluation.json", "evaluate first")) from error
    if not isinstance(record, dict) or not set(KEYS) <= set(record):
        raise BadInput(Fault(str(path), "another record", "an evaluation.json of this version", "evaluate again"))
    return record
