"""Scenes of soft balls with exact motions: balls stay balls under a rigid motion, so nothing is interpolated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.registration import transforms
from tomocell.registration.patch import Patch
from tomocell.volumes.volume import ArrayVolume

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tomocell.volumes.volume import Region, Shape, Volume, VoxelSize

    Array = NDArray[np.float64]

CUBE: VoxelSize = (1.0, 1.0, 1.0)
SOFT_UM = 0.8
REACH_UM = 6.0


@dataclass(frozen=True)
class Scene:
    """Balls in space: centres (N, 3) in um, radii, and grey values over a background of 0."""

    centres: Array
    radii: Array
    greys: Array

    def moved(self, matrix: ArrayLike) -> Scene:
        return replace(self, centres=transforms.apply(matrix, self.centres))

    def render(self, shape: Shape, voxel_um: VoxelSize = CUBE) -> NDArray[np.float32]:
        voxels = np.zeros(shape, np.float32)
        for centre, radius, grey in zip(self.centres, self.radii, self.greys, strict=True):
            low = np.maximum(np.floor((centre - radius - REACH_UM) / voxel_um), 0).astype(int)
            high = np.minimum(np.ceil((centre + radius + REACH_UM) / voxel_um) + 1, shape).astype(int)
            if np.any(low >= high):
                continue
            axes = [np.arange(a, b) * edge - c for a, b, edge, c in zip(low, high, voxel_um, centre, strict=True)]
            far = np.sqrt(axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2)
            ball = grey / (1 + np.exp(np.clip((far - radius) / SOFT_UM, -50, 50)))
            voxels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] += ball.astype(np.float32)
        return voxels


def balls(seed: int, extent_um: ArrayLike, *, per_um3: float = 1.5e-3, margin_um: float = 30.0) -> Scene:
    """Balls all over a box and beyond it by a margin, so that a moved scan sees as many."""
    rng = np.random.default_rng(seed)
    extent = np.asarray(extent_um, np.float64)
    count = int(per_um3 * np.prod(extent + 2 * margin_um))
    centres = rng.uniform(-margin_um, extent + margin_um, (count, 3))
    return Scene(centres, rng.uniform(2.0, 4.5, count), rng.uniform(0.4, 1.6, count) * rng.choice([-1, 1], count))


def scan(
    scene: Scene, shape: Shape, voxel_um: VoxelSize = CUBE, *, noise: float = 0.05, seed: int = 0, name: str = "scan"
) -> ArrayVolume:
    """A 16-bit scan with noise, in units of a ball's mean contrast."""
    rng = np.random.default_rng([seed, 99])
    greys = 30000 + 6000 * (scene.render(shape, voxel_um) + noise * rng.standard_normal(shape))
    return ArrayVolume(np.clip(np.rint(greys), 0, 65535).astype(np.uint16), voxel_um, name=name)


def patch(volume: Volume) -> Patch:
    """A whole volume as a patch."""
    voxels = volume.read((slice(None), slice(None), slice(None))).astype(np.float32)
    return Patch(voxels, np.zeros(3), np.array(volume.size))


def motion(angle_deg: float, shift_um: float, shape: Shape, voxel_um: VoxelSize = CUBE, seed: int = 0) -> Array:
    """A rotation and a shift of given size in a random direction, about the middle of a scan."""
    rng = np.random.default_rng([seed, 7])
    turn, shift = (vector / np.linalg.norm(vector) for vector in rng.standard_normal((2, 3)))
    centre = (np.array(shape) - 1) / 2 * voxel_um
    return transforms.rigid(turn * np.deg2rad(angle_deg), shift * shift_um, centre)


def corners(shape: Shape, voxel_um: VoxelSize = CUBE) -> Array:
    """The corners of a scan, um."""
    return np.array(np.meshgrid(*[(0, size - 1) for size in shape])).reshape(3, -1).T * voxel_um


def corner_error(found: Any, true: Any, points_um: Array) -> float:
    """The longest distance between where two motions take points, um."""
    return float(np.linalg.norm(transforms.apply(found, points_um) - transforms.apply(true, points_um), axis=-1).max())


class Watched(ArrayVolume):
    """A volume that remembers what was read of it."""

    def __init__(self, source: ArrayVolume) -> None:
        super().__init__(source.read((slice(None), slice(None), slice(None))), source.voxel_size_um, name=source.name)
        self.largest = 0

    def read(self, region: Region) -> NDArray[Any]:
        voxels = super().read(region)
        self.largest = max(self.largest, voxels.size)
        return voxels
