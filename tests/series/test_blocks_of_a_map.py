"""Bootstrap and permutation of blocks, against what chance does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tomocell.series._blocks import block_sums, p_value, pearson, ratio_error

PIXEL = (0.5, 1.25)


def test_sums_over_ragged_blocks() -> None:
    values = np.arange(7 * 5).reshape(7, 5)
    found = block_sums(values, PIXEL, 2.0).reshape(2, 3)  # 4 x 2 pixels
    assert found.sum() == values.sum()
    assert found[0, 0] == values[:4, :2].sum()
    assert found[1, 2] == values[4:, 4:].sum()
    assert block_sums(values, PIXEL, 1e6).tolist() == [values.sum()]
    assert len(block_sums(values, PIXEL, 1e-6)) == values.size


def test_error_of_a_share() -> None:
    above = np.random.default_rng(0).binomial(1, 0.3, 400).astype(float)
    expected = math.sqrt(above.mean() * (1 - above.mean()) / 400)
    # A thousand draws know a standard deviation to 1/sqrt(2000) of it: 2.2 %; four times that.
    assert ratio_error(above, np.ones(400), 1) == pytest.approx(expected, rel=0.09)
    assert ratio_error(3 * above, np.full(400, 3.0), 1) == pytest.approx(ratio_error(above, np.ones(400), 1))
    assert math.isnan(ratio_error(above[:1], np.ones(1), 1))
    assert math.isnan(ratio_error(above, np.zeros(400), 1))


def test_pearson() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.random((8, 9)), rng.random((8, 9))
    assert pearson(a, b) == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1])
    assert pearson(a, 3 - 2 * a) == pytest.approx(-1)
    assert math.isnan(pearson(a, np.ones_like(a)))


def test_p_by_hand() -> None:
    # Four blocks of one pixel: of 24 orders, those that keep a's order or turn it about are as extreme.
    a = np.array([[0.0, 1.0], [2.0, 5.0]])
    assert p_value(a, a, (1, 1), 1, 9999, 0) == pytest.approx(1 / 24, abs=4 * math.sqrt(1 / 24 / 9999))
    assert math.isnan(p_value(a, a, (1, 1), 2, 99, 0))
    assert math.isnan(p_value(a, np.ones_like(a), (1, 1), 1, 99, 0))


def test_independent_maps_are_seldom_significant() -> None:
    rng = np.random.default_rng(3)
    trials = 200
    pairs = [gaussian_filter(rng.normal(size=(2, 40, 40)), (0, 1.5, 1.5), mode="wrap") for _ in range(trials)]
    found = np.array([p_value(a, b, (1, 1), 8, 199, seed) for seed, (a, b) in enumerate(pairs)])
    # 5 % of 200 are 10, give or take 3.1; blocks cut what hangs together, which makes p a little too small.
    assert (found <= 0.05).sum() <= 10 + 3 * 3.1
    assert abs(found.mean() - 0.5) < 4 * math.sqrt(1 / 12 / trials)
    pixels = np.array([p_value(a, b, (1, 1), 1, 99, seed) for seed, (a, b) in enumerate(pairs[:20])])
    assert (pixels <= 0.05).mean() > 0.3  # which pixels, taken as independent, are not
