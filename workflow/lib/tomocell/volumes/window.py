"""Grey values put into fewer bits through a window."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

TABLE_BYTES = 2  # integers of up to 16 bits are looked up


class Window:
    """A linear map of the grey values [low, high] to [0, greatest] of an unsigned type; counts what it clips.

    ``floor((min(max(v, low), high) - low) / (high - low) * greatest + 1/2)``, in double precision.
    """

    def __init__(self, grey: tuple[float, float], dtype: np.dtype[Any]) -> None:
        self.low, self.high = grey
        self.dtype = dtype
        self._greatest = np.iinfo(dtype).max
        self._lock = threading.Lock()
        self._below = self._above = self._seen = 0

    def apply(self, voxels: NDArray[Any]) -> NDArray[Any]:
        """Return ``voxels`` windowed; threads may do so at once."""
        out = np.empty(voxels.shape, self.dtype)
        to_window = self._look_up(voxels.dtype) if _has_few_values(voxels.dtype) else self._map
        below = above = 0
        for plane, grey in zip(out, voxels, strict=True):  # a plane at a time: doubles and indices take memory
            plane[...] = to_window(grey)
            below += int(np.count_nonzero(grey < self.low))
            above += int(np.count_nonzero(grey > self.high))
        with self._lock:
            self._below += below
            self._above += above
            self._seen += voxels.size
        return out

    def notes(self) -> dict[str, Any]:
        """Return the window and the shares of clipped voxels, for the manifest."""
        seen = max(self._seen, 1)
        return {
            "low": self.low,
            "high": self.high,
            "dtype": str(self.dtype),
            "below_percent": 100 * self._below / seen,
            "above_percent": 100 * self._above / seen,
        }

    def _map(self, grey: NDArray[Any]) -> NDArray[Any]:
        share = (np.clip(grey.astype(np.float64), self.low, self.high) - self.low) / (self.high - self.low)
        return np.floor(share * self._greatest + 0.5).astype(self.dtype)

    def _look_up(self, dtype: np.dtype[Any]) -> Callable[[NDArray[Any]], NDArray[Any]]:
        limits = np.iinfo(dtype)
        # A negative index counts from the end, and there the table is rolled to.
        return np.roll(self._map(np.arange(limits.min, limits.max + 1)), limits.min).__getitem__


def _has_few_values(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "iu" and dtype.itemsize <= TABLE_BYTES
