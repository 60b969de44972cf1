"""Register: one timestep into the frame of its reference, with a single resampling."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tomocell.blocks import Block, Limits, cut, map_blocks
from tomocell.registration.chain import Neighbour, register_over
from tomocell.registration.level import levelling
from tomocell.registration.pictures import write_pictures
from tomocell.registration.place import Placed, place
from tomocell.registration.record import Registration
from tomocell.registration.register import register as find_motion
from tomocell.volumes.manifest import store_path
from tomocell.volumes.provenance import provenance
from tomocell.volumes.store import Layout, create_store, open_store
from tomocell.volumes.tables import read_json, write_json, write_parquet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tomocell.registration.settings import RegisterSettings
    from tomocell.volumes.manifest import Provenance
    from tomocell.volumes.volume import Region, Volume

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scans:
    """What one timestep is registered with.

    Attributes:
        fixed: The reference scan.
        moving: The scan to be moved into its frame.
        neighbour: The scan that it is fitted to on the way, where it is not the reference.
    """

    fixed: Volume
    moving: Volume
    neighbour: Neighbour | None = None

    @property
    def is_reference(self) -> bool:
        """Whether the scan to be moved is the reference."""
        return self.moving.name == self.fixed.name


def open_scans(fixed: str, moving: str, neighbour: Sequence[str] | None = None) -> Scans:
    """Open the converted scans of a timestep from their manifests.

    ``neighbour``: manifest and registration record of the scan that it is fitted to on the way; empty for none.

    Raises:
        BadInput: If a store is not whole.
    """
    near = None
    if neighbour:
        manifest, record = neighbour
        near = Neighbour(_open(manifest), read_registration(Path(record)))
    return Scans(_open(fixed), _open(moving), near)


def _open(manifest: str) -> Volume:
    return open_store(store_path(Path(manifest)))


def read_registration(path: Path) -> Registration:
    """Read ``registration.json``."""
    content = read_json(path)
    return Registration.model_validate({name: content[name] for name in Registration.model_fields if name in content})


def register(scans: Scans, out: Path, settings: RegisterSettings, limits: Limits, *, digest: str = "") -> None:
    """Write what is known of one timestep in the frame of the reference.

    ``out/registered.ome.zarr``: the moving scan, resampled once. ``out/registration.json`` and ``.parquet``: how it
    lies, as a whole and by sub-volume. ``out/maps/registration.png``: checkerboards and differences, before and after;
    ``out/maps/registration_residuals.png``: what the sub-volumes say beside the rigid motion.

    Raises:
        BadInput: If voxel sizes differ, the region of interest lies outside, or the scan did not register.
    """
    fixed, moving = scans.fixed, scans.moving
    placed = place(find(scans, settings, limits.workers), fixed, settings)
    own = provenance(settings, digest, {"fixed": fixed, "moving": moving})
    outside = _resample(moving, out / "registered.ome.zarr", placed, limits, own)
    write_pictures(out / "maps", fixed, moving, placed)
    write_parquet(out / "registration.parquet", placed.found.table())
    write_json(out / "registration.json", placed.found.to_json_dict() | _frame_record(placed.region, outside))
    log.info("%s registered: %s", moving.name, _summary(placed.found))


def find(scans: Scans, settings: RegisterSettings, threads: int) -> Registration:
    """Return how the scan lies in relation to the reference's frame, levelled if the settings ask for it.

    Raises:
        BadInput: As ``register``.
    """
    level = levelling(scans.fixed, settings)
    if scans.is_reference:
        return Registration.of_reference(scans.fixed).levelled(level)
    if scans.neighbour is None:
        found = find_motion(scans.fixed, scans.moving, settings, threads=threads)
    else:
        found = register_over(scans.fixed, scans.neighbour, scans.moving, settings, threads)
    return found.model_copy(update={"correction": settings.correction}).levelled(level)


def _resample(moving: Volume, path: Path, placed: Placed, limits: Limits, own: Provenance) -> int:
    """Write the moving scan in the frame of the reference, block by block; return the voxels that it does not reach."""
    shape = placed.shape
    layout = Layout(shape, moving.dtype, placed.frame.voxel_size_um)
    with create_store(path, layout, limits, own) as writer:
        core = placed.block_shape(moving, limits, writer.shard)

        def work(block: Block) -> int:
            resampled = placed.resample(moving, block.core)
            writer.write(block.core, resampled.voxels)
            return resampled.outside

        outside = sum(map_blocks(work, cut(shape, core), limits.workers))
        writer.notes.update(outside_voxels=outside)
    return outside


def _frame_record(region: Region, outside: int) -> dict[str, object]:
    return {
        "roi_start_voxels": [part.start for part in region],
        "roi_size_voxels": [part.stop - part.start for part in region],
        "outside_voxels": outside,
    }


def _summary(found: Registration) -> dict[str, object]:
    record = found.to_json_dict()
    return {key: record[key] for key in ("rotation_deg", "translation_um", "correlation_before", "correlation_after")}
