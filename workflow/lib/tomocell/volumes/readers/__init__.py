"""Readers: any input format as a `Volume`, one module a format, found by discovery."""

from __future__ import annotations

import difflib
import importlib
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from tomocell.errors import BadInput, Fault
from tomocell.settings.discovery import names_offering
from tomocell.volumes.readers._checks import listing, reading

if TYPE_CHECKING:
    from tomocell.volumes.volume import Volume


class Reader(Protocol):
    """What a module of this package offers."""

    FORMAT: str

    def accepts(self, path: Path) -> bool:
        """Whether ``path`` looks like this format, by name and kind; no content is read."""

    def open_source(self, path: Path, dataset: str | None = None) -> Volume:
        """Open ``path``, reading headers only."""


@cache
def known_readers() -> tuple[Reader, ...]:
    """Return every reader, by name of its module; a module whose name begins with ``_`` is none."""
    names = names_offering(__name__, "accepts")
    return tuple(cast("Reader", importlib.import_module(f"{__name__}.{name}")) for name in names)


def open_source(path: Path | str, dataset: str | None = None) -> Volume:
    """Open a volume of any known format, to be read a region at a time.

    Only headers are read, and all that can be judged from them is judged: opening every row of a sample sheet is the
    check before the first job.

    Args:
        path: A file, or a folder for slices and zarr.
        dataset: Path of the array inside the file, for formats that hold several.

    Raises:
        BadInput: If nothing is there, the format is not known, or the file is broken.
    """
    path = Path(path)
    known = known_readers()
    with reading(path, "a path that can be read"):
        if not path.exists():
            raise BadInput(_missing(path))
        readers = [reader for reader in known if reader.accepts(path)]
        if not readers:
            raise BadInput(_unknown(path))
    return readers[0].open_source(path, dataset or None)


def _missing(path: Path) -> Fault:
    folder = path.parent
    if not folder.is_dir():
        there = next(parent for parent in folder.parents if parent.is_dir())
        return Fault(str(path), "nothing", "a file or folder", f"correct the path: it exists up to {there}")
    similar = difflib.get_close_matches(path.name, [entry.name for entry in folder.iterdir()])
    remedy = (
        f"beside it lies {listing(similar)}" if similar else "correct the path, nothing of a similar name lies there"
    )
    return Fault(str(path), "nothing", "a file or folder", remedy)


def _unknown(path: Path) -> Fault:
    formats = "; ".join(sorted(reader.FORMAT for reader in known_readers()))
    found = path.suffix or path.name
    if path.is_dir():
        suffixes = Counter(entry.suffix or "without extension" for entry in path.iterdir())
        contents = listing([f"{count} {suffix}" for suffix, count in suffixes.most_common()])
        found = f"a folder with files: {contents}"
    return Fault(str(path), found, f"one of: {formats}", "convert it to one of these")
