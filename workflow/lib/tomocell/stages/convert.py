"""Convert: a raw file of any known format becomes a chunked, sharded, multiscale volume."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import Block, Limits, Need, transform_volume
from tomocell.errors import BadInput, Fault
from tomocell.stages.provenance import provenance
from tomocell.volumes.readers import open_source
from tomocell.volumes.store import Layout, create_store
from tomocell.volumes.volume import AXES, Region, Shape, Volume, VoxelSize

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.settings import ConvertSettings

log = logging.getLogger(__name__)
STORED = {"b1": "u1", "f8": "f4", "i8": "f4", "u8": "f4"}  # what a tomogram can hold without loss is at most 32 bit


class CroppedVolume(Volume):
    """A box of another volume, in a type that can be stored."""

    def __init__(self, whole: Volume, start: Shape, shape: Shape) -> None:
        self.name = whole.name
        self.shape = shape
        self.dtype = np.dtype(STORED.get(whole.dtype.str[1:], whole.dtype.str[1:]))
        self.voxel_size_um = whole.voxel_size_um
        self.classes = whole.classes
        self._whole = whole
        self._start = start

    def read(self, region: Region) -> NDArray[Any]:
        """Return the voxels of ``region`` of the box."""
        z, y, x = (
            slice(start + part.start, start + part.stop) for start, part in zip(self._start, region, strict=True)
        )
        return self._whole.read((z, y, x)).astype(self.dtype, copy=False)


def convert(
    raw: Path,
    store: Path,
    voxel_size_um: VoxelSize,
    settings: ConvertSettings,
    limits: Limits,
    **how: Any,  # noqa: ANN401
) -> None:
    """Convert ``raw`` (``dataset=`` inside it, ``digest=`` of the code) to ``store``, block by block.

    ``raw_name=`` is what the sample sheet calls the file; the manifest keeps it, so that a scan that was archived
    after its conversion is known again.

    Raises:
        BadInput: If the file cannot be read, is not a volume, or holds values that are not finite.
    """
    whole = open_source(raw, how.get("dataset"))
    source = crop(whole, settings)
    layout = Layout(source.shape, source.dtype, voxel_size_um, chunk=settings.chunk_voxels, shard=settings.shard_voxels)

    def kernel(voxels: NDArray[Any], block: Block) -> NDArray[Any]:
        _require_finite(source.name, voxels, block)
        return voxels

    # Three copies at the peak: as read, as stored, as encoded.
    need = Need(bytes_per_voxel=whole.dtype.itemsize + 2.0 * source.dtype.itemsize)
    with create_store(store, layout, limits, provenance(settings, how.get("digest", ""))) as writer:
        transform_volume(kernel, source, writer, need, limits)
        if "raw_name" in how:
            writer.notes["raw"] = how["raw_name"]
    log.info("%s -> %s: %s voxels, %s", raw, store, source.shape, source.dtype)


def crop(source: Volume, settings: ConvertSettings) -> CroppedVolume:
    """Return the box of ``source`` that the settings keep.

    Raises:
        BadInput: If the box reaches outside.
    """
    start = settings.crop_start_voxels
    size = settings.crop_size_voxels or tuple(edge - first for edge, first in zip(source.shape, start, strict=True))
    for axis, name in enumerate(AXES):
        if size[axis] < 1 or start[axis] + size[axis] > source.shape[axis]:
            value = f"{name}: start {start[axis]}, size {size[axis]}"
            expected = f"a box inside {source.shape[axis]} voxels"
            raise BadInput(Fault(f"{source.name}, convert.crop", value, expected, "correct the crop"))
    return CroppedVolume(source, start, (size[0], size[1], size[2]))


def _require_finite(name: str, voxels: NDArray[Any], block: Block) -> None:
    if voxels.dtype.kind != "f" or np.isfinite(voxels).all():
        return
    first = np.argwhere(~np.isfinite(voxels))[0] + [part.start for part in block.outer]
    value = f"{voxels[~np.isfinite(voxels)][0]} at voxel {tuple(int(index) for index in first)}"
    remedy = "reconstruct again, or replace such voxels before conversion"
    raise BadInput(Fault(name, value, "finite grey values", remedy))
