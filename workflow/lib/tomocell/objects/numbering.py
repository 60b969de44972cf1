"""Labels of objects over a whole volume, block by block, without ever holding a labelled volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.blocks import Block, Limits, map_blocks
from tomocell.objects.labelling import LabelledBlock, Target, cut_for, join_blocks, label_block
from tomocell.objects.sums import NOWHERE, number_objects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Shape, Volume


@dataclass(frozen=True)
class NumberedVolume:
    """A volume whose objects have their numbers: from 1, in the raster order of their first voxels.

    A block is labelled the same way each time, so that its labels need not be kept: `tomocell.objects.labelling`
    labels it again, and ``numbers_of`` tells which objects its pieces belong to.

    Attributes:
        volume: The volume.
        target: What makes an object in it.
        blocks: How it is cut.
        offsets: (blocks + 1,); where the pieces of each block stand among all.
        numbers: (pieces,); the object of each piece.
    """

    volume: Volume
    target: Target
    blocks: list[Block]
    offsets: NDArray[np.int64]
    numbers: NDArray[np.int64]

    def label(self, block: Block) -> LabelledBlock:
        """Return a block with its pieces."""
        return label_block(self.volume, block, self.target)

    def numbers_of(self, block: Block) -> NDArray[np.int64]:
        """Return the objects of a block's pieces, by label; 0, no piece, is no object."""
        first, last = self.offsets[block.index : block.index + 2]
        return np.concatenate([[0], self.numbers[first:last]])


def number_volume(volume: Volume, target: Target, blocks: list[Block], workers: int) -> NumberedVolume:
    """Number the objects of a volume, in one pass; their numbers do not depend on the blocks.

    Raises:
        BadInput: If the volume's voxels are not whole numbers from 0 to 255.
    """
    joined = join_blocks(volume, target, blocks, workers, _first_voxels)
    numbers = number_objects(np.concatenate(joined.measured), joined)[joined.objects]
    return NumberedVolume(volume, target, blocks, joined.offsets, numbers)


def label_blocks(
    volume: Volume, target: Target, limits: Limits, *, core: Shape | None = None
) -> Iterator[tuple[Block, NDArray[np.int64]]]:
    """Yield each block and the labels of its core: objects from 1, in the raster order of their first voxels.

    The label of an object does not depend on the blocks. The volume is read and labelled twice. Blocks have the shape
    ``core``, or are as large as memory allows.

    Raises:
        BadInput: If the volume's voxels are not whole numbers from 0 to 255.
    """
    numbered = number_volume(volume, target, cut_for(volume, limits, core), limits.workers)

    def work(block: Block) -> NDArray[np.int64]:
        return numbered.numbers_of(block)[numbered.label(block).core_labels]

    yield from zip(numbered.blocks, map_blocks(work, numbered.blocks, limits.workers), strict=True)


def _first_voxels(block: LabelledBlock) -> NDArray[np.int64]:
    from tomocell.objects import scans

    first = np.full(block.pieces, NOWHERE)
    scans.find_first(block.labels, block.frame, first)
    return first
