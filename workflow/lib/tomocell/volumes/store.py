"""Stores: OME-Zarr 0.5 volumes on disk, opened by region and written whole or not at all."""

from __future__ import annotations

import itertools
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec

from tomocell.blocks.plan import Block, Limits, Need, choose_core, cut
from tomocell.blocks.runner import map_blocks
from tomocell.errors import BadInput, Fault
from tomocell.volumes import omezarr
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
from tomocell.volumes.pyramid import halve_grey, halve_labels, level_shapes
from tomocell.volumes.volume import Classes, Region, Shape, Volume, VoxelClass, VoxelSize

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

CHUNK: Shape = (64, 64, 64)
SHARD: Shape = (128, 256, 256)
DIMENSIONS = ("z", "y", "x")


@dataclass(frozen=True)
class Layout:
    """Shape, type and physical meaning of a store to be made; ``classes`` makes it a label volume."""

    shape: Shape
    dtype: np.dtype[Any]
    voxel_size_um: VoxelSize
    classes: Classes | None = None
    chunk: Shape = CHUNK
    shard: Shape = SHARD


@dataclass
class StoreWriter:
    """A store under construction; regions given to ``write`` should cover whole shards.

    Attributes:
        notes: For the manifest. Those of a grey store tell ``least`` and ``greatest``, of all that was written.
    """

    array: zarr.Array[Any]
    shape: Shape
    shard: Shape
    is_grey: bool = False
    notes: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def write(self, region: Region, voxels: NDArray[Any]) -> None:
        """Write ``voxels`` to ``region`` of the finest level; threads may do so at once."""
        voxels = np.asarray(voxels).astype(self.array.dtype, copy=False)
        if self.is_grey:
            self._note_range(float(voxels.min()), float(voxels.max()))
        self.array[region] = voxels

    def _note_range(self, low: float, high: float) -> None:
        with self._lock:
            self.notes["least"] = min(low, self.notes.get("least", low))
            self.notes["greatest"] = max(high, self.notes.get("greatest", high))


class StoreVolume(Volume):
    """One level of a finished store."""

    def __init__(self, path: Path, manifest: Manifest, level: int = 0) -> None:
        self.path = path
        self.name = str(path)
        self.manifest = manifest
        self.level = level
        self._array = _open_array(path, level)
        self.shape = self._array.shape
        self.dtype = self._array.dtype
        edge = 2**level
        z, y, x = manifest.voxel_size_um
        self.voxel_size_um = (z * edge, y * edge, x * edge)
        self.classes = _read_classes(path)

    def __reduce__(self) -> tuple[type[StoreVolume], tuple[Path, Manifest, int]]:
        return (StoreVolume, (self.path, self.manifest, self.level))

    @property
    def shard(self) -> Shape:
        """The shard of this store: blocks aligned with it are read without waste."""
        return self.manifest.shard

    def read(self, region: Region) -> NDArray[Any]:
        """Return the voxels of ``region``."""
        return np.asarray(self._array[region])

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
    chunk, shard = _fit(layout)
    shapes = level_shapes(layout.shape)
    with atomic_directory(path) as partial:
        _write_group(partial, path.name, layout, len(shapes))
        arrays = [_create_array(partial, level, shape, layout) for level, shape in enumerate(shapes)]
        writer = StoreWriter(arrays[0], layout.shape, shard, layout.classes is None)
        yield writer
        require_ownership(partial, path)
        _fill_pyramid(arrays, layout, limits)
        files = list_files(partial)
        require_ownership(partial, path)
        _require_metadata(path, files, len(shapes))
        manifest_path(path).unlink(missing_ok=True)
    manifest = Manifest(
        kind="grey" if layout.classes is None else "labels",
        shape=layout.shape,
        dtype=str(layout.dtype),
        voxel_size_um=layout.voxel_size_um,
        chunk=chunk,
        shard=shard,
        levels=len(shapes),
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


@cache
def _use_fast_codecs() -> None:
    # zarrs (Rust) encodes and decodes without the GIL, 2-4 times as fast as zarr-python's own pipeline. One thread a
    # call: with more, the chunks of a shard land in the order in which they happen to finish, and the same volume
    # would not give the same bytes. Blocks run side by side instead.
    zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline", "threading.max_workers": 1})


def _fit(layout: Layout) -> tuple[Shape, Shape]:
    """Return chunk and shard no larger than the volume needs, the shard in whole chunks."""
    chunk = [min(layout.chunk[axis], layout.shape[axis]) for axis in range(3)]
    shard = [
        chunk[axis] * max(1, min(layout.shard[axis], layout.shape[axis] + chunk[axis] - 1) // chunk[axis])
        for axis in range(3)
    ]
    return (chunk[0], chunk[1], chunk[2]), (shard[0], shard[1], shard[2])


def _write_group(path: Path, name: str, layout: Layout, levels: int) -> None:
    attributes = omezarr.attributes(name, layout.voxel_size_um, levels, layout.classes)
    zarr.create_group(path, zarr_format=3, attributes=attributes)


def _create_array(path: Path, level: int, shape: Shape, layout: Layout) -> zarr.Array[Any]:
    _use_fast_codecs()
    chunk, shard = _fit(Layout(shape, layout.dtype, layout.voxel_size_um, layout.classes, layout.chunk, layout.shard))
    return zarr.open_group(path, mode="a").create_array(
        str(level),
        shape=shape,
        dtype=layout.dtype,
        chunks=chunk,
        shards=shard,
        compressors=_codec(layout),
        fill_value=0,
        dimension_names=DIMENSIONS,
    )


def _codec(layout: Layout) -> BloscCodec:
    # Measured on real volumes: byte shuffle for 16-bit grey, none for 8-bit, bit shuffle for labels.
    if layout.classes is not None:
        return BloscCodec(cname="zstd", clevel=1, shuffle="bitshuffle")
    if layout.dtype.itemsize == 1:
        return BloscCodec(cname="zstd", clevel=1, shuffle="noshuffle")
    return BloscCodec(cname="zstd", clevel=5, shuffle="shuffle")


def _fill_pyramid(arrays: list[zarr.Array[Any]], layout: Layout, limits: Limits) -> None:
    halve = halve_grey if layout.classes is None else halve_labels
    need = Need(bytes_per_voxel=16 * layout.dtype.itemsize + 24)  # per coarse voxel: 8 fine ones, a padded copy, sums
    for fine, coarse in itertools.pairwise(arrays):
        shape = coarse.shape
        core = choose_core(shape, need, limits, coarse.shards)

        def work(block: Block, fine: zarr.Array[Any] = fine, coarse: zarr.Array[Any] = coarse) -> None:
            coarse[block.core] = halve(np.asarray(fine[_doubled(block.core, fine.shape)]))

        for _ in map_blocks(work, cut(shape, core), limits.workers):
            pass


def _doubled(region: Region, shape: Shape) -> Region:
    z, y, x = (slice(2 * part.start, min(2 * part.stop, size)) for part, size in zip(region, shape, strict=True))
    return (z, y, x)


def _open_array(path: Path, level: int) -> zarr.Array[Any]:
    _use_fast_codecs()
    try:
        return zarr.open_array(path / str(level), mode="r", zarr_format=3)
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(Fault(str(path), f"level {level}", "an OME-Zarr store", "make the store again")) from error


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
