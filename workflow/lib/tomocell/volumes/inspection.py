"""Is a store whole? Every file against the manifest, every shard decoded, the levels against each other."""

from __future__ import annotations

import itertools
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import zarr

from tomocell.blocks.runner import run_blocks
from tomocell.errors import BadInput, Fault
from tomocell.volumes.arrays import use_fast_codecs
from tomocell.volumes.manifest import FileEntry, Manifest, file_entry, manifest_path, presence_fault, read_manifest
from tomocell.volumes.pyramid import level_shapes
from tomocell.volumes.readers.zarr import check_blosc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

AGAIN = "make the store again: delete its manifest and re-run; or copy it again"


@dataclass(frozen=True)
class Shard:
    """A file of an array and the voxels it holds.

    Attributes:
        level: The array's path inside the store.
        name: The file's path inside the store.
        region: The voxels, one slice an axis.
        axes: Names of the axes.
    """

    level: str
    name: str
    region: tuple[slice, ...]
    axes: tuple[str, ...]

    def __str__(self) -> str:
        parts = (f"{axis} {part.start}:{part.stop}" for axis, part in zip(self.axes, self.region, strict=True))
        return f"level {self.level or 'only'}, voxels {', '.join(parts)}"


@dataclass
class Inspection:
    """What was found of a store.

    Attributes:
        manifest: None where there is none: then a missing shard cannot be told from one of nothing but zeros.
        levels: Arrays, finest first.
        shards: Files that hold voxels.
        nbytes: Size of these files.
        faults: What is wrong.
    """

    path: Path
    manifest: Manifest | None = None
    levels: int = 0
    shards: int = 0
    nbytes: int = 0
    faults: list[Fault] = field(default_factory=list)


def inspect(path: Path, workers: int, *, quick: bool = False) -> Inspection:
    """Inspect a store of ours, or any other zarr or OME-Zarr; ``quick`` leaves the content of the shards alone.

    Every shard is read once: its checksum is taken where there is a manifest, and it is decoded (which checks the
    index of the shard and the frame of every chunk). Without a manifest altered voxels that decode go unnoticed.
    """
    found = Inspection(path)
    with _noting(found):
        found.manifest = read_manifest(path) if manifest_path(path).is_file() else None
    names: list[str] = []
    with _noting(found):
        names = _level_names(path)
    arrays = {}
    for name in names:
        with _noting(found):
            arrays[name] = _opened(path, name)
    places = {shard.name: shard for name, array in arrays.items() for shard in _shards(name, array)}
    found.faults += [*_file_faults(found, places), *_level_faults(found, arrays)]
    shards = [shard for shard in places.values() if (path / shard.name).is_file()]
    found.levels, found.shards = len(arrays), len(shards)
    found.nbytes = sum((path / shard.name).stat().st_size for shard in shards)
    if not quick:
        found.faults += [*_other_faults(found, places), *_content_faults(found, shards, workers)]
    return found


@contextmanager
def _noting(found: Inspection) -> Iterator[None]:
    try:
        yield
    except BadInput as error:
        found.faults += error.faults


def _level_names(path: Path) -> list[str]:
    use_fast_codecs()
    if not path.is_dir():
        raise BadInput(Fault(str(path), "no folder", "a store", "correct the path"))
    root = _opened(path, "")
    if isinstance(root, zarr.Array):
        return [""]
    attributes = dict(root.attrs)
    ome = attributes.get("ome", attributes)
    if not isinstance(ome, dict) or "multiscales" not in ome:
        return sorted(name for name, item in root.members(max_depth=None) if isinstance(item, zarr.Array))
    try:
        return [str(entry["path"]) for entry in ome["multiscales"][0]["datasets"]]
    except (LookupError, TypeError) as error:
        raise BadInput(Fault(str(path), _told(error), "multiscales with the path of each level", AGAIN)) from error


def _opened(path: Path, name: str) -> Any:  # noqa: ANN401
    """Return the array called ``name``; of no name, the array or group of the whole store."""
    try:
        return zarr.open_array(path, path=name, mode="r") if name else zarr.open(path, mode="r")
    except Exception as error:
        where = str(path / name)
        raise BadInput(Fault(where, _told(error), f"zarr metadata of {name or 'the store'}", AGAIN)) from error


def _file_faults(found: Inspection, places: dict[str, Shard]) -> Iterator[Fault]:
    if found.manifest is None:
        return
    files = found.manifest.files
    for name, entry in files.items():
        fault = presence_fault(found.path, name, entry)
        if fault is not None:
            yield replace(fault, where=_where(found.path, places[name])) if name in places else fault
    for path in sorted(path for path in found.path.rglob("*") if not path.is_dir()):
        if path.relative_to(found.path).as_posix() not in files:
            yield Fault(str(path), "a foreign file", "the files of the manifest alone", "remove it, or " + AGAIN)


def _other_faults(found: Inspection, places: dict[str, Shard]) -> Iterator[Fault]:
    """Yield the metadata files that were altered; where these cannot be read, shards too."""
    files = found.manifest.files if found.manifest else {}
    for name, entry in files.items():
        if name not in places and presence_fault(found.path, name, entry) is None:
            fault = _checksum_fault(found.path / name, entry, str(found.path / name))
            if fault is not None:
                yield fault


def _level_faults(found: Inspection, arrays: dict[str, zarr.Array[Any]]) -> Iterator[Fault]:
    shapes = [tuple(array.shape) for array in arrays.values()]
    if found.manifest is not None:
        promised = level_shapes(found.manifest.shape)
        if shapes != promised and not found.faults:
            yield Fault(str(found.path), f"levels of {shapes}", f"{promised}, as the manifest says", AGAIN)
        for name, array in arrays.items():
            if str(array.dtype) != found.manifest.dtype:
                yield Fault(str(found.path / name), str(array.dtype), f"{found.manifest.dtype}, as elsewhere", AGAIN)
        return
    for fine, coarse in itertools.pairwise(shapes):
        if len(fine) != len(coarse) or any(a < b for a, b in zip(fine, coarse, strict=True)):
            yield Fault(str(found.path), f"level of {coarse} below {fine}", "no level larger than a finer one", AGAIN)


def _shards(level: str, array: zarr.Array[Any]) -> Iterator[Shard]:
    """Yield the shards (or chunks, where they are files of their own) that an array may have."""
    edges = array.shards or array.chunks
    axes = getattr(array.metadata, "dimension_names", None) or tuple(f"axis {axis}" for axis in range(array.ndim))
    counts = (range(-(-size // edge)) for size, edge in zip(array.shape, edges, strict=True))
    for place in itertools.product(*counts):
        name = f"{level}/{array.metadata.encode_chunk_key(place)}".lstrip("/")
        spans = zip(place, edges, array.shape, strict=True)
        region = tuple(slice(i * edge, min((i + 1) * edge, size)) for i, edge, size in spans)
        yield Shard(level, name, region, tuple(str(axis) for axis in axes))


def _where(path: Path, shard: Shard) -> str:
    return f"{path / shard.name} ({shard})"


def _content_faults(found: Inspection, shards: list[Shard], workers: int) -> list[Fault]:
    faults: dict[str, Fault] = {}
    handles = threading.local()
    skipped = {fault.where for fault in found.faults}
    promised = found.manifest.files if found.manifest else {}

    def array_of(level: str) -> zarr.Array[Any]:
        # A handle a thread: one handle's codecs run one call at a time.
        opened: dict[str, zarr.Array[Any]] = handles.__dict__
        if level not in opened:
            opened[level] = _opened(found.path, level)
        return opened[level]

    def work(shard: Shard) -> None:
        where = _where(found.path, shard)
        if where not in skipped:
            fault = _checksum_fault(found.path / shard.name, promised.get(shard.name), where)
            fault = fault or _decoding_fault(found.path, shard, array_of(shard.level))
            if fault is not None:
                faults[shard.name] = fault

    run_blocks(work, shards, workers)
    return [faults[name] for name in sorted(faults)]


def _checksum_fault(file: Path, promised: FileEntry | None, where: str) -> Fault | None:
    if promised is None:
        return None
    entry = file_entry(file)
    if entry == promised:
        return None
    value = f"checksum {entry.sha256[:12]}" if entry else "no file"
    return Fault(where, value, f"checksum {promised.sha256[:12]}", AGAIN)


def _decoding_fault(path: Path, shard: Shard, array: zarr.Array[Any]) -> Fault | None:
    try:
        check_blosc(array, path / shard.level, list(shard.region))
        voxels: NDArray[Any] = array[shard.region]
    except Exception as error:  # noqa: BLE001 - codecs raise errors of many types
        return Fault(_where(path, shard), _told(error), "a shard that can be decoded", AGAIN)
    del voxels
    return None


def _told(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
