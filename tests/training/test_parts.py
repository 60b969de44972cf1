"""Parts of a volume: no voxel of two parts, the gap between them, and leakage as counting pairs finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from tomocell.blocks import Limits, runner
from tomocell.training.parts import PartVolume, count_leaked, count_planes, labelled_tiles, within_boxes
from tomocell.volumes.volume import ArrayVolume, whole

if TYPE_CHECKING:
    from tomocell.training.parts import Box

SHAPE = (13, 11, 17)
IGNORE = 255
LABELS = np.random.default_rng(0).choice([0, 3, IGNORE], SHAPE, p=[0.2, 0.1, 0.7]).astype(np.uint8)
BOXES: tuple[Box, ...] = (((2, 4), (0, 11), (0, 17)), ((8, 13), (5, 8), (10, 16)))
LIMITS = Limits(2048)

starts = st.tuples(*(st.integers(0, size - 1) for size in SHAPE))
lengths = st.tuples(*(st.integers(1, size) for size in SHAPE))


def part(name: str, gap: int = 0, boxes: tuple[Box, ...] = BOXES) -> PartVolume:
    return PartVolume(ArrayVolume(LABELS, (1.0, 1.0, 1.0)), name, boxes, gap, IGNORE)  # type: ignore[arg-type]


@given(starts, lengths)
def test_any_region_of_a_part_is_that_of_the_whole(start: tuple[int, ...], length: tuple[int, ...]) -> None:
    z, y, x = (slice(at, min(at + n, size)) for at, n, size in zip(start, length, SHAPE, strict=True))
    for name in ("train", "validation"):
        every = part(name, gap=1).read(whole(SHAPE))
        np.testing.assert_array_equal(part(name, gap=1).read((z, y, x)), every[z, y, x])


@pytest.mark.parametrize("gap", [0, 1, 3])
def test_between_what_trains_and_what_judges_lies_the_gap(gap: int) -> None:
    train, judge = (part(name, gap).read(whole(SHAPE)) != IGNORE for name in ("train", "validation"))
    inside = within_boxes(whole(SHAPE), np.array(BOXES))
    np.testing.assert_array_equal(judge, inside & (LABELS != IGNORE))
    assert not (train & judge).any()
    apart = np.abs(np.argwhere(train)[:, None] - np.argwhere(judge)[None]).max(axis=2)
    assert apart.min() == gap + 1
    if not gap:
        np.testing.assert_array_equal(train | judge, LABELS != IGNORE)


def test_without_boxes_all_is_of_the_part() -> None:
    for name in ("train", "validation"):
        np.testing.assert_array_equal(part(name, boxes=()).read(whole(SHAPE)), LABELS)


@pytest.mark.parametrize("reach", [1, 2, 4])
@pytest.mark.parametrize("core", [SHAPE, (4, 5, 6), (13, 2, 17)])
def test_leakage_is_what_counting_neighbours_finds(
    reach: int, core: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "choose_core", lambda *_: core)
    train, judge = (np.argwhere(part(name, 1).read(whole(SHAPE)) != IGNORE) for name in ("train", "validation"))
    near = cKDTree(train).query(judge)[0] <= reach
    found = count_leaked(part("validation", 1), part("train", 1), IGNORE, reach, LIMITS)
    assert found == (len(judge), int(near.sum()))


@pytest.mark.parametrize("core", [SHAPE, (4, 5, 6)])
def test_counts_and_tiles_do_not_depend_on_blocks(core: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "choose_core", lambda *_: core)
    for axis in range(3):
        counts = count_planes(part("train", boxes=()), axis, LIMITS)
        for plane, of in zip(np.moveaxis(LABELS, axis, 0), counts, strict=True):
            np.testing.assert_array_equal(of, np.bincount(plane.ravel(), minlength=256))
    sparse = np.full(SHAPE, IGNORE, np.uint8)
    sparse[4:6, 10, 16] = sparse[12, 0, 0] = 3
    tiles = labelled_tiles(ArrayVolume(sparse, None), (5, 4, 8), IGNORE, LIMITS)
    assert tiles == [(0, 8, 16), (5, 8, 16), (10, 0, 0)]
