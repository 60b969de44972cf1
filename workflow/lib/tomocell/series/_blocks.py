"""What blocks of a map tell: how far a share can be trusted, and whether two maps are alike by chance.

Neighbouring pixels are alike, so that pixels are no independent draws; blocks wider than what makes them alike nearly
are. Sources: Kuensch, Annals of Statistics 17 (1989), doi:10.1214/aos/1176347265 (bootstrap of blocks); Costes et al.,
Biophysical Journal 86 (2004), doi:10.1529/biophysj.103.038422 (permutation of blocks in colocalisation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Order = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Edges = tuple[float, float]

RESAMPLES = 1000  # two figures of a standard error
MOST_BLOCKS = 4096  # a table of their products takes 128 MB
ROUNDING = 1e-12  # shall not make an order differ from itself
LEAST_BLOCKS = 4  # 24 orders; with fewer, no p-value could be below 5 %


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
    first, second = (values.astype(np.float64) - values.mean(dtype=np.float64) for values in (a, b))
    spread = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / spread) if spread > 0 else float("nan")


def p_value(
    a: NDArray[np.generic], b: NDArray[np.generic], pixel_um: Edges, block_um: float, permutations: int, seed: int
) -> float:
    """Return how often blocks of ``b`` in any order are as strongly correlated with ``a`` as those in their places.

    p = (1 + orders with ``|r|`` of the true one or more) / (1 + permutations), two-sided. Only whole blocks are
    exchanged; what is left of the map at its far edges is left out. Blocks wider than the features keep them whole.

    Returns:
        Not a number for fewer than four whole blocks, or where a map is the same everywhere in them.
    """
    first, second = (_whole_blocks(values, pixel_um, block_um) for values in (a, b))
    blocks = len(first)
    if blocks < LEAST_BLOCKS or not first.any() or not second.any():
        return float("nan")
    product_of = _products(first, second)
    rng = np.random.default_rng(seed)
    true = abs(product_of(np.arange(blocks))) * (1 - ROUNDING)
    alike = sum(abs(product_of(rng.permutation(blocks))) >= true for _ in range(permutations))
    return float((1 + alike) / (1 + permutations))


def _products(first: Floats, second: Floats) -> Callable[[Order], float]:
    """Return what gives the sum of the products of blocks with those that an order puts beside them."""
    if len(first) > MOST_BLOCKS:
        return lambda order: float((first * second[order]).sum())
    products, rows = first @ second.T, np.arange(len(first))  # an order is a walk through this table
    return lambda order: float(products[rows, order].sum())


def _whole_blocks(values: NDArray[np.generic], pixel_um: Edges, block_um: float) -> Floats:
    """Return the pixels of each whole block, less the mean of all, shape (blocks, pixels)."""
    rows, columns = _steps(values.shape, pixel_um, block_um)
    high, wide = values.shape[0] // rows, values.shape[1] // columns
    cut = values[: high * rows, : wide * columns].reshape(high, rows, wide, columns)
    blocks = cut.transpose(0, 2, 1, 3).reshape(high * wide, rows * columns).astype(np.float64)
    return np.asarray(blocks - blocks.mean())


def _steps(shape: tuple[int, ...], pixel_um: Edges, block_um: float) -> tuple[int, int]:
    rows, columns = (max(1, min(round(block_um / edge), size)) for edge, size in zip(pixel_um, shape, strict=True))
    return rows, columns
