"""Lithium that travels from known boxes to known boxes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from series.scenes import CYCLE, SHAPE, SIZE, box, empty, samples, timeline
from tomocell.analyses import occupancy
from tomocell.blocks import Limits, runner
from tomocell.series.travelling_map import Settings, check, follow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.series.timeline import Outcome

VOXEL_UM3 = math.prod(SIZE)
CHOSEN = Settings(block_um=2.5, permutations=199)


def half() -> NDArray[np.uint8]:
    """A film of two planes, a dendrite below it of two more."""
    return box(box(empty(), "deposited", (8, 0, 0), (10, 16, 20)), "dendrite", (6, 4, 5), (8, 8, 10))


def full() -> NDArray[np.uint8]:
    """The dendrite has gone, the film is thinner on one side; lithium lies in a box on the other electrode."""
    voxels = box(empty(), "deposited", (8, 0, 0), (10, 16, 12))
    return box(voxels, "redeposited", (5, 10, 14), (8, 14, 18))


def outcome_of(*steps: NDArray[np.uint8], settings: Settings = CHOSEN, limits: Limits | None = None) -> Outcome:
    numbered = {f"t{index}": voxels for index, voxels in enumerate(steps, len(CYCLE) - len(steps))}
    return follow(timeline(numbered), settings, limits or Limits())


def test_loss_and_gain_are_where_they_are() -> None:
    outcome = outcome_of(half(), half(), full())
    assert list(outcome.over_time["timestep"]) == ["t3", "t4"]
    found = outcome.result.scalars
    assert found["plating_loss_um3"] == pytest.approx((4 * 5 * 2 + 16 * 8 * 2) * VOXEL_UM3)
    assert found["stripping_gain_um3"] == pytest.approx(4 * 4 * 3 * VOXEL_UM3)
    assert outcome.over_time["plating_loss_um3"].tolist() == pytest.approx([0, found["plating_loss_um3"]])
    loss, gain = np.zeros(SHAPE[1:]), np.zeros(SHAPE[1:])
    loss[:, 12:], loss[4:8, 5:10], gain[10:14, 14:18] = 4, 4, 6
    maps = outcome.result.maps
    np.testing.assert_array_equal(maps["plating_loss_um"].values, loss)
    np.testing.assert_array_equal(maps["stripping_gain_um"].values, gain)
    assert maps["plating_loss_um"].pixel_size_um == SIZE[1:]
    assert found["pearson_coefficient"] == pytest.approx(np.corrcoef(loss.ravel(), gain.ravel())[0, 1])


@pytest.mark.parametrize(("along", "axis", "pixel_um"), [("y", 1, (2.0, 1.25)), ("x", 2, (2.0, 0.5))])
def test_the_cross_section(along: str, axis: int, pixel_um: tuple[float, float]) -> None:
    settings = Settings.model_validate({"along": along, "block_um": 2.5, "permutations": 19})
    maps = outcome_of(half(), half(), full(), settings=settings).result.maps
    loss = np.zeros(SHAPE)
    loss[8:10, :, 12:] = loss[6:8, 4:8, 5:10] = SIZE[axis]
    found = maps["plating_loss_cross_section_um"]
    np.testing.assert_allclose(found.values, loss.sum(axis), rtol=1e-6)
    assert found.pixel_size_um == pixel_um
    gain = np.zeros(SHAPE)
    gain[5:8, 10:14, 14:18] = SIZE[axis]
    np.testing.assert_allclose(maps["stripping_gain_cross_section_um"].values, gain.sum(axis), rtol=1e-6)
    # The same lithium, seen from another side.
    face = maps["stripping_gain_um"].values.sum() * math.prod(SIZE[1:])
    side = maps["stripping_gain_cross_section_um"].values.sum() * math.prod(pixel_um)
    assert side == pytest.approx(face)


def test_straight_travel_is_correlated_and_no_chance() -> None:
    rng = np.random.default_rng(1)
    patches = np.kron(rng.random((8, 10)) < 0.4, np.ones((2, 2))) > 0
    before, after = empty(), empty()
    before[8:10, patches], after[5:7, patches] = 3, 4
    found = outcome_of(before, before, after).result.scalars
    assert found["pearson_coefficient"] == pytest.approx(1)
    assert found["p_value"] == 1 / 200
    scattered = empty()
    scattered[5:7, np.kron(rng.random((8, 10)) < 0.4, np.ones((2, 2))) > 0] = 4
    assert outcome_of(before, before, scattered).result.scalars["p_value"] > 0.05


def test_where_nothing_travels_there_is_no_correlation() -> None:
    found = outcome_of(half(), half(), half()).result.scalars
    assert (found["pearson_coefficient"], found["p_value"]) == (None, None)
    assert found["plating_loss_um3"] == found["stripping_gain_um3"] == 0


@pytest.mark.parametrize("core", [(3, 5, 7), (12, 3, 4)])
def test_blocks_and_workers_change_nothing(core: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = outcome_of(half(), half(), full())
    monkeypatch.setattr(runner, "choose_core", lambda *_: core)
    parts = outcome_of(half(), half(), full(), limits=Limits(2048, 2))
    pd.testing.assert_frame_equal(parts.over_time, whole.over_time, check_exact=True)
    for name, content in whole.result.maps.items():
        np.testing.assert_array_equal(parts.result.maps[name].values, content.values)


def test_before_the_first_job() -> None:
    measures = {"occupancy": occupancy.Settings(of=("deposited", "redeposited"))}
    assert [fault.value for fault in check(samples(), measures, Settings())] == ["dendrite"]
    assert not check(samples(), {}, Settings())
    assert "no charge" in str(check(samples((0.0,)), {}, Settings())[0].value)
