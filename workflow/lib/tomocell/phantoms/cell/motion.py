"""How the sample lies in each scan: a rigid displacement, and a slight smooth warp with no rigid part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.phantoms.cell import chronology

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.phantoms.cell.chronology import Timestep
    from tomocell.phantoms.cell.settings import CellSettings

    Array = NDArray[np.float64]

STREAM = 3
LEAST_SHARE = 0.5  # of the largest displacement, so that no scan is in place by chance
GRID = 9  # points along each axis on which the warp is measured
SPARE_VOXELS = 1.0


@dataclass(frozen=True)
class Motion:
    """Where a point of the sample is found in a scan.

    A point p of the sample frame appears at ``M r`` where ``p = r - u(r)``: M is the rigid motion and u the warp, which
    bends the electrodes: a polynomial of second degree in y and x without constant or linear part. So it has no
    shift and no turn over the region of interest, nor over any slab of it along z: nothing that a rigid fit could
    find beside M.

    Attributes:
        rotation: 3 x 3.
        translation: Shift of the scan's centre, voxels.
        centre: Centre of the scan, voxels: what the rotation turns about.
        warp: 3 x 3 coefficients of u along (z, y, x) in voxels, for the terms of ``terms``.
        middle: Centre of the ROI, voxels.
        half: Half the size of the ROI, voxels.
    """

    rotation: Array
    translation: Array
    centre: Array
    warp: Array
    middle: Array
    half: Array

    def matrix_um(self, voxel_size_um: float) -> Array:
        """Return the 4 x 4 matrix that takes (z, y, x, 1) in um of the sample frame to the same point in the scan."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation
        matrix[:3, 3] = (self.centre + self.translation - self.rotation @ self.centre) * voxel_size_um
        return matrix

    def inverse_voxels(self) -> Array:
        """Return the 3 x 4 matrix that takes (z, y, x, 1) in voxels of the scan to the sample frame, warp aside."""
        back = self.rotation.T
        return np.column_stack([back, self.centre - back @ (self.centre + self.translation)])

    def displacement(self, points: Array) -> Array:
        """Return u at ``points`` (N, 3) of the sample frame, voxels."""
        return terms((points - self.middle) / self.half) @ self.warp.T

    def displacements(self) -> Array:
        """Return u on an even grid over the ROI, shape (N, 3), voxels."""
        return self.displacement(self.middle + _grid() * self.half)


def terms(points: Array) -> Array:
    """Return yy - 1/3, xx - 1/3 and yx of points (N, 3) scaled to -1..1: each has no mean and no slope there."""
    _, y, x = points.T
    return np.stack([y * y - 1 / 3, x * x - 1 / 3, y * x], axis=-1)


def motion_of(settings: CellSettings, step: Timestep) -> Motion:
    """Return the motion of a timestep; that of the reference is none.

    Raises:
        BadInput: If the scan would no longer cover the ROI.
    """
    half = np.array(settings.roi_size) / 2
    middle = np.array(settings.roi_start) + (np.array(settings.roi_size) - 1) / 2
    centre = (np.array(settings.shape) - 1) / 2
    if step == chronology.reference(settings):
        return Motion(np.eye(3), np.zeros(3), centre, np.zeros((3, 3)), middle, half)
    rng = np.random.default_rng([settings.seed, STREAM, step.index])
    rotation = rotation_matrix(_vector(rng, np.deg2rad(settings.max_rotation_deg)))
    translation = _vector(rng, settings.voxels(settings.max_translation_um))
    warp = _warp(rng, settings.voxels(settings.nonrigid_um))
    motion = Motion(rotation, translation, centre, warp, middle, half)
    _check_cover(settings, motion, step)
    return motion


def rotation_matrix(vector: Array) -> Array:
    """Return the rotation by ``|vector|`` radians about ``vector`` (z, y, x), by Rodrigues' formula."""
    angle = float(np.linalg.norm(vector))
    if angle == 0:
        return np.eye(3)
    z, y, x = vector / angle
    # The cross product in (z, y, x) order: (a x b) for a right-handed x, y, z.
    cross = np.array([[0, x, -y], [-x, 0, z], [y, -z, 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross))


def _vector(rng: np.random.Generator, largest: float) -> Array:
    direction = rng.standard_normal(3)
    length = largest * rng.uniform(LEAST_SHARE, 1)
    return np.asarray(direction / np.linalg.norm(direction) * length)


def _warp(rng: np.random.Generator, largest: float) -> Array:
    """Return coefficients of a warp whose longest displacement in the ROI is ``largest``."""
    coefficients = rng.standard_normal((3, 3))
    longest = np.linalg.norm(terms(_grid()) @ coefficients.T, axis=1).max()
    return np.asarray(coefficients * (largest / longest))


def _grid() -> Array:
    axis = np.linspace(-1, 1, GRID)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)


def _check_cover(settings: CellSettings, motion: Motion, step: Timestep) -> None:
    corners = np.array(np.meshgrid(*[(-1, 1)] * 3)).reshape(3, -1).T * motion.half
    moved = (motion.middle + corners - motion.centre) @ motion.rotation.T + motion.translation + motion.centre
    reach = settings.voxels(settings.nonrigid_um) + SPARE_VOXELS
    outside = float(max((reach - moved).max(), (moved + reach - (np.array(settings.shape) - 1)).max()))
    if outside > 0:
        fault = Fault(
            f"timestep {step.name}: roi_margin_voxels",
            settings.roi_margin_voxels,
            f"at least {int(np.ceil(outside))} voxels more",
            "widen it, or make max_translation_um or max_rotation_deg smaller",
        )
        raise BadInput(fault)
