"""Objects too small to be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tomocell.objects.labelling import LabelledBlock, Target, cut_for, join_blocks
from tomocell.refinement.runs import runs_of_block, sorted_runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.blocks import Limits
    from tomocell.objects.labelling import Joined
    from tomocell.refinement.runs import ObjectRuns
    from tomocell.volumes.volume import Shape, Volume

    Ints = NDArray[np.int64]
    Found = tuple[Ints, Ints]


def find_small(
    volume: Volume, value: int, least_voxels: int, limits: Limits, *, core: Shape | None = None
) -> ObjectRuns:
    """Find the 26-connected objects of a class with fewer than ``least_voxels`` voxels, in one pass.

    An object that the volume's edge cuts counts with the voxels that are in the volume. Blocks have the shape
    ``core``, or are as large as memory allows; the outcome does not depend on it.

    Raises:
        BadInput: If the volume's voxels are not whole numbers from 0 to 255, or ``value`` is not one of these.
    """

    def measure(block: LabelledBlock) -> Found:
        return _small_pieces(block, least_voxels)

    blocks = cut_for(volume, limits, core)
    joined = join_blocks(volume, Target((value,)), blocks, limits.workers, measure)
    sizes = np.zeros(joined.count, np.int64)
    np.add.at(sizes, joined.objects, np.concatenate([counts for counts, _ in joined.measured]))
    small = sizes < least_voxels
    runs = np.concatenate([_global(index, joined) for index in range(len(blocks))])
    return sorted_runs(volume.shape, runs[small[runs[:, 2]]], int(small.sum()))


def _small_pieces(block: LabelledBlock, least_voxels: int) -> Found:
    """Return the voxel counts of all pieces, and the runs (start, length, piece from 0) of the small ones.

    What is left of a small object in a block is small; whether a small piece is the end of something large is seen
    when all pieces are joined.
    """
    from tomocell.objects import scans

    counts = np.zeros(block.pieces, np.int64)
    scans.count_voxels(block.labels, block.frame, counts)
    return counts, runs_of_block(block, counts < least_voxels)


def _global(index: int, joined: Joined[Found]) -> Ints:
    """Return the runs of a block with the object in place of the piece."""
    start, length, piece = joined.measured[index][1].T
    return np.column_stack([start, length, joined.objects[joined.offsets[index] + piece]])
