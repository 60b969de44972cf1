"""One motion from those of the sub-volumes: outliers dropped, rotations averaged on SO(3), and how far they disagree.

The merged motion is the rigid one that is nearest, in the mean square over the voxels of all sub-volumes kept, to the
motion of each: minimise sum_i mean_{p in box i} |T p - T_i p|^2. Its rotation is the chordal mean on SO(3) of two
kinds of evidence, each with the lever that it was measured with: the rotations found in the boxes, and how the boxes'
centres moved against each other. Its shift is that of the common centre.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.registration import transforms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tomocell.registration.settings import AcceptSettings

    Array = NDArray[np.float64]

ROUNDS = 10


@dataclass(frozen=True)
class Motion:
    """The motion of one box.

    Attributes:
        matrix: Takes points of the reference to the moving scan, 4 x 4, um.
        centre_um: Centre of the box.
        size_um: Its edges.
    """

    matrix: Array
    centre_um: Array
    size_um: Array


@dataclass(frozen=True)
class Merged:
    """The motion of the whole.

    Attributes:
        matrix: Takes points of the reference to the moving scan, 4 x 4, um.
        centre_um: The common centre of the boxes kept.
        kept: Which boxes were kept.
        residual_um: How far each box's centre lies from where the merged motion takes it, (N, 3).
        distance_um: Root mean square distance of each box's motion from the merged one over its voxels.
    """

    matrix: Array
    centre_um: Array
    kept: tuple[bool, ...]
    residual_um: Array
    distance_um: Array


def merge(motions: Sequence[Motion], voxel_um: float, settings: AcceptSettings) -> Merged:
    """Return the merged motion and who agrees with it.

    The rule for outliers: start from the box whose motion has the least median distance to the others; then keep the
    boxes that lie no further from the merged motion than ``outlier_factor`` times 1.4826 times the median distance of
    those kept, but at least ``outlier_floor_voxels`` and at most ``maximum_residual_voxels``; merge again until the
    same boxes stay.
    """
    distances = _from_most_typical(motions)
    kept = _within(distances, distances, voxel_um, settings)
    for _ in range(ROUNDS):
        matrix = nearest_rigid([motion for motion, keep in zip(motions, kept, strict=True) if keep])
        distances = np.array([distance(motion, matrix) for motion in motions])
        again = _within(distances, distances[kept], voxel_um, settings)
        if np.array_equal(again, kept):
            break
        kept = again
    centre = np.mean([motion.centre_um for motion, keep in zip(motions, kept, strict=True) if keep], axis=0)
    residuals = [
        transforms.apply(motion.matrix, motion.centre_um) - transforms.apply(matrix, motion.centre_um)
        for motion in motions
    ]
    return Merged(matrix, centre, tuple(bool(keep) for keep in kept), np.array(residuals), distances)


def nearest_rigid(motions: Sequence[Motion]) -> Array:
    """Return the rigid motion that is nearest to those of boxes in the mean square over their voxels."""
    before = np.array([motion.centre_um for motion in motions])
    after = np.array([transforms.apply(motion.matrix, motion.centre_um) for motion in motions])
    from_centre, to_centre = before.mean(axis=0), after.mean(axis=0)
    evidence = (after - to_centre).T @ (before - from_centre)
    for motion in motions:
        evidence += motion.matrix[:3, :3] @ np.diag(motion.size_um**2 / 12)
    rotation = transforms.nearest_rotation(evidence)
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = to_centre - rotation @ from_centre
    return matrix


def distance(motion: Motion, matrix: Array) -> float:
    """Return the root mean square distance of two motions over the voxels of a box, um."""
    offset = transforms.apply(motion.matrix, motion.centre_um) - transforms.apply(matrix, motion.centre_um)
    turn = (motion.matrix[:3, :3] - matrix[:3, :3]) * (motion.size_um / np.sqrt(12))
    return float(np.sqrt(offset @ offset + np.sum(turn**2)))


def _from_most_typical(motions: Sequence[Motion]) -> Array:
    """Return the distances from the motion that has the least median distance to all."""
    table = np.array([[distance(motion, other.matrix) for motion in motions] for other in motions])
    typical: Array = table[np.argmin(np.median(table, axis=1))]
    return typical


def _within(distances: Array, typical: Array, voxel_um: float, settings: AcceptSettings) -> NDArray[np.bool_]:
    limit = max(settings.outlier_factor * 1.4826 * float(np.median(typical)), settings.outlier_floor_voxels * voxel_um)
    return distances <= min(limit, settings.maximum_residual_voxels * voxel_um)
