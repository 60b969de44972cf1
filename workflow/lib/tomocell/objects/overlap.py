"""Which objects of two volumes of one place share voxels: what links objects over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tomocell.blocks import Block, Limits, map_blocks
from tomocell.errors import BadInput, Fault
from tomocell.objects.labelling import cut_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.objects.numbering import NumberedVolume
    from tomocell.volumes.volume import Shape, Volume

    Ints = NDArray[np.int64]


def cut_for_overlap(volume: Volume, limits: Limits, core: Shape | None = None) -> list[Block]:
    """Return the blocks that two volumes of one shape are numbered in, to be compared: two of them at once fit."""
    return cut_for(volume, Limits(limits.memory_mb, 2 * limits.workers), core)


def shared_voxels(first: NumberedVolume, second: NumberedVolume, workers: int) -> Ints:
    """Count the voxels that each object of one volume shares with each object of another, in one pass over both.

    Args:
        first: One volume, numbered.
        second: The other, of the same shape and in the same blocks.
        workers: Blocks at once.

    Returns:
        Shape (pairs, 3): object of the first, object of the second, voxels that they share, in the order of the
        objects; the same for any blocks. Pairs without a voxel are left out.

    Raises:
        BadInput: If the volumes differ in shape.
    """
    if first.volume.shape != second.volume.shape:
        expected = f"{first.volume.shape} (Z, Y, X), as {first.volume.name}"
        remedy = "register the series to one region of interest"
        raise BadInput(Fault(second.volume.name, second.volume.shape, expected, remedy))

    def work(block: Block) -> Ints:
        one, other = first.label(block), second.label(block)
        pieces = _count_pairs(one.core_labels, other.core_labels)
        return np.column_stack(
            [first.numbers_of(block)[pieces[:, 0]], second.numbers_of(block)[pieces[:, 1]], pieces[:, 2]]
        )

    found = np.concatenate([np.empty((0, 3), np.int64), *map_blocks(work, first.blocks, workers)])
    pairs, places = np.unique(found[:, :2], axis=0, return_inverse=True)
    counts = np.zeros(len(pairs), np.int64)
    np.add.at(counts, places.ravel(), found[:, 2])
    return np.column_stack([pairs, counts])


def _count_pairs(one: NDArray[np.uint32], other: NDArray[np.uint32]) -> Ints:
    """Return the pairs of labels above 0 that stand in the same voxels, and how often, shape (pairs, 3)."""
    both = (one > 0) & (other > 0)
    keys, counts = np.unique(one[both].astype(np.uint64) << np.uint64(32) | other[both], return_counts=True)
    low = np.uint64(2**32 - 1)
    return np.column_stack([keys >> np.uint64(32), keys & low, counts]).astype(np.int64)
