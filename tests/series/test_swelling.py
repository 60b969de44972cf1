"""The gap's growth and the faces' displacements since the first scan."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tomocell.blocks import Limits
from tomocell.series.swelling import Settings, follow
from tomocell.series.timeline import Timeline
from tomocell.settings.samples import Sample

if TYPE_CHECKING:
    from tomocell.series.timeline import Outcome, Record

FACES = ("stripping_outer", "stripping_inner", "plating_inner", "plating_outer")


def record(*faces_um: float | None) -> Record:
    told: dict[str, float | None] = {f"{name}_um": value for name, value in zip(FACES, faces_um, strict=True)}
    told |= {f"{name}_uncertainty_um": 0.3 for name in FACES}
    inner = faces_um[1], faces_um[2]
    gap = None if None in inner else float(inner[1] or 0) - float(inner[0] or 0)
    return told | {"gap_um": gap, "gap_uncertainty_um": None if gap is None else 0.4}


RECORDS = (
    record(0, 100, 380, 480),
    record(0, 96, 385, 481),
    record(0, 92, 390, None),
    record(0, 93, 391, 480),
    record(0, None, 391, 480),
)


def outcome_of(*currents: float, without: tuple[int, ...] = ()) -> Outcome:
    rows = [
        Sample(series="c", timestep=f"t{i}", path="x", time_min=i, current_ma=now) for i, now in enumerate(currents)
    ]
    records = {
        row.timestep: {"electrode_gap": found}
        for index, (row, found) in enumerate(zip(rows, RECORDS, strict=False))
        if index not in without
    }
    return follow(Timeline(tuple(rows), records), Settings(), Limits())


def test_gap_and_faces_against_the_first_scan() -> None:
    outcome = outcome_of(0, 1, 1, -1)
    table = outcome.over_time
    assert list(table["gap_um"]) == [280, 289, 298, 298]
    assert list(table["swelling_um"]) == [0, 9, 18, 18]
    assert list(table["swelling_uncertainty_um"]) == pytest.approx([0, *[0.4 * 2**0.5] * 3])
    assert list(table["stripping_inner_displacement_um"]) == [0, -4, -8, -7]
    assert list(table["plating_inner_displacement_um"]) == [0, 5, 10, 11]
    assert list(table["plating_outer_displacement_um"]) == pytest.approx([0, 1, math.nan, 0], nan_ok=True)
    assert outcome.result.scalars["swelling_half_cycle_um"] == 18
    assert outcome.result.scalars["swelling_half_cycle_uncertainty_um"] == pytest.approx(0.4 * 2**0.5)
    assert outcome.result.scalars["swelling_full_cycle_um"] == 18


def test_a_face_that_left_the_field_of_view_has_no_gap() -> None:
    table = outcome_of(0, 1, 1, -1, -1).over_time
    assert math.isnan(table["swelling_um"].iloc[-1])
    assert table["plating_inner_displacement_um"].iloc[-1] == 11


def test_scans_without_records_are_left_out() -> None:
    outcome = outcome_of(0, 1, 1, -1, without=(0, 2))
    assert list(outcome.over_time["swelling_um"]) == [0, 9]  # since t1, the first that there is
    assert set(outcome.result.scalars) == {"swelling_full_cycle_um", "swelling_full_cycle_uncertainty_um"}


@pytest.mark.parametrize("currents", [(0,), (0, 1, 1)])
def test_without_a_half_cycle_there_is_no_number_of_it(currents: tuple[float, ...]) -> None:
    outcome = outcome_of(*currents)
    assert len(outcome.over_time) == len(currents)
    assert not outcome.result.scalars
