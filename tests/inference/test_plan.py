"""Strips fit the memory whatever the volume's length; shelves are shared out once each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomocell.errors import BadInput
from tomocell.inference.plan import Budget, measured_mb, missing_runs, plan_strips

if TYPE_CHECKING:
    from tomocell.volumes.volume import Region

BUDGET = Budget(
    shape=(4000, 2000, 2000),
    tile=(96, 96, 96),
    shard=(128, 256, 256),
    planes_held=288,
    voxel_bytes=3,
    pixel_bytes=16,
    carried=64,
    layers=1,
    tile_mb=300.0,
    memory_mb=4000.0,
)


@given(st.floats(1700, 60000), st.integers(1, 3))
def test_a_plan_fits_its_memory(memory_mb: float, layers: int) -> None:
    budget = replace(BUDGET, memory_mb=memory_mb, layers=layers)
    plan = plan_strips(budget, None, 8)
    assert budget.cost_mb(plan.strip, plan.batch) <= memory_mb
    assert 1 <= plan.batch <= 8
    assert all(edge % 256 == 0 or edge == 2000 for edge in plan.strip)
    assert plan_strips(replace(budget, shape=(10**6, 2000, 2000)), None, 8) == plan  # the length does not matter


def test_more_memory_makes_wider_strips_then_larger_batches() -> None:
    plans = [plan_strips(replace(BUDGET, memory_mb=memory), None, 8) for memory in (2000, 4000, 8000, 30000)]
    areas = [np.prod(plan.strip) for plan in plans]
    assert areas == sorted(areas)
    assert plans[0].strip[1] >= plans[0].strip[0]
    assert plans[-1] == ((2000, 2000), 8)


def test_too_little_memory_names_what_would_do() -> None:
    with pytest.raises(BadInput, match=r"expected at least (\d+) MB") as caught:
        plan_strips(replace(BUDGET, memory_mb=900.0), None, 8)
    least = float(caught.value.faults[0].expected.split()[2])
    assert plan_strips(replace(BUDGET, memory_mb=least), None, 8).batch == 1
    with pytest.raises(BadInput):
        plan_strips(replace(BUDGET, memory_mb=least - 2), None, 8)


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 12), st.integers(1, 12)),
    st.integers(1, 9),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.integers(1, 5),
    st.sets(st.integers(0, 60)),
)
def test_what_is_missing_is_shared_out_once(
    shape: tuple[int, int, int], shelf: int, strip: tuple[int, int], shares: int, done: set[int]
) -> None:
    def is_done(region: Region) -> bool:
        return region[0].start // shelf in done

    lots = missing_runs(shape, shelf, strip, is_done, shares)
    assert len(lots) <= shares
    found = np.zeros(shape, int)
    for lot in lots:
        for region in lot:
            assert region[0].start % shelf == 0
            found[region] += 1
    missing = np.array([plane // shelf not in done for plane in range(shape[0])])
    np.testing.assert_array_equal(found, np.broadcast_to(missing[:, None, None], shape))
    if not done and len(lots) > 1 and strip == shape[1:]:
        assert all(len(lot) == 1 for lot in lots)  # one run of shelves each: no halo inside


def test_memory_is_measured() -> None:
    found = measured_mb(lambda: np.ones(50 << 20, np.uint8).sum())
    assert found is None or 45 < found < 80
