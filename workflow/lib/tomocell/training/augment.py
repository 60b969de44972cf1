"""What is done to a patch before the network sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.models.settings import TrainSettings

HALF = 0.5


def augment(
    grey: NDArray[np.float32], target: NDArray[np.int16], train: TrainSettings, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    """Return a patch mirrored at random along the axes of ``target``, its grey values with random gain and offset.

    Args:
        grey: Shape (planes, ...).
        target: Shape (...).
        train: Which of it is done.
        random: Draws.
    """
    if train.flips:
        for axis in range(target.ndim):
            if random.random() < HALF:
                grey, target = np.flip(grey, axis + 1), np.flip(target, axis)
    gain, offset = train.grey_jitter * random.standard_normal(2)
    shifted = grey * np.float32(1 + gain) + np.float32(offset)
    return np.ascontiguousarray(shifted, dtype=np.float32), np.ascontiguousarray(target)
