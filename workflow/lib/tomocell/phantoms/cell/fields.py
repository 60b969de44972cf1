"""Random maps over the plane of the electrodes: smooth noise, and hills at scattered sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Map = NDArray[np.float64]

TAPS = 4


def smooth_noise(shape: tuple[int, int], length: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a map (Y, X) of zero mean and unit variance (in expectation) that varies over ``length`` nodes.

    A cubic B-spline with independent normal coefficients.
    """
    lattice = [int(np.ceil(size / length)) + TAPS for size in shape]
    coefficients = rng.standard_normal((lattice[0], lattice[1]))
    rows = _spline(coefficients, shape[0], length)
    return _spline(rows.T, shape[1], length).T


def _spline(coefficients: NDArray[np.float64], size: int, length: float) -> NDArray[np.float64]:
    """Interpolate along the first axis and bring the variance back to that of the coefficients."""
    position = np.arange(size) / length
    first = np.floor(position).astype(np.intp)
    t = position - first
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6
    weights /= np.sqrt((weights**2).sum(axis=0))
    return np.asarray(sum(weights[tap][:, None] * coefficients[first + tap] for tap in range(TAPS)))


@dataclass(frozen=True)
class Sites:
    """Scattered sites: position in nodes (Y, X), radius in nodes, and a size around 1 each."""

    y: NDArray[np.float64]
    x: NDArray[np.float64]
    radius: NDArray[np.float64]
    size: NDArray[np.float64]
    chance: NDArray[np.float64]

    @classmethod
    def scatter(cls, shape: tuple[int, int], spacing: float, radius: float, rng: np.random.Generator) -> Sites:
        """Place one site in each square of edge ``spacing``, anywhere in it."""
        count = [int(np.ceil(size / spacing)) for size in shape]
        rows, columns = np.meshgrid(np.arange(count[0]), np.arange(count[1]), indexing="ij")
        jitter = rng.random((5, count[0] * count[1]))
        return cls(
            y=(rows.ravel() + jitter[0]) * spacing,
            x=(columns.ravel() + jitter[1]) * spacing,
            radius=radius * (0.7 + 0.6 * jitter[2]),
            size=0.6 + 0.8 * jitter[3],
            chance=jitter[4],
        )

    def nearest(self, chosen: NDArray[np.bool_], rim: float, warp: tuple[Map, Map]) -> NDArray[np.intp]:
        """Return which of the ``chosen`` sites is nearest by its outline, where one is within ``rim``; -1 elsewhere."""
        result = np.full(warp[0].shape, -1, dtype=np.intp)
        least = np.full(warp[0].shape, rim)
        reach = self._reach(warp) + int(np.ceil(rim))
        for site in np.flatnonzero(chosen).tolist():
            window = self._window(site, reach[site], warp[0].shape)
            beyond = self._distance(site, window, warp) - self.radius[site]
            is_nearer = beyond < least[window]
            least[window][is_nearer] = beyond[is_nearer]
            result[window][is_nearer] = site
        return result

    def crowded(self, chosen: NDArray[np.bool_], margin: float) -> list[tuple[int, int]]:
        """Return the pairs of ``chosen`` sites whose outlines, not warped, come closer than ``margin``."""
        from scipy.spatial import cKDTree

        numbers = np.flatnonzero(chosen)
        if len(numbers) == 0:
            return []
        tree = cKDTree(np.column_stack([self.y[numbers], self.x[numbers]]))
        pairs = tree.query_pairs(2 * float(self.radius[numbers].max()) + margin, output_type="ndarray")
        first, second = numbers[pairs[:, 0]], numbers[pairs[:, 1]]
        apart = np.hypot(self.y[first] - self.y[second], self.x[first] - self.x[second])
        near = apart < self.radius[first] + self.radius[second] + margin
        return sorted(zip(first[near].tolist(), second[near].tolist(), strict=True))

    def hills(self, heights: NDArray[np.float64], power: float, warp: tuple[Map, Map]) -> NDArray[np.float64]:
        """Return the map of the highest of all hills ``h (1 - (r/R)^power)``, 0 between them.

        ``warp`` (Y and X displacement maps, in nodes) makes the outlines irregular.
        """
        result = np.zeros(warp[0].shape)
        reach = self._reach(warp)
        for site in np.flatnonzero(heights > 0).tolist():
            window = self._window(site, reach[site], warp[0].shape)
            hill = heights[site] * (1 - (self._distance(site, window, warp) / self.radius[site]) ** power)
            np.maximum(result[window], hill, out=result[window])
        return result

    def _reach(self, warp: tuple[Map, Map]) -> NDArray[np.intp]:
        return np.ceil(self.radius + max(float(np.abs(part).max()) for part in warp)).astype(int) + 1

    def _window(self, site: int, reach: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
        rows, columns = (
            slice(max(int(centre) - reach, 0), max(min(int(centre) + reach + 1, size), 0))
            for centre, size in ((self.y[site], shape[0]), (self.x[site], shape[1]))
        )
        return rows, columns

    def _distance(self, site: int, window: tuple[slice, slice], warp: tuple[Map, Map]) -> NDArray[np.float64]:
        """Return how far the nodes of a window are from a site once they are warped."""
        rows, columns = window
        dy = np.arange(rows.start, rows.stop)[:, None] + warp[0][window] - self.y[site]
        dx = np.arange(columns.start, columns.stop) + warp[1][window] - self.x[site]
        return np.asarray(np.hypot(dy, dx))
