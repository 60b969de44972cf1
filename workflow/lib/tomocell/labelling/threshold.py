"""Thresholds from a histogram: Otsu's, multi-Otsu's, and the one that gives a measured porosity.

Sources: Otsu 1979, doi:10.1109/TSMC.1979.4310076 (scikit-image's implementation for two phases); Liao et al. 2001,
J. Inf. Sci. Eng. 17, 713 (more phases); Colliard-Granero et al. 2025, doi:10.1149/1945-7111/adf262 (calibration
against a measured porosity, classes such as a microporous layer taken out before).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import Block, Limits, Need, reduce_volume
from tomocell.errors import BadInput, Fault
from tomocell.labelling.optimal_cuts import optimal_cuts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.labelling.settings import ThresholdSettings
    from tomocell.volumes.volume import Region, Volume

BINS = 65536
FILTERED_BYTES = 14.0  # per voxel: read, filtered, compared, labels, what is apart


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


@dataclass(frozen=True)
class Apart:
    """Voxels that a classifier found first: those of ``labels`` with one of ``values``."""

    labels: Volume
    values: tuple[int, ...]

    def read(self, region: Region) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return the labels of a region, and where they are to be kept."""
        labels = self.labels.read(region)
        return labels, np.isin(labels, self.values)


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


def histogram(
    volume: Volume,
    settings: ThresholdSettings,
    bounds: tuple[float, float],
    limits: Limits,
    apart: Apart | None = None,
) -> Histogram:
    """Count the grey values of a volume after smoothing, block by block; whole numbers exactly.

    What is ``apart`` is not counted.

    Raises:
        BadInput: If all voxels have one value, or all are apart.
    """
    lowest, highest = bounds
    if lowest == highest:
        raise BadInput(Fault(volume.name, f"grey value {lowest:g} everywhere", "two phases", "check the scan"))
    exact = volume.dtype.kind in "ui" and highest - lowest < BINS
    width = 1.0 if exact else (highest - lowest) / BINS
    counts = np.zeros(int(highest - lowest) + 1 if exact else BINS, np.int64)

    def kernel(voxels: NDArray[Any], block: Block) -> NDArray[np.int64]:
        grey = smoothed(voxels, settings)[block.inner]
        counted = None if apart is None else ~apart.read(block.core)[1]
        found = np.zeros(len(counts), np.int64)
        for plane, values in enumerate(grey):  # as floats and indices a whole block would take 40 bytes a voxel
            kept = values.ravel() if counted is None else values[counted[plane]]
            index = np.clip((kept.astype(np.float64) - lowest) / width, 0, len(counts) - 1).astype(np.int64)
            found += np.bincount(index, minlength=len(counts))
        return found

    for _, block_counts in reduce_volume(kernel, volume, need(settings), limits):
        counts += block_counts
    if not counts.any():
        expected = f"voxels other than {', '.join(settings.apart)}"
        raise BadInput(Fault(volume.name, "none left", expected, "correct the strokes of the classifier"))
    return Histogram(counts, lowest, width)


def otsu(found: Histogram) -> float:
    """Return the threshold that parts the histogram with the largest variance between; voxels at it are bright."""
    from skimage.filters import threshold_otsu

    centres = found.lowest + (np.arange(len(found.counts)) + (0.0 if found.width == 1 else 0.5)) * found.width
    best = float(threshold_otsu(hist=(found.counts, centres)))
    # scikit-image's threshold belongs to the dark side; ours is the least bright value.
    return best + (1.0 if found.width == 1 else found.width / 2)


def multi_otsu(found: Histogram, phases: int) -> list[float]:
    """Return the ``phases - 1`` thresholds with the largest variance between; voxels at one belong above it.

    The optimum over all bins, where scikit-image's ``threshold_multiotsu`` looks at 256: a 16-bit scan is not
    coarsened first.

    Raises:
        BadInput: If there are fewer grey values than phases.
    """
    filled = np.flatnonzero(found.counts)
    if len(filled) < phases:
        expected = f"at least {phases}, one for each phase"
        raise BadInput(Fault("histogram", f"{len(filled)} grey values", expected, "name fewer classes"))
    cuts = optimal_cuts(filled.astype(np.float64), found.counts[filled].astype(np.float64), phases)
    return [found.edge(int(filled[cut - 1]) + 1) for cut in cuts]


def share_below(found: Histogram, threshold: float) -> float:
    """Return the share of voxels with grey values below ``threshold``."""
    index = int(np.ceil((threshold - found.lowest) / found.width - 1e-9))
    return float(found.counts[: max(index, 0)].sum() / found.counts.sum())


def shares(found: Histogram, thresholds: list[float]) -> list[float]:
    """Return the share of voxels in each phase, from dark to bright."""
    below = [0.0, *(share_below(found, threshold) for threshold in thresholds), 1.0]
    return [float(share) for share in np.diff(below)]


def calibrate(found: Histogram, dark_share: float, error: float) -> Calibration:
    """Return the threshold whose dark share is nearest to ``dark_share``, with those for it less and plus ``error``."""
    below = np.concatenate([[0], np.cumsum(found.counts)]) / found.counts.sum()
    nearest = [int(np.argmin(np.abs(below - share))) for share in (dark_share, dark_share - error, dark_share + error)]
    return Calibration(*(found.edge(index) for index in nearest))


def find_threshold(found: Histogram, settings: ThresholdSettings, measured_porosity: float | None) -> dict[str, Any]:
    """Return the thresholds, how they were found, and the porosity that they give.

    More than two phases go by multi-Otsu. Of two, a given value wins, then a measured porosity, then Otsu. A
    calibrated threshold comes with the band of thresholds within the instrument's error, with whether the porosity
    reached lies within it (a histogram of few values may step over it), and with Otsu's for comparison.
    """
    if settings.between:
        thresholds = multi_otsu(found, len(settings.levels))
        notes: dict[str, Any] = {"method": "multi_otsu", "thresholds": thresholds}
    elif settings.value is not None:
        notes = {"method": "given", "threshold": settings.value}
    elif measured_porosity is not None:
        notes = _calibrated(found, settings, measured_porosity)
    else:
        notes = {"method": "otsu", "threshold": otsu(found)}
    return notes | {"porosity": _porosity(found, settings, thresholds_of(notes))}


def thresholds_of(notes: dict[str, Any]) -> list[float]:
    """Return the thresholds that notes tell, from dark to bright."""
    found: list[float] = notes.get("thresholds", [notes.get("threshold")])
    return found


def _porosity(found: Histogram, settings: ThresholdSettings, thresholds: list[float]) -> float:
    return shares(found, thresholds)[settings.levels.index(settings.porous or settings.dark)]


def _calibrated(found: Histogram, settings: ThresholdSettings, measured: float) -> dict[str, Any]:
    pores_are_dark = settings.porous in (None, settings.dark)
    calibration = calibrate(found, measured if pores_are_dark else 1 - measured, settings.porosity_error)
    reached = _porosity(found, settings, [calibration.threshold])
    by_otsu = otsu(found)
    return {
        "method": "calibrated",
        "threshold": calibration.threshold,
        "threshold_band": [calibration.lowest, calibration.highest],
        "measured_porosity": measured,
        "within_error": abs(reached - measured) <= settings.porosity_error,
        "otsu_threshold": by_otsu,
        "otsu_porosity": _porosity(found, settings, [by_otsu]),
    }
