"""Ring artefacts: grey values that depend on the distance from an axis along z alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.training.augment_settings import RingSettings


def change(
    grey: NDArray[np.float32],
    grid: tuple[NDArray[np.float32], NDArray[np.float32]],
    random: np.random.Generator,
    settings: RingSettings,
) -> NDArray[np.float32]:
    """Return ``grey`` with rings about an axis drawn up to twice the patch's larger edge away from its corner.

    Args:
        grey: Shape (planes, ...).
        grid: Places along y and along x, in voxels, that broadcast to the shape of ``grey``.
        random: Draws.
        settings: How many, how strong.
    """
    y, x = grid
    edge = max(y.size, x.size)
    centre = random.uniform(-edge, 2 * edge, 2).astype(np.float32)
    radius = np.hypot(y - centre[0], x - centre[1]).astype(np.intp)
    profile = np.zeros(3 * edge + 1, np.float32)  # no voxel is more than 2 sqrt 2 edges away
    rings = random.random(profile.size) < settings.share
    profile[rings] = settings.amplitude * random.standard_normal(int(rings.sum()))
    return np.asarray(grey + profile[radius], np.float32)
