"""Compiled loops over labels and truth; all of them add integers and release the GIL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tomocell.objects.kernels import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Codes = NDArray[np.uint8]
    Ints = NDArray[np.int64]
    Totals = tuple[Ints, Ints, NDArray[np.int32]]

_LEFT_OUT = np.uint8(255)
# One of each pair of opposite steps to the 26 neighbours, and the kind of direction that Crofton's formula knows it by.
STEPS = np.array(
    [
        (1, 0, 0), (0, 1, 0), (0, 0, 1),
        (1, 1, 0), (1, -1, 0), (1, 0, 1), (1, 0, -1), (0, 1, 1), (0, 1, -1),
        (1, 1, 1), (1, 1, -1), (1, -1, 1), (1, -1, -1),
    ]
)  # fmt: skip
KINDS = np.array([0, 1, 2, 3, 3, 4, 4, 5, 5, 6, 6, 6, 6])


@compiled
def count_block(true: Codes, found: Codes, core: Ints, cells: tuple[Ints, Ints, Ints], totals: Totals) -> None:
    """Add the core of a block to its totals.

    Args:
        true: Codes of the truth, core and halo, (Z, Y, X).
        found: Codes of the labels, likewise.
        core: (3, 2); first index of the core along each axis, and one past its last.
        cells: For each plane, row and column of the core, where its cell stands among those of the block.
        totals: Confusion (cells along z, y, x, true code, found code). Pairs of neighbouring voxels of which one is of
            a code (2: truth and labels, code, kind of direction). Labels minus truth (code, row, column).
    """
    confusion, crossings, columns = totals
    for z in range(core[0, 0], core[0, 1]):
        cell_z = cells[0][z - core[0, 0]]
        for y in range(core[1, 0], core[1, 1]):
            cell_y = cells[1][y - core[1, 0]]
            for x in range(core[2, 0], core[2, 1]):
                one, other = true[z, y, x], found[z, y, x]
                if one == _LEFT_OUT:
                    continue
                confusion[cell_z, cell_y, cells[2][x - core[2, 0]], one, other] += 1
                if one != other:
                    columns[other, y - core[1, 0], x - core[2, 0]] += 1
                    columns[one, y - core[1, 0], x - core[2, 0]] -= 1
                _count_crossings(true, found, (z, y, x), crossings)


@compiled
def _count_crossings(true: Codes, found: Codes, place: tuple[int, int, int], crossings: Ints) -> None:
    z, y, x = place
    for step in range(STEPS.shape[0]):
        near_z, near_y, near_x = z + STEPS[step, 0], y + STEPS[step, 1], x + STEPS[step, 2]
        if near_z >= true.shape[0] or near_y < 0 or near_y >= true.shape[1] or near_x < 0 or near_x >= true.shape[2]:
            continue
        one, other = true[near_z, near_y, near_x], found[near_z, near_y, near_x]
        if one == _LEFT_OUT:
            continue
        kind = KINDS[step]
        if one != true[z, y, x]:
            crossings[0, one, kind] += 1
            crossings[0, true[z, y, x], kind] += 1
        if other != found[z, y, x]:
            crossings[1, other, kind] += 1
            crossings[1, found[z, y, x], kind] += 1


@compiled
def mark_surface(codes: Codes, code: int, away: Codes) -> int:
    """Set ``away`` to 0 on the surface of a class and to 1 elsewhere; return how many voxels the surface has.

    A voxel of the class is on its surface if one of its six neighbours is of another class. What lies outside the
    array and what is left out is of no class.
    """
    count = 0
    size_z, size_y, size_x = codes.shape
    for z in range(size_z):
        for y in range(size_y):
            for x in range(size_x):
                away[z, y, x] = 1
                if codes[z, y, x] != code:
                    continue
                if (
                    (z > 0 and _is_other(codes[z - 1, y, x], code))
                    or (y > 0 and _is_other(codes[z, y - 1, x], code))
                    or (x > 0 and _is_other(codes[z, y, x - 1], code))
                    or (z + 1 < size_z and _is_other(codes[z + 1, y, x], code))
                    or (y + 1 < size_y and _is_other(codes[z, y + 1, x], code))
                    or (x + 1 < size_x and _is_other(codes[z, y, x + 1], code))
                ):
                    away[z, y, x] = 0
                    count += 1
    return count


@compiled
def _is_other(neighbour: int, code: int) -> bool:
    return neighbour != code and neighbour != _LEFT_OUT  # noqa: PLR1714 -- numba knows no tuples of two types
