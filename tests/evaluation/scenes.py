"""Labels and truths whose metrics are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from support.stores import LIMITS
from tomocell.evaluation.counts import Counts, count
from tomocell.evaluation.pair import Pair, pair_of
from tomocell.evaluation.settings import EvaluateSettings
from tomocell.volumes.volume import ArrayVolume, Classes, VoxelClass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tomocell.volumes.volume import VoxelSize

    Voxels = NDArray[np.uint8]

NAMES = ("pore", "solid", "grain")
VALUES = (0, 4, 9)
CLASSES = Classes(tuple(VoxelClass(name, value) for name, value in zip(NAMES, VALUES, strict=True)))
SIZE: VoxelSize = (2.0, 0.5, 1.25)


def make_pair(labels: Voxels, truth: Voxels, size: VoxelSize | None = SIZE, classes: Classes = CLASSES) -> Pair:
    sides = [ArrayVolume(voxels, size, classes, name) for voxels, name in ((labels, "labels"), (truth, "truth"))]
    return pair_of(sides[0], sides[1], 255, EvaluateSettings())


def counted(labels: Voxels, truth: Voxels, edge: int = 64) -> Counts:
    return count(make_pair(labels, truth), edge, LIMITS)


def random_pair(shape: Sequence[int] = (9, 11, 13), seed: int = 0) -> tuple[Voxels, Voxels]:
    """Return noisy labels and their truth, some of it left out."""
    random = np.random.default_rng(seed)
    truth = random.choice([*VALUES, 255], shape, p=(0.4, 0.3, 0.2, 0.1)).astype(np.uint8)
    labels = np.where(random.random(shape) < 0.8, truth, random.choice(VALUES, shape))
    labels[truth == 255] = random.choice(VALUES, int((truth == 255).sum()))
    return labels.astype(np.uint8), truth


def wall(planes: int, depth: int = 24, across: tuple[int, int] = (16, 20)) -> Voxels:
    """Return a solid that fills the first planes."""
    voxels = np.zeros((depth, *across), np.uint8)
    voxels[:planes] = 4
    return voxels


def ball(centre: Sequence[float], radius_um: float, shape: Sequence[int], size: VoxelSize) -> Voxels:
    """Return a solid ball; its centre counts voxels."""
    places = np.indices(tuple(shape), float)
    squared = sum(((place - at) * edge) ** 2 for place, at, edge in zip(places, centre, size, strict=True))
    return np.where(squared <= radius_um**2, 4, 0).astype(np.uint8)
