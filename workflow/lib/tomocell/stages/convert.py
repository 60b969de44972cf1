"""Convert: a raw file of any known format becomes a chunked, sharded, multiscale volume."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import Block, Limits, Need, transform_slabs
from tomocell.errors import BadInput, Fault
from tomocell.volumes.provenance import provenance
from tomocell.volumes.source import open_scan, stitching_notes, voxel_size_faults
from tomocell.volumes.store import Layout, create_store
from tomocell.volumes.window import Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from tomocell.volumes.settings import ConvertSettings
    from tomocell.volumes.volume import Volume, VoxelSize

log = logging.getLogger(__name__)
STORED = {"b1": "u1", "f8": "f4", "i8": "f4", "u8": "f4"}  # what a tomogram can hold without loss is at most 32 bit


def convert(
    raw: Path | Sequence[Path],
    store: Path,
    voxel_size_um: VoxelSize,
    settings: ConvertSettings,
    limits: Limits,
    **how: Any,  # noqa: ANN401
) -> None:
    """Convert ``raw`` (``dataset=`` inside it, ``digest=`` of the code) to ``store``, slab by slab.

    Several paths are fields of view, in order along the axis of ``settings.stitch``. ``voxel_size_um`` is that of the
    result's axes. ``raw_name=`` is what the sample sheet calls the file; the manifest keeps it, so that a scan that was
    archived after its conversion is known again. The manifest also tells what the window clipped and how fields lie.

    Raises:
        BadInput: If the files cannot be read, do not fit together, are no volume, contradict the voxel size, hold
            values that are not finite, or but one grey value.
    """
    paths = [raw] if isinstance(raw, Path) else list(raw)
    whole, source = open_scan(paths, settings, how.get("dataset"))
    faults = voxel_size_faults(source, voxel_size_um, settings)
    if faults:
        raise BadInput(*faults)
    window = Window(settings.window_grey, np.dtype(settings.dtype)) if settings.window_grey else None
    dtype = window.dtype if window else np.dtype(STORED.get(source.dtype.str[1:], source.dtype.str[1:]))
    layout = Layout(source.shape, dtype, voxel_size_um, chunk=settings.chunk_voxels, shard=settings.shard_voxels)

    def kernel(voxels: NDArray[Any], block: Block) -> NDArray[Any]:
        stored = voxels if window else _cast(voxels, dtype)
        _require_finite(source.name, stored, block)
        return window.apply(voxels) if window else stored

    with create_store(store, layout, limits, provenance(settings, how.get("digest", ""))) as writer:
        transform_slabs(kernel, source, writer, Need(bytes_per_voxel=need_bytes(source, dtype)), limits)
        _require_contrast(source.name, writer.notes, window)
        writer.notes.update(stitching_notes(whole))
        writer.notes.update({"window": _judged(source.name, window, settings)} if window else {})
        writer.notes.update({"raw": how["raw_name"]} if "raw_name" in how else {})
    log.info("%s -> %s: %s voxels, %s", source.name, store, source.shape, dtype)


def need_bytes(source: Volume, dtype: np.dtype[Any]) -> float:
    """Return the bytes that a voxel of a shard takes: in one piece, cast, compressed, and compressed in the shard."""
    return source.dtype.itemsize + 3.0 * dtype.itemsize


def _cast(voxels: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    with np.errstate(over="ignore"):  # it becomes infinite, and that is told
        return voxels.astype(dtype, copy=False)


def _judged(name: str, window: Window, settings: ConvertSettings) -> dict[str, Any]:
    notes = window.notes()
    for share, side in ((notes["below_percent"], "below"), (notes["above_percent"], "above")):
        if share > settings.clip_warning_percent:
            text = "%s: %.2f %% of the voxels lie %s the window [%s, %s] and were clipped"
            log.warning(text, name, share, side, window.low, window.high)
    return notes


def _require_contrast(name: str, notes: Mapping[str, Any], window: Window | None) -> None:
    if notes["least"] != notes["greatest"]:
        return
    value = f"{notes['least']} in every voxel"
    remedy = "correct convert.window_grey" if window else "export the scan again: it is empty"
    expected = "grey values that differ: nothing could be registered or segmented in a constant one"
    raise BadInput(Fault(name, value, expected, remedy))


def _require_finite(name: str, voxels: NDArray[Any], block: Block) -> None:
    if voxels.dtype.kind != "f" or np.isfinite(voxels).all():
        return
    first = np.argwhere(~np.isfinite(voxels))[0] + [part.start for part in block.outer]
    value = f"{voxels[~np.isfinite(voxels)][0]} at voxel {tuple(int(index) for index in first)}"
    remedy = "reconstruct again, or replace such voxels before conversion"
    raise BadInput(Fault(name, value, "finite grey values", remedy))
