"""Label sets merged by priority: what a voxel becomes does not depend on the order of the sets."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tomocell.labelling.merge import merge_labels

IGNORE = 255
DECIDED = ((1, 2), (3,), (2, 4))
PRIORITY = (4, 1, 3, 2, 0)


def expected(voxel: tuple[int, ...]) -> int:
    claimed = [value for value, of in zip(voxel, DECIDED, strict=True) if value in of]
    if claimed:
        return min(claimed, key=PRIORITY.index)
    return IGNORE if set(voxel) == {IGNORE} else PRIORITY[-1]


def test_every_combination_becomes_what_stands_first() -> None:
    voxels = list(itertools.product([0, 1, 2, 3, 4, IGNORE], repeat=3))
    sets = [np.array(column, np.uint8) for column in zip(*voxels, strict=True)]
    found = merge_labels(sets, DECIDED, PRIORITY, IGNORE)
    np.testing.assert_array_equal(found, [expected(voxel) for voxel in voxels])
    for order in itertools.permutations(range(3)):
        turned = merge_labels([sets[i] for i in order], [DECIDED[i] for i in order], PRIORITY, IGNORE)
        np.testing.assert_array_equal(turned, found)


@given(st.lists(st.sampled_from([0, 1, 2, IGNORE]), min_size=1, max_size=20))
def test_one_set_that_decides_on_all_stays_as_it_is(values: list[int]) -> None:
    labels = np.array(values, np.uint8)
    np.testing.assert_array_equal(merge_labels([labels], [(0, 1, 2)], (2, 1, 0), IGNORE), labels)
