from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import ndimage

from tomocell.registration.blur import convolve, gaussian_taps


@pytest.mark.parametrize("sigma", [0.5, 0.8, 1.0, 2.5])
@pytest.mark.parametrize("shape", [(7, 33, 128), (20, 5, 3), (16, 16, 16)])
def test_it_is_the_gaussian_of_scipy(sigma: float, shape: tuple[int, int, int]) -> None:
    voxels = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    expected = ndimage.gaussian_filter(voxels.astype(np.float64), sigma, truncate=3.0)
    assert_allclose(convolve(voxels, gaussian_taps(sigma, 3.0)), expected, atol=2e-6)


def test_a_constant_stays() -> None:
    assert_allclose(convolve(np.full((9, 8, 7), 3.0, np.float32), (4 / 6, 1 / 6)), 3.0, rtol=1e-6)


def test_what_is_not_contiguous_is_no_matter() -> None:
    voxels = np.random.default_rng(1).normal(size=(9, 10, 11)).astype(np.float32)
    assert_allclose(convolve(voxels.T, (0.5, 0.25)), convolve(voxels, (0.5, 0.25)).T, atol=1e-6)
