"""Compiled loops of blending: tiles are added and classes chosen in one pass over memory each, without the GIL."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Shape

STEPS = np.float32(255.0)  # of a quantised share
F = TypeVar("F", bound="Callable[..., Any]")


def compiled(function: F) -> F:
    """Compile a function without reordering its arithmetic, keep the result on disk, release the GIL."""
    return cast("F", numba.njit(nogil=True, cache=True)(function))


@compiled
def add_tile(
    total: NDArray[np.float32], logits: NDArray[np.float32], weights: NDArray[np.float32], at: Shape, part: NDArray[Any]
) -> None:
    """Add ``logits`` (channels, Z, Y, X) times ``weights`` to ``total`` (planes and rows of a ring, channels, X).

    ``at`` is where the part lands, its plane and row not yet wound onto the ring; ``part`` holds the first voxel of the
    tile that counts and the number of voxels, two rows of three.
    """
    planes, rows = total.shape[0], total.shape[1]
    first, count = part[0, 2], part[1, 2]
    for z in range(part[1, 0]):
        plane, of_tile = (at[0] + z) % planes, part[0, 0] + z
        for y in range(part[1, 1]):
            row = (at[1] + y) % rows
            for channel in range(total.shape[2]):
                # Cut to size first: indices that cannot be negative let the loop use vectors, in half the time.
                into = total[plane, row, channel, at[2] : at[2] + count]
                values = logits[channel, of_tile, part[0, 1] + y, first : first + count]
                shares = weights[of_tile, part[0, 1] + y, first : first + count]
                for x in range(count):
                    into[x] += values[x] * shares[x]


@compiled
def move(source: NDArray[np.float32], target: NDArray[np.float32], planes: NDArray[Any], rows: NDArray[Any]) -> None:
    """Copy ``planes`` (first, end) and ``rows`` (first, end) from one ring (planes, rows, channels, X) to another."""
    for z in range(planes[0], planes[1]):
        for y in range(rows[0], rows[1]):
            target[z % target.shape[0], y % target.shape[1]] = source[z % source.shape[0], y % source.shape[1]]


@compiled
def clear(target: NDArray[np.float32], planes: NDArray[Any], rows: NDArray[Any]) -> None:
    """Put zeros into ``planes`` (first, end) and ``rows`` (first, end) of a ring."""
    for z in range(planes[0], planes[1]):
        for y in range(rows[0], rows[1]):
            target[z % target.shape[0], y % target.shape[1]] = 0


@compiled
def choose(total: NDArray[np.float32], values: NDArray[np.uint8], out: NDArray[np.uint8]) -> int:
    """Fill ``out`` (Y, X) with the value of the greatest of the first channels; return how many voxels had no number.

    ``total`` is (Y, channels, X). Of equal channels the first is taken. Sums serve as well as means: all channels are
    divided by the same weight.
    """
    rows, columns = out.shape
    wrong = 0
    for y in range(rows):
        best, check = total[y, 0].copy(), total[y, 0].copy()
        row = out[y]
        row[:] = values[0]
        for channel in range(1, len(values)):
            here, value = total[y, channel], values[channel]
            for x in range(columns):
                check[x] += here[x]
                if here[x] > best[x]:
                    best[x] = here[x]
                    row[x] = value
        for x in range(columns):
            wrong += not math.isfinite(check[x])
    return wrong


@compiled
def shares(total: NDArray[np.float32], cover: NDArray[np.float32], classes: int, out: NDArray[np.uint8]) -> None:
    """Fill ``out`` (classes + 1, Y, X) with the classes' probabilities and their entropy, times 255, rounded.

    The softmax is of ``total / cover``, (Y, channels, X) and (Y, X); the entropy is divided by the logarithm of the
    number of classes.
    """
    most = math.log(classes)
    some = np.empty(classes, np.float64)
    for y in range(out.shape[1]):
        for x in range(out.shape[2]):
            top = total[y, 0, x]
            for channel in range(1, classes):
                top = max(top, total[y, channel, x])
            whole = 0.0
            for channel in range(classes):
                some[channel] = math.exp((total[y, channel, x] - top) / cover[y, x])
                whole += some[channel]
            entropy = 0.0
            for channel in range(classes):
                share = some[channel] / whole
                out[channel, y, x] = np.uint8(share * STEPS + 0.5)
                if share > 0:
                    entropy -= share * math.log(share)
            out[classes, y, x] = np.uint8(min(max(entropy / most, 0.0), 1.0) * STEPS + 0.5)
