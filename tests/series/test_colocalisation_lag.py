"""Maps that are alike at a lag that was planted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from series.scenes import SHAPE, empty, samples, timeline
from tomocell.analyses import occupancy
from tomocell.blocks import Limits
from tomocell.errors import BadInput
from tomocell.series.colocalisation_lag import COLUMNS, Settings, check, follow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.series.timeline import Outcome

CHOSEN = Settings(of=("dendrite",), later=("pit", "dendrite"), block_um=2.5, permutations=99)
STEPS = 4


def patches(seed: int) -> NDArray[np.bool_]:
    return np.kron(np.random.default_rng(seed).random((8, 10)) < 0.4, np.ones((2, 2))) > 0


def scan(dendrites: NDArray[np.bool_], pits: NDArray[np.bool_]) -> NDArray[np.uint8]:
    voxels = empty()
    voxels[8:10, dendrites], voxels[4, pits] = 1, 2
    return voxels


def lagging() -> dict[str, NDArray[np.uint8]]:
    """Pits lie where dendrites lay one scan before; dendrites are elsewhere each time."""
    return {f"t{step}": scan(patches(step), patches(step - 1 if step else 99)) for step in range(STEPS)}


def outcome_of(steps: dict[str, NDArray[np.uint8]], settings: Settings = CHOSEN, rows: int = STEPS) -> Outcome:
    return follow(timeline(steps, [0.0] * rows), settings, Limits())


def test_the_planted_lag_is_found() -> None:
    outcome = outcome_of(lagging())
    table = outcome.result.table
    assert table is not None
    assert list(table.columns) == list(COLUMNS)
    assert len(table) == 2 * (3 + 3 + 2 + 1)
    pits = table[table["later_class"] == "pit"]
    planted = pits["lag"] == 1
    assert pits[planted]["pearson_coefficient"].tolist() == pytest.approx([1, 1, 1])
    assert (pits[planted]["p_value"] == 0.01).all()
    assert (pits[~planted]["pearson_coefficient"].abs() < 0.5).all()
    assert (pits["lag_time_min"] == 60 * pits["lag"]).all()
    assert outcome.result.scalars["strongest_lag_dendrite_pit"] == 1
    assert outcome.result.scalars["mean_pearson_dendrite_pit_lag_1"] == pytest.approx(1)
    assert outcome.result.scalars["strongest_lag_dendrite_dendrite"] == 0


def test_over_time_at_the_earlier_scan() -> None:
    found = outcome_of(lagging()).over_time
    assert list(found["timestep"]) == ["t0", "t1", "t2", "t3"]
    assert list(found["pearson_dendrite_dendrite_lag_0"]) == pytest.approx([1] * 4)
    lagged = found["pearson_dendrite_pit_lag_1"].tolist()
    assert lagged[:3] == pytest.approx([1, 1, 1])
    assert math.isnan(lagged[3])
    assert len(found.columns) == 2 + 2 * 3


def test_pearson_is_that_of_the_thickness_maps() -> None:
    rng = np.random.default_rng(8)
    steps = {f"t{step}": rng.integers(0, 3, SHAPE).astype(np.uint8) for step in range(2)}
    found = outcome_of(steps, rows=2).over_time
    dendrite, pit = (steps["t0"] == 1).sum(0), (steps["t1"] == 2).sum(0)
    expected = np.corrcoef(dendrite.ravel(), pit.ravel())[0, 1]
    assert found["pearson_dendrite_pit_lag_1"][0] == pytest.approx(expected)


def test_a_flagged_timestep_takes_its_pairs_with_it() -> None:
    steps = {step: voxels for step, voxels in lagging().items() if step != "t1"}
    table = outcome_of(steps).result.table
    assert table is not None
    pairs = set(table[["timestep", "later_timestep", "lag"]].itertuples(index=False, name=None))
    assert pairs == {
        ("t0", "t0", 0), ("t0", "t2", 2), ("t2", "t2", 0), ("t2", "t3", 1), ("t3", "t3", 0),
    }  # fmt: skip


def test_absent_classes_and_one_timestep() -> None:
    outcome = outcome_of({"t0": empty(), "t1": empty()}, rows=2)
    assert outcome.result.table is not None
    assert outcome.result.table[["pearson_coefficient", "p_value"]].isna().all(axis=None)
    assert outcome.result.scalars == {}
    assert list(outcome.over_time["timestep"]) == ["t0", "t1"]
    alone = outcome_of({"t0": scan(patches(1), patches(1))}, rows=1)
    assert alone.result.scalars["mean_pearson_dendrite_pit_lag_0"] == pytest.approx(1)


def test_bad_input() -> None:
    measures = {"occupancy": occupancy.Settings(of=("dendrite",))}
    assert [(fault.where, fault.value) for fault in check(samples(), measures, CHOSEN)] == [("later", "pit")]
    with pytest.raises(BadInput, match="register the series"):
        outcome_of({"t0": empty(), "t1": empty()[:, :8]}, rows=2)
