"""Colocalisation: maps that are the same, opposite, shifted, and smooth ones that are unrelated."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.ndimage import gaussian_filter

from support.stores import CLASSES, SIZE
from tomocell.analyses import _correlation
from tomocell.analyses.colocalisation import Result, Settings, measure
from tomocell.blocks import Limits
from tomocell.errors import BadInput
from tomocell.volumes.volume import ArrayVolume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FACE = (96, 112)
DEPTH = 40


def smooth(seed: int, face: tuple[int, int] = FACE, length: float = 3.0) -> Floats:
    field = gaussian_filter(np.random.default_rng(seed).normal(size=face), length)
    return np.asarray((field - field.mean()) / field.std())


def cell(one: Floats, other: Floats) -> NDArray[np.uint8]:
    """Columns with as many voxels of solid, then of grain, as two maps say."""
    z = np.arange(DEPTH)[:, None, None]
    return np.select([z < one, z >= DEPTH - other], [1, 7], 0).astype(np.uint8)


def thick(field: Floats) -> Floats:
    return np.asarray(np.clip(np.round(9 + 4 * field), 0, DEPTH // 2))


def measured(one: Floats, other: Floats, **chosen: Any) -> Result:
    settings = Settings.model_validate({"pairs": [("solid", "grain")], **chosen})
    return measure(ArrayVolume(cell(one, other), SIZE, CLASSES), settings, Limits())


@pytest.mark.parametrize(("sign", "expected"), [(1, 1), (-1, -1)])
def test_the_same_and_the_opposite(sign: int, expected: int) -> None:
    field = thick(smooth(1))
    found = measured(field, field if sign > 0 else 20 - field).scalars
    assert found["pearson_solid_grain"] == pytest.approx(expected)
    assert found["p_value_solid_grain"] == 1 / 1000  # of 999 orders of the blocks none comes close
    assert found["pearson_solid_grain_uncertainty"] == pytest.approx(0, abs=1e-9)
    if sign > 0:
        assert (found["lag_y_solid_grain_um"], found["lag_x_solid_grain_um"]) == (0, 0)


def test_pearson_is_that_of_numpy_over_all_columns() -> None:
    one, other = thick(smooth(1)), thick(smooth(1) + smooth(2))
    r = np.corrcoef(one.ravel(), other.ravel())[0, 1]
    result = measured(one, other)
    assert result.scalars["pearson_solid_grain"] == pytest.approx(r)
    assert result.table is not None
    assert result.table.loc[0, ["one", "other"]].tolist() == ["solid", "grain"]
    assert result.table["pearson"][0] == result.scalars["pearson_solid_grain"]


@pytest.mark.parametrize("lag", [(4, -3), (0, 5), (-6, 0)])
def test_a_planted_shift_is_found(lag: tuple[int, int]) -> None:
    wide = smooth(3, (FACE[0] + 20, FACE[1] + 20))
    one = wide[10:-10, 10:-10]
    other = wide[10 - lag[0] : 10 - lag[0] + FACE[0], 10 - lag[1] : 10 - lag[1] + FACE[1]]
    found = measured(thick(one), thick(other + 0.3 * smooth(4)), most_lag_um=6.5).scalars
    assert found["lag_y_solid_grain_um"] == lag[0] * SIZE[1]
    assert found["lag_x_solid_grain_um"] == lag[1] * SIZE[2]
    assert found["pearson_at_lag_solid_grain"] > 0.9  # type: ignore[operator]
    assert found["p_value_at_lag_solid_grain"] <= 0.05  # type: ignore[operator]


def test_r_at_a_lag_is_that_of_the_overlap() -> None:
    one, other = thick(smooth(1)), thick(smooth(2))
    found = _correlation._lagged(one, other, (3, 2))
    for row, column in itertools.product(range(7), range(5)):
        dy, dx = row - 3, column - 2
        here = one[max(-dy, 0) : FACE[0] - max(dy, 0), max(-dx, 0) : FACE[1] - max(dx, 0)]
        there = other[max(dy, 0) : FACE[0] - max(-dy, 0), max(dx, 0) : FACE[1] - max(-dx, 0)]
        assert found[row, column] == pytest.approx(np.corrcoef(here.ravel(), there.ravel())[0, 1])


def test_smooth_maps_that_are_unrelated_are_seldom_significant() -> None:
    count = 100
    p, at_lag, naive = [], [], []
    for seed in range(count):
        one, other = smooth(1000 + seed), smooth(5000 + seed)
        edges = _correlation.block_edge(one, other)
        ones, others = (_correlation.cut_blocks(field, edges) for field in (one, other))
        p.append(_correlation.permutation_p_value(ones, others, 199, seed))
        found = _correlation.greatest_at_lag(one, other, (6, 6))
        assert found is not None
        at_lag.append(found.p_value)
        r = _correlation.pearson(one, other)
        assert r is not None
        naive.append(abs(r) > 1.645 / np.sqrt(one.size))
    # Binomial, 100 trials of 0.1: more than 19 happen once in 500 times; the mean of uniform numbers is 0.5 +- 0.03.
    for found_p in (p, at_lag):
        assert np.count_nonzero(np.array(found_p) <= 0.1) <= 19
        assert np.mean(found_p) == pytest.approx(0.5, abs=0.1)
    assert np.mean(naive) > 0.6  # where pixels count as observations, most pairs of such maps are significant


def test_related_maps_are_significant() -> None:
    found = measured(thick(smooth(1)), thick(smooth(1) + smooth(2))).scalars
    assert found["p_value_solid_grain"] <= 0.01  # type: ignore[operator]


def related(seed: int) -> tuple[Floats, Floats]:
    """Two maps of samples, each with a mean and a spread of its own."""
    one, more = (gaussian_filter(np.random.default_rng(start + seed).normal(size=FACE), 3.0) for start in (0, 900))
    return one, one + more


def test_the_uncertainty_is_the_spread_over_samples() -> None:
    found = [_correlation.pearson(*related(seed)) for seed in range(100)]
    told = []
    for seed in range(20):
        ones, others = (_correlation.cut_blocks(field, (16, 16)) for field in related(seed))
        told.append(_correlation.bootstrap_error(ones, others, 300, seed))
    # The spread over 100 samples is known to 7 %, so is what 42 blocks tell on average; blocks cut what hangs together.
    assert np.mean(told) == pytest.approx(np.std(found), rel=0.25)  # type: ignore[arg-type]


def test_manders_is_the_share_over_the_other() -> None:
    one, other = np.zeros(FACE), np.zeros(FACE)
    one[:10, :20] = 4
    one[20:30, :20] = 12  # three quarters of the voxels
    other[15:, :] = 2
    found = measured(one, other).scalars
    assert found["manders_solid_in_grain"] == pytest.approx(0.75)
    assert found["manders_grain_in_solid"] == pytest.approx(200 / (81 * FACE[1]))


@pytest.mark.parametrize("level", [0, 5])
def test_a_class_that_is_absent_or_even_is_like_nothing(level: int) -> None:
    found = measured(thick(smooth(1)), np.full(FACE, level)).scalars
    manders = {"manders_solid_in_grain", "manders_grain_in_solid"}
    assert {value for key, value in found.items() if key not in manders} == {None}
    assert found["manders_solid_in_grain"] == (0 if level == 0 else 1)
    assert (found["manders_grain_in_solid"] is None) == (level == 0)


def test_blocks_have_the_length_asked_for_or_that_of_the_features() -> None:
    table = measured(thick(smooth(1)), thick(smooth(2)), block_um=10.0).table
    assert table is not None
    assert table.loc[0, ["block_y_um", "block_x_um", "blocks"]].tolist() == [10.0, 10.0, 4 * 14]
    # Smoothed over 3 pixels, a map is like itself by exp(-d**2 / 36): 1/e at 6, and 4 times that is the block.
    rows, columns = _correlation.block_edge(smooth(1, (400, 400)), smooth(2, (400, 400)))
    assert 20 <= min(rows, columns) <= max(rows, columns) <= 32


def test_too_few_blocks_have_no_p_value() -> None:
    found = measured(thick(smooth(1)), thick(smooth(2)), block_um=48.0).scalars
    assert (found["p_value_solid_grain"], found["pearson_solid_grain_uncertainty"]) == (None, None)
    assert found["pearson_solid_grain"] is not None


def test_the_same_seed_gives_the_same() -> None:
    one, other = thick(smooth(1)), thick(smooth(1) + 2 * smooth(2))
    first, same, different = (measured(one, other, seed=seed).scalars for seed in (1, 1, 2))
    assert first == same
    assert first["pearson_solid_grain_uncertainty"] != different["pearson_solid_grain_uncertainty"]


def test_without_pairs_all_but_those_of_the_first_class() -> None:
    volume = ArrayVolume(cell(thick(smooth(1)), thick(smooth(2))), SIZE, CLASSES)
    table = measure(volume, Settings(), Limits()).table
    assert table is not None
    assert table[["one", "other"]].to_numpy().tolist() == [["solid", "grain"]]


def test_a_misspelt_class_is_told_and_a_class_beside_itself() -> None:
    with pytest.raises(BadInput, match="empty, solid, grain"):
        measured(thick(smooth(1)), thick(smooth(2)), pairs=[("solid", "grian")])
    with pytest.raises(ValidationError, match="pair of solid and solid"):
        Settings(pairs=(("solid", "solid"),))
    assert Settings(pairs=(("solid", "grain"),)).classes_named() == {"solid", "grain"}
