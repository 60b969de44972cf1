"""Patches turned, sheared, scaled and moved about their centre.

Grey values are interpolated linearly, labels taken from the nearest voxel. What comes from beyond the patch is its
mirror image, and not labelled.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.training.augment_settings import AffineSettings


def move(
    grey: NDArray[np.float32], target: NDArray[np.int16], random: np.random.Generator, settings: AffineSettings
) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    """Return a patch moved at random."""
    matrix = draw_matrix(target.ndim, random, settings)
    shift = random.uniform(-1, 1, target.ndim) * settings.translation * np.array(target.shape)
    return moved(grey, target, matrix, shift)


def moved(
    grey: NDArray[np.float32], target: NDArray[np.int16], matrix: NDArray[np.float64], shift: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    """Return the patch that has at each place p, from its centre, what the patch given has at ``matrix`` p + ``shift``.

    Args:
        grey: Shape (planes, ...).
        target: Shape (...).
        matrix: Shape (axes, axes).
        shift: Shape (axes,), voxels.
    """
    import torch
    from torch.nn import functional

    half = np.maximum((np.array(target.shape) - 1) / 2, 0.5)
    # The sampler's units are half edges, its order of axes x, y, z.
    scaled = (matrix * half[None, :] / half[:, None])[::-1, ::-1]
    theta = np.concatenate([scaled, (shift / half)[::-1, None]], axis=1)
    size = [1, 1, *target.shape]
    grid = functional.affine_grid(torch.from_numpy(theta[None].astype(np.float32)), size, align_corners=True)
    sampled = functional.grid_sample(
        torch.from_numpy(np.ascontiguousarray(grey))[None], grid, padding_mode="reflection", align_corners=True
    )
    known = torch.from_numpy(np.ascontiguousarray(target + 1, dtype=np.float32))[None, None]  # 0 is not labelled
    nearest = functional.grid_sample(known, grid, mode="nearest", padding_mode="zeros", align_corners=True)
    return sampled[0].numpy(), nearest[0, 0].numpy().astype(np.int16) - np.int16(1)


def draw_matrix(axes: int, random: np.random.Generator, settings: AffineSettings) -> NDArray[np.float64]:
    """Return a matrix of rotations, shears and one scale, shape (axes, axes)."""
    matrix = np.eye(axes) * (1 + settings.scale * random.uniform(-1, 1))
    for first, second in itertools.combinations(range(axes), 2):
        angle = np.deg2rad(settings.rotation_deg) * random.uniform(-1, 1)
        turn = np.eye(axes)
        turn[[first, second], [first, second]] = np.cos(angle)
        turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
        sheared = np.eye(axes)
        sheared[first, second], sheared[second, first] = settings.shear * random.uniform(-1, 1, 2)
        matrix = matrix @ turn @ sheared
    return matrix
