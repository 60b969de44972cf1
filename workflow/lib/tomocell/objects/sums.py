"""What is added up of each object: whole numbers only, so that the size and order of blocks cannot matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.objects.labelling import VALUES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.objects.labelling import Joined, LabelledBlock, Target

    Ints = NDArray[np.int64]

NOWHERE = np.iinfo(np.int64).max
LEAST = 7
RASTER = 6


@dataclass(frozen=True)
class Sums:
    """Additive measures of the pieces of a block, or of whole objects.

    Attributes:
        sums: (n, COLUMNS); the columns are named in ``tomocell.objects.kernels``.
        least: (n, 7); least z, y, x, -z, -y, -x, and raster index of the first voxel.
        contacts: (m, 4); which of the n, axis of the normal, class value, faces shared with that class.
        strangers: (m, 4); two pieces, direction, and pairs of neighbouring voxels of which each holds one. Pieces of
            26-connected objects have none.
        parts: (n, values of the target); voxels of each.
    """

    sums: Ints
    least: Ints
    contacts: Ints
    strangers: Ints
    parts: Ints

    def faces(self, chosen: NDArray[np.bool_]) -> Ints:
        """Return the voxel faces between the ``chosen`` objects and anything else, by normal z, y, x."""
        faces = np.zeros(3, np.int64)
        contacts = self.contacts[chosen[self.contacts[:, 0]]]
        np.add.at(faces, contacts[:, 1], contacts[:, 3])
        return faces


def values_present(block: LabelledBlock) -> Ints:
    """Return the class values of the block, ascending; the layer before its core counts."""
    from tomocell.objects import scans

    present = np.zeros(VALUES, np.bool_)
    scans.mark_present(block.voxels, block.frame, present)
    return np.flatnonzero(present)


def sum_block(block: LabelledBlock, values: Ints, target: Target) -> Sums:
    """Add up the pieces of a block in which these class ``values`` are present."""
    from tomocell.objects import kernels

    sums = np.zeros((block.pieces, kernels.COLUMNS), np.int64)
    least = np.full((block.pieces, LEAST), NOWHERE)
    columns = np.zeros(VALUES, np.int64)
    columns[values] = np.arange(len(values))
    contacts = np.zeros((block.pieces, 3, len(values)), np.int64)
    grids = (block.voxels, block.labels, block.frame)
    kernels.add_all(grids, block.target, columns, (sums, least, contacts), target.connectivity)
    strangers = _strangers(block, target.connectivity)
    is_one = len(target.values) == 1
    parts = sums[:, [kernels.COUNT]] if is_one else count_parts(block, target.values)
    return Sums(sums, least, _listed(contacts, values), strangers, parts)


def count_parts(block: LabelledBlock, values: tuple[int, ...]) -> Ints:
    """Return how many voxels of each of the target's ``values`` the pieces of a block have in its core."""
    from tomocell.objects import scans

    columns = np.zeros(VALUES, np.int64)
    columns[list(values)] = np.arange(len(values))
    counts = np.zeros((block.pieces, len(values)), np.int64)
    scans.count_values((block.original, block.labels, block.frame), columns, counts)
    return counts


def sum_objects(joined: Joined[Sums]) -> Sums:
    """Add up the pieces of each object; objects stand in the raster order of their first voxels."""
    from tomocell.objects import kernels

    least_of_pieces = _stacked([part.least for part in joined.measured], LEAST)
    places = number_objects(least_of_pieces[:, RASTER], joined)[joined.objects] - 1
    least = np.full((joined.count, LEAST), NOWHERE)
    np.minimum.at(least, places, least_of_pieces)
    sums = np.zeros((joined.count, kernels.COLUMNS), np.int64)
    parts = np.zeros((joined.count, joined.measured[0].parts.shape[1]), np.int64)
    contacts, strangers = [], []
    for part, first in zip(joined.measured, joined.offsets, strict=False):
        np.add.at(sums, places[first : first + len(part.sums)], part.sums)
        np.add.at(parts, places[first : first + len(part.sums)], part.parts)
        contacts.append(np.column_stack([places[first + part.contacts[:, 0]], part.contacts[:, 1:]]))
        strangers.append(np.column_stack([places[first + part.strangers[:, :2]], part.strangers[:, 2:]]))
    _forgive(sums, _stacked(strangers, 4))
    return Sums(sums, least, _stacked(contacts, 4), np.zeros((0, 4), np.int64), parts)


def number_objects(first_voxels: Ints, joined: Joined[Any]) -> Ints:
    """Return the number of each object, from 1 in the raster order of its first voxel.

    Args:
        first_voxels: (pieces,); raster index of each piece's first voxel in its core, or ``NOWHERE``.
        joined: The objects of the pieces.
    """
    first = np.full(joined.count, NOWHERE)
    np.minimum.at(first, joined.objects, first_voxels)
    numbers = np.empty(joined.count, np.int64)
    numbers[np.argsort(first)] = np.arange(1, joined.count + 1)
    return numbers


def _listed(contacts: Ints, values: Ints) -> Ints:
    """Return the contacts that are not zero, one a row."""
    piece, axis, column = np.nonzero(contacts)
    return np.column_stack([piece, axis, values[column], contacts[piece, axis, column]])


def _strangers(block: LabelledBlock, connectivity: int) -> Ints:
    """Return the pairs of pieces that lie side by side; plane by plane, since noise has many such voxels."""
    from tomocell.objects import kernels

    if connectivity == kernels.ANY_TOUCH:
        return np.zeros((0, 4), np.int64)
    base = block.pieces + 1
    planes = []
    for z in range(1, block.labels.shape[0]):
        found = np.zeros(kernels.find_strangers(block.labels, z, base, np.zeros(0, np.int64)), np.int64)
        kernels.find_strangers(block.labels, z, base, found)
        planes.append(np.stack(np.unique(found, return_counts=True)))
    keys, counts = np.concatenate(planes, axis=1)
    keys, which = np.unique(keys, return_inverse=True)
    pairs, direction = np.divmod(keys, kernels.DIRECTIONS)
    totals = np.zeros(len(keys), np.int64)
    np.add.at(totals, which, counts)
    return np.column_stack([*np.divmod(pairs, base), direction, totals]) - [1, 1, 0, 0]


def _forgive(sums: Ints, strangers: Ints) -> None:
    """Take back the crossings between pieces that turned out to be one object; both pieces had counted them."""
    from tomocell.objects import kernels

    same = strangers[strangers[:, 0] == strangers[:, 1]]
    np.subtract.at(sums, (same[:, 0], kernels.CROSSINGS.start + same[:, 2]), 2 * same[:, 3])


def _stacked(parts: list[Ints], columns: int) -> Ints:
    return np.concatenate([np.zeros((0, columns), np.int64), *parts])
