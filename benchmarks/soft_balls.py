"""Scans of soft balls whose motion is known exactly, of any size, made region by region.

A ball stays a ball under a rigid motion, so the moved scan is drawn anew and nothing is interpolated. Balls come from a
lattice of cells, each with a random number generator of its own: any region can be drawn without the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np

from tomocell.registration import transforms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.volumes.volume import Region

    Array = NDArray[np.float64]

CELL_VOXELS = 32
PER_CELL = 26  # balls: eight in 10,000 voxels
SOFT, LEAST, MOST = 0.8, 2.0, 4.5  # voxels: width of a face, radii
REACH = 3.5  # beyond the radius
GREY, CONTRAST = 30000.0, 6000.0


@dataclass(frozen=True)
class SoftBalls:
    """A field of balls, moved by ``matrix`` (voxels, z, y, x).

    Attributes:
        matrix: Takes points of the field to points of the scan.
        noise: Standard deviation, in units of a ball's mean contrast.
        seed: Of the noise; the balls are always the same.
        balls_seed: Of the balls; another one is another sample.
    """

    matrix: Array
    noise: float = 0.1
    seed: int = 0
    balls_seed: int = 1

    def render(self, region: Region) -> NDArray[np.uint16]:
        """Return the grey values of a region of the scan."""
        corner = np.array([part.start for part in region], np.float64)
        shape = tuple(part.stop - part.start for part in region)
        rng = np.random.default_rng([self.seed, *(int(value) & 0xFFFFFFFF for value in corner)])
        voxels = rng.standard_normal(shape, np.float32) * np.float32(self.noise)
        balls = self._balls(corner, np.array(shape))
        _paint(voxels, balls)
        voxels *= np.float32(CONTRAST)
        voxels += np.float32(GREY)
        return np.clip(voxels, 0, 65535, out=voxels).astype(np.uint16)

    def _balls(self, corner: Array, shape: Array) -> Array:
        """Return centre in the region, radius and contrast of all balls that reach into it, (N, 5)."""
        ends = np.array(np.meshgrid(*zip(corner, corner + shape, strict=True))).reshape(3, -1).T
        there = transforms.apply(transforms.invert(self.matrix), ends)
        far = MOST + REACH
        first = np.floor((there.min(axis=0) - far) / CELL_VOXELS).astype(int)
        last = np.ceil((there.max(axis=0) + far) / CELL_VOXELS).astype(int)
        cells = np.array(list(np.ndindex(*(last - first)))) + first
        balls = np.concatenate([_cell(self.balls_seed, tuple(cell)) for cell in cells])
        origins = np.repeat(cells * CELL_VOXELS, PER_CELL, axis=0)
        balls[:, :3] = transforms.apply(self.matrix, balls[:, :3] + origins) - corner
        near = ((balls[:, :3] > -far) & (balls[:, :3] < shape + far)).all(axis=1)
        return balls[near]


def _cell(seed: int, cell: tuple[int, ...]) -> Array:
    rng = np.random.default_rng([seed, *(int(part) & 0xFFFFFFFF for part in cell)])
    numbers = rng.random((PER_CELL, 5))
    numbers[:, :3] *= CELL_VOXELS
    numbers[:, 3] = LEAST + (MOST - LEAST) * numbers[:, 3]
    numbers[:, 4] = np.where(numbers[:, 4] < 0.5, -1.0, 1.0) * (0.4 + 1.2 * np.abs(2 * numbers[:, 4] - 1))
    return numbers


@numba.njit(nogil=True, cache=True)
def _paint(voxels: NDArray[np.float32], balls: Array) -> None:
    depth, height, width = voxels.shape
    for n in range(len(balls)):
        z0, y0, x0, radius, grey = balls[n]
        reach = radius + REACH
        for z in range(max(0, math.ceil(z0 - reach)), min(depth, math.floor(z0 + reach) + 1)):
            for y in range(max(0, math.ceil(y0 - reach)), min(height, math.floor(y0 + reach) + 1)):
                square = (z - z0) ** 2 + (y - y0) ** 2
                if square > reach * reach:
                    continue
                half = math.sqrt(reach * reach - square)
                for x in range(max(0, math.ceil(x0 - half)), min(width, math.floor(x0 + half) + 1)):
                    far = math.sqrt(square + (x - x0) ** 2)
                    voxels[z, y, x] += np.float32(grey / (1.0 + math.exp((far - radius) / SOFT)))
