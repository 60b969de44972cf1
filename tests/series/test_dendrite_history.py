"""Dendrites that are planted, grown, joined, cut and removed, and what is told of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from series.scenes import SHAPE, SIZE, VALUE, box, empty, timeline
from tomocell.blocks import Limits
from tomocell.errors import BadInput
from tomocell.objects import overlap
from tomocell.series._lineage import descend, link_sites
from tomocell.series.dendrite_history import Settings, follow
from tomocell.volumes.tables import write_parquet

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.series.timeline import Outcome

VOXEL_UM3 = math.prod(SIZE)
EACH = Settings(least_voxels=1)
Box = tuple[tuple[int, int, int], tuple[int, int, int]]

LEFT: Box = ((8, 1, 1), (10, 3, 3))
RIGHT: Box = ((8, 1, 8), (10, 3, 10))
BRIDGE: Box = ((8, 1, 3), (10, 3, 8))
SPECK: Box = ((8, 12, 15), (9, 13, 16))


def scan(*boxes: Box) -> NDArray[np.uint8]:
    voxels = empty()
    for low, high in boxes:
        box(voxels, "dendrite", low, high)
    return voxels


def history(*scans: NDArray[np.uint8] | None, settings: Settings = EACH, limits: Limits | None = None) -> Outcome:
    steps = {f"t{index}": voxels for index, voxels in enumerate(scans) if voxels is not None}
    return follow(timeline(steps, [0.0] * len(scans)), settings, limits or Limits())


def told(outcome: Outcome, *columns: str) -> list[tuple[object, ...]]:
    assert outcome.result.table is not None
    return list(outcome.result.table[list(columns)].itertuples(index=False, name=None))


def test_birth_growth_merging_splitting_and_death() -> None:
    taller: Box = ((5, 1, 1), (10, 3, 3))
    outcome = history(
        scan(), scan(LEFT), scan(taller, RIGHT), scan(taller, BRIDGE, RIGHT), scan(taller, RIGHT), scan(RIGHT, SPECK)
    )
    table = outcome.over_time
    assert outcome.result.table is not None
    assert [outcome.result.table[key].dtype.kind for key in ("track", "label", "time_min")] == ["i", "i", "f"]
    assert list(table["count"]) == [0, 1, 2, 1, 2, 2]
    assert table["births"].tolist()[1:] == [1, 1, 0, 0, 1]
    assert table["deaths"].tolist()[1:] == [0, 0, 0, 0, 1]
    assert table["merges"].tolist()[1:] == [0, 0, 1, 0, 0]
    assert table["splits"].tolist()[1:] == [0, 0, 0, 1, 0]
    assert table["persisting_percent"].tolist()[1:] == [0, 50, 100, 100, 50]
    assert table["births"].isna().tolist() == [True] + 5 * [False]  # nothing is known of what was before
    assert told(outcome, "timestep", "track", "event", "fate", "parents", "children") == [
        ("t1", 1, "birth", "continues", "", "t2:1"),
        ("t2", 1, "continuation", "continues", "t1:1", "t3:1"),
        ("t2", 2, "birth", "merges", "", "t3:1"),
        ("t3", 1, "merge", "continues", "t2:1;t2:2", "t4:1;t4:2"),
        ("t4", 1, "continuation", "death", "t3:1", ""),
        ("t4", 3, "split", "continues", "t3:1", "t5:1"),
        ("t5", 3, "continuation", "last", "t4:2", ""),
        ("t5", 4, "birth", "last", "", ""),
    ]
    sums = {"tracks": 4, "births": 3, "deaths": 1, "merges": 1, "splits": 1, "longest_life_time_min": 180}
    found = outcome.result.scalars
    assert {key: found[key] for key in sums} == sums
    assert found["persisting_percent"] == pytest.approx(100 * (1 - 3 / 8))


def test_uncertainty_of_the_share_that_persists() -> None:
    table = history(scan(LEFT, RIGHT), scan(LEFT, RIGHT), scan(LEFT, SPECK)).over_time
    # Beta(0.5, 2.5) and Beta(1.5, 1.5).
    expected = [100 * math.sqrt(0.5 * 2.5 / 4) / 3, 100 * math.sqrt(1.5 * 1.5 / 4) / 3]
    assert table["persisting_uncertainty_percent"].tolist()[1:] == pytest.approx(expected)


def test_sizes_and_places_are_physical() -> None:
    outcome = history(scan(LEFT), scan(((5, 1, 1), (10, 3, 3))))
    assert outcome.over_time["volume_um3"].tolist() == pytest.approx([8 * VOXEL_UM3, 20 * VOXEL_UM3])
    before, after = told(outcome, "volume_um3", "centroid_z_um", "centroid_x_um", "tip_z_um", "height_um")
    assert before == pytest.approx((8 * VOXEL_UM3, 8.5 * 2, 1.5 * 1.25, 7.5 * 2, 2 * 2))
    assert after == pytest.approx((20 * VOXEL_UM3, 7 * 2, 1.5 * 1.25, 4.5 * 2, 5 * 2))
    other = history(scan(LEFT), settings=Settings(least_voxels=1, tips="high"))
    assert told(other, "tip_z_um") == [(9.5 * 2,)]


def test_the_one_that_shares_most_keeps_the_track() -> None:
    wide: Box = ((8, 1, 1), (10, 3, 12))
    small, large = ((8, 1, 1), (10, 3, 3)), ((8, 1, 5), (10, 3, 12))
    assert told(history(scan(wide), scan(small, large)), "timestep", "track", "event") == [
        ("t0", 1, "first"), ("t1", 2, "split"), ("t1", 1, "continuation"),
    ]  # fmt: skip
    merged = told(history(scan(small, large), scan(wide)), "timestep", "track", "event", "fate")
    assert merged == [("t0", 1, "first", "merges"), ("t0", 2, "first", "continues"), ("t1", 2, "merge", "last")]


def test_a_merge_and_a_split_at_once() -> None:
    # a and b share with c; b alone with d: c goes on from a, so that b goes on in d.
    labels = [np.array([1, 2]), np.array([5, 6])]
    links = np.array([[1, 5, 9], [2, 5, 4], [2, 6, 2]])
    before, after = descend(labels, [links])
    assert {label: (member.track, member.event) for label, member in after.items()} == {
        5: (1, "merge"),
        6: (2, "continuation"),
    }
    assert [member.fate for member in before.values()] == ["continues", "continues"]


def test_small_objects_and_slight_contacts_can_be_left_out() -> None:
    outcome = history(scan(LEFT, SPECK), scan(LEFT, SPECK), settings=Settings(least_voxels=2))
    assert outcome.over_time["count"].tolist() == [1, 1]
    beside: Box = ((9, 2, 2), (10, 4, 4))  # shares one voxel with LEFT
    loose, strict = (
        history(scan(LEFT), scan(beside), settings=Settings(least_voxels=1, least_shared_voxels=least, reach_um=None))
        for least in (1, 2)
    )
    assert (loose.result.scalars["births"], strict.result.scalars["births"]) == (0, 1)


def test_what_moved_a_little_is_linked_within_reach() -> None:
    moved: Box = ((8, 1, 5), (10, 3, 7))  # two voxels of 1.25 um beside LEFT
    scans = (scan(LEFT, SPECK), scan(moved, SPECK))
    assert history(*scans).result.scalars["births"] == 1
    for reach, births in ((2.4, 1), (2.6, 0)):
        found = history(*scans, settings=Settings(least_voxels=1, reach_um=reach))
        assert (found.result.scalars["births"], found.result.scalars["deaths"]) == (births, births)


def test_what_a_growing_film_lifts_stays_at_its_site() -> None:
    low: Box = ((4, 1, 1), (7, 3, 3))
    lifted = history(scan(LEFT, RIGHT), scan(low, RIGHT))
    assert told(lifted, "track", "event", "fate")[2:] == [(1, "continuation", "last"), (2, "continuation", "last")]
    voxels_alone = history(scan(LEFT, RIGHT), scan(low, RIGHT), settings=Settings(least_voxels=1, reach_um=None))
    assert voxels_alone.over_time["persisting_percent"][1] == 50


def test_of_several_at_a_site_the_nearest_is_taken() -> None:
    before = (np.array([1, 2, 3]), np.array([[0, 0, 1, 1], [0, 4, 1, 5], [0, 4.2, 1, 5]]))
    after = (np.array([7, 8]), np.array([[0, 2, 1, 2.5], [0, 4, 1, 5.2]]))
    none = np.empty((0, 3), np.int64)
    assert link_sites(none, [before, after], 5.0).tolist() == [[3, 8, 0], [1, 7, 0]]
    assert link_sites(none, [before, after], 0.0).tolist() == [[3, 8, 0]]
    linked = np.array([[2, 8, 6]])
    assert link_sites(linked, [before, after], 5.0).tolist() == [[2, 8, 6], [1, 7, 0]]
    nobody = (before[0][:0], before[1][:0])
    assert link_sites(none, [nobody, after], 5.0).shape == (0, 3)


def test_a_timestep_that_was_flagged_is_bridged() -> None:
    outcome = history(scan(LEFT), None, scan(LEFT))
    assert told(outcome, "timestep", "track", "parents") == [("t0", 1, ""), ("t2", 1, "t0:1")]


def test_no_dendrites_and_one_timestep(tmp_path: Path) -> None:
    nothing = history(scan(), scan())
    assert nothing.over_time["count"].tolist() == [0, 0]
    assert nothing.over_time["persisting_percent"].isna().all()
    assert nothing.result.scalars["tracks"] == 0
    assert nothing.result.scalars["persisting_percent"] is None
    assert nothing.result.table is not None
    write_parquet(tmp_path / "empty.parquet", nothing.result.table)
    alone = history(scan(LEFT))
    assert told(alone, "event", "fate") == [("first", "last")]
    assert alone.result.scalars["births"] is None


def test_blocks_and_workers_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    scans = [np.where(rng.random(SHAPE) < 0.06, VALUE["dendrite"], 0).astype(np.uint8) for _ in range(4)]
    whole = history(*scans)
    cut = overlap.cut_for
    monkeypatch.setattr(overlap, "cut_for", lambda volume, limits, _: cut(volume, limits, (5, 4, 7)))
    parts = history(*scans, limits=Limits(2048, 2))
    pd.testing.assert_frame_equal(parts.over_time, whole.over_time, check_exact=True)
    assert whole.result.table is not None
    pd.testing.assert_frame_equal(parts.result.table, whole.result.table, check_exact=True)
    assert whole.result.scalars["merges"]


def test_scans_of_different_shapes_are_refused() -> None:
    with pytest.raises(BadInput, match="register the series"):
        history(scan(LEFT), scan(LEFT)[:, :9])
