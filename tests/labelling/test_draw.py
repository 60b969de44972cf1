"""Voxels drawn: the same however the volume is cut, spread evenly, never one that is not there."""

from __future__ import annotations

import numpy as np
import pytest

from tomocell.blocks import Limits, runner
from tomocell.labelling.draw import coordinates, draw_voxels
from tomocell.volumes.volume import ArrayVolume

SHAPE = (11, 13, 17)
LABELS = np.random.default_rng(0).choice([0, 1, 7], SHAPE, p=[0.7, 0.298, 0.002]).astype(np.uint8)


def drawn(most: int, seed: int = 0) -> dict[int, np.ndarray]:
    found = draw_voxels(ArrayVolume(LABELS, None), [0, 1, 7, 9], most, seed, Limits(2048))
    assert {value: draw.count for value, draw in found.items()} == {
        value: int((value == LABELS).sum()) for value in (0, 1, 7, 9)
    }
    return {value: draw.places for value, draw in found.items()}


@pytest.mark.parametrize("core", [(2, 3, 5), (11, 1, 17), (4, 13, 6)])
def test_blocks_do_not_matter(core: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    before = drawn(40)
    monkeypatch.setattr(runner, "choose_core", lambda *_: core)
    after = drawn(40)
    for value, places in before.items():
        np.testing.assert_array_equal(after[value], places)


def test_they_are_of_the_class_and_each_once() -> None:
    for value, places in drawn(40).items():
        assert len(np.unique(places)) == len(places) == min(40, int((value == LABELS).sum()))
        assert (LABELS.ravel()[places] == value).all()
        assert all(LABELS[tuple(point)] == value for point in coordinates(places, SHAPE))


def test_another_seed_draws_others_and_every_voxel_has_its_chance() -> None:
    assert not np.array_equal(drawn(40)[0], drawn(40, seed=1)[0])
    hits = np.zeros(LABELS.size)
    for seed in range(200):
        hits[drawn(100, seed)[1]] += 1
    expected = 200 * 100 / (LABELS == 1).sum()
    assert hits[LABELS.ravel() == 1].min() > 0
    assert hits[LABELS.ravel() == 1].std() == pytest.approx(np.sqrt(expected * (1 - expected / 200)), rel=0.15)
