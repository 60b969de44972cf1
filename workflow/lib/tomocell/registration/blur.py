"""Separable smoothing of a patch: compiled, so that it costs no more than the steps of the fit that follow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tomocell.registration.kernels import compiled

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Voxels = NDArray[np.float32]


def gaussian_taps(sigma_voxels: float, truncate: float) -> list[float]:
    """Return the weights of a Gaussian from its middle outwards, all of them together 1."""
    radius = max(1, math.floor(truncate * sigma_voxels + 0.5))
    taps = np.exp(-0.5 * (np.arange(radius + 1) / sigma_voxels) ** 2)
    taps /= taps[0] + 2 * taps[1:].sum()
    return [float(tap) for tap in taps]


def convolve(voxels: Voxels, taps: ArrayLike) -> Voxels:
    """Return voxels after symmetric weights (from the middle outwards) along each axis; faces mirror what is inside."""
    weights = np.asarray(taps, np.float32)
    depth, height, width = voxels.shape
    # The middle of three axes is smoothed; rows of whole planes make z the middle one.
    for along, shape in ((_along_y, (1, depth, height * width)), (_along_y, voxels.shape), (_along_x, voxels.shape)):
        out = np.empty(shape, np.float32)
        along(np.ascontiguousarray(voxels).reshape(shape), weights, out)
        voxels = out.reshape(depth, height, width)
    return voxels


@compiled
def _mirrored(index: int, size: int) -> int:
    period = 2 * size
    place = index % period
    return place if place < size else period - 1 - place


@compiled
def _along_y(voxels: Voxels, taps: Voxels, out: Voxels) -> None:
    depth, height, width = voxels.shape
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                out[z, y, x] = taps[0] * voxels[z, y, x]
            for n in range(1, len(taps)):
                above, below = _mirrored(y - n, height), _mirrored(y + n, height)
                for x in range(width):
                    out[z, y, x] += taps[n] * (voxels[z, above, x] + voxels[z, below, x])


@compiled
def _along_x(voxels: Voxels, taps: Voxels, out: Voxels) -> None:
    depth, height, width = voxels.shape
    reach = len(taps) - 1
    row = np.empty(width + 2 * reach, np.float32)
    for z in range(depth):
        for y in range(height):
            row[reach : reach + width] = voxels[z, y]
            for n in range(reach):
                row[n] = voxels[z, y, _mirrored(n - reach, width)]
                row[reach + width + n] = voxels[z, y, _mirrored(width + n, width)]
            for x in range(width):
                out[z, y, x] = taps[0] * row[reach + x]
            for n in range(1, reach + 1):
                for x in range(width):
                    out[z, y, x] += taps[n] * (row[reach + x - n] + row[reach + x + n])
