"""Rigid motions as 4 x 4 matrices in micrometres that act on points (z, y, x, 1).

The origin is the centre of voxel (0, 0, 0) of a scan. Rotation vectors have components (z, y, x), the direction of the
axis and the angle in radians as length; positive angles turn right-handedly in the usual order x, y, z, so a positive
rotation about z takes x towards y.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

NEAR_PI = 1e-3
ORTHOGONAL = 1e-6


def cross_matrix(vector: ArrayLike) -> Array:
    """Return the 3 x 3 matrix whose product with r is (vector x r), all in the order (z, y, x)."""
    z, y, x = np.asarray(vector, np.float64)
    return np.array([[0, x, -y], [-x, 0, z], [y, -z, 0]])


def rotation_matrix(vector_rad: ArrayLike) -> Array:
    """Return the 3 x 3 rotation of a rotation vector (Rodrigues' formula)."""
    vector = np.asarray(vector_rad, np.float64)
    angle = float(np.linalg.norm(vector))
    if angle == 0:
        return np.eye(3)
    cross = cross_matrix(vector / angle)
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross))


def rotation_vector(rotation: ArrayLike) -> Array:
    """Return the rotation vector of a 3 x 3 rotation, angle in [0, pi] as length; inverse of ``rotation_matrix``."""
    matrix = np.asarray(rotation, np.float64)[:3, :3]
    skew = np.array([matrix[1, 2] - matrix[2, 1], matrix[2, 0] - matrix[0, 2], matrix[0, 1] - matrix[1, 0]]) / 2
    sine, cosine = float(np.linalg.norm(skew)), float(np.trace(matrix) - 1) / 2
    angle = float(np.arctan2(sine, cosine))
    if np.pi - angle < NEAR_PI:
        return _half_turn(matrix, skew) * angle
    return skew if sine == 0 else skew * (angle / sine)


def _half_turn(matrix: Array, skew: Array) -> Array:
    """Return the axis of a rotation by nearly pi, where the skew part vanishes: from n n^T = (R + R^T + 2 I) / 4."""
    outer = (matrix + matrix.T) / 4 + np.eye(3) / 2
    column = int(np.argmax(np.diag(outer)))
    axis = outer[:, column] / np.linalg.norm(outer[:, column])
    return np.asarray(-axis if axis @ skew < 0 else axis)


def rigid(vector_rad: ArrayLike, shift_um: ArrayLike, centre_um: ArrayLike = (0, 0, 0)) -> Array:
    """Return the motion p -> R (p - centre) + centre + shift."""
    rotation, centre = rotation_matrix(vector_rad), np.asarray(centre_um, np.float64)
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = centre + np.asarray(shift_um, np.float64) - rotation @ centre
    return matrix


def compose(second: ArrayLike, first: ArrayLike) -> Array:
    """Return the motion that does ``first``, then ``second``."""
    return np.asarray(second, np.float64) @ np.asarray(first, np.float64)


def invert(matrix: ArrayLike) -> Array:
    """Return the inverse of a rigid motion."""
    given = np.asarray(matrix, np.float64)
    inverse = np.eye(4)
    inverse[:3, :3] = given[:3, :3].T
    inverse[:3, 3] = -given[:3, :3].T @ given[:3, 3]
    return inverse


def apply(matrix: ArrayLike, points_um: ArrayLike) -> Array:
    """Return the images of points, shape (..., 3)."""
    given = np.asarray(matrix, np.float64)
    return np.asarray(np.asarray(points_um, np.float64) @ given[:3, :3].T + given[:3, 3])


def displacement(matrix: ArrayLike, points_um: ArrayLike) -> Array:
    """Return how far points (..., 3) move, um."""
    return apply(matrix, points_um) - np.asarray(points_um, np.float64)


def rotation_deg(matrix: ArrayLike) -> Array:
    """Return the rotation vector of a motion in degrees, components (z, y, x)."""
    return np.rad2deg(rotation_vector(matrix))


def angle_deg(matrix: ArrayLike) -> float:
    """Return the angle of a motion's rotation in degrees."""
    return float(np.linalg.norm(rotation_deg(matrix)))


def nearest_rotation(matrix: ArrayLike) -> Array:
    """Return the rotation nearest to a 3 x 3 matrix in the Frobenius norm."""
    left, _, right = np.linalg.svd(np.asarray(matrix, np.float64))
    sign = np.sign(np.linalg.det(left @ right))
    return np.asarray(left @ np.diag([1.0, 1.0, sign]) @ right)


def mean_rotation(rotations: Sequence[ArrayLike], weights: ArrayLike | None = None) -> Array:
    """Return the chordal mean on SO(3): the rotation R with the least sum of w_i |R - R_i|^2 (Frobenius).

    The projection of the arithmetic mean back onto SO(3); Moakher, SIAM J. Matrix Anal. Appl. 24 (2002),
    doi:10.1137/S0895479801383877. Its bias against the intrinsic mean is of third order in the spread.
    """
    stack = np.stack([np.asarray(rotation, np.float64)[:3, :3] for rotation in rotations])
    return nearest_rotation(np.average(stack, axis=0, weights=None if weights is None else np.asarray(weights)))


def is_rigid(matrix: ArrayLike) -> bool:
    """Tell whether a 4 x 4 matrix is a rotation and a shift, without mirror or scale."""
    given = np.asarray(matrix, np.float64)
    if given.shape != (4, 4) or not np.isfinite(given).all() or not np.array_equal(given[3], [0, 0, 0, 1]):
        return False
    rotation = given[:3, :3]
    return bool(np.abs(rotation @ rotation.T - np.eye(3)).max() < ORTHOGONAL and np.linalg.det(rotation) > 0)
