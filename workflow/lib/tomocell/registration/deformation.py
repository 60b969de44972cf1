"""What a rigid motion leaves: a smooth displacement through what the sub-volumes say, to be corrected if asked for.

The cell swells, bends and shears a little; the sub-volumes' own motions tell by how much at their centres. An affine
map is the least-squares one (the smallest where the centres lie in a plane or a line); the spline adds the biharmonic
one in three dimensions, sum_i w_i |p - c_i|, through what the affine map leaves (thin plates in 3D; Bookstein, IEEE
TPAMI 11 (1989), doi:10.1109/34.24792). Beyond the box of the sub-volumes the displacement of its face is carried on:
nothing is known out there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.registration import transforms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.volumes.volume import Shape, VoxelSize

    Array = NDArray[np.float64]

NODES = 17  # along the longest edge: the displacements of a dozen sub-volumes hold no finer detail
FLAT = 1e-3  # directions in which the centres spread less, of the widest, tell nothing of a slope


@dataclass(frozen=True)
class Deformation:
    """Displacements that are added to what a rigid motion says.

    Attributes:
        nodes_um: Along (z, y, x), on nodes over the reference, shape (3, Z, Y, X); node 0 at voxel (0, 0, 0).
        step_um: From node to node along (z, y, x).
    """

    nodes_um: Array
    step_um: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def is_none(self) -> bool:
        """Whether there is no displacement."""
        return self.nodes_um.size == 0


NONE = Deformation(np.empty((3, 0, 0, 0)))


@dataclass(frozen=True)
class Residuals:
    """What sub-volumes say beside the rigid motion.

    Attributes:
        centres_um: Their centres in the reference, (N, 3).
        displacements_um: Where they take their centres less where the rigid motion does, (N, 3).
        sizes_um: Their edges, (N, 3).
    """

    centres_um: Array
    displacements_um: Array
    sizes_um: Array

    def clipped(self, points_um: Array) -> Array:
        """Return the nearest points in the box of all sub-volumes."""
        low = (self.centres_um - self.sizes_um / 2).min(axis=0)
        high = (self.centres_um + self.sizes_um / 2).max(axis=0)
        return np.clip(points_um, low, high)


def affine(residuals: Residuals, points_um: Array) -> Array:
    """Return the displacements (N, 3) of the affine map that fits the residuals best, at points (N, 3)."""
    middle = residuals.centres_um.mean(axis=0)
    spread = residuals.centres_um - middle
    mean = residuals.displacements_um.mean(axis=0)
    slopes = np.linalg.lstsq(spread, residuals.displacements_um - mean, rcond=FLAT)[0]
    return np.asarray(mean + (residuals.clipped(points_um) - middle) @ slopes)


def spline(residuals: Residuals, points_um: Array) -> Array:
    """Return the displacements (N, 3) of the affine map, and of the spline through what it leaves, at points (N, 3)."""
    from scipy.interpolate import RBFInterpolator

    left = residuals.displacements_um - affine(residuals, residuals.centres_um)
    bent = RBFInterpolator(residuals.centres_um, left, kernel="linear", degree=0)
    return np.asarray(affine(residuals, points_um) + bent(residuals.clipped(points_um)))


FITS = {"affine": affine, "spline": spline}


def deformation_of(
    residuals: Residuals, kind: str, shape: Shape, voxel_um: VoxelSize, level: Array | None = None
) -> Deformation:
    """Return the smooth displacement over a reference of ``shape``; none where no sub-volume says anything.

    ``level`` takes points of the frame that is filled to points of the reference scan, where they differ.
    """
    if kind == "none" or len(residuals.centres_um) == 0:
        return NONE
    extent = (np.array(shape) - 1) * np.array(voxel_um)
    counts = np.clip(np.ceil(extent / extent.max() * (NODES - 1)).astype(int) + 1, 2, NODES)
    step = extent / (counts - 1)
    ticks = np.stack(np.meshgrid(*(np.arange(n) * gap for n, gap in zip(counts, step, strict=True)), indexing="ij"))
    points = ticks.reshape(3, -1).T
    moved = FITS[kind](residuals, points if level is None else transforms.apply(level, points))
    return Deformation(np.ascontiguousarray(moved.T.reshape(ticks.shape)), (step[0], step[1], step[2]))
