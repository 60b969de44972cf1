"""Compiled loops of the fit. They release the GIL and work on a range of planes, so that threads share a sub-volume.

The order of sums inside a plane range is free (``FAST``), but the ranges are fixed and their sums are added in order:
the result does not depend on the number of threads.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Voxels = NDArray[np.float32]
    Array = NDArray[np.float64]
    Weights = tuple[np.float32, np.float32, np.float32, np.float32]

F = TypeVar("F", bound="Callable[..., Any]")

OUTSIDE = np.float32(-1e30)  # a sample without a value
UNKNOWNS = 8  # three shifts, three rotations, gain, offset
COLUMNS = UNKNOWNS + 1
# Sums may be reordered and vectorised; infinities and OUTSIDE keep their meaning.
FAST = frozenset({"reassoc", "contract", "arcp", "nsz"})


def compiled(function: F) -> F:
    """Compile a function, keep the result on disk, and let threads run it side by side."""
    return cast("F", numba.njit(nogil=True, cache=True, fastmath=set(FAST))(function))


def inlined(function: F) -> F:
    """Compile a function that others take in."""
    return cast("F", numba.njit(inline="always", fastmath=set(FAST))(function))


@compiled
def sample_linear(moving: Voxels, grid: Array, sampled: Voxels, first: int, last: int) -> None:
    """Fill planes ``first`` to ``last`` of ``sampled`` with trilinear values of ``moving`` at ``grid`` (z, y, x, 1)."""
    depth, height, width = moving.shape
    for z in range(first, last):
        for y in range(sampled.shape[1]):
            start_z = grid[0, 0] * z + grid[0, 1] * y + grid[0, 3]
            start_y = grid[1, 0] * z + grid[1, 1] * y + grid[1, 3]
            start_x = grid[2, 0] * z + grid[2, 1] * y + grid[2, 3]
            for x in range(sampled.shape[2]):
                at_z, at_y, at_x = start_z + grid[0, 2] * x, start_y + grid[1, 2] * x, start_x + grid[2, 2] * x
                k, j, i = int(math.floor(at_z)), int(math.floor(at_y)), int(math.floor(at_x))
                if k < 0 or j < 0 or i < 0 or k > depth - 2 or j > height - 2 or i > width - 2:
                    sampled[z, y, x] = OUTSIDE
                    continue
                w, v, u = np.float32(at_z - k), np.float32(at_y - j), np.float32(at_x - i)
                near = moving[k, j, i] + u * (moving[k, j, i + 1] - moving[k, j, i])
                below = moving[k, j + 1, i] + u * (moving[k, j + 1, i + 1] - moving[k, j + 1, i])
                far = moving[k + 1, j, i] + u * (moving[k + 1, j, i + 1] - moving[k + 1, j, i])
                last_row = moving[k + 1, j + 1, i] + u * (moving[k + 1, j + 1, i + 1] - moving[k + 1, j + 1, i])
                near += v * (below - near)
                far += v * (last_row - far)
                sampled[z, y, x] = near + w * (far - near)


@inlined
def spline_weights(t: np.float32) -> Weights:
    """Return the cubic B-spline at t + 1, t, 1 - t and 2 - t."""
    sixth, s = np.float32(1 / 6), np.float32(1) - t
    four, six = np.float32(4), np.float32(6)
    square, cube = t * t, t * t * t
    square_s, cube_s = s * s, s * s * s
    return (
        sixth * cube_s,
        sixth * (four - six * square + np.float32(3) * cube),
        sixth * (four - six * square_s + np.float32(3) * cube_s),
        sixth * cube,
    )


@compiled
def sample_spline(moving: Voxels, grid: Array, sampled: Voxels, first: int, last: int) -> None:
    """Fill planes of ``sampled`` with ``moving`` convolved with the cubic B-spline: smooth, with two derivatives.

    There is no prefilter: the voxels are the spline's coefficients. ``smooth_spline`` does the same to the fixed scan,
    so nothing but the smoothing of both (0.58 voxels) distinguishes it from interpolation.
    """
    depth, height, width = moving.shape
    rows = np.empty(4, np.float32)
    for z in range(first, last):
        for y in range(sampled.shape[1]):
            start_z = grid[0, 0] * z + grid[0, 1] * y + grid[0, 3]
            start_y = grid[1, 0] * z + grid[1, 1] * y + grid[1, 3]
            start_x = grid[2, 0] * z + grid[2, 1] * y + grid[2, 3]
            for x in range(sampled.shape[2]):
                at_z, at_y, at_x = start_z + grid[0, 2] * x, start_y + grid[1, 2] * x, start_x + grid[2, 2] * x
                k, j, i = int(math.floor(at_z)), int(math.floor(at_y)), int(math.floor(at_x))
                if k < 1 or j < 1 or i < 1 or k > depth - 3 or j > height - 3 or i > width - 3:
                    sampled[z, y, x] = OUTSIDE
                    continue
                planes = spline_weights(np.float32(at_z - k))
                rows[0], rows[1], rows[2], rows[3] = spline_weights(np.float32(at_y - j))
                a, b, c, d = spline_weights(np.float32(at_x - i))
                sum_a, sum_b, sum_c, sum_d = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
                for n in range(4):
                    for m in range(4):
                        weight = planes[n] * rows[m]
                        sum_a += weight * moving[k - 1 + n, j - 1 + m, i - 1]
                        sum_b += weight * moving[k - 1 + n, j - 1 + m, i]
                        sum_c += weight * moving[k - 1 + n, j - 1 + m, i + 1]
                        sum_d += weight * moving[k - 1 + n, j - 1 + m, i + 2]
                sampled[z, y, x] = a * sum_a + b * sum_b + c * sum_c + d * sum_d


@compiled
def weigh(fixed: Voxels, sampled: Voxels, model: Array, weights: Voxels, planes: tuple[int, int]) -> None:
    """Fill planes of ``weights`` with Tukey's biweight of the residuals; 0 where there is no sample.

    ``model``: gain, offset, and one over the residual at which a voxel loses its weight (0: all weigh 1).
    """
    gain, offset, inverse = np.float32(model[0]), np.float32(model[1]), np.float32(model[2])
    one, zero, missing = np.float32(1), np.float32(0), OUTSIDE * np.float32(0.5)
    for z in range(planes[0], planes[1]):
        for y in range(fixed.shape[1]):
            for x in range(fixed.shape[2]):
                residual = (sampled[z, y, x] - gain * fixed[z, y, x] - offset) * inverse
                share = max(one - residual * residual, zero)
                weights[z, y, x] = share * share if sampled[z, y, x] > missing else zero


@compiled
def square_slopes(fixed: Voxels, edges: Array, squares: Voxels, planes: tuple[int, int]) -> None:
    """Fill planes of ``squares`` with the squared gradient; the outermost voxels have none and get 0."""
    depth, height, width = fixed.shape
    half_z, half_y, half_x = np.float32(0.5 / edges[0]), np.float32(0.5 / edges[1]), np.float32(0.5 / edges[2])
    squares[planes[0] : planes[1]] = np.float32(0)
    for z in range(max(planes[0], 1), min(planes[1], depth - 1)):
        for y in range(1, height - 1):
            for x in range(1, width - 1):
                along_z = (fixed[z + 1, y, x] - fixed[z - 1, y, x]) * half_z
                along_y = (fixed[z, y + 1, x] - fixed[z, y - 1, x]) * half_y
                along_x = (fixed[z, y, x + 1] - fixed[z, y, x - 1]) * half_x
                squares[z, y, x] = along_z * along_z + along_y * along_y + along_x * along_x


@compiled
def add_residuals(fixed: Voxels, sampled: Voxels, model: Array, cells: Array, planes: tuple[int, int]) -> None:
    """Fill ``cells`` (2, Z, Y, X) of 2 x 2 x 2 voxels: squared residuals, and how many samples there are.

    ``planes`` are planes of voxels, the first one even.
    """
    gain, offset, missing = np.float32(model[0]), np.float32(model[1]), OUTSIDE * np.float32(0.5)
    for z in range(planes[0], planes[1]):
        for y in range(fixed.shape[1]):
            for x in range(fixed.shape[2]):
                if sampled[z, y, x] > missing:
                    residual = sampled[z, y, x] - gain * fixed[z, y, x] - offset
                    cells[0, z >> 1, y >> 1, x >> 1] += residual * residual
                    cells[1, z >> 1, y >> 1, x >> 1] += 1.0


@compiled
def hand_down(shares: Voxels, texture: Voxels, sampled: Voxels, weights: Voxels, planes: tuple[int, int]) -> None:
    """Fill planes of ``weights`` with a voxel's texture times the share of its cell; 0 where there is no sample."""
    missing, zero = OUTSIDE * np.float32(0.5), np.float32(0)
    for z in range(planes[0], planes[1]):
        for y in range(weights.shape[1]):
            for x in range(weights.shape[2]):
                weight = texture[z, y, x] * shares[z >> 1, y >> 1, x >> 1]
                weights[z, y, x] = weight if sampled[z, y, x] > missing else zero


@compiled
def add_products(
    fixed: Voxels, sampled: Voxels, weights: Voxels, place: Array, planes: tuple[int, int], sums: Array
) -> None:
    """Add to ``sums`` (9, 9), upper triangle, weighted products of the unknowns' columns and the sampled grey value.

    The columns of a voxel at r from the centre with gradient g of the fixed scan: g (shift), r x g (rotation), its
    grey value (gain), 1 (offset), the sampled value.

    Args:
        fixed: The fixed scan.
        sampled: The moving scan at the voxels of the fixed one.
        weights: Weight of each voxel, 0 where there is no sample.
        place: Rows: voxel edges, and the centre, both in um from voxel (0, 0, 0).
        planes: First plane and the one behind the last; the outermost voxels of the volume have no gradient.
        sums: What is added to.
    """
    height, width = fixed.shape[1], fixed.shape[2]
    half_z, half_y, half_x = np.float32(0.5 / place[0, 0]), np.float32(0.5 / place[0, 1]), np.float32(0.5 / place[0, 2])
    edge_x, centre_x = np.float32(place[0, 2]), np.float32(place[1, 2])
    one, zero = np.float32(1), np.float32(0)
    columns, weighted = np.zeros((COLUMNS, width), np.float32), np.zeros(width, np.float32)
    for z in range(planes[0], planes[1]):
        from_z = np.float32(z * place[0, 0] - place[1, 0])
        for y in range(1, height - 1):
            from_y = np.float32(y * place[0, 1] - place[1, 1])
            for x in range(1, width - 1):
                from_x = np.float32(x) * edge_x - centre_x
                along_z = (fixed[z + 1, y, x] - fixed[z - 1, y, x]) * half_z
                along_y = (fixed[z, y + 1, x] - fixed[z, y - 1, x]) * half_y
                along_x = (fixed[z, y, x + 1] - fixed[z, y, x - 1]) * half_x
                columns[0, x], columns[1, x], columns[2, x] = along_z, along_y, along_x
                columns[3, x] = from_x * along_y - from_y * along_x
                columns[4, x] = from_z * along_x - from_x * along_z
                columns[5, x] = from_y * along_z - from_z * along_y
                columns[6, x], columns[7, x] = fixed[z, y, x], one
                columns[8, x] = sampled[z, y, x] if weights[z, y, x] > zero else zero
            for n in range(COLUMNS):
                for x in range(width):
                    weighted[x] = weights[z, y, x] * columns[n, x]
                for m in range(n, COLUMNS):
                    total = zero
                    for x in range(width):
                        total += weighted[x] * columns[m, x]
                    sums[n, m] += total
