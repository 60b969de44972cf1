"""How alike two scans are on a patch: correlation of grey values, and agreement of their gradients by direction.

Correlation alone can deceive: two cells of one kind share their layers, and match well wherever they lie in the plane
of the layers. What tells them apart is the direction in which their gradients agree least.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.registration.patch import Patch, average
from tomocell.registration.resample import resample_patch

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

COARSENING = 2  # voxels averaged before gradients are taken, and the smoothing after, against noise
SMOOTHING = 0.8
RIDGE = 1e-3  # of the mean squared gradient: a direction without texture agrees with nothing


@dataclass(frozen=True)
class Likeness:
    """Sums over the voxels of one or several patches.

    Attributes:
        moments: Voxels compared; sums of f, m, ff, mm, fm of fixed and moving grey values.
        tensors: Sums of the outer products of gradients: fixed x fixed, moving x moving, fixed x moving; (3, 3, 3).
        voxels: Voxels of the fixed patches.
    """

    moments: Array
    tensors: Array
    voxels: int

    def __add__(self, other: Likeness) -> Likeness:
        return Likeness(self.moments + other.moments, self.tensors + other.tensors, self.voxels + other.voxels)

    @property
    def covered(self) -> float:
        """The share of the fixed voxels that the moving scan reaches."""
        return float(self.moments[0] / self.voxels) if self.voxels else 0.0

    @property
    def correlation(self) -> float | None:
        """Pearson's r of the grey values; None where it has no value (nothing compared, a constant scan)."""
        count, f, m, ff, mm, fm = self.moments
        spread = (ff * count - f * f) * (mm * count - m * m)
        return float((fm * count - f * m) / np.sqrt(spread)) if spread > 0 else None

    @property
    def agreement(self) -> float:
        """The correlation of the gradients along the direction where it is least.

        The least eigenvalue of the symmetric fixed x moving tensor, relative to the mean of the two scans' own (each
        scaled to trace 1): 1 for equal texture, about 0 for unrelated texture or none.
        """
        own_fixed, own_moving, shared = self.tensors
        traces = np.trace(own_fixed), np.trace(own_moving)
        if min(traces) <= 0:
            return 0.0
        own = own_fixed / traces[0] / 2 + own_moving / traces[1] / 2 + RIDGE / 3 * np.eye(3)
        root = np.linalg.inv(np.linalg.cholesky(own))
        shared = (shared + shared.T) / 2 / np.sqrt(traces[0] * traces[1])
        return float(np.linalg.eigvalsh(root @ shared @ root.T)[0])

    @property
    def texture(self) -> float:
        """The ratio of the mean squared gradients of the fixed scan in its weakest and its strongest direction."""
        values = np.linalg.eigvalsh(self.tensors[0])
        return float(values[0] / values[-1]) if values[-1] > 0 else 0.0


NOTHING = Likeness(np.zeros(6), np.zeros((3, 3, 3)), 0)


def compare(fixed: Patch, moving: Patch | None, matrix: ArrayLike) -> Likeness:
    """Return the likeness of a fixed patch and what a motion takes it to, resampled by cubic convolution."""
    if moving is None:
        return Likeness(np.zeros(6), np.zeros((3, 3, 3)), fixed.voxels.size)
    sampled = resample_patch(fixed, moving, matrix)
    known = np.isfinite(sampled)
    if fixed.mask is not None:
        known &= fixed.mask
    return Likeness(_moments(fixed.voxels[known], sampled[known]), _tensors(fixed, sampled, known), fixed.voxels.size)


def _moments(fixed: NDArray[np.float32], moving: NDArray[np.float32]) -> Array:
    f, m = fixed.astype(np.float64), moving.astype(np.float64)
    return np.array([f.size, f.sum(), m.sum(), f @ f, m @ m, f @ m])


def _tensors(fixed: Patch, sampled: NDArray[np.float32], known: NDArray[np.bool_]) -> Array:
    if not known.any():
        return np.zeros((3, 3, 3))
    filled = np.where(known, sampled, sampled[known].mean())
    coarse = average(known.astype(np.float32), [COARSENING] * 3) == 1
    gradients = [
        _gradients(voxels - voxels[known].mean(), fixed.voxel_um)[:, _inner(coarse)]
        for voxels in (fixed.voxels, filled)
    ]
    pairs = ((0, 0), (1, 1), (0, 1))
    return np.stack([gradients[a] @ gradients[b].T for a, b in pairs])


def _gradients(voxels: NDArray[np.float32], voxel_um: Array) -> Array:
    """Return the gradient of the smoothed grey values on inner voxels of a coarser grid, shape (3, Z, Y, X)."""
    from scipy import ndimage

    coarse = ndimage.gaussian_filter(average(voxels, [COARSENING] * 3), SMOOTHING)
    inner = [slice(1, -1)] * 3
    parts = []
    for axis in range(3):
        ahead, behind = list(inner), list(inner)
        ahead[axis], behind[axis] = slice(2, None), slice(None, -2)
        parts.append((coarse[tuple(ahead)] - coarse[tuple(behind)]) / voxel_um[axis])
    return np.stack(parts).astype(np.float64)


def _inner(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which inner voxels have all their neighbours."""
    from scipy import ndimage

    return np.asarray(ndimage.binary_erosion(known)[1:-1, 1:-1, 1:-1])
