"""Size, axes and orientation of objects from their sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.objects.kernels import COUNT, FIRST, SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.volumes.volume import VoxelSize

    Floats = NDArray[np.float64]

ROUNDING = 1e-12  # eigenvalues below this share of the trace are what rounding leaves of zero
LEANING = 1e-9  # components of a unit vector below this are zero, lest rounding choose its sign


@dataclass(frozen=True)
class Axes:
    """Principal axes of objects.

    Attributes:
        lengths_um: (n, 3); square roots of the eigenvalues of the covariance, longest first, exactly 0 where flat.
        directions: (n, 3); unit vector (z, y, x) of the longest axis, its first component that is not 0 positive;
            not a number where no axis is longest.
    """

    lengths_um: Floats
    directions: Floats


def centroids_um(sums: NDArray[np.int64], voxel_size_um: VoxelSize) -> Floats:
    """Return centroids (z, y, x), um from the centre of the volume's first voxel."""
    return np.asarray(sums[:, FIRST] / sums[:, [COUNT]] * voxel_size_um)


def principal_axes(sums: NDArray[np.int64], voxel_size_um: VoxelSize) -> Axes:
    """Return the principal axes of the objects' voxel centres.

    The covariance is that of the centres alone, without the 1/12 voxel that each voxel's own extent would add: a
    sampled solid's second moments are right on average without it (an ellipsoid's axes are its semi-axes over the
    root of 5), and a layer of one voxel is flat.
    """
    covariance = _covariances(sums) * np.outer(voxel_size_um, voxel_size_um)
    values, vectors = np.linalg.eigh(covariance)
    trace = np.trace(covariance, axis1=1, axis2=2)
    values = np.where(values > ROUNDING * trace[:, None], values, 0.0)[:, ::-1]
    longest = np.where(np.abs(vectors[:, :, 2]) > LEANING, vectors[:, :, 2], 0.0)
    leading = np.take_along_axis(longest, np.argmax(longest != 0, axis=1)[:, None], axis=1)
    alone = values[:, [0]] - values[:, [1]] > LEANING * trace[:, None]
    # Adding zero makes -0.0 into 0.0, which would turn an azimuth of 180 into -180.
    return Axes(np.sqrt(values), np.where(alone, longest * np.sign(leading) + 0.0, np.nan))


def angles_deg(directions: Floats) -> tuple[Floats, Floats]:
    """Return polar angle from z (0 to 90) and azimuth in the y-x plane, from x towards y (-180 to 180), degrees.

    A vector along z has no azimuth: not a number.
    """
    z, y, x = directions.T
    across = np.hypot(y, x)
    azimuth = np.where(across > 0, np.degrees(np.arctan2(y, x)), np.nan)
    return np.degrees(np.arctan2(across, z)), azimuth


def ratio(above: Floats, below: Floats) -> Floats:
    """Return ``above / below``; not a number where ``below`` is 0."""
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _covariances(sums: NDArray[np.int64]) -> Floats:
    """Return the covariances of voxel indices, (n, 3, 3).

    Moments are first moved to the whole voxel nearest the object's centre, in whole numbers: nothing is rounded,
    sums that wrapped around 2**64 are whole again (modular arithmetic; an object may have 1e11 voxels and extend
    over 1e4), and an object has the same covariance wherever it lies.
    """
    count = sums[:, COUNT]
    centre = (2 * sums[:, FIRST] + count[:, None]) // (2 * count[:, None])
    first = sums[:, FIRST] - count[:, None] * centre
    covariance = np.empty((len(sums), 3, 3))
    for column, (i, j) in enumerate([(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)], start=SECOND.start):
        # sum (a - ca)(b - cb) = sum ab - ca sum(b - cb) - cb sum(a - ca) - n ca cb
        moved = sums[:, column] - centre[:, i] * first[:, j] - centre[:, j] * first[:, i]
        moved -= count * centre[:, i] * centre[:, j]
        mean = moved / count - (first[:, i] / count) * (first[:, j] / count)
        covariance[:, i, j] = covariance[:, j, i] = mean
    return covariance
