"""Register: one timestep into the frame of its reference, with a single resampling."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tomocell.blocks import Block, Limits, Need, choose_core, cut, map_blocks
from tomocell.registration.record import Registration
from tomocell.registration.register import register as find_motion
from tomocell.registration.resample import Frame, resample_region, roi_region
from tomocell.stages.provenance import provenance
from tomocell.volumes.store import Layout, create_store
from tomocell.volumes.tables import write_json

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.registration.settings import RegisterSettings
    from tomocell.volumes.volume import Region, Shape, Volume

log = logging.getLogger(__name__)
BYTES_BESIDE_VOXELS = 8.0  # a turned box is read larger than the block it fills, and interpolated in double precision


def register(
    fixed: Volume, moving: Volume, out: Path, settings: RegisterSettings, limits: Limits, *, digest: str = ""
) -> None:
    """Write ``out/registered.ome.zarr``, the moving scan in the frame of the fixed one, and ``out/registration.json``.

    Raises:
        BadInput: If voxel sizes differ, the region of interest lies outside, or the scan did not register.
    """
    is_reference = moving.name == fixed.name
    found = Registration.of_reference(fixed) if is_reference else find_motion(fixed, moving, settings)
    region = roi_region(settings, fixed.shape)
    shape = (region[0].stop - region[0].start, region[1].stop - region[1].start, region[2].stop - region[2].start)
    layout = Layout(shape, moving.dtype, fixed.size)
    own = provenance(settings, digest, {"fixed": fixed, "moving": moving})
    with create_store(out / "registered.ome.zarr", layout, limits, own) as writer:
        need = Need(bytes_per_voxel=3.0 * moving.dtype.itemsize + BYTES_BESIDE_VOXELS)
        core = choose_core(shape, need, limits, writer.shard)
        frame = Frame(fixed.size, settings.interpolation, settings.fill_value)

        def work(block: Block) -> int:
            resampled = resample_region(moving, found.matrix, _shifted(block.core, region), frame)
            writer.write(block.core, resampled.voxels)
            return resampled.outside

        outside = sum(map_blocks(work, cut(shape, core), limits.workers))
        writer.notes.update(outside_voxels=outside)
    write_json(out / "registration.json", found.to_json_dict() | _frame_record(region, shape, outside))
    log.info("%s registered: %s", moving.name, _summary(found))


def _shifted(core: Region, region: Region) -> Region:
    z, y, x = (
        slice(part.start + whole.start, part.stop + whole.start) for part, whole in zip(core, region, strict=True)
    )
    return (z, y, x)


def _frame_record(region: Region, shape: Shape, outside: int) -> dict[str, object]:
    return {
        "roi_start_voxels": [part.start for part in region],
        "roi_size_voxels": list(shape),
        "outside_voxels": outside,
    }


def _summary(found: Registration) -> dict[str, object]:
    record = found.to_json_dict()
    return {key: record[key] for key in ("rotation_deg", "translation_um", "correlation_before", "correlation_after")}
