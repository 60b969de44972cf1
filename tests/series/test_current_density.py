"""Local current from thicknesses that were planted."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from series.scenes import CYCLE, SHAPE, SIZE, box, empty, samples, timeline
from tomocell.analyses import class_volumes, effective_thickness, occupancy
from tomocell.blocks import Limits
from tomocell.errors import BadInput
from tomocell.series import faraday
from tomocell.series._local_current import MAH_PER_CM2_PER_UM, Passed, local_current
from tomocell.series.current_density import Settings, check, follow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tomocell.series.timeline import Outcome, Timeline

AREA_CM2 = 0.5
PERIOD_H = 1.0  # of current between two scans
FACE_CM2 = SHAPE[1] * SHAPE[2] * SIZE[1] * SIZE[2] * 1e-8
SHARP = Settings(smoothing_um=0)


def film(*planes: tuple[int, int]) -> NDArray[np.uint8]:
    """A film of some planes on the plating side: (planes, columns), from the left."""
    voxels, start = empty(), 0
    for deep, columns in planes:
        box(voxels, "deposited", (10 - deep, 0, start), (10, SHAPE[1], start + columns))
        start += columns
    return voxels


def charged(found: Timeline) -> Timeline:
    """The timeline with the table of the Faraday comparison."""
    settings = faraday.Settings(active_area_cm2=AREA_CM2, current_min=60, plated=("deposited",))
    records = {
        step: {
            "class_volumes": class_volumes.measure(volume, class_volumes.Settings(), Limits()).scalars,
            "effective_thickness": effective_thickness.measure(
                volume, effective_thickness.Settings(), Limits()
            ).scalars,
        }
        for (step, _), volume in found.volumes.items()
    }
    table = faraday.follow(replace(found, records=records), settings, Limits()).over_time
    return replace(found, followed={"faraday": table})


def outcome_of(
    *steps: NDArray[np.uint8] | None, settings: Settings = SHARP, currents: Sequence[float | None] = CYCLE
) -> Outcome:
    numbered = {f"t{index}": voxels for index, voxels in enumerate(steps) if voxels is not None}
    return follow(charged(timeline(numbered, currents)), settings, Limits())


def test_one_period_of_the_paper() -> None:
    # 1.5 mA/cm2 for 10 min make 1.21286 um; so much thickness in that time is 1.5 mA/cm2.
    found = 1.21286 * MAH_PER_CM2_PER_UM / (10 / 60)
    assert found == pytest.approx(1.5, rel=1e-5)


def test_current_flows_where_thickness_changed() -> None:
    outcome = outcome_of(empty(), film((1, 20)), film((3, 10), (1, 10)), film((3, 10), (1, 10)), film((1, 20)))
    found = outcome.result.scalars
    mean = 0.75 / AREA_CM2
    assert found["charge_mean_ma_per_cm2"] == pytest.approx(mean)
    values = outcome.result.maps["current_density_charge_ma_per_cm2"].values
    assert values.mean() == pytest.approx(mean)
    np.testing.assert_allclose(values[:, :10], 1.5 * mean, rtol=1e-6)  # 3 planes of 2 on the mean
    np.testing.assert_allclose(values[:, 10:], 0.5 * mean, rtol=1e-6)
    assert found["charge_coefficient_of_variation"] == pytest.approx(0.5)
    assert found["charge_sd_ma_per_cm2"] == pytest.approx(0.5 * mean)
    assert found["charge_largest_ma_per_cm2"] == pytest.approx(1.5 * mean)
    assert found["charge_negative_area_percent"] == 0
    content = outcome.result.maps["current_density_charge_ma_per_cm2"]
    assert (content.unit, content.pixel_size_um) == ("mA/cm2", SIZE[1:])


def test_the_integral_over_the_face_is_the_imaged_capacity() -> None:
    outcome = outcome_of(empty(), film((1, 20)), film((3, 10), (1, 10)), film((2, 15)), film((1, 20)))
    found = outcome.result.scalars
    assert found["charge_imaged_percent"] is not None
    values = outcome.result.maps["current_density_charge_ma_per_cm2"].values
    imaged_ma = values.mean() * FACE_CM2 * float(found["charge_imaged_percent"]) / 100
    grams = 2 * SIZE[0] * 1e-4 * FACE_CM2 * 0.534  # two planes in the mean
    assert imaged_ma * 2 * PERIOD_H == pytest.approx(grams * 3860)
    assert found["charge_imaged_mean_ma_per_cm2"] == pytest.approx(grams * 3860 / FACE_CM2 / 2)
    lost = 2 - 1.0
    assert found["discharge_imaged_mean_ma_per_cm2"] == pytest.approx(lost * SIZE[0] * MAH_PER_CM2_PER_UM / 2)


def test_discharge_and_what_changed_against_it() -> None:
    outcome = outcome_of(empty(), film((2, 20)), film((4, 20)), film((3, 20)), film((5, 5), (1, 15)))
    found = outcome.result.scalars
    assert found["discharge_negative_area_percent"] == pytest.approx(25)
    values = outcome.result.maps["current_density_discharge_ma_per_cm2"].values
    assert values.mean() == pytest.approx(0.75 / AREA_CM2)
    np.testing.assert_allclose(values[:, :5] / values[:, 5:10], -1 / 3, rtol=1e-5)


def test_over_time_between_consecutive_scans() -> None:
    table = outcome_of(empty(), film((1, 20)), film((3, 20)), film((2, 20)), film((2, 20))).over_time
    assert list(table["timestep"]) == ["t0", "t1", "t2", "t3", "t4"]
    per_plane = SIZE[0] * MAH_PER_CM2_PER_UM / PERIOD_H
    assert math.isnan(table["mean_ma_per_cm2"][0])
    assert table["mean_ma_per_cm2"].tolist()[1:] == pytest.approx([1.5] * 4)
    assert table["imaged_mean_ma_per_cm2"].tolist()[1:] == pytest.approx([per_plane, 2 * per_plane, per_plane, 0])
    # Four interfaces, two a scan, each known to 1/sqrt(12) of a voxel.
    assert table["imaged_mean_uncertainty_ma_per_cm2"][1] == pytest.approx(per_plane * (4 / 12) ** 0.5)


def test_the_stripping_side_loses_what_the_other_gains() -> None:
    def cell(electrode: int, redeposited: int = 0) -> NDArray[np.uint8]:
        voxels = box(empty(), "background", (electrode, 0, 0), (5, 16, 20))
        return box(voxels, "redeposited", (electrode, 0, 0), (electrode + redeposited, 16, 10))

    settings = Settings(smoothing_um=0, stripping_side=("stripping_electrode", "redeposited"))
    outcome = outcome_of(cell(5), cell(4), cell(3), cell(3), cell(3, 2), settings=settings)
    found, maps = outcome.result.scalars, outcome.result.maps
    assert found["stripping_charge_imaged_mean_ma_per_cm2"] == pytest.approx(SIZE[0] * MAH_PER_CM2_PER_UM)
    np.testing.assert_allclose(maps["stripping_current_density_charge_ma_per_cm2"].values, 1.5, rtol=1e-6)
    back = maps["stripping_current_density_discharge_ma_per_cm2"].values
    np.testing.assert_allclose(back[:, :10], 3.0, rtol=1e-6)
    assert not back[:, 10:].any()
    assert "current_density_charge_ma_per_cm2" not in maps  # nothing was plated
    assert found["charge_sd_ma_per_cm2"] is None


def test_smoothing_keeps_the_mean_and_lowers_the_noise() -> None:
    rng = np.random.default_rng(0)
    voxels, passed = SIZE, Passed(0.75, 1.0, AREA_CM2)
    rough = local_current(rng.normal(2, 1, (200, 160)), passed, voxels, 0)
    change = rough.imaged / (MAH_PER_CM2_PER_UM / 1.0)
    smooth = local_current(change, passed, voxels, 2.5)
    assert smooth.mean == pytest.approx(rough.mean, rel=1e-12)
    assert rough.noise == rough.mean_error
    left = smooth.noise / rough.noise
    # Continuous: the edge of a pixel over 2 sqrt(pi) sigma, of both axes; 2 and 5 pixels are nearly that.
    assert left == pytest.approx(math.sqrt(SIZE[1] * SIZE[2]) / (2 * math.sqrt(math.pi) * 2.5), rel=1e-3)
    # Of 2 sigma in 200 x 160 pixels are some 250 independent places: their spread is known to 4.5 %.
    assert smooth.sd / rough.sd == pytest.approx(left, rel=0.15)


def test_a_rest_and_flagged_timesteps() -> None:
    currents = (0.0, 0.75, 0.0, 0.75, -0.75, -0.75)
    steps = (empty(), film((1, 20)), film((1, 20)), film((2, 20)), None, film((1, 20)))
    outcome = outcome_of(*steps, currents=currents)
    table = outcome.over_time.set_index("timestep")
    assert math.isnan(table["mean_ma_per_cm2"]["t2"])
    assert table["mean_ma_per_cm2"]["t5"] == pytest.approx(1.5)  # two periods, one of them without a scan
    assert outcome.result.scalars["charge_mean_ma_per_cm2"] == pytest.approx(1.5)  # the rest is no time under current
    turned = outcome_of(empty(), film((1, 20)), None, None, film((1, 20)))
    assert math.isnan(turned.over_time["mean_ma_per_cm2"].iloc[-1])


def test_time_under_current_is_that_of_the_charge() -> None:
    # Beside a cycling curve the sheet may give means over current and rest: only their signs count.
    found = charged(timeline({"t0": empty(), "t2": film((2, 20)), "t4": empty()}))
    rested = replace(found, samples=samples([current / 3 for current in CYCLE]))
    for given in (found, rested):
        scalars = follow(given, SHARP, Limits()).result.scalars
        assert scalars["charge_mean_ma_per_cm2"] == pytest.approx(0.75 / AREA_CM2)
        assert scalars["charge_imaged_mean_ma_per_cm2"] == pytest.approx(SIZE[0] * MAH_PER_CM2_PER_UM)


def test_the_area_is_known_where_the_charge_was_not_seen() -> None:
    # The first row with a charge is of the discharge: its lithium of the half cycle is not that of the net charge.
    settings = Settings(smoothing_um=0)
    outcome = follow(charged(timeline({"t2": film((2, 20)), "t3": film((1, 20)), "t4": empty()})), settings, Limits())
    assert outcome.result.scalars["discharge_mean_ma_per_cm2"] == pytest.approx(0.75 / AREA_CM2)
    late = charged(timeline({"t0": empty(), "t3": film((1, 20)), "t4": empty()}))
    assert follow(late, settings, Limits()).over_time["mean_ma_per_cm2"].iloc[-1] == pytest.approx(0.75 / AREA_CM2)


def test_one_scan_of_charge_makes_no_map() -> None:
    outcome = outcome_of(None, None, film((3, 20)), None, film((1, 20)))
    assert outcome.result.scalars["charge_mean_ma_per_cm2"] is None
    assert set(outcome.result.maps) == {"current_density_discharge_ma_per_cm2"}


def test_bad_input() -> None:
    measures = {"occupancy": occupancy.Settings(of=("deposited",))}
    assert [fault.value for fault in check(samples(), measures, SHARP)] == ["dendrite"]
    assert "no discharge" in str(check(samples((0, 0.75)), {}, SHARP)[0].value)
    found = charged(timeline({"t0": empty(), "t2": empty(), "t4": empty()}))
    nothing = found.followed["faraday"].assign(charge_mah=0.0, throughput_mah=0.0, current_time_min=0.0)
    assert follow(replace(found, followed={"faraday": nothing}), SHARP, Limits()).result.maps == {}
    with pytest.raises(BadInput, match="no charge"):
        follow(replace(found, samples=samples((0, 0))), SHARP, Limits())
