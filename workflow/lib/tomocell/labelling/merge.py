"""Several label sets of the same voxels become one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def merge_labels(
    sets: Sequence[NDArray[np.uint8]], decided: Sequence[Sequence[int]], priority: Sequence[int], ignore: int
) -> NDArray[np.uint8]:
    """Return for each voxel the claimed value that stands first in ``priority``.

    A set claims a voxel with a value that it decides on; with any other it says only that it does not. Where none
    claims a voxel the last of ``priority`` stands, or ``ignore`` if no set is labelled there.

    Args:
        sets: Label values, all of one shape.
        decided: For each set the values that it decides on.
        priority: Every value that is decided on, the one that wins first.
        ignore: Value of voxels that are not labelled.
    """
    merged = np.full(sets[0].shape, priority[-1], np.uint8)
    merged[np.logical_and.reduce([labels == ignore for labels in sets])] = ignore
    for value in reversed(priority):
        for labels, values in zip(sets, decided, strict=True):
            if value in values:
                merged[labels == value] = value
    return merged
