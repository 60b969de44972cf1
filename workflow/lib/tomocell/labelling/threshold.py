"""Thresholds from a histogram: Otsu's, and the one that gives a measured porosity.

Sources: Otsu 1979, doi:10.1109/TSMC.1979.4310076 (scikit-image's implementation); Colliard-Granero et al. 2025,
doi:10.1149/1945-7111/adf262 (calibration against a measured porosity).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import Block, Limits, Need, reduce_volume
from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.labelling.settings import ThresholdSettings
    from tomocell.volumes.volume import Volume

BINS = 65536
FILTERED_BYTES = 12.0  # per voxel: read, filtered, compared, labels


@dataclass(frozen=True)
class Histogram:
    """How often each grey value occurs.

    Attributes:
        counts: Voxels in each bin.
        lowest: Grey value of the first bin.
        width: Grey values a bin spans; 1 for whole numbers.
    """

    counts: NDArray[np.int64]
    lowest: float
    width: float

    def edge(self, index: int) -> float:
        """Return the least grey value of bin ``index``."""
        return self.lowest + index * self.width


@dataclass(frozen=True)
class Calibration:
    """The threshold for a measured porosity, and the band of thresholds within the instrument's error."""

    threshold: float
    lowest: float
    highest: float


def need(settings: ThresholdSettings) -> Need:
    """Return what the median filter asks of a block."""
    reach = settings.median_voxels // 2
    return Need((reach, reach, reach), FILTERED_BYTES)


def smoothed(voxels: NDArray[Any], settings: ThresholdSettings) -> NDArray[Any]:
    """Return the voxels after the median filter; unchanged where its edge is 1."""
    if settings.median_voxels == 1:
        return voxels
    from scipy.ndimage import median_filter

    return np.asarray(median_filter(voxels, size=settings.median_voxels, mode="nearest"))


def histogram(volume: Volume, settings: ThresholdSettings, bounds: tuple[float, float], limits: Limits) -> Histogram:
    """Count the grey values of a volume after smoothing, block by block; whole numbers exactly.

    Raises:
        BadInput: If all voxels have one value.
    """
    lowest, highest = bounds
    if lowest == highest:
        raise BadInput(Fault(volume.name, f"grey value {lowest:g} everywhere", "two phases", "check the scan"))
    exact = volume.dtype.kind in "ui" and highest - lowest < BINS
    width = 1.0 if exact else (highest - lowest) / BINS
    counts = np.zeros(int(highest - lowest) + 1 if exact else BINS, np.int64)

    def kernel(voxels: NDArray[Any], block: Block) -> NDArray[np.int64]:
        grey = smoothed(voxels, settings)[block.inner].astype(np.float64)
        index = np.clip((grey - lowest) / width, 0, len(counts) - 1).astype(np.int64)
        return np.bincount(index.ravel(), minlength=len(counts))

    for _, block_counts in reduce_volume(kernel, volume, need(settings), limits):
        counts += block_counts
    return Histogram(counts, lowest, width)


def otsu(found: Histogram) -> float:
    """Return the threshold that parts the histogram with the largest variance between; voxels at it are bright."""
    from skimage.filters import threshold_otsu

    centres = found.lowest + (np.arange(len(found.counts)) + (0.0 if found.width == 1 else 0.5)) * found.width
    best = float(threshold_otsu(hist=(found.counts, centres)))
    # scikit-image's threshold belongs to the dark side; ours is the least bright value.
    return best + (1.0 if found.width == 1 else found.width / 2)


def share_below(found: Histogram, threshold: float) -> float:
    """Return the share of voxels with grey values below ``threshold``."""
    index = int(np.ceil((threshold - found.lowest) / found.width - 1e-9))
    return float(found.counts[: max(index, 0)].sum() / found.counts.sum())


def calibrate(found: Histogram, dark_share: float, error: float) -> Calibration:
    """Return the threshold whose dark share is nearest to ``dark_share``, with those for it less and plus ``error``."""
    below = np.concatenate([[0], np.cumsum(found.counts)]) / found.counts.sum()
    nearest = [int(np.argmin(np.abs(below - share))) for share in (dark_share, dark_share - error, dark_share + error)]
    return Calibration(*(found.edge(index) for index in nearest))
