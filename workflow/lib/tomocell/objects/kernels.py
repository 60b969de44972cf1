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
    Grids = tuple[Bytes, Labels, Ints]
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
DIRECTIONS = 7
_SURFACE = 10
_RIM = 17
CORNERS = tuple((bit >> 1 & 1, bit & 1, bit >> 2) for bit in range(8))  # (dz, dy, dx) of each bit of a tile's code
_RIGHT = 4  # a tile's code: 4 bits of the column x - 1, then those of the column x
_FULL = 15
_ROW = 8  # the bit of row (z, y) in a column
_WORD = 8
_FULL_WORD = np.uint64(0x0F0F0F0F0F0F0F0F)
ANY_TOUCH = 26
NO_PIECE = np.iinfo(np.int64).max


def _direction(first: int, second: int) -> int:
    steps = tuple(abs(a - b) for a, b in zip(CORNERS[first], CORNERS[second], strict=True))
    kinds = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1))
    return kinds.index(steps)


def _crossings() -> NDArray[np.int64]:
    table = np.zeros((256, DIRECTIONS), np.int64)
    for code, (first, second) in itertools.product(range(256), itertools.combinations(range(8), 2)):
        table[code, _direction(first, second)] += (code >> first ^ code >> second) & 1
    return table


_TABLE = _crossings()
# Of a tile's voxels, the one in the row read last: its label is the likeliest to be in the cache.
_LATEST_BIT = np.array(
    [max((b for b in range(8) if code >> b & 1), key=lambda b: CORNERS[b], default=0) for code in range(256)]
)
_DIRECTION = np.array([[-1 if a == b else _direction(a, b) for b in range(8)] for a in range(8)])


def compiled(function: F) -> F:
    """Compile a function, keep the result on disk, and let threads run it side by side."""
    return cast("F", numba.njit(nogil=True, cache=True)(function))


@compiled
def add_all(block: Grids, target: int, columns: Ints, totals: Totals, connectivity: int) -> None:
    """Add the runs, boundary crossings and contacts of a block to its pieces, row by row.

    Args:
        block: Class values, pieces (from 1; 0 is no piece), frame.
        target: The class value of the pieces' voxels.
        columns: (256,); where among the contacts a class value counts.
        totals: Sums (pieces, COLUMNS), moments in voxels about the volume's voxel (0, 0, 0): second moments may wrap
            around 2**64, but about the object's own centre they are whole again. Least (pieces, 7): z, y, x, -z, -y,
            -x and raster index. Contacts (pieces, 3, classes): faces shared with each class, by their normals' axis.
        connectivity: 26 promises that a tile holds one piece at most.
    """
    voxels, _, frame = block
    codes = np.zeros((voxels.shape[2] + _WORD - 1) // _WORD * _WORD, np.uint8)
    words = codes.view(np.uint64)
    tiles = np.zeros((len(codes), 2), np.int64)
    for z in range(1, voxels.shape[0]):
        for y in range(1, voxels.shape[1]):
            rows = (voxels[z - 1, y - 1], voxels[z - 1, y], voxels[z, y - 1], voxels[z, y])
            _encode(rows, target, codes)
            count = _find_tiles(codes, words, voxels.shape[2], tiles)
            if z < frame[1, 0] and y < frame[1, 1]:
                _add_runs(block, (z, y), codes, tiles[:count], totals)
            if count and connectivity == ANY_TOUCH:
                _add_crossings(block, (z, y), codes, tiles[:count], totals)
            elif count:
                _add_crossings_of_each(block, (z, y), codes, tiles[:count], totals)
            if count:
                _add_contacts(block, (z, y), codes, tiles[:count], totals, columns)


@compiled
def _encode(rows: tuple[Row, Row, Row, Row], target: int, codes: Row) -> None:
    """Set 4 bits for each x: whether the target stands in rows (z - 1, y - 1), (z - 1, y), (z, y - 1), (z, y)."""
    value = np.uint8(target)
    for x in range(rows[0].shape[0]):
        codes[x] = (
            np.uint8(rows[0][x] == value)
            + np.uint8(2) * np.uint8(rows[1][x] == value)
            + np.uint8(4) * np.uint8(rows[2][x] == value)
            + np.uint8(8) * np.uint8(rows[3][x] == value)
        )


@compiled
def _find_tiles(codes: Row, words: NDArray[np.uint64], width: int, tiles: Ints) -> int:
    """List the x of the tiles that are not all inside or all outside; eight uniform ones at a time are passed over."""
    count = 0
    for word in range(words.shape[0]):
        before = codes[max(_WORD * word - 1, 0)]
        if (words[word] == 0 and before == 0) or (words[word] == _FULL_WORD and before == _FULL):
            continue
        for x in range(max(_WORD * word, 1), min(_WORD * (word + 1), width)):
            if codes[x] != codes[x - 1] or codes[x] not in (0, _FULL):
                tiles[count, 0] = x
                count += 1
    return count


@compiled
def _add_runs(block: Grids, row: tuple[int, int], codes: Row, tiles: Ints, totals: Totals) -> None:
    """Add the core's runs; they begin and end at tiles, or at the ends of the core."""
    stop = block[2][1, 2]
    begin = 1
    for tile in range(len(tiles)):
        x = tiles[tile, 0]
        here, before = codes[x] & _ROW, codes[x - 1] & _ROW
        if here and not before:
            begin = x
        elif before and not here and x > begin:
            _add_run(block, (*row, begin), x - begin, totals)
    if block[0].shape[2] == stop and codes[stop - 1] & _ROW:
        _add_run(block, (*row, begin), stop - begin, totals)


@compiled
def _add_run(block: Grids, place: Place, length: int, totals: Totals) -> None:
    _, labels, frame = block
    z, y, first = place[0] + frame[0, 0], place[1] + frame[0, 1], place[2] + frame[0, 2]
    last = first + length - 1
    sum_x = (first + last) * length // 2
    # The sum of squares up to n, for the last x of the run and for the one before its first.
    squares = last * (last + 1) * (2 * last + 1) // 6 - (first - 1) * first * (2 * first - 1) // 6
    piece = labels[place] - 1
    sums = totals[0][piece]
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
    _widen((z, y, first), last, (z * frame[2, 1] + y) * frame[2, 2] + first, totals[1][piece])


@compiled
def _widen(first: Place, last_x: int, raster: int, least: Ints) -> None:
    for axis in range(3):
        least[axis] = min(least[axis], first[axis])
    least[3] = min(least[3], -first[0])
    least[4] = min(least[4], -first[1])
    least[5] = min(least[5], -last_x)
    least[6] = min(least[6], raster)


@compiled
def _add_crossings(block: Grids, row: tuple[int, int], codes: Row, tiles: Ints, totals: Totals) -> None:
    """Add crossings where a tile holds one piece, and note which.

    Tiles next to each other that share a voxel of a piece share the piece: one look-up serves a whole stretch.
    """
    labels, sums = block[1], totals[0]
    piece: Whole = np.int64(-1)
    for tile in range(len(tiles)):
        x = tiles[tile, 0]
        code = np.int64(codes[x - 1]) | np.int64(codes[x]) << _RIGHT
        if piece < 0 or codes[x - 1] == 0:
            piece = _label_at(labels, (*row, x), _LATEST_BIT[code]) - 1
        tiles[tile, 1] = piece
        for direction in range(DIRECTIONS):
            sums[piece, _SURFACE + direction] += _TABLE[code, direction]


@compiled
def _add_crossings_of_each(block: Grids, row: tuple[int, int], codes: Row, tiles: Ints, totals: Totals) -> None:
    """Add crossings where a tile may hold several pieces, each of which is bounded by the others as well."""
    labels, sums = block[1], totals[0]
    for tile in range(len(tiles)):
        x = tiles[tile, 0]
        tiles[tile, 1] = -1
        rest = np.int64(codes[x - 1]) | np.int64(codes[x]) << _RIGHT
        while rest != 0:
            label = _label_at(labels, (*row, x), _LATEST_BIT[rest])
            own = _bits_of(labels, (*row, x), rest, label)
            for direction in range(DIRECTIONS):
                sums[label - 1, _SURFACE + direction] += _TABLE[own, direction]
            rest ^= own


@compiled
def _label_at(labels: Labels, place: Place, bit: Whole) -> Whole:
    return np.int64(labels[place[0] - 1 + (bit >> 1 & 1), place[1] - 1 + (bit & 1), place[2] - 1 + (bit >> 2)])


@compiled
def _bits_of(labels: Labels, place: Place, code: Whole, label: Whole) -> Whole:
    own = 0
    for bit in range(8):
        if code >> bit & 1 and _label_at(labels, place, bit) == label:
            own |= 1 << bit
    return own


@compiled
def _add_contacts(block: Grids, row: tuple[int, int], codes: Row, tiles: Ints, totals: Totals, columns: Ints) -> None:
    """Add the faces between each tile's last voxel and the three before it."""
    voxels, labels, frame = block
    sums, _, contacts = totals
    for tile in range(len(tiles)):
        x = tiles[tile, 0]
        here = (row[0], row[1], x)
        befores = ((row[0] - 1, row[1], x), (row[0], row[1] - 1, x), (row[0], row[1], x - 1))
        inside = codes[x] & _ROW != 0
        besides = (codes[x] >> 1 & 1 != 0, codes[x] >> 2 & 1 != 0, codes[x - 1] & _ROW != 0)
        for axis in range(3):
            if inside == besides[axis]:
                continue
            piece = tiles[tile, 1]
            if piece < 0:
                piece = np.int64(labels[here if inside else befores[axis]]) - 1
            place = here[axis] + frame[0, axis]
            if place in (0, frame[2, axis]):
                sums[piece, _RIM + axis] += 1
            else:
                contacts[piece, axis, columns[voxels[befores[axis] if inside else here]]] += 1


@compiled
def find_strangers(labels: Labels, z: int, base: int, found: Ints) -> int:
    """Count the pairs of voxels in the tiles of plane ``z`` that belong to different pieces, and list them.

    ``found`` takes as many as it can hold, each as one number, pieces counted from 1:
    ``(piece * base + other piece) * 7 + direction``.
    """
    count = 0
    for y in range(1, labels.shape[1]):
        low, high = _label_range(labels, z, y, 0)
        for x in range(1, labels.shape[2]):
            before_low, before_high = low, high
            low, high = _label_range(labels, z, y, x)
            if min(low, before_low) < max(high, before_high):  # few tiles hold two pieces
                count = _list_strangers(labels, (z, y, x), base, found, count)
    return count


@compiled
def _label_range(labels: Labels, z: int, y: int, x: int) -> tuple[Whole, Whole]:
    """Return the least and the greatest piece of a column; a huge number and 0 where there is none."""
    low, high = np.int64(NO_PIECE), np.int64(0)
    for bit in range(4):
        label = np.int64(labels[z - 1 + (bit >> 1), y - 1 + (bit & 1), x])
        high = max(high, label)
        low = min(low, label or np.int64(NO_PIECE))
    return low, high


@compiled
def _list_strangers(labels: Labels, place: Place, base: int, found: Ints, count: int) -> int:
    for bit in range(8):
        label = _label_at(labels, place, bit)
        for other in range(bit + 1, 8):
            stranger = _label_at(labels, place, other)
            if label and stranger not in (0, label):
                if count < found.shape[0]:
                    found[count] = (label * base + stranger) * DIRECTIONS + _DIRECTION[bit, other]
                count += 1
    return count
