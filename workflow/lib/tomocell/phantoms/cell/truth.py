"""What is known of the made-up series: volumes, thicknesses, motions and charges, ready for ``truth.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.phantoms.cell.chronology import charge_mah, faraday_um
from tomocell.phantoms.cell.views import LABELS, PHASES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.phantoms.cell.chronology import Timestep
    from tomocell.phantoms.cell.motion import Motion
    from tomocell.phantoms.cell.settings import CellSettings
    from tomocell.phantoms.cell.views import PhaseVolume

MEANING = {
    "axes": "(z, y, x); z is the normal of the electrodes, plane 0 on the stripping side",
    "roi": "first voxel and size in voxels of the region of interest in the reference scan; labels and phases cover it",
    "matrix": (
        "takes a point (z, y, x, 1) in um of the reference frame to the same point in the scan of the timestep; the "
        "origin of both frames is the centre of voxel (0, 0, 0) of the whole scan, not of the region of interest"
    ),
    "continuous": "sums of partial voxels: the volumes of the cell as it is defined",
    "voxels": "voxel counts of the stored phases, each voxel counted for its largest share",
    "capacity_ratio": (
        "visible over electrochemical lithium, as planned for the series and as drawn at each timestep (continuous "
        "volumes). Charge: (deposited + dendrite) over the lithium charged so far. "
        "Discharge: redeposited over the lithium discharged since the half cycle. The stripping electrode loses all "
        "that is charged"
    ),
    "electrodes": (
        "faces of the electrodes along z, um from the first face of the region of interest, means over it (pits and "
        "films belong to the gap); gap_um is the distance of the inner faces, swelling_um what it has grown by since "
        "the pristine cell: by the way of the plating electrode and by what was stripped"
    ),
    "dead_lithium": (
        "dendrites that have lost contact: continuous, and counted in the stored phases, where no voxel of theirs "
        "touches another dendrite, film or electrode by a face, edge or corner"
    ),
    "voids": (
        "what of the pits of the half cycle is not redeposited lithium, counted in the stored phases: areas in percent "
        "of the region of interest, of_pits in percent of what the pits covered; flattened: thickness of the pits "
        "minus thickness of the redeposited lithium, where positive"
    ),
    "dendrites": (
        "dendrites higher than a voxel whose middle lies in the region of interest: root and tip in um from its first "
        "faces (the tip before the dendrite leans), height over its own foot, above_film over the mean plane of the "
        "film; dendrites that overlap are told one by one"
    ),
    "planted": "by analysis and key: what the record of that analysis ought to say",
    "nonrigid": "largest and root-mean-square length in the region of interest of the warp beside the rigid motion",
}
ROUND_UM = 6
SCENE_KEYS = ("capacity_ratio", "active_area_cm2", "seed")


def series_record(settings: CellSettings) -> dict[str, Any]:
    """Return what is true of the whole series."""
    return {
        "meaning": MEANING,
        "voxel_size_um": [settings.voxel_size_um] * 3,
        "scan_shape": list(settings.shape),
        "roi": {"start": list(settings.roi_start), "size": list(settings.roi_size)},
        "roi_area_um2": settings.roi_area_um2,
        "split_plane": settings.roi_size[0] // 2,
        "labels": {member.name: member.value for member in LABELS},
        "phases": {member.name: member.value for member in PHASES},
        **{key: getattr(settings, key) for key in SCENE_KEYS},
    }


def timestep_record(
    settings: CellSettings, step: Timestep, motion: Motion, phases: PhaseVolume, counts: NDArray[np.int64]
) -> dict[str, Any]:
    """Return what is true of one timestep; ``counts`` are the voxels of each phase in the stored volume."""
    continuous = _amounts(settings, phases.shares().sum(axis=0))
    return {
        "state": step.state,
        "electrochemistry": _electrochemistry(settings, step, continuous["effective_thickness_um"]),
        "continuous": continuous,
        "voxels": _amounts(settings, counts.astype(np.float64)),
        "rigid": _rigid(settings, motion),
        "nonrigid": _nonrigid(settings, motion),
    }


def _electrochemistry(settings: CellSettings, step: Timestep, found_um: dict[str, float]) -> dict[str, Any]:
    half_cycle = step.discharged or step.charged
    thickness = faraday_um(settings, half_cycle)
    visible = found_um["redeposited"] if step.discharged else found_um["deposited"] + found_um["dendrite"]
    return {
        "time_min": step.time_min,
        "clock_min": step.clock_min,
        "current_ma": step.current_ma,
        "charge_mah": charge_mah(settings, half_cycle),
        "net_charge_mah": charge_mah(settings, step.charged - step.discharged),
        "faraday_um": thickness,
        "faraday_um3": thickness * settings.roi_area_um2,
        "visible_um": visible,
        "capacity_ratio": visible / thickness if half_cycle else None,
    }


def _amounts(settings: CellSettings, voxels: NDArray[np.float64]) -> dict[str, Any]:
    volume = {name: float(count) * settings.voxel_size_um**3 for name, count in zip(PHASES.names, voxels, strict=True)}
    thickness = {name: amount / settings.roi_area_um2 for name, amount in volume.items()}
    sides = {
        "plating_side": thickness["plating_electrode"] + thickness["deposited"],
        "stripping_side": thickness["stripping_electrode"] + thickness["redeposited"],
    }
    return {"volume_um3": _rounded(volume), "effective_thickness_um": _rounded(thickness | sides)}


def _rigid(settings: CellSettings, motion: Motion) -> dict[str, Any]:
    angle = np.arccos(np.clip((np.trace(motion.rotation) - 1) / 2, -1, 1))
    return {
        "matrix": motion.matrix_um(settings.voxel_size_um).tolist(),
        "rotation_angle_deg": float(np.rad2deg(angle)),
        "translation_at_centre_um": (motion.translation * settings.voxel_size_um).tolist(),
        "centre_um": (motion.centre * settings.voxel_size_um).tolist(),
    }


def _nonrigid(settings: CellSettings, motion: Motion) -> dict[str, float]:
    length = np.linalg.norm(motion.displacements(), axis=1) * settings.voxel_size_um
    return {"largest_um": float(length.max()), "rms_um": float(np.sqrt((length**2).mean()))}


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, ROUND_UM) for name, value in values.items()}
