"""Likeness of two maps: Pearson with a p-value that knows of patches, at a lag, and Manders' shares.

A map of a sample is smooth: neighbouring pixels tell the same twice, so that a test which counts pixels finds
anything significant. Here whole blocks are permuted, or whole maps shifted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Place = tuple[int, int]

LEAST_BLOCKS = 4  # 24 orders of them
RUN = 4  # blocks are so many times as long as the maps are alike with themselves
LEAST_ALONG = 4  # blocks along each edge of the map, where their length is not given
MOST_ALONG = 64  # the products of all pairs of blocks are held: 128 MB for 64 x 64
ALIKE = 1 / np.e
ROUNDING = 1e-9  # of a variance from sums over a Fourier transform


@dataclass(frozen=True)
class AtLag:
    """Where two maps are most alike.

    Attributes:
        lag: Pixels (rows, columns) by which the second map's features lie further along than the first one's.
        pearson: Over the pixels that both have then.
        p_value: Share of windows of shifts, as large as that searched and beyond it, that hold as much likeness.
    """

    lag: Place
    pearson: float
    p_value: float


def pearson(one: Floats, other: Floats) -> float | None:
    """Return Pearson's r of two maps; None where one of them is constant."""
    first, second = one - one.mean(), other - other.mean()
    norm = np.sqrt((first**2).sum() * (second**2).sum())
    return float(np.clip((first * second).sum() / norm, -1, 1)) if norm > 0 else None


def block_edge(one: Floats, other: Floats) -> Place:
    """Return the edges of blocks that are long against the maps' features: 4 times the longer of their ranges.

    A range is the first lag at which a map's autocorrelation along that axis is below 1/e. Blocks are no longer than
    a quarter of the map, so that there are 16 at least.
    """
    ranges = [max(_range(plane, axis) for plane in (one, other)) for axis in (0, 1)]
    rows, columns = (
        min(RUN * longest, max(size // LEAST_ALONG, 1)) for longest, size in zip(ranges, one.shape, strict=True)
    )
    return fitting_edges((rows, columns), one.shape)


def fitting_edges(edges: Place, shape: tuple[int, ...]) -> Place:
    """Return edges of blocks as near to ``edges`` as a map of ``shape`` allows: a 64th of it to the whole."""
    rows, columns = (min(max(edge, -(-size // MOST_ALONG)), size) for edge, size in zip(edges, shape, strict=True))
    return (rows, columns)


def _range(plane: Floats, axis: int) -> int:
    size = plane.shape[axis]
    spectrum = np.abs(np.fft.rfft(plane - plane.mean(), 2 * size, axis=axis)) ** 2
    products = np.fft.irfft(spectrum.sum(axis=1 - axis), 2 * size)[:size] / np.arange(size, 0, -1)
    below = np.flatnonzero(products <= ALIKE * products[0])
    return int(below[0]) if below.size else size


def cut_blocks(plane: Floats, edges: Place) -> Floats:
    """Return whole blocks of a map, shape (blocks, pixels); what is left over at its far edges is left out."""
    rows, columns = (size // edge for size, edge in zip(plane.shape, edges, strict=True))
    whole = plane[: rows * edges[0], : columns * edges[1]]
    blocks = whole.reshape(rows, edges[0], columns, edges[1]).swapaxes(1, 2)
    return np.ascontiguousarray(blocks).reshape(rows * columns, edges[0] * edges[1])


def permutation_p_value(one: Floats, other: Floats, permutations: int, seed: int) -> float | None:
    """Return the two-sided p-value of Pearson's r between blocks (blocks, pixels) of two maps.

    ``(1 + permutations with |r| at least as large) / (1 + permutations)``; the blocks of the second map change places,
    each as it is. None where there are too few blocks, or a map is constant.
    """
    if len(one) < LEAST_BLOCKS:
        return None
    # The means and variances are the same for every order of blocks: products tell all.
    products = (one - one.mean()) @ (other - other.mean()).T
    if not np.any(one != one.flat[0]) or not np.any(other != other.flat[0]):
        return None
    random = np.random.default_rng(seed)
    places = np.arange(len(one))
    observed = abs(np.trace(products))
    drawn = [abs(products[places, random.permutation(len(one))].sum()) for _ in range(permutations)]
    # What is the same order of blocks may differ by rounding.
    beyond = np.count_nonzero(np.array(drawn) >= observed * (1 - ROUNDING))
    return float((1 + beyond) / (1 + permutations))


def bootstrap_error(one: Floats, other: Floats, draws: int, seed: int) -> float | None:
    """Return the standard error of Pearson's r: its spread over draws of whole blocks with replacement."""
    if len(one) < LEAST_BLOCKS:
        return None
    sums = np.stack([one.sum(1), other.sum(1), (one**2).sum(1), (other**2).sum(1), (one * other).sum(1)], axis=1)
    random = np.random.default_rng(seed)
    drawn = np.stack([sums[random.integers(0, len(one), len(one))].sum(axis=0) for _ in range(draws)])
    found = _pearson_of_sums(np.float64(one.size), drawn.T)
    found = found[~np.isnan(found)]
    return float(found.std(ddof=1)) if len(found) > 1 else None


def manders(one: Floats, other: Floats) -> float | None:
    """Return Manders' coefficient: the share of the first map's amount that lies where the second one has any.

    Source: Manders, Verbeek, Aten 1993, doi:10.1111/j.1365-2818.1993.tb03313.x.
    """
    total = one.sum()
    return float(one[other > 0].sum() / total) if total > 0 else None


def greatest_at_lag(one: Floats, other: Floats, most: Place) -> AtLag | None:
    """Return the lag of up to ``most`` pixels at which Pearson's r is greatest, and whether such is found anywhere.

    r is taken over the pixels that both maps have at a lag. The p-value comes from the circular cross-correlation,
    which knows every shift of the whole map, its patches unharmed: the plane of shifts is cut into windows as large
    as that of the lags; ``p = (1 + windows whose greatest r is at least that of the lags) / (1 + windows)``, those
    next to the lags left out. None where a map is constant or leaves no other window.
    Source: Lotwick, Silverman 1982, doi:10.1111/j.2517-6161.1982.tb01221.x (toroidal shifts).
    """
    if pearson(one, other) is None:
        return None
    found = _lagged(one, other, most)
    row, column = np.unravel_index(int(np.nanargmax(found)), found.shape)
    p_value = _window_p_value(one, other, most)
    if p_value is None:
        return None
    return AtLag((int(row) - most[0], int(column) - most[1]), float(np.clip(found[row, column], -1, 1)), p_value)


def _lagged(one: Floats, other: Floats, most: Place) -> Floats:
    """Return Pearson's r at each lag from ``-most`` to ``most``, over the pixels that the maps share then."""
    from scipy.fft import next_fast_len

    sizes = [next_fast_len(size + reach, real=True) for size, reach in zip(one.shape, most, strict=True)]
    first, second = one - one.mean(), other - other.mean()
    spectra = [np.fft.rfft2(plane, sizes) for plane in (np.ones_like(one), first, second, first**2, second**2)]
    here, a, b, aa, bb = spectra

    def correlate(left: NDArray[np.complex128], right: NDArray[np.complex128]) -> Floats:
        whole = np.fft.irfft2(np.conj(left) * right, sizes)
        rows, columns = (np.arange(-reach, reach + 1) for reach in most)
        return np.asarray(whole[np.ix_(rows, columns)])

    sums = np.stack([correlate(a, here), correlate(here, b), correlate(aa, here), correlate(here, bb), correlate(a, b)])
    return _pearson_of_sums(np.rint(correlate(here, here)), sums)


def _window_p_value(one: Floats, other: Floats, most: Place) -> float | None:
    first, second = one - one.mean(), other - other.mean()
    circular = np.fft.irfft2(np.conj(np.fft.rfft2(first)) * np.fft.rfft2(second), one.shape)
    circular = np.roll(circular, most, axis=(0, 1))  # the window of the lags begins at (0, 0)
    edges = [2 * reach + 1 for reach in most]
    rows, columns = (size // edge for size, edge in zip(one.shape, edges, strict=True))
    if rows * columns == 0:
        return None
    greatest = cut_blocks(circular, (edges[0], edges[1])).max(axis=1).reshape(rows, columns)
    observed = greatest[0, 0]
    far = np.ones_like(greatest, bool)
    far[np.ix_(*([0, 1 % count, count - 1] for count in (rows, columns)))] = False
    return float((1 + np.count_nonzero(greatest[far] >= observed)) / (1 + far.sum())) if far.any() else None


def _pearson_of_sums(count: Floats | np.float64, sums: Floats) -> Floats:
    """Return r from sums of a, b, aa, bb and ab over ``count`` pixels; not a number where one of them is constant."""
    a, b, aa, bb, ab = sums
    variances = (aa - a * a / count) * (bb - b * b / count)
    varies = variances > (ROUNDING * np.maximum(aa, 0)) * np.maximum(bb, 0)
    roots = np.sqrt(np.where(varies, variances, 1.0))
    return np.where(varies, (ab - a * b / count) / roots, np.nan)
