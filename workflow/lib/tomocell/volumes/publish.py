"""Nothing half-written is ever taken for whole: write beside, then rename."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PARTIAL = ".partial"
SUPERSEDED = ".superseded"
OWNER = f".owner{PARTIAL}"  # swept with the rest, and first
LEAST_FREE_BYTES = 1 << 20
FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its place when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    partial = _partial_beside(path)
    try:
        with _naming_a_full_disk(path):
            yield partial
            _flush(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_bytes_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, which holds either all of it or what it held before."""
    with atomic_file(path) as partial:
        partial.write_bytes(content)


def write_text_atomically(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, which holds either all of it or what it held before."""
    write_bytes_atomically(path, text.encode())


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yield a fresh directory beside ``path`` that takes its place when the block ends well.

    The name is unique, so that a writer believed dead that still runs cannot mix its files into ours;
    what earlier writers of the same directory left unfinished is removed first.

    Raises:
        BadInput: If another writer of the same directory has begun meanwhile; what it made is left alone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    partial = _partial_beside(path)
    _owner_of(partial).touch()
    partial.mkdir()
    try:
        with _naming_a_full_disk(path):
            yield partial
        require_ownership(partial, path)
        _swap(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        _owner_of(partial).unlink(missing_ok=True)


def require_ownership(partial: Path, path: Path) -> None:
    """Check that nobody swept ``partial``, the directory that is to take the place of ``path``.

    The directory itself would not tell: libraries that write into one make it again where it is missing.

    Raises:
        BadInput: If another writer did, believing this one dead.
    """
    if not _owner_of(partial).is_file():
        remedy = "let it finish; run this again only if nobody else writes it"
        raise BadInput(Fault(str(path), "another writer took over", "one writer at a time", remedy))


def _owner_of(partial: Path) -> Path:
    return partial.with_suffix(OWNER)


def _partial_beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}{PARTIAL}")


def _sweep(path: Path) -> None:
    for pattern in (PARTIAL, SUPERSEDED):
        # Files first: a sweep that is cut short never leaves an owner of half a directory.
        for stale in sorted(path.parent.glob(f"{path.name}.*{pattern}"), key=lambda found: found.is_dir()):
            _remove(stale)


def _remove(stale: Path) -> None:
    if stale.is_dir():
        shutil.rmtree(stale, ignore_errors=True)
    else:
        stale.unlink(missing_ok=True)


def _swap(partial: Path, path: Path) -> None:
    superseded = partial.with_suffix(SUPERSEDED)
    if path.exists():
        path.rename(superseded)
    partial.rename(path)
    shutil.rmtree(superseded, ignore_errors=True)


def _flush(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


@contextmanager
def _naming_a_full_disk(path: Path) -> Iterator[None]:
    # Codecs and libraries report a full disk as errors of many types; the disk itself says it plainly, unless what
    # did not fit has been removed by then: so the error's words count too.
    try:
        yield
    except BadInput:
        raise
    except Exception as error:
        free = shutil.disk_usage(path.parent).free
        if free < LEAST_FREE_BYTES or _tells_a_full_disk(error):
            fault = Fault(str(path), f"{free} bytes free", "room on the disk", "free some space, then run it again")
            raise BadInput(fault) from error
        raise


def _tells_a_full_disk(error: BaseException | None) -> bool:
    while error is not None:
        text = str(error)
        if any(os.strerror(code) in text or getattr(error, "errno", None) == code for code in FULL):
            return True
        error = error.__cause__ or error.__context__
    return False
