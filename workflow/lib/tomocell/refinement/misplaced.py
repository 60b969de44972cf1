"""Objects where their class cannot be: on the wrong side of a plane, or out of touch with what they grow on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from tomocell.objects.labelling import VALUES, LabelledBlock, Target, cut_for, join_blocks
from tomocell.refinement.runs import runs_of_objects

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.blocks import Limits
    from tomocell.refinement.runs import ObjectRuns
    from tomocell.volumes.volume import Shape, Volume

    Side = Literal["before", "after"]


def find_misplaced(
    volume: Volume, value: int, side: Side, plane: int, limits: Limits, *, core: Shape | None = None
) -> ObjectRuns:
    """Find the 26-connected objects of a class of which more than half the voxels lie not on ``side`` of ``plane``.

    Whole objects, not voxels: a dendrite that has grown beyond the plane stays one dendrite.

    Raises:
        BadInput: If the volume's voxels are not whole numbers from 0 to 255.
    """

    def measure(block: LabelledBlock) -> NDArray[np.int64]:
        from tomocell.objects import scans

        counts = np.zeros((block.pieces, 2), np.int64)
        scans.count_sides(block.labels, block.frame, plane, counts)
        return counts

    blocks = cut_for(volume, limits, core)
    joined = join_blocks(volume, Target((value,)), blocks, limits.workers, measure)
    sides = np.zeros((joined.count, 2), np.int64)
    np.add.at(sides, joined.objects, np.concatenate(joined.measured))
    right, wrong = sides.T if side == "before" else sides.T[::-1]
    return runs_of_objects(volume, value, blocks, joined, wrong > right, limits)


def find_detached(
    volume: Volume, value: int, neighbours: tuple[int, ...], limits: Limits, *, core: Shape | None = None
) -> ObjectRuns:
    """Find the 26-connected objects of a class that share no voxel face with any of the classes ``neighbours``.

    Raises:
        BadInput: If the volume's voxels are not whole numbers from 0 to 255.
    """
    wanted = np.zeros(VALUES, np.bool_)
    wanted[list(neighbours)] = True

    def measure(block: LabelledBlock) -> NDArray[np.bool_]:
        from tomocell.objects import scans

        touching = np.zeros(block.pieces, np.bool_)
        scans.mark_touching((block.voxels, block.labels, block.frame), wanted, touching)
        return touching

    blocks = cut_for(volume, limits, core)
    joined = join_blocks(volume, Target((value,)), blocks, limits.workers, measure)
    attached = np.zeros(joined.count, np.bool_)
    np.logical_or.at(attached, joined.objects, np.concatenate(joined.measured))
    return runs_of_objects(volume, value, blocks, joined, ~attached, limits)
