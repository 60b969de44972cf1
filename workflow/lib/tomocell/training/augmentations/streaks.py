"""Straight streaks across (Y, X), with a Gaussian profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.training.augment_settings import StreakSettings


def change(
    grey: NDArray[np.float32],
    grid: tuple[NDArray[np.float32], NDArray[np.float32]],
    random: np.random.Generator,
    settings: StreakSettings,
) -> NDArray[np.float32]:
    """Return ``grey`` with up to ``settings.most`` streaks through the patch.

    Args:
        grey: Shape (planes, ...).
        grid: Places along y and along x, in voxels, that broadcast to the shape of ``grey``.
        random: Draws.
        settings: How many, how strong, how wide.
    """
    y, x = grid
    added = np.zeros(np.broadcast_shapes(y.shape, x.shape), np.float32)
    for _ in range(int(random.integers(1, settings.most + 1))):
        at_y, at_x = random.random(2) * (y.size, x.size)
        angle, width = random.uniform(0, np.pi), settings.width_voxels * random.uniform(0.2, 1)
        away = (y - at_y) * np.cos(angle) - (x - at_x) * np.sin(angle)
        added += settings.amplitude * random.standard_normal() * np.exp(-0.5 * (away / width) ** 2).astype(np.float32)
    return grey + added
