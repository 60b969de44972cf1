"""Where one scan lies in another, by phase correlation: displacements alone, of any length up to half a scan.

Kuglin and Hines, Proc. IEEE Conf. Cybernetics and Society (1975); sub-voxel peaks by a parabola through its neighbours.
The peak is blunt where the scans are rotated against each other: by a few degrees on a copy of 50 voxels edge.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Voxels = NDArray[np.float32]

TAPER = 0.15  # of each edge that the window fades out over
BLUR_VOXELS = 0.7  # of the correlation peak; noise dominates the highest frequencies
PEAKS = 6
APART = 5  # voxels between peaks
LEAST_OVERLAP = 0.25


def displacements(fixed: Voxels, moving: Voxels, threads: int = 1) -> list[Array]:
    """Return displacements d in voxels, fixed(i) like moving(i + d), the likeliest first.

    Peaks of the phase correlation, each with all its aliases, ranked by the correlation of grey values where the scans
    then overlap. An empty list means that no peak leaves enough overlap.
    """
    surface = _surface(fixed, moving, threads)
    ranked: list[tuple[float, Array]] = []
    for peak in _peaks(surface):
        refined = _refine(surface, peak)
        for shift in _aliases(refined, surface.shape):
            likeness = overlap_correlation(fixed, moving, np.rint(shift).astype(int))
            if likeness is not None:
                ranked.append((likeness, shift))
    ranked.sort(key=lambda entry: -entry[0])
    return [shift for _, shift in ranked]


def overlap_correlation(fixed: Voxels, moving: Voxels, shift: Sequence[int] | NDArray[np.int_]) -> float | None:
    """Return Pearson's r of fixed(i) and moving(i + shift) where both exist; None where they hardly overlap."""
    spans = [
        (max(0, -step), min(size, size_m - step))
        for size, size_m, step in zip(fixed.shape, moving.shape, shift, strict=True)
    ]
    voxels = np.prod([max(0, last - first) for first, last in spans])
    if voxels < LEAST_OVERLAP * fixed.size:
        return None
    here = fixed[tuple(slice(first, last) for first, last in spans)]
    there = moving[tuple(slice(first + step, last + step) for (first, last), step in zip(spans, shift, strict=True))]
    f, m = here - here.mean(dtype=np.float64), there - there.mean(dtype=np.float64)
    spread = np.sqrt(np.sum(f * f) * np.sum(m * m))
    return float(np.sum(f * m) / spread) if spread > 0 else None


def _surface(fixed: Voxels, moving: Voxels, threads: int) -> Voxels:
    """Return the phase correlation; a peak at d (modulo the shape) means fixed(i) like moving(i + d)."""
    from scipy import fft

    shape = [fft.next_fast_len(max(pair), real=True) for pair in zip(fixed.shape, moving.shape, strict=True)]
    spectra = [fft.rfftn(_windowed(voxels), shape, workers=threads) for voxels in (fixed, moving)]
    cross = np.conj(spectra[0]) * spectra[1]
    length = np.abs(cross)
    cross /= np.maximum(length, np.float32(1e-6) * length.max() + np.float32(1e-30))
    cross *= _low_pass(shape)
    return np.asarray(fft.irfftn(cross, shape, workers=threads), np.float32)


def _windowed(voxels: Voxels) -> Voxels:
    """Return the voxels without mean, fading out towards the faces."""
    windowed = voxels - np.float32(voxels.mean(dtype=np.float64))
    for axis, size in enumerate(voxels.shape):
        rim = np.minimum(1.0, (np.minimum(np.arange(size), np.arange(size)[::-1]) + 0.5) / (TAPER * size))
        window = np.sin(np.pi / 2 * rim) ** 2
        windowed = windowed * np.expand_dims(window, [other for other in range(3) if other != axis]).astype(np.float32)
    return np.asarray(windowed, np.float32)


def _low_pass(shape: Sequence[int]) -> Voxels:
    frequencies = [np.fft.fftfreq(shape[0]), np.fft.fftfreq(shape[1]), np.fft.rfftfreq(shape[2])]
    z, y, x = (np.exp(-2 * (np.pi * BLUR_VOXELS * axis) ** 2) for axis in frequencies)
    return np.asarray(z[:, None, None] * y[:, None] * x, np.float32)


def _peaks(surface: Voxels) -> list[tuple[int, ...]]:
    """Return the highest local maxima."""
    from scipy import ndimage

    maxima = np.flatnonzero(surface == ndimage.maximum_filter(surface, APART, mode="wrap"))
    highest = maxima[np.argsort(-surface.ravel()[maxima], kind="stable")[:PEAKS]]
    return [tuple(int(n) for n in np.unravel_index(index, surface.shape)) for index in highest]


def _refine(surface: Voxels, peak: tuple[int, ...]) -> Array:
    """Return the top of the parabolas through a peak and its neighbours along each axis."""
    top = float(surface[peak])
    at = []
    for axis, size in enumerate(surface.shape):
        below, above = (
            float(surface[tuple((n + step) % size if axis == m else n for m, n in enumerate(peak))]) for step in (-1, 1)
        )
        bend = below - 2 * top + above
        at.append(peak[axis] + (0.5 * (below - above) / bend if bend < 0 else 0.0))
    return np.array(at)


def _aliases(peak: Array, shape: Sequence[int]) -> Iterator[Array]:
    """Yield the displacements that a peak of a periodic correlation may stand for."""
    for wraps in itertools.product((0, 1), repeat=3):
        yield peak - np.array(wraps) * np.array(shape)
