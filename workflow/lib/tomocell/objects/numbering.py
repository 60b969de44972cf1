"""Labels of objects over a whole volume, block by block, without ever holding a labelled volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tomocell.blocks import Block, Limits, map_blocks
from tomocell.objects.labelling import LabelledBlock, Target, cut_for, join_blocks, label_block
from tomocell.objects.sums import NOWHERE, number_objects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Shape, Volume


def label_blocks(
    volume: Volume, target: Target, limits: Limits, *, core: Shape | None = None
) -> Iterator[tuple[Block, NDArray[np.int64]]]:
    """Yield each block and the labels of its core: objects from 1, in the raster order of their first voxels.

    The label of an object does not depend on the blocks. The volume is read and labelled twice, since a block is
    labelled the same way each time and its labels need not be kept. Blocks have the shape ``core``, or are as large
    as memory allows.

    Raises:
        BadInput: If the volume's voxels are not whole numbers from 0 to 255.
    """
    blocks = cut_for(volume, limits, core)
    joined = join_blocks(volume, target, blocks, limits.workers, _first_voxels)
    numbers = number_objects(np.concatenate(joined.measured), joined)[joined.objects]

    def work(block: Block) -> NDArray[np.int64]:
        labelled = label_block(volume, block, target)
        first, last = joined.offsets[block.index : block.index + 2]
        return np.concatenate([[0], numbers[first:last]])[labelled.core_labels]

    yield from zip(blocks, map_blocks(work, blocks, limits.workers), strict=True)


def _first_voxels(block: LabelledBlock) -> NDArray[np.int64]:
    from tomocell.objects import scans

    first = np.full(block.pieces, NOWHERE)
    scans.find_first(block.labels, block.frame, first)
    return first
