"""Compiled loops of the resampling. Strict arithmetic on global voxel numbers, so that blocks agree to the last bit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Voxels = NDArray[np.float32]
    Ints = NDArray[np.int64]
    Where = tuple[Array, Array, Array]

F = TypeVar("F", bound="Callable[..., Any]")


def compiled(function: F) -> F:
    """Compile a function without reordering its arithmetic, keep the result on disk, release the GIL."""
    return cast("F", numba.njit(nogil=True, cache=True)(function))


def inlined(function: F) -> F:
    """Compile a function that others take in."""
    return cast("F", numba.njit(inline="always")(function))


@inlined
def within(index: int, size: int) -> int:
    """Return the nearest index of a voxel that exists."""
    return min(max(index, 0), size - 1)


@inlined
def keys_weights(t: float) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Return the weights of cubic convolution (a = -1/2) for the voxels at -1, 0, 1 and 2 from the floor."""
    square, cube = t * t, t * t * t
    return (
        np.float32(0.5 * (2.0 * square - cube - t)),
        np.float32(0.5 * (3.0 * cube - 5.0 * square + 2.0)),
        np.float32(0.5 * (4.0 * square - 3.0 * cube + t)),
        np.float32(0.5 * (cube - square)),
    )


@inlined
def along_edge(at: float, step: float, count: int) -> tuple[int, float]:
    """Return the node before a voxel along one axis, and how far the voxel is to the next; ends are carried on."""
    place = min(max(at / step, 0.0), count - 1.0)
    node = min(int(math.floor(place)), max(count - 2, 0))
    return node, place - node


@inlined
def pull(field: Array, axis: int, node: tuple[int, int, int], share: tuple[float, float, float]) -> float:
    """Return one component of the displacement field, trilinear between its nodes."""
    k, j, i = node
    w, v, u = share
    last_k, last_j, last_i = field.shape[1] - 1, field.shape[2] - 1, field.shape[3] - 1
    k_next, j_next, i_next = min(k + 1, last_k), min(j + 1, last_j), min(i + 1, last_i)
    near = (1 - v) * ((1 - u) * field[axis, k, j, i] + u * field[axis, k, j, i_next]) + v * (
        (1 - u) * field[axis, k, j_next, i] + u * field[axis, k, j_next, i_next]
    )
    far = (1 - v) * ((1 - u) * field[axis, k_next, j, i] + u * field[axis, k_next, j, i_next]) + v * (
        (1 - u) * field[axis, k_next, j_next, i] + u * field[axis, k_next, j_next, i_next]
    )
    return (1 - w) * near + w * far  # type: ignore[no-any-return]


@inlined
def locate(grid: Array, field: Array, steps: Array, voxel: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return where a reference voxel lies in the moving scan; an empty field means none."""
    z, y, x = voxel
    at_z = grid[0, 0] * z + grid[0, 1] * y + grid[0, 2] * x + grid[0, 3]
    at_y = grid[1, 0] * z + grid[1, 1] * y + grid[1, 2] * x + grid[1, 3]
    at_x = grid[2, 0] * z + grid[2, 1] * y + grid[2, 2] * x + grid[2, 3]
    if field.shape[1] > 0:
        k, w = along_edge(z, steps[0], field.shape[1])
        j, v = along_edge(y, steps[1], field.shape[2])
        i, u = along_edge(x, steps[2], field.shape[3])
        at_z += pull(field, 0, (k, j, i), (w, v, u))
        at_y += pull(field, 1, (k, j, i), (w, v, u))
        at_x += pull(field, 2, (k, j, i), (w, v, u))
    return at_z, at_y, at_x


@compiled
def resample_cubic(box: Voxels, place: Ints, where: Where, fill: np.float32, out: Voxels) -> int:
    """Fill ``out`` by cubic convolution; return how many voxels lie outside the moving scan and got ``fill``.

    ``place``: rows of first voxel of ``out`` in the reference, first voxel of ``box`` in the moving scan, shape of the
    moving scan. ``where``: a matrix (3, 4) that takes reference voxels to moving voxels; displacements to be added, in
    moving voxels on nodes over the reference (3, Z, Y, X), or an empty array; reference voxels from node to node.
    Voxels beyond the faces repeat the face.
    """
    depth, height, width = place[2, 0], place[2, 1], place[2, 2]
    grid, field, steps = where
    outside = 0
    rows, columns = np.empty(4, np.int64), np.empty(4, np.int64)
    planes_w, rows_w = np.empty(4, np.float32), np.empty(4, np.float32)
    for z in range(out.shape[0]):
        gz = float(z + place[0, 0])
        for y in range(out.shape[1]):
            gy = float(y + place[0, 1])
            for x in range(out.shape[2]):
                gx = float(x + place[0, 2])
                at_z, at_y, at_x = locate(grid, field, steps, (gz, gy, gx))
                if not (-0.5 <= at_z <= depth - 0.5 and -0.5 <= at_y <= height - 0.5 and -0.5 <= at_x <= width - 0.5):
                    out[z, y, x] = fill
                    outside += 1
                    continue
                k, j, i = int(math.floor(at_z)), int(math.floor(at_y)), int(math.floor(at_x))
                planes_w[0], planes_w[1], planes_w[2], planes_w[3] = keys_weights(at_z - k)
                rows_w[0], rows_w[1], rows_w[2], rows_w[3] = keys_weights(at_y - j)
                a, b, c, d = keys_weights(at_x - i)
                sum_a, sum_b, sum_c, sum_d = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
                if 1 <= k < depth - 2 and 1 <= j < height - 2 and 1 <= i < width - 2:
                    k, j, i = k - 1 - place[1, 0], j - 1 - place[1, 1], i - 1 - place[1, 2]
                    for n in range(4):
                        for m in range(4):
                            weight = planes_w[n] * rows_w[m]
                            sum_a += weight * box[k + n, j + m, i]
                            sum_b += weight * box[k + n, j + m, i + 1]
                            sum_c += weight * box[k + n, j + m, i + 2]
                            sum_d += weight * box[k + n, j + m, i + 3]
                else:
                    for m in range(4):
                        rows[m] = within(j - 1 + m, height) - place[1, 1]
                        columns[m] = within(i - 1 + m, width) - place[1, 2]
                    for n in range(4):
                        plane = within(k - 1 + n, depth) - place[1, 0]
                        for m in range(4):
                            weight = planes_w[n] * rows_w[m]
                            sum_a += weight * box[plane, rows[m], columns[0]]
                            sum_b += weight * box[plane, rows[m], columns[1]]
                            sum_c += weight * box[plane, rows[m], columns[2]]
                            sum_d += weight * box[plane, rows[m], columns[3]]
                out[z, y, x] = a * sum_a + b * sum_b + c * sum_c + d * sum_d
    return outside


@compiled
def resample_linear(box: Voxels, place: Ints, where: Where, fill: np.float32, out: Voxels) -> int:
    """Fill ``out`` trilinearly; arguments and result as in ``resample_cubic``."""
    depth, height, width = place[2, 0], place[2, 1], place[2, 2]
    grid, field, steps = where
    outside = 0
    for z in range(out.shape[0]):
        gz = float(z + place[0, 0])
        for y in range(out.shape[1]):
            gy = float(y + place[0, 1])
            for x in range(out.shape[2]):
                gx = float(x + place[0, 2])
                at_z, at_y, at_x = locate(grid, field, steps, (gz, gy, gx))
                if not (-0.5 <= at_z <= depth - 0.5 and -0.5 <= at_y <= height - 0.5 and -0.5 <= at_x <= width - 0.5):
                    out[z, y, x] = fill
                    outside += 1
                    continue
                k, j, i = int(math.floor(at_z)), int(math.floor(at_y)), int(math.floor(at_x))
                w, v, u = np.float32(at_z - k), np.float32(at_y - j), np.float32(at_x - i)
                k_next, k = within(k + 1, depth) - place[1, 0], within(k, depth) - place[1, 0]
                j_next, j = within(j + 1, height) - place[1, 1], within(j, height) - place[1, 1]
                i_next, i = within(i + 1, width) - place[1, 2], within(i, width) - place[1, 2]
                one = np.float32(1)
                above = (one - u) * box[k, j, i] + u * box[k, j, i_next]
                below = (one - u) * box[k, j_next, i] + u * box[k, j_next, i_next]
                above_next = (one - u) * box[k_next, j, i] + u * box[k_next, j, i_next]
                below_next = (one - u) * box[k_next, j_next, i] + u * box[k_next, j_next, i_next]
                near, far = (one - v) * above + v * below, (one - v) * above_next + v * below_next
                out[z, y, x] = (one - w) * near + w * far
    return outside


@compiled
def resample_nearest(box: NDArray[Any], place: Ints, where: Where, fill: int, out: NDArray[Any]) -> int:
    """Fill ``out`` with the voxel that is hit; arguments and result as in ``resample_cubic``."""
    depth, height, width = place[2, 0], place[2, 1], place[2, 2]
    grid, field, steps = where
    outside = 0
    for z in range(out.shape[0]):
        gz = float(z + place[0, 0])
        for y in range(out.shape[1]):
            gy = float(y + place[0, 1])
            for x in range(out.shape[2]):
                gx = float(x + place[0, 2])
                at_z, at_y, at_x = locate(grid, field, steps, (gz, gy, gx))
                if not (-0.5 <= at_z <= depth - 0.5 and -0.5 <= at_y <= height - 0.5 and -0.5 <= at_x <= width - 0.5):
                    out[z, y, x] = fill
                    outside += 1
                    continue
                k = within(int(math.floor(at_z + 0.5)), depth) - place[1, 0]
                j = within(int(math.floor(at_y + 0.5)), height) - place[1, 1]
                i = within(int(math.floor(at_x + 0.5)), width) - place[1, 2]
                out[z, y, x] = box[k, j, i]
    return outside
