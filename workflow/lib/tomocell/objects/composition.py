"""What objects of several classes are made of: the voxels of each class, nothing else, in one light pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tomocell.objects.labelling import LabelledBlock, Target, cut_for, join_blocks
from tomocell.objects.sums import count_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.blocks import Limits
    from tomocell.volumes.volume import Shape, Volume


def compositions(volume: Volume, target: Target, limits: Limits, *, core: Shape | None = None) -> NDArray[np.int64]:
    """Return the voxels of each of the target's values, shape (objects, values), objects in no order.

    Raises:
        BadInput: If the volume's voxels are not whole numbers from 0 to 255.
    """

    def measure(block: LabelledBlock) -> NDArray[np.int64]:
        return count_parts(block, target.values)

    joined = join_blocks(volume, target, cut_for(volume, limits, core), limits.workers, measure)
    parts = np.zeros((joined.count, len(target.values)), np.int64)
    np.add.at(parts, joined.objects, np.concatenate(joined.measured))
    return parts
