"""Voids and unfilled pits of boxes that are known to the voxel."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from series.scenes import CYCLE, SHAPE, SIZE, VALUE, box, empty, samples, timeline
from tomocell.analyses import occupancy
from tomocell.blocks import Limits, runner
from tomocell.errors import BadInput
from tomocell.series import unfilled_pits, voids
from tomocell.volumes.volume import ArrayVolume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.series.timeline import Outcome, Timeline

FACE = SHAPE[1] * SHAPE[2]
VOXEL_UM3 = math.prod(SIZE)
LOW, HIGH = (1, 2, 3), (5, 10, 13)  # a pit of 4 planes, 8 rows, 10 columns
DELTA = (2 / 12) ** 0.5


def half() -> NDArray[np.uint8]:
    return box(empty(), "pit", LOW, HIGH)


def filled_to(plane: int, rows: int = 10) -> NDArray[np.uint8]:
    """The pit filled from its mouth down to a plane, in its first rows; the rest is open."""
    return box(half(), "redeposited", (plane, LOW[1], LOW[2]), (HIGH[0], rows, HIGH[2]))


def cell(full: NDArray[np.uint8], between: NDArray[np.uint8] | None = None) -> Timeline:
    between = filled_to(4) if between is None else between
    return timeline({"t0": empty(), "t1": empty(), "t2": half(), "t3": between, "t4": full})


def followed(found: Timeline, module: Any = voids, **chosen: Any) -> Outcome:
    outcome: Outcome = module.follow(found, module.Settings(block_um=2.5, **chosen), Limits())
    return outcome


def test_a_pit_filled_from_its_mouth() -> None:
    outcome = followed(cell(filled_to(3)))
    found = outcome.result.scalars
    assert (found["half_cycle"], found["full_cycle"]) == ("t2", "t4")
    assert found["void_area_percent"] == pytest.approx(100 * 80 / FACE)
    assert found["void_area_percent"] + found["contact_area_percent"] == 100
    assert found["void_area_of_pits_percent"] == 100
    assert found["void_of_pits_percent"] == pytest.approx(50)
    assert found["void_volume_um3"] == pytest.approx(8 * 10 * 2 * VOXEL_UM3)
    assert found["mean_depth_um"] == found["largest_depth_um"] == 2 * SIZE[0]
    assert found["largest_depth_uncertainty_um"] == pytest.approx(DELTA * SIZE[0])
    # Interfaces of a box of 2 x 8 x 10 voxels: two faces along each axis, each shifted by 1/sqrt(12) of a voxel.
    faces = math.hypot(2 * 8 * 10, 2 * 2 * 10, 2 * 2 * 8)
    assert found["void_volume_uncertainty_um3"] == pytest.approx(faces * VOXEL_UM3 / 12**0.5)
    depth = np.zeros(SHAPE[1:])
    depth[2:10, 3:13] = 2 * SIZE[0]
    void = outcome.result.maps["void_depth_um"]
    np.testing.assert_array_equal(void.values, depth)
    assert (void.unit, void.pixel_size_um) == ("um", SIZE[1:])


def test_void_and_filled_are_the_pit() -> None:
    rng = np.random.default_rng(2)
    pit, fill = (rng.random(SHAPE) < 0.3, rng.random(SHAPE) < 0.5)
    before, after = empty(), empty()
    before[pit], after[fill] = VALUE["pit"], VALUE["redeposited"]
    found = followed(timeline({"t2": before, "t4": after})).over_time.iloc[-1]
    assert found["void_volume_um3"] == pytest.approx((pit & ~fill).sum() * VOXEL_UM3)
    assert found["void_of_pits_percent"] == pytest.approx(100 * (1 - (pit & fill).sum() / pit.sum()))
    columns = (pit & ~fill).any(0)
    assert found["void_area_of_pits_percent"] == pytest.approx(100 * columns.sum() / pit.any(0).sum())
    flat = np.maximum(pit.sum(0) - fill.sum(0), 0)
    assert found["flattened_void_volume_um3"] == pytest.approx(flat.sum() * VOXEL_UM3)
    assert found["flattened_void_area_percent"] == pytest.approx(100 * (flat > 0).mean())
    assert found["flattened_void_volume_um3"] < found["void_volume_um3"]


def test_what_covers_the_face_counts_in_the_flattened_map_alone() -> None:
    covered = box(filled_to(3), "redeposited", (5, 0, 0), (7, 16, 20))  # as thick as the void is deep
    found = followed(cell(covered)).result.scalars
    assert found["void_volume_um3"] == pytest.approx(160 * VOXEL_UM3)
    assert found["flattened_void_volume_um3"] == 0
    assert found["flattened_mean_depth_um"] == found["flattened_largest_depth_um"] == 0
    assert found["flattened_mean_depth_uncertainty_um"] is None


def test_a_row_for_each_timestep_from_the_half_cycle_on() -> None:
    table = followed(cell(filled_to(2))).over_time
    assert list(table["timestep"]) == ["t2", "t3", "t4"]
    assert list(table["time_min"]) == [120, 180, 240]
    assert list(table["void_of_pits_percent"]) == pytest.approx([100, 75, 25])
    assert list(table["largest_depth_um"]) == [8, 6, 2]


def test_shallow_columns_can_be_left_out() -> None:
    found = followed(cell(filled_to(2)), least_voxels=2).result.scalars
    assert found["void_area_percent"] == found["void_volume_um3"] == 0
    assert found["contact_area_percent"] == 100


def test_uncertainty_of_the_area() -> None:
    # All void columns are one voxel deep, so 0.41 of them hang on the threshold; one block is no sample.
    found = voids.follow(cell(filled_to(2)), voids.Settings(block_um=1e4), Limits()).result.scalars
    assert found["void_area_uncertainty_percent"] == pytest.approx(DELTA * 100 * 80 / FACE)
    deep = followed(cell(filled_to(3))).result.scalars  # deeper ones do not, and blocks tell how patchy they lie
    columns = np.zeros(SHAPE[1:])
    columns[2:10, 3:13] = 1
    patches = [columns[y : y + 5, x : x + 2].sum() for y in range(0, 16, 5) for x in range(0, 20, 2)]
    standard = np.std(patches) * len(patches) ** 0.5 / FACE * 100
    assert deep["void_area_uncertainty_percent"] == pytest.approx(standard, rel=0.15)
    assert deep["contact_area_uncertainty_percent"] == deep["void_area_uncertainty_percent"]


@pytest.mark.parametrize("core", [(3, 5, 7), (1, 16, 20), (12, 3, 4)])
@pytest.mark.parametrize("workers", [1, 2])
def test_blocks_change_nothing(core: tuple[int, int, int], workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    steps = {step: rng.integers(0, 7, SHAPE).astype(np.uint8) for step in ("t2", "t3", "t4")}
    whole = followed(timeline(steps))
    monkeypatch.setattr(runner, "choose_core", lambda *_: core)
    parts = voids.follow(timeline(steps), voids.Settings(block_um=2.5), Limits(2048, workers))
    pd.testing.assert_frame_equal(parts.over_time, whole.over_time, check_exact=True)
    np.testing.assert_array_equal(parts.result.maps["void_depth_um"].values, whole.result.maps["void_depth_um"].values)


# Unfilled pits --------------------------------------------------------------------------------------------------------


def test_unfilled_pits_fall_as_lithium_comes_back() -> None:
    outcome = followed(cell(filled_to(3, rows=6), filled_to(4)), unfilled_pits)
    table = outcome.over_time
    assert list(table["timestep"]) == ["t2", "t3", "t4"]
    assert list(table["unfilled_volume_um3"]) == pytest.approx(np.array([320, 240, 320 - 4 * 10 * 2]) * VOXEL_UM3)
    assert list(table["unfilled_percent"]) == pytest.approx([100 * 80 / FACE] * 3)
    done = followed(cell(filled_to(1, rows=6), filled_to(3)), unfilled_pits).over_time
    assert list(done["unfilled_of_pits_percent"]) == pytest.approx([100, 100, 50])
    assert done["unfilled_volume_um3"].is_monotonic_decreasing
    assert outcome.result.scalars["unfilled_volume_um3"] == table["unfilled_volume_um3"].iloc[-1]


def test_maps_of_unfilled_pits() -> None:
    found = followed(cell(filled_to(3)), unfilled_pits).result.maps
    assert set(found) == {"unfilled_pits_t2_um", "unfilled_pits_t4_um"}
    assert found["unfilled_pits_t2_um"].values.max() == 4 * SIZE[0]
    assert found["unfilled_pits_t4_um"].values.sum() == 80 * 2 * SIZE[0]
    assert len(followed(cell(filled_to(3)), unfilled_pits, all_maps=True).result.maps) == 3


# What may be missing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [voids, unfilled_pits])
def test_without_pits_shares_of_them_are_null(module: Any) -> None:
    found = followed(timeline({f"t{step}": empty() for step in range(5)}), module)
    of_pits = {key: value for key, value in found.result.scalars.items() if "of_pits" in key}
    assert of_pits
    assert set(of_pits.values()) == {None}
    areas = [value for key, value in found.result.scalars.items() if key.endswith("area_percent")]
    assert all(value in (0, 100) for value in areas)
    assert found.over_time.filter(like="volume_um3").to_numpy().sum() == 0


@pytest.mark.parametrize("module", [voids, unfilled_pits])
def test_flagged_timesteps(module: Any, caplog: pytest.LogCaptureFixture) -> None:
    inner = followed(timeline({"t2": half(), "t4": filled_to(3)}), module).over_time
    assert list(inner["timestep"]) == ["t2", "t4"]
    ends = followed(timeline({"t1": half(), "t3": filled_to(3)}), module)
    assert list(ends.over_time["timestep"]) == ["t1", "t3"]
    assert ends.result.scalars["half_cycle"] == "t1"
    assert "t2 did not register: t1 stands for the end of the charge" in caplog.text
    with pytest.raises(BadInput, match="discharge of cell"):
        followed(timeline({"t0": empty(), "t2": half()}), module)


@pytest.mark.parametrize("module", [voids, unfilled_pits])
def test_before_the_first_job(module: Any) -> None:
    measures = {"occupancy": occupancy.Settings(of=("pit",))}
    found = module.check(samples(), measures, module.Settings())
    assert [(fault.where, fault.value) for fault in found] == [("filled_by", "redeposited")]
    assert not module.check(samples(), {"occupancy": occupancy.Settings()}, module.Settings())
    for currents, said in (((0.0,), "no charge"), ((0, 0.75, 0.75), "no discharge"), ((0, -1), "no charge")):
        fault = module.check(samples(currents), {}, module.Settings())[0]
        assert said in str(fault.value)
        with pytest.raises(BadInput, match=said):
            followed(timeline({"t0": empty()}, currents), module)


def test_scans_of_different_shapes_are_refused() -> None:
    found = timeline({"t2": half(), "t4": filled_to(3)})
    small = ArrayVolume(filled_to(3)[:, :8], SIZE, found.volumes["t2", "phases"].classes, "small")
    volumes = {**found.volumes, ("t4", "phases"): small}
    with pytest.raises(BadInput, match="register the series"):
        followed(type(found)(found.samples, found.records, maps=found.maps, volumes=volumes))


def test_a_map_that_occupancy_did_not_make_is_named() -> None:
    with pytest.raises(BadInput, match="redeposited_thickness_um"):
        followed(timeline({"t2": half(), "t4": half()}, CYCLE, of=("pit",)), unfilled_pits)
