"""One walk counts everything: laws of the confusion matrix, and blocks that change nothing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.scenes import CLASSES, NAMES, SIZE, VALUES, ball, counted, make_pair, random_pair, wall
from support.stores import LIMITS
from tomocell.blocks import Limits
from tomocell.errors import BadInput
from tomocell.evaluation import counts
from tomocell.evaluation.metrics import voxel_metrics
from tomocell.evaluation.pair import pair_of
from tomocell.evaluation.physical import physical_errors
from tomocell.evaluation.settings import EvaluateSettings
from tomocell.objects.crofton import KINDS
from tomocell.volumes.volume import ArrayVolume, Classes, VoxelClass


def same(one: counts.Counts, other: counts.Counts) -> bool:
    pairs = ((one.confusion, other.confusion), (one.crossings, other.crossings), (one.columns, other.columns))
    return all(np.array_equal(first, second) for first, second in pairs)


@given(core=st.tuples(*[st.integers(1, 14)] * 3), workers=st.integers(1, 3), seed=st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_blocks_and_workers_change_nothing(core: tuple[int, int, int], workers: int, seed: int) -> None:
    labels, truth = random_pair(seed=seed)
    once = counted(labels, truth, edge=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counts, "choose_core", lambda *_: core)
        cut = counts.count(make_pair(labels, truth), 4, Limits(2048, workers))
    assert same(once, cut)
    assert np.array_equal(once.cells, cut.cells)


def test_the_matrix_is_that_of_numpy() -> None:
    labels, truth = random_pair()
    expected = [[int(((truth == true) & (labels == found)).sum()) for found in VALUES] for true in VALUES]
    assert counted(labels, truth).confusion.tolist() == expected


def test_cells_add_up_to_the_whole_and_empty_ones_are_left_out() -> None:
    labels, truth = random_pair((8, 8, 12))
    truth[:, :, :4] = 255
    found = counted(labels, truth, edge=4)
    assert len(found.cells) == 2 * 2 * 2
    whole = counted(labels, truth)
    assert len(whole.cells) == 1
    assert np.array_equal(found.confusion, whole.confusion)


def test_renamed_classes_have_the_same_metrics() -> None:
    labels, truth = random_pair()
    order = (2, 0, 1)
    turned = Classes(tuple(CLASSES.members[index] for index in order))
    sides = [ArrayVolume(voxels, SIZE, turned) for voxels in (labels, truth)]
    permuted = counts.count(pair_of(sides[0], sides[1], 255, EvaluateSettings()), 64, LIMITS)
    one = voxel_metrics(counted(labels, truth).confusion, NAMES, "pore")
    other = voxel_metrics(permuted.confusion, turned.names, "pore")
    for name in NAMES:
        assert one["classes"][name] == other["classes"][name]
    for mean in ("macro", "micro", "foreground"):
        assert one["means"][mean] == pytest.approx(other["means"][mean])


def test_a_perfect_volume_scores_one_and_errs_by_nothing() -> None:
    _, truth = random_pair()
    filled = np.where(truth == 255, 4, truth).astype(np.uint8)
    found = counted(filled, truth)
    record = voxel_metrics(found.confusion, NAMES, "pore")
    assert record["accuracy"] == 1
    assert all(set(metrics.values()) == {1.0} for metrics in record["classes"].values())
    assert all(set(mean.values()) == {1.0} for mean in record["means"].values())
    errors = [value for told in physical_errors(found, NAMES, SIZE).values() for key, value in told.items()
              if "error" in key]  # fmt: skip
    assert set(errors) == {0.0}


@pytest.mark.parametrize("moved", [1, 3])
def test_a_shifted_plane_gives_what_arithmetic_says(moved: int) -> None:
    found = counted(wall(10 + moved), wall(10))
    record = voxel_metrics(found.confusion, NAMES, "pore")
    assert record["accuracy"] == pytest.approx(1 - moved / 24)
    assert record["classes"]["solid"]["iou"] == pytest.approx(10 / (10 + moved))
    assert record["classes"]["pore"]["iou"] == pytest.approx((14 - moved) / 14)
    assert record["class_accuracy"]["solid"] == pytest.approx(1 - moved / 24)
    solid = physical_errors(found, NAMES, SIZE)["solid"]
    assert solid["share_error_points"] == pytest.approx(100 * moved / 24)
    assert solid["volume_error_percent"] == pytest.approx(10 * moved)
    assert solid["volume_error_um3"] == pytest.approx(moved * 16 * 20 * np.prod(SIZE))
    assert solid["true_thickness_um"] == pytest.approx(10 * SIZE[0])
    assert solid["thickness_error_um"] == pytest.approx(moved * SIZE[0])
    assert solid["thickness_mean_absolute_error_um"] == pytest.approx(moved * SIZE[0])
    assert solid["surface_error_per_um"] == pytest.approx(0, abs=1e-12)


def test_errors_of_opposite_sign_show_in_the_columns() -> None:
    labels = wall(10)
    labels[10, :8], labels[9, 8:] = 4, 0
    solid = physical_errors(counted(labels, wall(10)), NAMES, SIZE)["solid"]
    assert solid["volume_error_um3"] == 0
    assert solid["thickness_error_um"] == 0
    assert solid["thickness_mean_absolute_error_um"] == pytest.approx(SIZE[0])


def test_the_surface_of_balls() -> None:
    size, shape = (1.0, 1.0, 1.0), (36, 36, 36)
    balls = [ball((17.3, 17.6, 17.1), radius, shape, size) for radius in (12.0, 10.0)]
    found = counts.count(make_pair(balls[1], balls[0], size), 64, LIMITS)
    solid = physical_errors(found, NAMES, size)["solid"]
    area = solid["true_surface_per_um"] * 36**3  # type: ignore[operator]
    assert area == pytest.approx(4 * np.pi * 12**2, rel=0.01)
    assert solid["surface_error_percent"] == pytest.approx(100 * (10**2 / 12**2 - 1), abs=1)


def test_crossings_are_those_of_numpy() -> None:
    labels, truth = random_pair()
    known = truth != 255
    found = counted(labels, truth).crossings
    expected = np.zeros_like(found)
    steps = [step for step in itertools.product((-1, 0, 1), repeat=3) if step > (0, 0, 0)]
    for (side, voxels), step in itertools.product(enumerate((truth, labels)), steps):
        near = tuple(slice(max(-way, 0), size - max(way, 0)) for way, size in zip(step, truth.shape, strict=True))
        far = tuple(slice(max(way, 0), size - max(-way, 0)) for way, size in zip(step, truth.shape, strict=True))
        for code, value in enumerate(VALUES):
            one_of_two = (voxels[near] == value) ^ (voxels[far] == value)
            kind = KINDS.index((abs(step[0]), abs(step[1]), abs(step[2])))
            expected[side, code, kind] += (one_of_two & known[near] & known[far]).sum()
    assert np.array_equal(found, expected)


def test_what_is_left_out_makes_no_surface() -> None:
    truth = wall(10)
    truth[10:] = 255
    solid = physical_errors(counted(wall(10), truth), NAMES, SIZE)["solid"]
    assert solid["true_surface_per_um"] == 0


def test_values_without_a_class_are_named() -> None:
    labels, truth = wall(10), wall(10)
    labels[3, 4, 5], truth[7, 8, 9] = 77, 78
    with pytest.raises(BadInput, match=r"values \[77, 78\].*pore=0, solid=4, grain=9"):
        counted(labels, truth)
    truth[3, 4, 5] = 255  # what is left out may hold anything
    truth[7, 8, 9] = 4
    assert counted(labels, truth).confusion.sum() == truth.size - 1


def test_means_say_what_they_leave_out() -> None:
    confusion = np.array([[90, 5, 5], [20, 80, 0], [0, 0, 0]])
    record = voxel_metrics(confusion, NAMES, "pore")
    assert record["means"]["macro"]["recall"] == pytest.approx((0.9 + 0.8) / 2)  # grain never occurs in the truth
    assert record["means"]["foreground"]["recall"] == pytest.approx(0.8)
    assert record["means"]["micro"]["f1"] == pytest.approx(170 / 200)
    assert record["means"]["micro"]["iou"] == pytest.approx(170 / 230)
    assert record["classes"]["grain"]["recall"] is None
    assert record["classes"]["grain"]["precision"] == 0
    assert record["reasons"] == [{"of": "classes.grain: recall", "reason": "no voxel of grain in truth"}]


def test_nothing_judged_is_null_with_a_reason() -> None:
    truth = np.full((4, 5, 6), 255, np.uint8)
    found = counted(wall(2, 4, (5, 6)), truth)
    record = voxel_metrics(found.confusion, NAMES, "pore")
    assert record["accuracy"] is None
    assert "left out" in record["reasons"][0]["reason"]
    assert set(record["means"]["micro"].values()) == {None}
    assert physical_errors(found, NAMES, SIZE)["solid"]["share_error_points"] is None


def test_the_part_that_is_judged() -> None:
    labels, truth = random_pair()
    own = EvaluateSettings(crop_start_voxels=(2, 3, 4), crop_size_voxels=(5, 4, 3))
    sides = [ArrayVolume(voxels, SIZE, CLASSES, "scan") for voxels in (labels, truth)]
    found = counts.count(pair_of(sides[0], sides[1], 255, own), 64, LIMITS)
    part = (slice(2, 7), slice(3, 7), slice(4, 7))
    assert same(found, counted(labels[part], truth[part]))
    outside = EvaluateSettings(crop_start_voxels=(9, 0, 0))
    with pytest.raises(BadInput, match=r"evaluate.crop along z.*9 voxels of scan"):
        pair_of(sides[0], sides[1], 255, outside)


def test_what_cannot_be_a_pair() -> None:
    labels, truth = random_pair()
    with pytest.raises(BadInput, match="voxel size"):
        pair_of(
            ArrayVolume(labels, SIZE, CLASSES), ArrayVolume(truth, (1.0, 1.0, 1.0), CLASSES), 255, EvaluateSettings()
        )
    with pytest.raises(BadInput, match="nowhere"):
        pair_of(
            ArrayVolume(labels, SIZE, CLASSES), ArrayVolume(truth, SIZE, CLASSES), 255,
            EvaluateSettings(background="nowhere"),
        )  # fmt: skip


def test_too_little_memory_is_told() -> None:
    labels, truth = random_pair()
    with pytest.raises(BadInput, match="at least"):
        counts.count(make_pair(labels, truth), 64, Limits(memory_mb=100))


def test_a_class_may_have_any_value_but_255() -> None:
    classes = Classes((VoxelClass("a", 254), VoxelClass("b", 253)))
    voxels = np.where(np.arange(60).reshape(3, 4, 5) % 7 > 3, 254, 253).astype(np.uint8)
    found = counts.count(make_pair(voxels, voxels, classes=classes), 64, LIMITS)
    assert found.confusion.tolist() == [[int((voxels == 254).sum()), 0], [0, int((voxels == 253).sum())]]
