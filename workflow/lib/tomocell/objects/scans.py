"""Compiled loops that look up single things in a labelled block; its layout is explained in ``kernels``.

Apart from those so that no compiled function calls one of another file, where the cache on disk sees no change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.objects.kernels import compiled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tomocell.objects.kernels import Bytes, Grids, Ints, Labels


@compiled
def mark_present(voxels: Bytes, frame: Ints, present: NDArray[np.bool_]) -> None:
    """Set ``present[value]`` for each value of the block, voxels outside the volume left out."""
    stop_z, stop_y, stop_x = frame[1]
    for z in range(max(0, -frame[0, 0]), stop_z):
        for y in range(max(0, -frame[0, 1]), stop_y):
            for x in range(max(0, -frame[0, 2]), stop_x):
                present[voxels[z, y, x]] = True


@compiled
def find_first(labels: Labels, frame: Ints, first: Ints) -> None:
    """Lower ``first[piece]`` to the raster index, in the volume, of the first voxel that a piece has in the core."""
    stop_z, stop_y, stop_x = frame[1]
    for z in range(1, stop_z):
        for y in range(1, stop_y):
            row = (z + frame[0, 0]) * frame[2, 1] + y + frame[0, 1]
            for x in range(1, stop_x):
                if labels[z, y, x]:
                    piece = labels[z, y, x] - 1
                    first[piece] = min(first[piece], row * frame[2, 2] + x + frame[0, 2])


@compiled
def count_voxels(labels: Labels, frame: Ints, counts: Ints) -> None:
    """Add the core's voxels to the counts of their pieces."""
    for z in range(1, frame[1, 0]):
        for y in range(1, frame[1, 1]):
            for x in range(1, frame[1, 2]):
                if labels[z, y, x]:
                    counts[labels[z, y, x] - 1] += 1


@compiled
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


@compiled
def count_sides(labels: Labels, frame: Ints, plane: int, counts: Ints) -> None:
    """Add the core's voxels to the counts of their pieces: before a plane of the volume, and from it on."""
    for z in range(1, frame[1, 0]):
        side = 0 if z + frame[0, 0] < plane else 1
        for y in range(1, frame[1, 1]):
            for x in range(1, frame[1, 2]):
                if labels[z, y, x]:
                    counts[labels[z, y, x] - 1, side] += 1


@compiled
def count_values(grids: Grids, columns: Ints, counts: Ints) -> None:
    """Add the core's voxels to the counts of their pieces, by class value: ``columns`` tells where each counts."""
    voxels, labels, frame = grids
    for z in range(1, frame[1, 0]):
        for y in range(1, frame[1, 1]):
            for x in range(1, frame[1, 2]):
                if labels[z, y, x]:
                    counts[labels[z, y, x] - 1, columns[voxels[z, y, x]]] += 1


@compiled
def mark_touching(grids: Grids, wanted: NDArray[np.bool_], touching: NDArray[np.bool_]) -> None:
    """Set ``touching[piece]`` for each piece that shares a face with a voxel of a ``wanted`` class value."""
    voxels, labels, frame = grids
    outside = -frame[0]  # the volume's first voxel; what is padded before it is no voxel
    for z in range(1, frame[1, 0]):
        for y in range(1, frame[1, 1]):
            for x in range(1, frame[1, 2]):
                if z > outside[0]:
                    _touch(labels[z, y, x], voxels[z - 1, y, x], wanted, touching)
                    _touch(labels[z - 1, y, x], voxels[z, y, x], wanted, touching)
                if y > outside[1]:
                    _touch(labels[z, y, x], voxels[z, y - 1, x], wanted, touching)
                    _touch(labels[z, y - 1, x], voxels[z, y, x], wanted, touching)
                if x > outside[2]:
                    _touch(labels[z, y, x], voxels[z, y, x - 1], wanted, touching)
                    _touch(labels[z, y, x - 1], voxels[z, y, x], wanted, touching)


@compiled
def _touch(label: int, value: int, wanted: NDArray[np.bool_], touching: NDArray[np.bool_]) -> None:
    if label and wanted[value]:
        touching[label - 1] = True


@compiled
def least_distance(labels: Labels, frame: Ints, surface: Ints, sign: int, least: Ints) -> None:
    """Lower ``least[piece]`` to the fewest planes between a voxel of the core and the ``surface`` of its column.

    ``surface`` (Y, X) of the volume is the plane of the first voxel that is free; beyond it lie larger planes where
    ``sign`` is 1 and smaller ones where it is -1. Columns whose surface is less than -1 have none.
    """
    stop_z, stop_y, stop_x = frame[1]
    for z in range(1, stop_z):
        for y in range(1, stop_y):
            for x in range(1, stop_x):
                face = surface[y + frame[0, 1], x + frame[0, 2]]
                if labels[z, y, x] and face >= -1:
                    piece = labels[z, y, x] - 1
                    least[piece] = min(least[piece], sign * (z + frame[0, 0] - face))
