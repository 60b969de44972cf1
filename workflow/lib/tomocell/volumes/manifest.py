"""The small file beside a store that says what it holds and how it came to be.

Snakemake watches this file, not the directory: it is written last, so that its presence means a whole store,
and it lists every shard with its checksum, so that a missing or changed one is noticed when the store is opened.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from tomocell import __version__
from tomocell.errors import BadInput, Fault
from tomocell.settings.base import Frozen
from tomocell.volumes.publish import write_text_atomically

if TYPE_CHECKING:
    from pathlib import Path

STORE_SUFFIX = ".ome.zarr"
MANIFEST_SUFFIX = ".manifest.json"
READ_BYTES = 1 << 22


class FileEntry(Frozen):
    """Size and SHA-256 of one file of a store."""

    bytes: int
    sha256: str


class Provenance(Frozen):
    """How a store came to be: settings, digest of the code, manifests of what it was made from."""

    settings: dict[str, Any] = {}
    code_digest: str = ""
    parents: dict[str, str] = {}


class Manifest(Frozen):
    """Everything a consumer checks before it believes a store."""

    kind: Literal["grey", "labels"]
    shape: tuple[int, int, int]
    dtype: str
    axes: str = "zyx"
    voxel_size_um: tuple[float, float, float]
    origin_um: tuple[float, float, float] = (0.0, 0.0, 0.0)
    chunk: tuple[int, int, int]
    shard: tuple[int, int, int]
    levels: int
    notes: dict[str, Any] = {}
    provenance: Provenance
    tomocell_version: str = __version__
    files: dict[str, FileEntry]


def manifest_path(store: Path) -> Path:
    """Return where the manifest of ``store`` stands: ``volume.ome.zarr`` -> ``volume.manifest.json``."""
    return store.with_name(store.name.removesuffix(STORE_SUFFIX) + MANIFEST_SUFFIX)


def store_path(manifest: Path) -> Path:
    """Return the store that ``manifest`` describes."""
    return manifest.with_name(manifest.name.removesuffix(MANIFEST_SUFFIX) + STORE_SUFFIX)


def list_files(store: Path, known: dict[str, FileEntry] | None = None) -> dict[str, FileEntry]:
    """Return size and checksum of every file below ``store``, by its path inside the store.

    What is ``known`` of a file is believed, if its size is right; the others are read.
    """
    entries: dict[str, FileEntry] = {}
    for path in sorted(path for path in store.rglob("*") if path.is_file()):
        name = path.relative_to(store).as_posix()
        entry = (known or {}).get(name)
        if entry is None or entry.bytes != path.stat().st_size:
            entry = file_entry(path)
        if entry is not None:
            entries[name] = entry
    return entries


def file_entry(path: Path) -> FileEntry | None:
    """Return size and checksum of a file; None where there is none."""
    try:
        return _measured(path)
    except FileNotFoundError:
        return None


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return _measured(path).sha256


def _measured(path: Path) -> FileEntry:
    """Read a file once, in pieces."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as handle:
        while piece := handle.read(READ_BYTES):
            digest.update(piece)
            size += len(piece)
    return FileEntry(bytes=size, sha256=digest.hexdigest())


def write_manifest(store: Path, manifest: Manifest) -> Path:
    """Write ``manifest`` beside ``store``; the same store gives the same bytes."""
    path = manifest_path(store)
    text = json.dumps(manifest.model_dump(mode="json"), indent=1, sort_keys=True)
    write_text_atomically(path, text + "\n")
    return path


def read_manifest(store: Path) -> Manifest:
    """Read the manifest of ``store``.

    Raises:
        BadInput: If there is none, or it is not one.
    """
    path = manifest_path(store)
    try:
        return Manifest.model_validate_json(path.read_text())
    except FileNotFoundError as error:
        raise BadInput(
            Fault(str(path), "no file", "the manifest of a finished store", "make the store again")
        ) from error
    except ValidationError as error:
        raise BadInput(Fault(str(path), str(error), "a manifest", "make the store again")) from error


def check_presence(store: Path, manifest: Manifest) -> None:
    """Check that every file of the manifest is there with its size (cheap: no content is read).

    Raises:
        BadInput: With each file that is missing or of another size.
    """
    faults = [fault for name, entry in manifest.files.items() if (fault := presence_fault(store, name, entry))]
    if faults:
        raise BadInput(*faults)


def check_content(store: Path, manifest: Manifest) -> None:
    """Check every file of the manifest against its checksum (reads the whole store).

    Raises:
        BadInput: With each file that is missing or altered.
    """
    check_presence(store, manifest)
    faults = []
    for name, entry in manifest.files.items():
        found = file_digest(store / name)
        if found != entry.sha256:
            faults.append(Fault(str(store / name), found[:12], f"checksum {entry.sha256[:12]}", "make the store again"))
    if faults:
        raise BadInput(*faults)


def presence_fault(store: Path, name: str, entry: FileEntry) -> Fault | None:
    """Return what is wrong with a file, as far as its size tells."""
    path = store / name
    found = path.stat().st_size if path.is_file() else None
    if found == entry.bytes:
        return None
    value = "no file" if found is None else f"{found} bytes"
    return Fault(
        str(path), value, f"a shard of {entry.bytes} bytes", "make the store again: delete its manifest and re-run"
    )
