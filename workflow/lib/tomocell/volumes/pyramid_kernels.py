"""Compiled loops of the pyramid: each voxel is read once, the GIL is released."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SHIFT = 34  # values of 32 bits, signed or not, lie below it
TOP = 1 << 32
MASK = (1 << SHIFT) - 1
F = TypeVar("F", bound="Callable[..., Any]")


def compiled(function: F) -> F:
    """Compile a function without reordering its arithmetic, keep the result on disk, release the GIL."""
    return cast("F", numba.njit(nogil=True, cache=True)(function))


@compiled
def _eighth(total: int) -> int:
    """Return an eighth of ``total``, rounded half to even."""
    quotient, rest = total >> 3, total & 7
    return quotient + ((rest > 4) | ((rest == 4) & (quotient & 1)))  # noqa: PLR2004


@compiled
def average_integers(block: NDArray[Any], out: NDArray[Any]) -> None:
    """Fill ``out`` with the mean over 2 x 2 x 2 voxels, half to even; of integers of at most 32 bits."""
    depth, height, width = block.shape
    pairs = width // 2
    for z in range(out.shape[0]):
        below = min(2 * z + 1, depth - 1)
        for y in range(out.shape[1]):
            beside = min(2 * y + 1, height - 1)
            a, b, c, d = block[2 * z, 2 * y], block[2 * z, beside], block[below, 2 * y], block[below, beside]
            for x in range(pairs):
                i, j = 2 * x, 2 * x + 1
                total = np.int64(a[i]) + a[j] + b[i] + b[j] + c[i] + c[j] + d[i] + d[j]
                out[z, y, x] = _eighth(total)
            if width % 2:
                i = width - 1
                out[z, y, pairs] = _eighth(2 * (np.int64(a[i]) + b[i] + c[i] + d[i]))


@compiled
def average_floats(block: NDArray[Any], out: NDArray[Any]) -> None:
    """Fill ``out`` with the mean over 2 x 2 x 2 voxels, summed in double precision in the order of the voxels."""
    depth, height, width = block.shape
    for z in range(out.shape[0]):
        below = min(2 * z + 1, depth - 1)
        for y in range(out.shape[1]):
            beside = min(2 * y + 1, height - 1)
            a, b, c, d = block[2 * z, 2 * y], block[2 * z, beside], block[below, 2 * y], block[below, beside]
            for x in range(out.shape[2]):
                i, j = 2 * x, min(2 * x + 1, width - 1)
                total = np.float64(a[i]) + a[j] + b[i] + b[j] + c[i] + c[j] + d[i] + d[j]
                out[z, y, x] = total / 8.0


@compiled
def _rank(others: int, value: int) -> int:
    """Return a number that orders labels by how many others agree, then by the smaller value."""
    return (others << SHIFT) | (TOP - value)


@compiled
def _winner(a: int, b: int, c: int, d: int, e: int, f: int, g: int, h: int) -> int:  # noqa: PLR0913, PLR0917
    """Return the most frequent of eight, the smaller on a tie; without branches, so that it runs on many at once."""
    ab, ac, ad, ae, af, ag, ah = a == b, a == c, a == d, a == e, a == f, a == g, a == h
    bc, bd, be, bf, bg, bh = b == c, b == d, b == e, b == f, b == g, b == h
    cd, ce, cf, cg, ch = c == d, c == e, c == f, c == g, c == h
    de, df, dg, dh = d == e, d == f, d == g, d == h
    ef, eg, eh, fg, fh, gh = e == f, e == g, e == h, f == g, f == h, g == h
    best = _rank(ab + ac + ad + ae + af + ag + ah, a)
    best = max(best, _rank(ab + bc + bd + be + bf + bg + bh, b))
    best = max(best, _rank(ac + bc + cd + ce + cf + cg + ch, c))
    best = max(best, _rank(ad + bd + cd + de + df + dg + dh, d))
    best = max(best, _rank(ae + be + ce + de + ef + eg + eh, e))
    best = max(best, _rank(af + bf + cf + df + ef + fg + fh, f))
    best = max(best, _rank(ag + bg + cg + dg + eg + fg + gh, g))
    best = max(best, _rank(ah + bh + ch + dh + eh + fh + gh, h))
    return TOP - (best & MASK)


@compiled
def vote(block: NDArray[Any], out: NDArray[Any]) -> None:
    """Fill ``out`` with the most frequent label of each 2 x 2 x 2 voxels, the smaller on a tie."""
    depth, height, width = block.shape
    for z in range(out.shape[0]):
        below = min(2 * z + 1, depth - 1)
        for y in range(out.shape[1]):
            beside = min(2 * y + 1, height - 1)
            a, b, c, d = block[2 * z, 2 * y], block[2 * z, beside], block[below, 2 * y], block[below, beside]
            for x in range(width // 2):
                i, j = 2 * x, 2 * x + 1
                out[z, y, x] = _winner(a[i], a[j], b[i], b[j], c[i], c[j], d[i], d[j])
            if width % 2:
                i = width - 1
                out[z, y, i // 2] = _winner(a[i], a[i], b[i], b[i], c[i], c[i], d[i], d[i])
