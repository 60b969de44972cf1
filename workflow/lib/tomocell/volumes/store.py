"""Stores: OME-Zarr 0.5 volumes on disk, opened by region and written whole or not at all."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from tomocell.errors import BadInput, Fault
from tomocell.volumes import omezarr
from tomocell.volumes.arrays import Array
from tomocell.volumes.levels import Levels
from tomocell.volumes.manifest import (
    FileEntry,
    Manifest,
    Provenance,
    check_presence,
    list_files,
    manifest_path,
    read_manifest,
    write_manifest,
)
from tomocell.volumes.publish import atomic_directory, require_ownership
from tomocell.volumes.pyramid import plan_levels
from tomocell.volumes.volume import Classes, Region, Shape, Volume, VoxelClass, VoxelSize

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.blocks.plan import Limits

CHUNK: Shape = (64, 64, 64)
SHARD: Shape = (128, 256, 256)


@dataclass(frozen=True)
class Layout:
    """Shape, type and physical meaning of a store to be made; ``classes`` makes it a label volume.

    ``origin_um`` is the centre of its first voxel (Z, Y, X) in the frame that it was cut from.
    """

    shape: Shape
    dtype: np.dtype[Any]
    voxel_size_um: VoxelSize
    classes: Classes | None = None
    chunk: Shape = CHUNK
    shard: Shape = SHARD
    origin_um: VoxelSize = (0.0, 0.0, 0.0)


@dataclass
class StoreWriter:
    """A store under construction; regions given to ``write`` should cover whole shards.

    Attributes:
        notes: For the manifest. Those of a grey store tell ``least`` and ``greatest``, of all that was written.
    """

    levels: Levels
    shape: Shape
    shard: Shape
    dtype: np.dtype[Any]
    is_grey: bool = False
    notes: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def write(self, region: Region, voxels: NDArray[Any]) -> None:
        """Write ``voxels`` to ``region`` of the finest level; threads may do so at once."""
        voxels = np.asarray(voxels).astype(self.dtype, copy=False)
        if self.is_grey:
            self._note_range(float(voxels.min()), float(voxels.max()))
        self.levels.write(region, voxels)

    def _note_range(self, low: float, high: float) -> None:
        with self._lock:
            self.notes["least"] = min(low, self.notes.get("least", low))
            self.notes["greatest"] = max(high, self.notes.get("greatest", high))


class StoreVolume(Volume):
    """One level of a finished store.

    Attributes:
        origin_um: Centre of the store's first voxel in the frame that it was cut from; (0, 0, 0) if it is that frame.
    """

    def __init__(self, path: Path, manifest: Manifest, level: int = 0) -> None:
        self.path = path
        self.name = str(path)
        self.manifest = manifest
        self.level = level
        self._array = Array(path / str(level))
        self.shape = self._array.shape
        self.dtype = self._array.dtype
        edge = 2**level
        z, y, x = manifest.voxel_size_um
        self.voxel_size_um = (z * edge, y * edge, x * edge)
        self.origin_um = manifest.origin_um
        self.classes = _read_classes(path)

    def __reduce__(self) -> tuple[type[StoreVolume], tuple[Path, Manifest, int]]:
        return (StoreVolume, (self.path, self.manifest, self.level))

    @property
    def shard(self) -> Shape:
        """The shard of this store: blocks aligned with it are read without waste."""
        return self.manifest.shard

    def read(self, region: Region) -> NDArray[Any]:
        """Return the voxels of ``region``."""
        return self._array[region]

    def coarser(self, level: int) -> StoreVolume:
        """Return the same volume at another ``level`` of its pyramid."""
        return StoreVolume(self.path, self.manifest, min(level, self.manifest.levels - 1))


def open_store(path: Path) -> StoreVolume:
    """Open a finished store and check that every shard of its manifest is there.

    Raises:
        BadInput: If the manifest is missing, or a shard is missing or of another size.
    """
    manifest = read_manifest(path)
    check_presence(path, manifest)
    return StoreVolume(path, manifest)


@contextmanager
def create_store(
    path: Path, layout: Layout, limits: Limits, provenance: Provenance | None = None
) -> Iterator[StoreWriter]:
    """Yield a writer; when the block ends well, add the pyramid, verify, rename into place, write the manifest.

    Raises:
        BadInput: If another writer of the same store has begun meanwhile; its store and manifest are left alone.
    """
    plan = plan_levels(layout.shape, layout.chunk, layout.shard)
    is_grey = layout.classes is None
    with atomic_directory(path) as partial:
        _write_group(partial, path.name, layout, len(plan))
        levels = Levels(partial, plan, layout.dtype, labels=not is_grey)
        writer = StoreWriter(levels, layout.shape, plan[0].shard, layout.dtype, is_grey)
        yield writer
        require_ownership(partial, path)
        levels.finish(limits)
        files = list_files(partial, levels.entries)
        require_ownership(partial, path)
        _require_metadata(path, files, len(plan))
        manifest_path(path).unlink(missing_ok=True)
    manifest = Manifest(
        kind="grey" if is_grey else "labels",
        shape=layout.shape,
        dtype=str(layout.dtype),
        voxel_size_um=layout.voxel_size_um,
        origin_um=layout.origin_um,
        chunk=plan[0].chunk,
        shard=plan[0].shard,
        levels=len(plan),
        notes=writer.notes,
        provenance=provenance or Provenance(),
        files=files,
    )
    check_presence(path, manifest)
    write_manifest(path, manifest)


def _require_metadata(path: Path, files: dict[str, FileEntry], levels: int) -> None:
    expected = ["zarr.json", *(f"{level}/zarr.json" for level in range(levels))]
    missing = [name for name in expected if name not in files]
    if missing:
        remedy = "see who else removes files there, then run it again"
        raise BadInput(Fault(str(path), f"no {', '.join(missing)}", "the store as it was written", remedy))


def _write_group(path: Path, name: str, layout: Layout, levels: int) -> None:
    frame = omezarr.Frame(layout.voxel_size_um, layout.origin_um)
    attributes = omezarr.attributes(name, frame, levels, layout.classes)
    zarr.create_group(path, zarr_format=3, attributes=attributes)


def _read_classes(path: Path) -> Classes:
    label = zarr.open_group(path, mode="r").attrs["ome"].get("image-label")
    if label is None:
        return Classes()
    colors = {entry["label-value"]: entry["rgba"] for entry in label["colors"]}
    return Classes(
        tuple(
            VoxelClass(entry["name"], entry["label-value"], _hex(colors[entry["label-value"]]))
            for entry in label["properties"]
        )
    )


def _hex(color: list[int]) -> str:
    return "#" + "".join(f"{part:02x}" for part in color[:3])
