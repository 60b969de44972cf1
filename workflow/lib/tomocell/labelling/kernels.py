"""Compiled loops of the pixel classifier; all of them release the GIL."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Real = NDArray[np.float32]
    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

F = TypeVar("F", bound="Callable[..., Any]")
TOGETHER = 1024  # rows that are asked of one tree before the next
GAUSSIAN, GRADIENT, LAPLACIAN, HESSIAN = range(4)  # in the order of settings.FEATURES


def compiled(function: F) -> F:
    """Compile a function, keep the result on disk, and let threads run it side by side."""
    return cast("F", numba.njit(nogil=True, cache=True)(function))


@compiled
def derive(smoothed: Real, bounds: Ints, wanted: Ints, across: int, out: Real) -> None:
    """Write the wanted features of the voxels between ``bounds[0]`` and ``bounds[1]`` into the columns of ``out``."""
    row = 0
    first = np.empty(3)
    second = np.empty((3, 3))
    for z in range(bounds[0, 0], bounds[1, 0]):
        for y in range(bounds[0, 1], bounds[1, 1]):
            for x in range(bounds[0, 2], bounds[1, 2]):
                _differences(smoothed, z, y, x, first, second)
                if across >= 0:
                    first[across] = 0.0
                    second[across, :] = 0.0
                    second[:, across] = 0.0
                if wanted[GAUSSIAN] >= 0:
                    out[row, wanted[GAUSSIAN]] = smoothed[z, y, x]
                if wanted[GRADIENT] >= 0:
                    out[row, wanted[GRADIENT]] = math.sqrt(first[0] ** 2 + first[1] ** 2 + first[2] ** 2)
                if wanted[LAPLACIAN] >= 0:
                    out[row, wanted[LAPLACIAN]] = second[0, 0] + second[1, 1] + second[2, 2]
                if wanted[HESSIAN] >= 0:
                    _write_eigenvalues(second, across, out[row, wanted[HESSIAN] :])
                row += 1


@compiled
def _differences(grey: Real, z: int, y: int, x: int, first: Floats, second: Floats) -> None:
    """Write first and second central differences at a voxel; beyond the faces the outermost voxel repeats."""
    up_z, down_z = min(z + 1, grey.shape[0] - 1), max(z - 1, 0)
    up_y, down_y = min(y + 1, grey.shape[1] - 1), max(y - 1, 0)
    up_x, down_x = min(x + 1, grey.shape[2] - 1), max(x - 1, 0)
    here = np.float64(grey[z, y, x])
    first[0] = (np.float64(grey[up_z, y, x]) - grey[down_z, y, x]) / 2
    first[1] = (np.float64(grey[z, up_y, x]) - grey[z, down_y, x]) / 2
    first[2] = (np.float64(grey[z, y, up_x]) - grey[z, y, down_x]) / 2
    second[0, 0] = np.float64(grey[up_z, y, x]) - 2 * here + grey[down_z, y, x]
    second[1, 1] = np.float64(grey[z, up_y, x]) - 2 * here + grey[z, down_y, x]
    second[2, 2] = np.float64(grey[z, y, up_x]) - 2 * here + grey[z, y, down_x]
    zy = (np.float64(grey[up_z, up_y, x]) - grey[up_z, down_y, x] - grey[down_z, up_y, x] + grey[down_z, down_y, x]) / 4
    zx = (np.float64(grey[up_z, y, up_x]) - grey[up_z, y, down_x] - grey[down_z, y, up_x] + grey[down_z, y, down_x]) / 4
    yx = (np.float64(grey[z, up_y, up_x]) - grey[z, up_y, down_x] - grey[z, down_y, up_x] + grey[z, down_y, down_x]) / 4
    second[0, 1] = second[1, 0] = zy
    second[0, 2] = second[2, 0] = zx
    second[1, 2] = second[2, 1] = yx


@compiled
def _write_eigenvalues(matrix: Floats, across: int, out: Real) -> None:
    """Write the eigenvalues of a symmetric matrix, the largest first; of its other two axes where one is left out."""
    if across >= 0:
        a = 1 if across == 0 else 0
        b = 1 if across == 2 else 2  # noqa: PLR2004
        middle = (matrix[a, a] + matrix[b, b]) / 2
        spread = math.sqrt(((matrix[a, a] - matrix[b, b]) / 2) ** 2 + matrix[a, b] ** 2)
        out[0] = middle + spread
        out[1] = middle - spread
        return
    off = matrix[0, 1] ** 2 + matrix[0, 2] ** 2 + matrix[1, 2] ** 2
    middle = (matrix[0, 0] + matrix[1, 1] + matrix[2, 2]) / 3
    square = (matrix[0, 0] - middle) ** 2 + (matrix[1, 1] - middle) ** 2 + (matrix[2, 2] - middle) ** 2 + 2 * off
    scale = math.sqrt(square / 6)
    if scale == 0.0:
        out[0] = out[1] = out[2] = middle
        return
    # Smith 1961, doi:10.1145/355578.366316
    a00, a11, a22 = (matrix[0, 0] - middle) / scale, (matrix[1, 1] - middle) / scale, (matrix[2, 2] - middle) / scale
    a01, a02, a12 = matrix[0, 1] / scale, matrix[0, 2] / scale, matrix[1, 2] / scale
    half = (a00 * (a11 * a22 - a12 * a12) - a01 * (a01 * a22 - a12 * a02) + a02 * (a01 * a12 - a11 * a02)) / 2
    angle = math.acos(min(1.0, max(-1.0, half))) / 3
    largest = middle + 2 * scale * math.cos(angle)
    smallest = middle + 2 * scale * math.cos(angle + 2 * math.pi / 3)
    out[0] = largest
    out[1] = 3 * middle - largest - smallest
    out[2] = smallest


@compiled
def vote(
    rows: Real, feature: Ints, threshold: Floats, children: Ints, shares: Floats, roots: Ints
) -> NDArray[np.uint8]:
    """Return the class index with the largest mean share over all trees, for each row; of equals the first.

    Args:
        rows: Features, shape (voxels, features).
        feature: Of each node, which feature it asks for; below 0 for a leaf.
        threshold: At or below it the way goes left.
        children: Left and right child of each node, shape (nodes, 2).
        shares: Of the classes in each leaf, shape (nodes, classes).
        roots: First node of each tree.
    """
    winners = np.empty(rows.shape[0], np.uint8)
    sums = np.empty((TOGETHER, shares.shape[1]))
    for first in range(0, rows.shape[0], TOGETHER):
        count = min(TOGETHER, rows.shape[0] - first)
        sums[:] = 0.0
        # Tree by tree, so that the one asked stays in the cache.
        for root in roots:
            for place in range(count):
                node = root
                while feature[node] >= 0:
                    node = children[node, 0 if rows[first + place, feature[node]] <= threshold[node] else 1]
                for member in range(sums.shape[1]):
                    sums[place, member] += shares[node, member]
        for place in range(count):
            winners[first + place] = np.argmax(sums[place])
    return winners
