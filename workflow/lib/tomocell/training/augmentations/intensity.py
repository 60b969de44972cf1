"""Grey values with another gain, offset and gamma, and more noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.training.augment_settings import IntensitySettings


def change(grey: NDArray[np.float32], random: np.random.Generator, settings: IntensitySettings) -> NDArray[np.float32]:
    """Return ``grey`` changed at random: gamma, then gain and offset, then noise."""
    if settings.gamma:
        grey = with_gamma(grey, float(np.exp(settings.gamma * random.standard_normal())))
    gain, offset = random.standard_normal(2)
    changed = grey * np.float32(1 + settings.gain * gain) + np.float32(settings.offset * offset)
    if settings.noise:
        deviation = np.float32(settings.noise * random.random())
        changed += deviation * random.standard_normal(grey.shape, dtype=np.float32)
    return changed


def with_gamma(grey: NDArray[np.float32], gamma: float) -> NDArray[np.float32]:
    """Return ``grey`` with (g - darkest) / (brightest - darkest) raised to ``gamma``; darkest and brightest stay."""
    low, high = grey.min(), grey.max()
    if not high > low:
        return grey
    share = (grey - low) / (high - low)
    return np.asarray(low + (high - low) * share ** np.float32(gamma), np.float32)
