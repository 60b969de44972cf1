"""What blocks of a map tell: how far a share can be trusted, and whether two maps are alike by chance.

Neighbouring pixels are alike, so that pixels are no independent draws; blocks wider than what makes them alike nearly
are. Sources: Kuensch, Annals of Statistics 17 (1989), doi:10.1214/aos/1176347265 (bootstrap of blocks); Costes et al.,
Biophysical Journal 86 (2004), doi:10.1529/biophysj.103.038422 (permutation of blocks in colocalisation).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tomocell.analyses import _correlation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Edges = tuple[float, float]

RESAMPLES = 1000  # two figures of a standard error


def block_sums(values: NDArray[np.generic], pixel_um: Edges, block_um: float) -> Floats:
    """Return the sums of a map over square blocks, one after the other; those at the far edges may be narrower."""
    steps = _steps(values.shape, pixel_um, block_um)
    sums = values.astype(np.float64)
    for axis, step in enumerate(steps):
        sums = np.add.reduceat(sums, np.arange(0, values.shape[axis], step), axis=axis)
    return np.asarray(sums.ravel())


def ratio_error(above: Floats, below: Floats, seed: int) -> float:
    """Return the standard error of ``sum(above) / sum(below)``, blocks drawn again with replacement.

    Args:
        above: Sums of the numerator, one a block.
        below: Sums of the denominator; draws without any are left out.
        seed: Of the draws.

    Returns:
        Not a number for fewer than two blocks.
    """
    count = len(above)
    if count < 2 or not below.any():  # noqa: PLR2004
        return float("nan")
    rng = np.random.default_rng(seed)
    draws = (rng.integers(count, size=count) for _ in range(RESAMPLES))
    tops, bottoms = np.array([(above[draw].sum(), below[draw].sum()) for draw in draws]).T
    ratios = tops[bottoms > 0] / bottoms[bottoms > 0]
    return float(ratios.std(ddof=1)) if len(ratios) > 1 else float("nan")


def pearson(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    """Return the Pearson correlation of two maps; not a number where one of them is the same everywhere."""
    found = _correlation.pearson(a.astype(np.float64), b.astype(np.float64))
    return math.nan if found is None else found


def p_value(
    a: NDArray[np.generic], b: NDArray[np.generic], pixel_um: Edges, block_um: float, permutations: int, seed: int
) -> float:
    """Return the two-sided p-value of their correlation, over orders of whole square blocks of ``b``.

    Blocks wider than the features keep them whole; they are a 64th of the map at least.

    Returns:
        Not a number for fewer than four whole blocks, or where a map is the same everywhere in them.
    """
    edges = _correlation.fitting_edges(_steps(a.shape, pixel_um, block_um), a.shape)
    first, second = (_correlation.cut_blocks(values.astype(np.float64), edges) for values in (a, b))
    found = _correlation.permutation_p_value(first, second, permutations, seed)
    return math.nan if found is None else found


def _steps(shape: tuple[int, ...], pixel_um: Edges, block_um: float) -> tuple[int, int]:
    rows, columns = (max(1, min(round(block_um / edge), size)) for edge, size in zip(pixel_um, shape, strict=True))
    return rows, columns
