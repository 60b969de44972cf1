"""Ranks share every batch: none takes a sample that another has, and together they take what one would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomocell.errors import BadInput
from tomocell.training.shards import EveryRankItsShare


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 200))
def test_no_sample_twice_and_the_global_batches_are_those_of_one_rank(world: int, share: int, more: int) -> None:
    batch = world * share
    samples = batch + more
    ranks = [list(EveryRankItsShare(samples, batch, rank, world)) for rank in range(world)]
    alone = list(EveryRankItsShare(samples, batch, 0, 1))
    assert {len(steps) for steps in ranks} == {len(alone)} == {samples // batch}
    together = [[index for steps in ranks for index in steps[step]] for step in range(len(alone))]
    assert together == alone
    taken = [index for step in together for index in step]
    assert len(set(taken)) == len(taken)
    assert set(taken) <= set(range(samples))
    assert len(EveryRankItsShare(samples, batch, 0, world)) == len(alone)


@pytest.mark.parametrize(("arguments", "words"), [((9, 4, 0, 3), "multiple of 3"), ((3, 4, 0, 2), "batch of 4")])
def test_batches_that_cannot_be_shared_are_named(arguments: tuple[int, int, int, int], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        EveryRankItsShare(*arguments)
