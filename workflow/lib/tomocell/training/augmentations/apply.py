"""Augmentations in their order, each with its probability."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tomocell.training.augmentations import affine, intensity, rings, streaks
from tomocell.volumes.planes import axis_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.models.settings import ModelSettings
    from tomocell.training.augment_settings import AugmentSettings


def augment(
    grey: NDArray[np.float32], target: NDArray[np.int16], model: ModelSettings, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    """Return a patch as the network is to see it.

    Args:
        grey: Shape (planes, rows, columns) or (1, Z, Y, X).
        target: Class indices, shape (rows, columns) or (Z, Y, X).
        model: Its ``train.augment`` says what is done.
        random: Draws; nothing else decides what comes out.
    """
    chosen = model.train.augment
    grey, target = _flip(grey, target, chosen, random)
    if chosen.affine is not None and random.random() < chosen.affine.probability:
        grey, target = affine.move(grey, target, random, chosen.affine)
    grid = _grid(grey.shape, model)
    if chosen.rings is not None and random.random() < chosen.rings.probability:
        grey = rings.change(grey, grid, random, chosen.rings)
    if chosen.streaks is not None and random.random() < chosen.streaks.probability:
        grey = streaks.change(grey, grid, random, chosen.streaks)
    if chosen.intensity is not None and random.random() < chosen.intensity.probability:
        grey = intensity.change(grey, random, chosen.intensity)
    return np.ascontiguousarray(grey, dtype=np.float32), np.ascontiguousarray(target)


def _flip(
    grey: NDArray[np.float32], target: NDArray[np.int16], settings: AugmentSettings, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    for axis in range(target.ndim):
        if random.random() < settings.flips:
            grey, target = np.flip(grey, axis + 1), np.flip(target, axis)
    return grey, target


def _grid(shape: tuple[int, ...], model: ModelSettings) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the places along y and along x of a patch, in voxels from its corner, that broadcast to its shape."""
    if model.sees_cubes:
        axes = [1, 2, 3]
    else:
        axes = [1, 2]
        axes.insert(axis_number(model.plane_axis), 0)  # neighbouring planes lie along the axis across them
    y, x = (
        np.arange(shape[axis], dtype=np.float32).reshape([-1 if i == axis else 1 for i in range(len(shape))])
        for axis in axes[1:]
    )
    return y, x
