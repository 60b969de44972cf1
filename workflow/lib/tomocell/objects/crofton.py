"""Surface area from crossings along 13 directions: Crofton's formula on the voxel lattice.

Source: Legland, Kieu, Devaux 2007, doi:10.5566/ias.v26.p83-92.
"""

from __future__ import annotations

import itertools
import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.volumes.volume import VoxelSize

# One of each kind of direction, in the order of the kernels' crossings; those of a kind differ in signs alone.
KINDS = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1))
# Tiles of 2 x 2 x 2 voxels that share a pair of that kind: the kernels count it once in each.
TILES = np.array([4, 4, 4, 2, 2, 2, 1])


def surface_area_um2(crossings: NDArray[np.int64], voxel_size_um: VoxelSize) -> NDArray[np.float64]:
    """Return the surface area of objects, um2, from their boundary crossings.

    ``A = 2 sum_k c_k I_k v / |d_k|`` over the 13 directions to the 26 neighbours: ``I_k`` pairs of voxels a step
    ``d_k`` apart of which the object holds one, ``v`` the voxel's volume, ``c_k`` the share of all directions that
    are closest to ``+-d_k``.

    Bias: balls of radius r voxels lose 17 r**-2 percent on average (0.7 % at 5), since lines miss chords shorter
    than their step. Planes come out 7 % too small across an axis and 2 % too large at worst otherwise, for cubic
    voxels; -13 to +9 % at edges of 2 : 1 : 1, -16 to +10 % at 3 : 1 : 1. So not for flat walls: count faces there.

    Args:
        crossings: Shape (objects, 7); by kind of direction, each pair as often as tiles hold it.
        voxel_size_um: Along (Z, Y, X).
    """
    return np.asarray(crossings / TILES @ _areas_um2(voxel_size_um))


@cache
def _areas_um2(voxel_size_um: VoxelSize) -> NDArray[np.float64]:
    """Return the area that one crossing of each kind stands for."""
    steps = np.array([step for step in itertools.product((-1, 0, 1), repeat=3) if any(step)])
    vectors = steps * voxel_size_um
    shares = direction_shares(vectors)
    lengths = np.linalg.norm(vectors, axis=1)
    areas = 2 * 2 * shares * math.prod(voxel_size_um) / lengths  # twice: +d and -d are one direction of lines
    rows = [np.flatnonzero((steps == kind).all(axis=1))[0] for kind in KINDS]
    return np.array(areas[rows])


def direction_shares(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the sphere that is closer to each vector's direction than to any other's."""
    from scipy.spatial import SphericalVoronoi

    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(SphericalVoronoi(directions).calculate_areas() / (4 * np.pi))
