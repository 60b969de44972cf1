"""What the analyses ought to find in the made-up cell, under their own names and keys.

``planted[analysis][key]`` of ``truth.json`` is held against ``key`` of the record of ``analysis``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import Limits
from tomocell.phantoms.cell.chronology import charge_mah, faraday_um
from tomocell.phantoms.cell.surfaces import over_roi
from tomocell.phantoms.cell.views import PHASES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.phantoms.cell.chronology import Timestep
    from tomocell.phantoms.cell.settings import CellSettings
    from tomocell.phantoms.cell.surfaces import Landscape, Surfaces
    from tomocell.phantoms.cell.views import PhaseVolume
    from tomocell.phantoms.lithium import Scene
    from tomocell.volumes.volume import Volume

PERCENT = 100.0
LEAST_OBJECT_VOXELS = 20  # of a dendrite that counts, as the shipped studies refine
COVERING = ("dendrite", "pit", "deposited", "redeposited")


@dataclass(frozen=True)
class Stored:
    """The stored true phases of one timestep.

    Attributes:
        volume: Them.
        columns: Voxels of each phase along z, shape (phases, Y, X).
    """

    volume: Volume
    columns: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Voxels of each phase."""
        return np.asarray(self.columns.sum(axis=(1, 2)))

    def column(self, name: str) -> NDArray[np.int64]:
        """Return the voxels of one phase along z, shape (Y, X)."""
        return np.asarray(self.columns[PHASES.value(name)])


def electrodes(settings: CellSettings, surfaces: Surfaces) -> dict[str, float]:
    """Return where the faces of the electrodes are, um from the first face of the ROI, means over it.

    Pits belong to the gap, films too; an outer face is left out where the electrode goes on beyond the ROI.
    """
    faces = {"stripping_inner_um": surfaces.electrode, "plating_inner_um": surfaces.plating}
    if surfaces.outer:
        faces |= {"stripping_outer_um": surfaces.outer[0], "plating_outer_um": surfaces.outer[1]}
    first = settings.roi_start[0] - 0.5
    found = {
        name: settings.voxel_size_um * float(over_roi(settings, face).mean() - first) for name, face in faces.items()
    }
    return {"gap_um": found["plating_inner_um"] - found["stripping_inner_um"], **found}


def dead_lithium(settings: CellSettings, phases: PhaseVolume) -> dict[str, float]:
    """Return the volume of dendrites without contact: of the cell as it is defined, and in stored voxels."""
    share, voxels = phases.dead()
    voxel_um3 = settings.voxel_size_um**3
    return {"dead_um3": share * voxel_um3, "dead_voxels": voxels, "dead_voxels_um3": voxels * voxel_um3}


def voids(half: Stored, now: Stored) -> dict[str, float]:
    """Return what redeposited lithium leaves unfilled of the pits of the half cycle, in stored voxels.

    A void is a voxel that was pit then and is not redeposited lithium now. The flattened map of the paper is the
    thickness of the pits then minus that of the redeposited lithium now, where that is positive: smaller, since
    lithium that covers the face counts against the pits under it.
    """
    depth = _unfilled(half.volume, now.volume)
    flattened = np.maximum(half.column("pit") - now.column("redeposited"), 0)
    size = now.volume.size
    figures = _void_figures(depth, size)
    of_pits = float((depth > 0).sum() / max((half.column("pit") > 0).sum(), 1)) * PERCENT
    more = {f"flattened_{name}": value for name, value in _void_figures(flattened, size).items()}
    return {**figures, "void_area_of_pits_percent": of_pits, **more}


def dendrites(settings: CellSettings, landscape: Landscape, step: Timestep, surfaces: Surfaces) -> list[dict[str, Any]]:
    """Return the dendrites whose middle lies in the ROI and that are higher than a voxel, by site.

    Root in um from the first faces of the ROI; tip likewise along z, before the dendrite leans.
    """
    grown, voxel = landscape.dendrites, settings.voxel_size_um
    films = landscape.at_sites(surfaces.film)
    film_plane = float(over_roi(settings, surfaces.film).mean())
    first = [start - 0.5 for start in settings.roi_start]
    is_dead = grown.dead(step.discharged)
    scale = landscape.dendrite_scale(step.charged)
    attached, detached = grown.attached(scale, step.discharged), grown.detached(scale, step.discharged)
    feet = np.where(is_dead, landscape.feet(), films)
    rows = []
    for site in np.flatnonzero((attached > 1) | (detached > 0)).tolist():
        y, x = landscape.site_voxels(site)
        if not all(
            0 <= at - start < size for at, start, size in zip((y, x), first[1:], settings.roi_size[1:], strict=True)
        ):
            continue
        tip = float(feet[site] - max(attached[site], detached[site]))
        rows.append(
            {
                "site": site,
                "y_um": (y - first[1]) * voxel,
                "x_um": (x - first[2]) * voxel,
                "tip_um": (tip - first[0]) * voxel,
                "height_um": float(max(attached[site], detached[site])) * voxel,
                "above_film_um": (film_plane - tip) * voxel,
                "has_contact": not bool(is_dead[site]),
            }
        )
    return rows


def objects(settings: CellSettings, surfaces: Surfaces, volume: Volume) -> dict[str, float]:
    """Return how many dendrites the stored phases show, as 26-connected objects, and how high the highest is.

    A height is taken from the mean of the film's face over the box around the dendrite to its farthest voxel.
    """
    from tomocell.objects.table import object_table

    table = object_table(volume, PHASES.value("dendrite"), Limits())
    shown = table[table["volume_voxels"] >= LEAST_OBJECT_VOXELS]
    film = over_roi(settings, surfaces.film) - (settings.roi_start[0] - 0.5)
    boxes = shown[["z_start", "y_start", "y_stop", "x_start", "x_stop"]].to_numpy(np.int64)
    heights = [film[front:back, left:right].mean() - tip for tip, front, back, left, right in boxes]
    highest = {"tip_height_um": float(max(heights)) * settings.voxel_size_um} if heights else {}
    return {"count": len(shown), **highest}


def faraday(settings: CellSettings, step: Timestep, volume_um3: dict[str, float]) -> dict[str, float]:
    """Return the net charge, and for this half cycle its charge, the lithium of that in the ROI and what is seen of it.

    Seen is what was plated until the half cycle, and what was redeposited since then.
    """
    since = step.discharged or step.charged
    expected = faraday_um(settings, since) * settings.roi_area_um2
    seen = volume_um3["redeposited"] if step.discharged else volume_um3["deposited"] + volume_um3["dendrite"]
    found = {
        "charge_mah": charge_mah(settings, step.charged - step.discharged),
        "half_cycle_charge_mah": charge_mah(settings, since),
        "faraday_um3": expected,
    }
    return found | ({"capacity_ratio": seen / expected} if since else {})


def occupancy(stored: Stored) -> dict[str, float]:
    """Return the share of columns along z that hold a voxel of each class that covers the face."""
    return {f"{name}_percent": float((stored.column(name) > 0).mean()) * PERCENT for name in COVERING}


def _void_figures(depth: NDArray[np.int64], size: tuple[float, float, float]) -> dict[str, float]:
    deep = depth[depth > 0] * size[0]
    area = float((depth > 0).mean()) * PERCENT
    return {
        "void_area_percent": area,
        "contact_area_percent": PERCENT - area,
        "void_volume_um3": float(deep.sum()) * size[1] * size[2],
        "mean_depth_um": float(deep.mean()) if len(deep) else 0.0,
        "largest_depth_um": float(deep.max()) if len(deep) else 0.0,
    }


def _unfilled(half: Volume, now: Volume) -> NDArray[np.int64]:
    """Return the voxels along z that were pit and are not redeposited lithium, shape (Y, X)."""
    from tomocell.blocks import cut

    depth = np.zeros(now.shape[1:], dtype=np.int64)
    pit, redeposited = PHASES.value("pit"), PHASES.value("redeposited")
    for block in cut(now.shape, (now.shape[0], 64, now.shape[2])):
        is_void = (half.read(block.core) == pit) & (now.read(block.core) != redeposited)
        depth[block.core[1:]] += is_void.sum(axis=0)
    return depth


class Planter:
    """Gathers the planted figures of a series, timestep by timestep in order."""

    def __init__(self, settings: CellSettings) -> None:
        self.settings = settings
        self._pristine_gap_um: float | None = None
        self._half: Stored | None = None

    def record(self, scene: Scene, stored: Stored, volume_um3: dict[str, float]) -> dict[str, Any]:
        """Return what is planted at a timestep; ``volume_um3`` are the continuous volumes of the phases."""
        settings, step = self.settings, scene.step
        edges = electrodes(settings, scene.surfaces)
        if self._pristine_gap_um is None:
            self._pristine_gap_um = edges["gap_um"]
        swelling = {"swelling_um": edges["gap_um"] - self._pristine_gap_um}
        dead = dead_lithium(settings, scene.phases)
        unfilled = self._voids(step, stored)
        return {
            "electrodes": edges | swelling,
            "dead_lithium": dead,
            **({"voids": unfilled} if unfilled else {}),
            "dendrites": dendrites(settings, scene.landscape, step, scene.surfaces),
            "planted": {
                "electrode_gap": edges,
                "swelling": swelling,
                "dead_lithium": {"dead_um3": dead["dead_um3"]},
                "dendrites": objects(settings, scene.surfaces, stored.volume),
                "occupancy": occupancy(stored),
                "faraday": faraday(settings, step, volume_um3),
                **({"voids": unfilled} if unfilled else {}),
            },
        }

    def _voids(self, step: Timestep, stored: Stored) -> dict[str, float]:
        if step.state == "half_cycle":
            self._half = stored
        return voids(self._half, stored) if self._half is not None else {}
