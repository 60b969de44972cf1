"""Cuts of a histogram: the optimum that trying all cuts finds, and scikit-image's where it looks at every bin."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.filters import threshold_multiotsu

from tomocell.errors import BadInput
from tomocell.labelling.optimal_cuts import optimal_cuts
from tomocell.labelling.threshold import Histogram, multi_otsu, shares


def score(values: np.ndarray, weights: np.ndarray, cuts: tuple[int, ...]) -> float:
    groups = itertools.pairwise([0, *cuts, len(values)])
    mean = values @ weights / weights.sum()
    parts = [(weights[a:b].sum(), (values[a:b] - mean) @ weights[a:b]) for a, b in groups]
    return float(sum(moment**2 / mass for mass, moment in parts))


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), min_size=5, max_size=12), st.integers(2, 4))
def test_no_other_cuts_part_better(pairs: list[tuple[int, int]], groups: int) -> None:
    table = dict(pairs)
    values = np.array(sorted(table), float)
    weights = np.array([table[value] for value in values], float)
    if len(values) < groups:
        return
    found = optimal_cuts(values, weights, groups)
    best = max(score(values, weights, cuts) for cuts in itertools.combinations(range(1, len(values)), groups - 1))
    assert score(values, weights, tuple(found)) == pytest.approx(best, rel=1e-9, abs=1e-9)
    assert found == sorted(set(found))


def peaks(*middles: int) -> np.ndarray:
    random = np.random.default_rng(2)
    parts = [random.normal(middle, 6, 4000 + 1000 * index) for index, middle in enumerate(middles)]
    return np.clip(np.concatenate(parts), 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("phases", [3, 4])
def test_multi_otsu_is_that_of_scikit_image(phases: int) -> None:
    grey = peaks(40, 90, 150, 210)[: 4000 * phases + 3000]
    counts = np.bincount(grey, minlength=256)
    ours = multi_otsu(Histogram(counts.astype(np.int64), 0.0, 1.0), phases)
    # Theirs is the last value of the darker phase.
    theirs = threshold_multiotsu(hist=(counts.astype(float), np.arange(256.0)), classes=phases)
    np.testing.assert_array_equal(np.digitize(grey, ours), np.digitize(grey, theirs, right=True))


def test_empty_bins_between_phases_change_nothing() -> None:
    counts = np.zeros(65536, np.int64)
    counts[[10, 11, 30000, 30001, 65000]] = [5, 7, 9, 1, 4]
    found = Histogram(counts, 100.0, 0.5)
    assert multi_otsu(found, 3) == [found.edge(12), found.edge(30002)]
    assert shares(found, multi_otsu(found, 3)) == pytest.approx([12 / 26, 10 / 26, 4 / 26])


def test_more_phases_than_grey_values_are_named() -> None:
    with pytest.raises(BadInput, match=r"2 grey values.*at least 3"):
        multi_otsu(Histogram(np.array([4, 0, 3]), 0.0, 1.0), 3)
