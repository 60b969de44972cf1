"""How alike two scans are on a patch: correlation of grey values, and agreement of their gradients by direction.

Correlation alone can deceive: two cells of one kind share their layers, and match well wherever they lie in the plane
of the layers. What tells them apart is the direction in which their gradients agree least.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.registration.patch import Patch, average
from tomocell.registration.resample import resample_patch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from tomocell.registration.settings import FitSettings

    Array = NDArray[np.float64]

COARSENING = 2  # voxels averaged before gradients are taken, and the smoothing after, against noise
SMOOTHING = 0.8
# Shares of a patch that decoys are rolled by: along all axes at once, or the wall of a sample would still meet itself.
DECOYS = [np.array(signs) * share for share in (1 / 4, 1 / 3, 5 / 12) for signs in itertools.product((-1, 1), repeat=3)]
RIDGE = 1e-3  # of the mean squared gradient: a direction without texture agrees with nothing


@dataclass(frozen=True)
class Likeness:
    """Sums over the voxels of one or several patches.

    Attributes:
        moments: Voxels compared; sums of f, m, ff, mm, fm of fixed and moving grey values.
        tensors: Sums of the outer products of gradients: fixed x fixed, moving x moving, fixed x moving; (3, 3, 3).
        parallels: Sums of |f| |m| cos^2 and of |f| |m| of the gradients f and m and the angle between them.
        voxels: Voxels of the fixed patches that may be used.
    """

    moments: Array
    tensors: Array
    parallels: Array
    voxels: int

    def __add__(self, other: Likeness) -> Likeness:
        return Likeness(
            self.moments + other.moments,
            self.tensors + other.tensors,
            self.parallels + other.parallels,
            self.voxels + other.voxels,
        )

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
        return float(self._by_direction()[0])

    @property
    def mean_agreement(self) -> float:
        """The mean of the same over three directions that are independent."""
        return float(np.mean(self._by_direction()))

    def _by_direction(self) -> Array:
        own_fixed, own_moving, shared = self.tensors
        traces = np.trace(own_fixed), np.trace(own_moving)
        if min(traces) <= 0:
            return np.zeros(3)
        own = own_fixed / traces[0] / 2 + own_moving / traces[1] / 2 + RIDGE / 3 * np.eye(3)
        root = np.linalg.inv(np.linalg.cholesky(own))
        shared = (shared + shared.T) / 2 / np.sqrt(traces[0] * traces[1])
        return np.asarray(np.linalg.eigvalsh(root @ shared @ root.T))

    @property
    def parallelism(self) -> float:
        """How parallel the gradients are, whatever their signs: 1 along each other, 0 by chance.

        For scans of two modalities, whose grey values go up at one edge and down at another; after Haber and
        Modersitzki, MICCAI 2006, doi:10.1007/11866763_89.
        """
        along, total = self.parallels
        return float(1.5 * (along / total - 1 / 3)) if total > 0 else 0.0

    def accord(self, settings: FitSettings) -> float:
        """Return the agreement, or the parallelism where the settings expect another modality."""
        return self.parallelism if settings.metric == "mutual_information" else self.agreement

    @property
    def texture(self) -> float:
        """The ratio of the mean squared gradients of the fixed scan in its weakest and its strongest direction."""
        values = np.linalg.eigvalsh(self.tensors[0])
        return float(values[0] / values[-1]) if values[-1] > 0 else 0.0


def nothing(voxels: int = 0) -> Likeness:
    """Return the likeness of ``voxels`` fixed voxels that the moving scan does not reach."""
    return Likeness(np.zeros(6), np.zeros((3, 3, 3)), np.zeros(2), voxels)


def compare(fixed: Patch, moving: Patch | None, matrix: ArrayLike) -> Likeness:
    """Return the likeness of a fixed patch and what a motion takes it to, resampled by cubic convolution."""
    met = _meet(fixed, moving, matrix)
    if met is None:
        return nothing(_usable(fixed))
    sampled, known = met
    ours, theirs = _common_gradients(fixed, sampled, known)
    moments = _moments(fixed.voxels[known], sampled[known])
    return Likeness(moments, _tensors(ours, theirs), _parallels(ours, theirs), _usable(fixed))


def compare_texture(fixed: Patch, moving: Patch | None, matrix: ArrayLike) -> Likeness:
    """Return the likeness of gradients that are cut to their median length: fine texture counts as much as walls do."""
    met = _meet(fixed, moving, matrix)
    if met is None:
        return nothing(_usable(fixed))
    ours, theirs = (_levelled(gradients) for gradients in _common_gradients(fixed, *met, coarsening=1))
    return Likeness(np.zeros(6), _tensors(ours, theirs), _parallels(ours, theirs), _usable(fixed))


def compare_decoys(fixed: Patch, moving: Patch | None, matrix: ArrayLike) -> list[Likeness]:
    """Return likenesses that are due to chance: as ``compare``, the moving gradients rolled by the ``DECOYS``.

    The grey values are not compared.
    """
    met = _meet(fixed, moving, matrix)
    if met is None:
        return [nothing(_usable(fixed)) for _ in DECOYS]
    ours, theirs = _common_gradients(fixed, *met)
    found = []
    for shares in DECOYS:
        steps = np.rint(shares * ours.shape[1:]).astype(int)
        rolled = np.roll(theirs, steps.tolist(), axis=(1, 2, 3))
        found.append(Likeness(np.zeros(6), _tensors(ours, rolled), _parallels(ours, rolled), _usable(fixed)))
    return found


def significance(likeness: Likeness, decoys: Sequence[Likeness], settings: FitSettings) -> float:
    """Return by how many standard deviations of chance the accord of two scans lies over that of their decoys.

    Two scans of different samples, moved to where they are most alike, reach up to 10 in a small volume (rotations and
    displacements are searched for the best of many); scans of one sample reach 20 with smooth grains of 3 voxels in
    28^3 voxels, mostly over 40.
    """
    by_chance = [decoy.accord(settings) for decoy in decoys]
    spread = float(np.std(by_chance))
    return float((likeness.accord(settings) - np.mean(by_chance)) / spread) if spread > 0 else 0.0


def _usable(fixed: Patch) -> int:
    return fixed.voxels.size if fixed.mask is None else int(fixed.mask.sum())


def _meet(
    fixed: Patch, moving: Patch | None, matrix: ArrayLike
) -> tuple[NDArray[np.float32], NDArray[np.bool_]] | None:
    """Return the moving scan on the fixed patch and where both are known; None where they do not meet."""
    if moving is None:
        return None
    sampled = resample_patch(fixed, moving, matrix)
    known = np.isfinite(sampled)
    if fixed.mask is not None:
        known &= fixed.mask
    return (sampled, known) if known.any() else None


def _moments(fixed: NDArray[np.float32], moving: NDArray[np.float32]) -> Array:
    # Sums of float32 products in float64; a matrix product would wake all threads of the algebra library.
    sums = [np.einsum("i,i->", a, b, dtype=np.float64) for a, b in ((fixed, fixed), (moving, moving), (fixed, moving))]
    return np.array([fixed.size, fixed.sum(dtype=np.float64), moving.sum(dtype=np.float64), *sums])


def _common_gradients(
    fixed: Patch, sampled: NDArray[np.float32], known: NDArray[np.bool_], coarsening: int = COARSENING
) -> tuple[Array, Array]:
    """Return the gradients (3, Z, Y, X) of both scans, 0 where one of them is not known."""
    inner = _inner(average(known.astype(np.float32), [coarsening] * 3) == 1)
    filled = np.where(known, sampled, sampled[known].mean())
    ours, theirs = (
        _gradients(voxels - voxels[known].mean(), fixed.voxel_um, coarsening) * inner
        for voxels in (fixed.voxels, filled)
    )
    return ours, theirs


def _levelled(gradients: Array) -> Array:
    lengths = np.sqrt(np.einsum("izyx,izyx->zyx", gradients, gradients))
    there = lengths[lengths > 0]
    most = float(np.median(there)) if there.size else 1.0
    return np.asarray(gradients * np.minimum(1.0, most / np.maximum(lengths, 1e-30)))


def _tensors(ours: Array, theirs: Array) -> Array:
    """Return the sums of ``Likeness.tensors``."""
    pairs = ((ours, ours), (theirs, theirs), (ours, theirs))
    return np.stack([np.einsum("izyx,jzyx->ij", a, b) for a, b in pairs])


def _parallels(ours: Array, theirs: Array) -> Array:
    """Return the sums of ``Likeness.parallels``."""
    lengths = np.sqrt(np.einsum("izyx,izyx->zyx", ours, ours) * np.einsum("izyx,izyx->zyx", theirs, theirs))
    along = np.einsum("izyx,izyx->zyx", ours, theirs) ** 2
    return np.array([np.sum(along / np.maximum(lengths, 1e-30)), lengths.sum()])


def _gradients(voxels: NDArray[np.float32], voxel_um: Array, coarsening: int) -> Array:
    """Return the gradient of the smoothed grey values on inner voxels of a coarser grid, shape (3, Z, Y, X)."""
    from scipy import ndimage

    coarse = ndimage.gaussian_filter(average(voxels, [coarsening] * 3), SMOOTHING)
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
