"""Local current density from how much thicker or thinner a side of the cell became between two scans.

i(x, y) = dh(x, y) / t * 0.534 g/cm3 * 3860 mAh/g, with t the time under current: what is imaged. Where some of the
charge is not seen, the same shares of what has passed: dh(x, y) / mean(dh) * I / A, whose mean is that of the charge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.electrochemistry.lithium import LITHIUM_CAPACITY_MAH_PER_G, LITHIUM_DENSITY_G_PER_CM3

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.volumes.volume import VoxelSize

    Floats = NDArray[np.float64]

CM_PER_UM = 1e-4
MAH_PER_CM2_PER_UM = CM_PER_UM * LITHIUM_DENSITY_G_PER_CM3 * LITHIUM_CAPACITY_MAH_PER_G
PERCENT = 100.0
# A change of thickness lies between four interfaces, two in each scan, each located to 1/sqrt(12) of a voxel.
CHANGE_VOXELS = (4 / 12) ** 0.5


@dataclass(frozen=True)
class Passed:
    """What passed between two scans: charge, mAh, positive; hours under current; active area, cm2."""

    charge_mah: float
    hours: float
    area_cm2: float

    @property
    def mean_ma_per_cm2(self) -> float:
        """The mean current density under current."""
        return self.charge_mah / self.hours / self.area_cm2


@dataclass(frozen=True)
class LocalCurrent:
    """Imaged current density, smoothed, positive in the direction of the current.

    Attributes:
        imaged: mA/cm2, shape (rows, columns).
        passed: What passed meanwhile.
        mean_error: Standard uncertainty of the mean: all interfaces of a scan shifted alike.
        noise: That of a pixel, if its columns' interfaces were independent of each other.
    """

    imaged: Floats
    passed: Passed
    mean_error: float
    noise: float

    @property
    def mean(self) -> float:
        """Mean of what is imaged."""
        return float(self.imaged.mean())

    @property
    def sd(self) -> float:
        """Standard deviation over the face."""
        return float(self.imaged.std())

    @property
    def negative_percent(self) -> float:
        """Share of the face that changed against the current."""
        return float((self.imaged < 0).mean() * PERCENT)

    @property
    def scale(self) -> float | None:
        """What makes the imaged mean that of the charge; None where the mean is within its uncertainty of 0."""
        return self.passed.mean_ma_per_cm2 / self.mean if self.mean > self.mean_error else None


def local_current(change_um: Floats, passed: Passed, size_um: VoxelSize, smoothing_um: float) -> LocalCurrent:
    """Return the current density that a change of thickness tells.

    Args:
        change_um: Thickness gained in the direction of the current, shape (rows, columns).
        passed: What passed meanwhile.
        size_um: Edges of a voxel (Z, Y, X).
        smoothing_um: Standard deviation of the Gaussian that the map is smoothed with; its mean stays.
    """
    from scipy.ndimage import gaussian_filter

    per_um = MAH_PER_CM2_PER_UM / passed.hours
    sigmas = [smoothing_um / edge for edge in size_um[1:]]
    error = CHANGE_VOXELS * size_um[0] * per_um
    smooth = gaussian_filter(change_um, sigmas, mode="reflect")
    return LocalCurrent(smooth * per_um, passed, error, error * math.prod(map(_left_of_noise, sigmas)))


def _left_of_noise(sigma: float) -> float:
    """Return what smoothing along one axis leaves of the standard deviation of independent pixels."""
    from scipy.ndimage import gaussian_filter

    impulse = np.zeros(2 * math.ceil(4 * sigma) + 1)
    impulse[len(impulse) // 2] = 1
    return float(np.linalg.norm(gaussian_filter(impulse, sigma, mode="constant")))
