"""Splits by block and at random: shares, seeds, and what they may not do."""

from __future__ import annotations

from typing import Any

import pytest

from tomocell.errors import BadInput
from tomocell.training.settings import SplitSettings
from tomocell.training.splits import judging_blocks, judging_cubes, judging_planes

SHAPES = {("cell", "t0"): (100, 30, 40), ("cell", "t1"): (64, 30, 40)}


def settings(**chosen: Any) -> SplitSettings:
    return SplitSettings.model_validate({"by": "block", "block_voxels": 16, "share": 0.3} | chosen)


def test_blocks_lie_side_by_side_and_a_share_judges() -> None:
    found = judging_blocks(SHAPES, settings())
    for key, count in ((("cell", "t0"), 2), (("cell", "t1"), 1)):
        assert len(found[key]) == count
        for (first, stop), rows, columns in found[key]:
            assert first % 16 == 0
            assert stop == min(first + 16, SHAPES[key][0])
            assert (rows, columns) == ((0, 30), (0, 40))
    assert judging_blocks(SHAPES, settings()) == found
    assert any(judging_blocks(SHAPES, settings(seed=seed)) != found for seed in range(1, 5))


def test_ranges_are_taken_as_given() -> None:
    found = judging_blocks(SHAPES, settings(axis="y", ranges=[[20, 30]]))
    assert found["cell", "t1"] == [((0, 64), (20, 30), (0, 40))]
    with pytest.raises(BadInput, match=r"\(70, 80\).*below 64, the size of cell/t1 along z"):
        judging_blocks(SHAPES, settings(ranges=[[70, 80]]))


def test_a_share_of_all_planes_judges() -> None:
    planes = {("cell", "t0"): list(range(0, 30, 2)), ("cell", "t1"): [4, 5, 6, 7, 8]}
    found = judging_planes(planes, SHAPES, 1, settings(by="random", share=0.2))
    drawn = [(key, box[1]) for key, boxes in found.items() for box in boxes]
    assert len(drawn) == len(set(drawn)) == 4
    assert all(stop == first + 1 and first in planes[key] for key, (first, stop) in drawn)


@pytest.mark.parametrize(("count", "share", "expected"), [(2, 0.01, 1), (2, 0.99, 1), (10, 0.2, 2), (3, 0.9, 2)])
def test_neither_part_is_left_without_a_cube(count: int, share: float, expected: int) -> None:
    tiles = {("cell", "t0"): [(8 * index, 0, 0) for index in range(count)]}
    found = judging_cubes(tiles, (8, 8, 8), settings(by="random", share=share))
    assert len(found["cell", "t0"]) == expected
    assert all(box[0][1] - box[0][0] == 8 for box in found["cell", "t0"])
