"""The planted volumes are those of the arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from phantoms.small import small
from tomocell.phantoms.cell.chronology import charge_mah, faraday_um, timesteps
from tomocell.phantoms.cell.truth import series_record, timestep_record
from tomocell.phantoms.cell.views import LABEL_OF_PHASE, LABELS, PHASES, LabelVolume
from tomocell.phantoms.lithium import Settings, scenes
from tomocell.volumes.volume import whole

PUBLISHED_ROI_UM2 = 1707 * 2280 * 1.33**2


def amounts(settings: Settings) -> list[dict[str, dict[str, Any]]]:
    """The records of all timesteps, with true voxel counts."""
    records = []
    for one in scenes(settings):
        counts = np.bincount(one.phases.read(whole(one.phases.shape)).ravel(), minlength=len(PHASES))
        records.append(timestep_record(settings, one.step, one.motion, one.phases, counts))
    return records


def thickness(record: dict[str, dict[str, Any]], kind: str = "continuous") -> dict[str, float]:
    found: dict[str, float] = record[kind]["effective_thickness_um"]
    return found


def test_a_current_period_moves_the_published_amount() -> None:
    settings = Settings()
    assert charge_mah(settings, 1) == pytest.approx(0.125)
    assert faraday_um(settings, 1) == pytest.approx(1.21286, rel=1e-5)
    assert faraday_um(settings, 1) * PUBLISHED_ROI_UM2 == pytest.approx(8.3499e6, rel=1e-4)


def test_one_cycle_has_the_published_number_of_scans() -> None:
    steps = timesteps(Settings(periods_between_scans=1))
    assert len(steps) == 25
    assert [steps[i].state for i in (0, 1, 12, 13, 24)] == [
        "pristine",
        "charge",
        "half_cycle",
        "discharge",
        "full_cycle",
    ]
    assert [steps[i].current_ma for i in (0, 1, 13)] == [0, 0.75, -0.75]
    assert steps[-1].time_min == 240


@pytest.mark.parametrize("seed", [7, 8])
def test_planted_volumes_obey_faraday(seed: int) -> None:
    settings = small(seed=seed)
    records = amounts(settings)
    pristine = thickness(records[0])
    for step, record in zip(timesteps(settings), records, strict=True):
        found, moved = thickness(record), faraday_um(settings, step.charged)
        assert sum(record["continuous"]["volume_um3"].values()) == pytest.approx(
            settings.roi_area_um2 * settings.roi_size[0] * settings.voxel_size_um, rel=1e-9
        )
        assert found["stripping_electrode"] == pytest.approx(pristine["stripping_electrode"] - moved, abs=0.03)
        assert found["plating_electrode"] == pytest.approx(settings.plating_electrode_um, rel=2e-3)
        back = settings.capacity_ratio * faraday_um(settings, step.discharged)
        assert found["redeposited"] == pytest.approx(back, rel=5e-3, abs=1e-9)
        if not step.discharged:
            plated = found["deposited"] + found["dendrite"]
            assert plated == pytest.approx(settings.capacity_ratio * moved, rel=0.02, abs=1e-9)
            assert found["dendrite"] == pytest.approx(settings.dendrite_share * plated, rel=0.15, abs=1e-9)
            assert found["pit"] == pytest.approx(settings.pit_share * moved, rel=0.03, abs=1e-9)


def test_features_come_and_go_over_the_cycle() -> None:
    pristine, charge, half, discharge, full = (thickness(record) for record in amounts(small()))
    assert [pristine[name] for name in ("dendrite", "pit", "deposited", "redeposited")] == [0, 0, 0, 0]
    for name in ("dendrite", "pit", "deposited"):
        assert 0 < charge[name] < half[name]
        assert half[name] > discharge[name] > full[name] > 0
    assert full["deposited"] == pytest.approx(0.01 * half["deposited"], rel=0.1)
    assert full["dendrite"] > 0.15 * half["dendrite"]
    assert full["plating_side"] == pytest.approx(full["plating_electrode"] + full["deposited"])
    assert full["stripping_side"] == pytest.approx(full["stripping_electrode"] + full["redeposited"])


def test_films_are_thick_enough_to_measure() -> None:
    settings = small()
    records = amounts(settings)
    for name, index in (("deposited", 1), ("deposited", 2), ("deposited", 3), ("redeposited", 3), ("redeposited", 4)):
        assert thickness(records[index])[name] > 4 * settings.voxel_size_um


def test_voxel_counts_agree_with_the_continuous_volumes() -> None:
    for record in amounts(small()):
        for name, value in thickness(record).items():
            assert thickness(record, "voxels")[name] == pytest.approx(
                value, rel=0.1 if name in {"dendrite", "pit"} else 0.02, abs=0.06
            )


def test_the_half_depth_parts_the_two_films() -> None:
    settings = small()
    plane = series_record(settings)["split_plane"]
    for one in scenes(settings):
        phases = one.phases.read(whole(one.phases.shape))
        before, after = (set(np.unique(half)) for half in (phases[:plane], phases[plane:]))
        assert not before & {PHASES.value("deposited"), PHASES.value("plating_electrode"), PHASES.value("dendrite")}
        assert not after & {PHASES.value("redeposited"), PHASES.value("stripping_electrode"), PHASES.value("pit")}


def test_labels_are_the_phases_without_their_sides() -> None:
    pairs = {PHASES.names[phase]: LABELS.names[label] for phase, label in enumerate(LABEL_OF_PHASE)}
    assert pairs == {
        "background": "background",
        "dendrite": "dendrite",
        "pit": "pit",
        "deposited": "film",
        "redeposited": "film",
        "stripping_electrode": "electrode",
        "plating_electrode": "electrode",
    }
    phases = list(scenes(small()))[3].phases
    region = (slice(3, 90), slice(7, 9), slice(0, 40))
    np.testing.assert_array_equal(LabelVolume(phases).read(region), LABEL_OF_PHASE[phases.read(region)])


def test_the_electrolyte_is_brighter_than_lithium_and_no_threshold_parts_film_from_electrode() -> None:
    settings = small(max_translation_um=0, max_rotation_deg=0, nonrigid_um=0)
    one = list(scenes(settings))[2]
    start, size = settings.roi_start, settings.roi_size
    roi = tuple(slice(low, low + n) for low, n in zip(start, size, strict=True))
    grey = one.scan.read((roi[0], roi[1], roi[2])).astype(float)
    labels = LabelVolume(one.phases).read(whole(size))
    means = [grey[labels == value].mean() for value in range(len(LABELS))]
    assert means[0] > means[1] > means[3] > means[4] > means[2]
    film, electrode = grey[labels == 3], grey[labels == 4]
    best = min(
        (film < level).mean() + (electrode >= level).mean() for level in np.linspace(electrode.mean(), film.mean(), 50)
    )
    assert best > 0.15


@pytest.mark.parametrize(
    "changes",
    [
        {"periods_between_scans": 5},
        {"stripping_electrode_um": 14.0},
        {"plating_electrode_um": 60.0},
        {"roi_margin_voxels": (60, 8, 8)},
        {"formats": ("tiff_folder", "jpeg")},
        {"annotated_timesteps": (0, 5)},
        {"colour": "red"},
    ],
)
def test_impossible_settings_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"expected|make it smaller|permitted"):
        Settings(**changes)
