"""Compiled loops over the voxels of a labelled block; all of them add integers and release the GIL.

The arrays of a block begin one voxel before its core along each axis and end with it, or one voxel after it where
the volume ends. So each pair and each 2 x 2 x 2 tile of neighbouring voxels, those that straddle the volume's faces
included, belongs to exactly one block: that of its voxel with the largest indices.

``frame`` (3 x 3, int64) places them: the volume coordinates of array index 0, the index just past the core, and the
shape of the volume.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bytes = NDArray[np.uint8]
    Labels = NDArray[np.uint32]
    Grids = tuple[Bytes, Labels]
    Whole = int | np.int64
    Place = tuple[int, int, int]
    Row = NDArray[np.uint8]
    Totals = tuple[Ints, Ints, Ints]

F = TypeVar("F", bound="Callable[..., Any]")

COUNT = 0
FIRST = slice(1, 4)  # sums of z, y, x
SECOND = slice(4, 10)  # sums of zz, yy, xx, zy, zx, yx
CROSSINGS = slice(10, 17)  # along z, y, x, the diagonals of zy, zx, yx, and the space diagonals
EDGE = slice(17, 20)  # faces on the volume's edge, by normal z, y, x
COLUMNS = 20
_SURFACE = 10
_RIM = 17

CORNERS = tuple((bit >> 1 & 1, bit & 1, bit >> 2) for bit in range(8))  # (dz, dy, dx) of each bit of a tile's code
_FULL = 255
_RIGHT = 4
_LAST = 7  # bit of the voxel that the tile is named after, and of those before it along z, y, x
_PARTNERS = (5, 6, 3)


def _direction(first: int, second: int) -> int:
    steps = tuple(abs(a - b) for a, b in zip(CORNERS[first], CORNERS[second], strict=True))
    kinds = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1))
    return kinds.index(steps)


def _crossings() -> NDArray[np.int64]:
    table = np.zeros((256, 7), np.int64)
    for code, (first, second) in itertools.product(range(256), itertools.combinations(range(8), 2)):
        table[code, _direction(first, second)] += (code >> first ^ code >> second) & 1
    return table


_TABLE = _crossings()
# Of a tile's voxels, the one in the row read last: its label is the likeliest to be in the cache.
_LATEST_BIT = np.array(
    [max((b for b in range(8) if code >> b & 1), key=lambda b: CORNERS[b], default=0) for code in range(256)]
)
_DIRECTION = np.array([[-1 if a == b else _direction(a, b) for b in range(8)] for a in range(8)])


def _compiled(function: F) -> F:
    return cast("F", numba.njit(nogil=True, cache=True)(function))


@_compiled
def mark_present(voxels: Bytes, frame: Ints, present: NDArray[np.bool_]) -> None:
    """Set ``present[value]`` for each value of the block, voxels outside the volume left out."""
    stop_z, stop_y, stop_x = frame[1]
    for z in range(max(0, -frame[0, 0]), stop_z):
        for y in range(max(0, -frame[0, 1]), stop_y):
            for x in range(max(0, -frame[0, 2]), stop_x):
                present[voxels[z, y, x]] = True


@_compiled
def add_runs(labels: Labels, frame: Ints, sums: Ints, least: Ints) -> None:
    """Add the core's runs along x to the counts, moments and boxes of their pieces.

    Args:
        labels: Pieces, numbered from 1; 0 is no piece.
        frame: Where the block lies.
        sums: (pieces, COLUMNS); count, first and second moments in voxels about the volume's voxel (0, 0, 0). Second
            moments may wrap around 2**64; about the object's own centre they are whole again.
        least: (pieces, 7); least z, y, x, -z, -y, -x and least index in raster order.
    """
    for z in range(1, frame[1, 0]):
        for y in range(1, frame[1, 1]):
            _add_runs_of_row(labels[z, y], (z + frame[0, 0], y + frame[0, 1]), frame, sums, least)


@_compiled
def add_all(grids: Grids, target: int, frame: Ints, totals: Totals, columns: Ints, connectivity: int) -> None:
    """Add the runs, boundary crossings and contacts of a block to its pieces.

    Row by row, so that the labels that a row of tiles needs are still in the cache.

    Args:
        grids: Class values and pieces.
        target: The class value of the pieces' voxels.
        frame: Where the block lies.
        totals: ``sums`` and ``least`` as above, and contacts (pieces, 3, classes): faces shared with each class, by
            the axis of their normal.
        columns: (256,); where among the contacts a class value counts.
        connectivity: 26 promises that a tile holds one piece at most.
    """
    voxels, labels = grids
    codes = np.zeros(voxels.shape[2], np.uint8)
    for z in range(1, voxels.shape[0]):
        for y in range(1, voxels.shape[1]):
            if z < frame[1, 0] and y < frame[1, 1]:
                _add_runs_of_row(labels[z, y], (z + frame[0, 0], y + frame[0, 1]), frame, totals[0], totals[1])
            _encode((voxels[z - 1, y - 1], voxels[z - 1, y], voxels[z, y - 1], voxels[z, y]), target, codes)
            for x in range(1, voxels.shape[2]):
                code = np.int64(codes[x - 1]) | np.int64(codes[x]) << _RIGHT
                if code not in (0, _FULL):
                    _add_crossings(labels, (z, y, x), code, connectivity, totals[0])
                    _add_contacts(grids, (z, y, x), code, frame, columns, totals)


@_compiled
def _add_runs_of_row(row: NDArray[np.uint32], place: tuple[int, int], frame: Ints, sums: Ints, least: Ints) -> None:
    z, y = place
    x = 1
    while x < frame[1, 2]:
        label = row[x]
        begin = x
        x += 1
        if label == 0:
            continue
        while x < frame[1, 2] and row[x] == label:
            x += 1
        first = begin + frame[0, 2]
        _add_run((z, y, first), x - begin, sums[label - 1])
        _widen((z, y, first), x - begin, (z * frame[2, 1] + y) * frame[2, 2] + first, least[label - 1])


@_compiled
def _add_run(place: Place, length: int, sums: Ints) -> None:
    z, y, first = place
    last = first + length - 1
    sum_x = (first + last) * length // 2
    # The sum of squares up to n, for the last x of the run and for the one before its first.
    squares = last * (last + 1) * (2 * last + 1) // 6 - (first - 1) * first * (2 * first - 1) // 6
    sums[0] += length
    sums[1] += length * z
    sums[2] += length * y
    sums[3] += sum_x
    sums[4] += length * z * z
    sums[5] += length * y * y
    sums[6] += squares
    sums[7] += length * z * y
    sums[8] += z * sum_x
    sums[9] += y * sum_x


@_compiled
def _widen(place: Place, length: int, raster: int, least: Ints) -> None:
    for axis in range(3):
        least[axis] = min(least[axis], place[axis])
    least[3] = min(least[3], -place[0])
    least[4] = min(least[4], -place[1])
    least[5] = min(least[5], 1 - place[2] - length)
    least[6] = min(least[6], raster)


@_compiled
def _encode(rows: tuple[Row, Row, Row, Row], target: int, codes: Row) -> None:
    value = np.uint8(target)
    for x in range(codes.shape[0]):
        codes[x] = (
            np.uint8(rows[0][x] == value)
            + np.uint8(2) * np.uint8(rows[1][x] == value)
            + np.uint8(4) * np.uint8(rows[2][x] == value)
            + np.uint8(8) * np.uint8(rows[3][x] == value)
        )


@_compiled
def _add_crossings(labels: Labels, place: Place, code: Whole, connectivity: int, sums: Ints) -> None:
    while code != 0:
        label = _label_at(labels, place, _LATEST_BIT[code])
        own = code if connectivity == 26 else _bits_of(labels, place, code, label)  # noqa: PLR2004
        for direction in range(7):
            sums[label - 1, _SURFACE + direction] += _TABLE[own, direction]
        code ^= own


@_compiled
def _label_at(grid: Labels | Bytes, place: Place, bit: Whole) -> Whole:
    return np.int64(grid[place[0] - 1 + (bit >> 1 & 1), place[1] - 1 + (bit & 1), place[2] - 1 + (bit >> 2)])


@_compiled
def _bits_of(labels: Labels, place: Place, code: Whole, label: Whole) -> Whole:
    own = 0
    for bit in range(8):
        if code >> bit & 1 and _label_at(labels, place, bit) == label:
            own |= 1 << bit
    return own


@_compiled
def _add_contacts(grids: Grids, place: Place, code: Whole, frame: Ints, columns: Ints, totals: Totals) -> None:
    for axis in range(3):
        inside = code >> _LAST & 1
        if inside == code >> _PARTNERS[axis] & 1:
            continue
        label = _label_at(grids[1], place, _LAST if inside else _PARTNERS[axis])
        last = place[axis] + frame[0, axis]
        if last in (0, frame[2, axis]):
            totals[0][label - 1, _RIM + axis] += 1
        else:
            value = _label_at(grids[0], place, _PARTNERS[axis] if inside else _LAST)
            totals[2][label - 1, axis, columns[value]] += 1


@_compiled
def find_strangers(labels: Labels, found: Ints) -> int:
    """Count the pairs of voxels of a tile that belong to different pieces, and list as many as ``found`` can hold.

    A row of ``found`` is the two pieces and the direction of the pair.
    """
    count = 0
    for z in range(1, labels.shape[0]):
        for y in range(1, labels.shape[1]):
            for x in range(1, labels.shape[2]):
                for bit in range(8):
                    label = _label_at(labels, (z, y, x), bit)
                    for other in range(bit + 1, 8):
                        stranger = _label_at(labels, (z, y, x), other)
                        if label == 0 or stranger in (0, label):
                            continue
                        if count < found.shape[0]:
                            found[count, 0] = label
                            found[count, 1] = stranger
                            found[count, 2] = _DIRECTION[bit, other]
                        count += 1
    return count


@_compiled
def count_voxels(labels: Labels, frame: Ints, counts: Ints) -> None:
    """Add the core's voxels to the counts of their pieces."""
    for z in range(1, frame[1, 0]):
        for y in range(1, frame[1, 1]):
            for x in range(1, frame[1, 2]):
                if labels[z, y, x]:
                    counts[labels[z, y, x] - 1] += 1


@_compiled
def find_runs(labels: Labels, frame: Ints, wanted: NDArray[np.bool_], found: Ints) -> int:
    """Count the core's runs along x of the ``wanted`` pieces, and list as many as ``found`` can hold.

    A row of ``found`` is the raster index of the run's first voxel in the volume, its length and its piece.
    """
    count = 0
    stop_z, stop_y, stop_x = frame[1]
    for z in range(1, stop_z):
        for y in range(1, stop_y):
            x = 1
            while x < stop_x:
                label = labels[z, y, x]
                begin = x
                x += 1
                if label == 0 or not wanted[label - 1]:
                    continue
                while x < stop_x and labels[z, y, x] == label:
                    x += 1
                if count < found.shape[0]:
                    row = (z + frame[0, 0]) * frame[2, 1] + y + frame[0, 1]
                    found[count, 0] = row * frame[2, 2] + begin + frame[0, 2]
                    found[count, 1] = x - begin
                    found[count, 2] = label
                count += 1
    return count
