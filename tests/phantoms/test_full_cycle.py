"""The full cycle: what is planted is what the stored phases show, and obeys the laws."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import ndimage

from tomocell.errors import BadInput
from tomocell.phantoms.cell.chronology import MIN_PER_H, faraday_um, timesteps
from tomocell.phantoms.cell.curve import curve
from tomocell.phantoms.cell.views import PHASES
from tomocell.phantoms.lithium import scenes, synthesize
from tomocell.phantoms.lithium_25 import Settings
from tomocell.phantoms.lithium_25 import synthesize as synthesize_25
from tomocell.phantoms.scaled_study import read_page, scaled_page
from tomocell.settings.samples import SampleSheet
from tomocell.settings.study import Study
from tomocell.volumes.store import open_store
from tomocell.volumes.volume import whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

SETTINGS = Settings(
    shape=(120, 92, 92),
    roi_margin_voxels=(4, 6, 6),
    max_translation_um=1.6,
    max_rotation_deg=0.6,
    periods_between_scans=6,
    dead_share=1.0,
    reference_index=-1,
    annotated_timesteps=(0,),
    formats=("raw",),
)
ALL_TOUCH = np.ones((3, 3, 3))
VOXEL = SETTINGS.voxel_size_um


@dataclass(frozen=True)
class Series:
    folder: Path
    truth: dict[str, Any]
    phases: dict[str, NDArray[np.uint8]]

    def step(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.truth["timesteps"][name]
        return found

    def column(self, name: str, phase: str) -> NDArray[np.int64]:
        return np.asarray((self.phases[name] == PHASES.value(phase)).sum(axis=0))


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Series:
    out = tmp_path_factory.mktemp("full") / "cycle"
    synthesize(SETTINGS, out)
    stores = {step.name: open_store(out / f"truth/{step.name}/phases.ome.zarr") for step in timesteps(SETTINGS)}
    phases = {name: np.asarray(store.read(whole(store.shape))) for name, store in stores.items()}
    return Series(out, json.loads((out / "truth/truth.json").read_text()), phases)


def thickness(record: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = record["continuous"]["effective_thickness_um"]
    return found


def test_dead_lithium_touches_nothing_and_all_else_its_electrode(series: Series) -> None:
    grew = []
    for name, phases in series.phases.items():
        lithium = np.isin(phases, [PHASES.value(phase) for phase in ("dendrite", "deposited", "plating_electrode")])
        pieces, _ = ndimage.label(lithium, ALL_TOUCH)
        held = np.bincount(pieces[phases == PHASES.value("plating_electrode")]).argmax()
        loose = int(((phases == PHASES.value("dendrite")) & (pieces != held)).sum())
        dead = series.step(name)["dead_lithium"]
        # A leaning tip may lose a voxel of its own to the grid.
        assert loose == pytest.approx(dead["dead_voxels"], abs=2)
        assert dead["dead_um3"] == pytest.approx(dead["dead_voxels_um3"], rel=0.1)
        grew.append(dead["dead_um3"])
    half = len(grew) // 2
    assert grew[: half + 1] == [0.0] * (half + 1)
    assert 0 < grew[half + 1] <= grew[-1]
    assert grew[-1] > 100 * VOXEL**3


@pytest.mark.parametrize("seed", range(4))
def test_dead_and_attached_stay_apart_whatever_the_seed(seed: int) -> None:
    last = list(scenes(SETTINGS.model_copy(update={"seed": seed, "periods_between_scans": 12})))[-1]
    phases = last.phases.read(whole(last.phases.shape))
    lithium = np.isin(phases, [PHASES.value(phase) for phase in ("dendrite", "deposited", "plating_electrode")])
    pieces, _ = ndimage.label(lithium, ALL_TOUCH)
    held = np.bincount(pieces[phases == PHASES.value("plating_electrode")]).argmax()
    loose = int(((phases == PHASES.value("dendrite")) & (pieces != held)).sum())
    assert loose == pytest.approx(last.phases.dead()[1], abs=2)


def test_the_gap_grows_by_the_swelling_and_by_what_is_stripped(series: Series) -> None:
    names = list(series.phases)
    pristine = series.step(names[0])["electrodes"]
    assert pristine["swelling_um"] == 0
    for step in timesteps(SETTINGS):
        found = series.step(step.name)["electrodes"]
        share = step.charged / SETTINGS.periods_per_half_cycle
        expected = SETTINGS.swelling_um * share + faraday_um(SETTINGS, step.charged)
        assert found["swelling_um"] == pytest.approx(expected, abs=1e-6)
        assert found["gap_um"] - pristine["gap_um"] == pytest.approx(found["swelling_um"])
        assert found["plating_outer_um"] - pristine["plating_outer_um"] == pytest.approx(SETTINGS.swelling_um * share)
        assert found["stripping_outer_um"] == pytest.approx(SETTINGS.casing_um)


def test_the_edges_are_those_of_the_stored_electrodes(series: Series) -> None:
    for name in series.phases:
        found, thick = series.step(name)["electrodes"], thickness(series.step(name))
        for side in ("stripping", "plating"):
            between = abs(found[f"{side}_inner_um"] - found[f"{side}_outer_um"])
            assert between == pytest.approx(thick[f"{side}_electrode"], abs=0.02)
            stored = series.column(name, f"{side}_electrode").mean() * VOXEL
            assert stored == pytest.approx(between, abs=0.1 * VOXEL)


def test_visible_lithium_obeys_faraday_less_what_is_missing(series: Series) -> None:
    for step in timesteps(SETTINGS):
        found = thickness(series.step(step.name))
        ratio = SETTINGS.capacity_ratio_after(step.charged + step.discharged)
        back = ratio * faraday_um(SETTINGS, step.discharged)
        assert found["redeposited"] == pytest.approx(back, rel=5e-3, abs=1e-9)
        if not step.discharged:
            plated = found["deposited"] + found["dendrite"]
            assert plated == pytest.approx(ratio * faraday_um(SETTINGS, step.charged), rel=0.02, abs=1e-9)
    told = [series.step(name)["electrochemistry"]["capacity_ratio"] for name in series.phases][1:]
    assert all(later < earlier for earlier, later in pairwise(told))
    assert told[-1] == pytest.approx(0.6, rel=0.02)
    planted = [series.step(name)["planted"]["faraday"]["capacity_ratio"] for name in [*series.phases][1:]]
    assert planted == pytest.approx(told, rel=1e-6)


def test_voids_are_pits_that_are_not_filled(series: Series) -> None:
    half, full = (series.phases[name] for name in ("t120", "t240"))
    depth = ((half == PHASES.value("pit")) & (full != PHASES.value("redeposited"))).sum(axis=0)
    found = series.step("t240")["voids"]
    assert found["void_volume_um3"] == pytest.approx(depth.sum() * VOXEL**3)
    assert found["void_area_percent"] == pytest.approx((depth > 0).mean() * 100)
    assert found["void_area_percent"] + found["contact_area_percent"] == 100
    assert found["mean_depth_um"] == pytest.approx(depth[depth > 0].mean() * VOXEL)
    assert found["largest_depth_um"] == pytest.approx(depth.max() * VOXEL)
    of_pits = (depth > 0).sum() / (series.column("t120", "pit") > 0).sum() * 100
    assert found["void_area_of_pits_percent"] == pytest.approx(of_pits)
    flat = np.maximum(series.column("t120", "pit") - series.column("t240", "redeposited"), 0)
    assert found["flattened_void_volume_um3"] == pytest.approx(flat.sum() * VOXEL**3)
    assert 0 < found["flattened_void_volume_um3"] < found["void_volume_um3"]
    volumes = [series.step(name)["voids"]["void_volume_um3"] for name in ("t120", "t180", "t240")]
    assert volumes == sorted(volumes, reverse=True)


def test_planted_values_have_the_names_of_the_analyses(series: Series) -> None:
    planted = series.step("t240")["planted"]
    keys = {analysis: set(values) for analysis, values in planted.items()}
    assert keys["dead_lithium"] == {"dead_um3"}
    assert {"gap_um", "stripping_inner_um", "plating_inner_um", "stripping_outer_um"} < keys["electrode_gap"]
    assert keys["swelling"] == {"swelling_um"}
    assert {"void_area_percent", "contact_area_percent", "void_volume_um3", "mean_depth_um"} < keys["voids"]
    for phase in ("dendrite", "pit", "deposited", "redeposited"):
        covered = (series.column("t240", phase) > 0).mean() * 100
        assert planted["occupancy"][f"{phase}_percent"] == pytest.approx(covered)
    charges = [series.step(name)["planted"]["faraday"]["charge_mah"] for name in series.phases]
    assert charges == pytest.approx([0, 0.75, 1.5, 0.75, 0])


def test_dendrites_stand_where_the_record_says(series: Series) -> None:
    record = series.step("t120")
    seen = series.phases["t120"] == PHASES.value("dendrite")
    pieces, _ = ndimage.label(seen, ALL_TOUCH)
    assert len(record["dendrites"]) > 3
    found = set()
    for one in record["dendrites"]:
        y, x = (int(one[name] / VOXEL) for name in ("y_um", "x_um"))
        around = np.zeros_like(seen)
        around[:, max(y - 4, 0) : y + 5, max(x - 4, 0) : x + 5] = True
        tip = np.flatnonzero((seen & around).any(axis=(1, 2)))[0] * VOXEL
        assert tip == pytest.approx(one["tip_um"], abs=1.5 * VOXEL)
        numbers = np.bincount(pieces[seen & around])
        found.add(int(numbers.argmax()))
    assert len(found) == len(record["dendrites"])  # apart: each is a piece of its own
    sizes = np.bincount(pieces[seen])[1:]
    planted = record["planted"]["dendrites"]
    assert planted["count"] == (sizes >= 20).sum()
    assert planted["tip_height_um"] == pytest.approx(
        max(one["height_um"] for one in record["dendrites"]), abs=2 * VOXEL
    )


def test_the_curve_integrates_to_the_charge_and_rests_at_every_scan() -> None:
    found = curve(SETTINGS)
    time, current = found["time_min"], found["current_ma"]
    for integral in (np.trapezoid(np.abs(current), time), np.abs(current).sum() * (time[1] - time[0])):
        assert integral / MIN_PER_H == pytest.approx(2 * 1.5)
    assert np.trapezoid(current, time) == pytest.approx(0, abs=1e-9)
    for step in timesteps(SETTINGS):
        around = np.abs(time - step.clock_min) < SETTINGS.rest_min / 2 - 0.5
        assert around.any()
        assert not current[around].any()
        until = time <= step.clock_min
        net = np.trapezoid(current[until], time[until]) / MIN_PER_H
        assert net == pytest.approx((step.charged - step.discharged) * 0.125)
    voltage = found["voltage_v"]
    flows = current != 0
    assert (np.sign(voltage[flows]) == np.sign(current[flows])).all()
    assert np.abs(voltage[flows]).min() > np.abs(voltage[~flows]).min()


def test_the_sheet_tells_the_clock_and_the_curve_stands_beside_it(series: Series) -> None:
    sheet = SampleSheet.read(series.folder / "samples.tsv")
    assert [sample.time_min for sample in sheet.samples] == [0, 180, 360, 540, 720]
    with (series.folder / "curve.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert set(rows[0]) == {"time_min", "voltage_v", "current_ma"}
    assert float(rows[-1]["time_min"]) >= 720


def test_regions_of_scan_and_truth_do_not_depend_on_the_block() -> None:
    one = list(scenes(SETTINGS))[-2]
    for volume in (one.scan, one.phases):
        region = (slice(0, volume.shape[0]), slice(30, 33), slice(11, 60))
        high = (slice(70, 90), slice(30, 33), slice(11, 60))
        np.testing.assert_array_equal(volume.read(region)[70:90], volume.read(high))


def test_the_casing_is_background_of_its_own_grey() -> None:
    one = list(scenes(SETTINGS))[-1]
    labels = one.phases.read(whole(one.phases.shape))
    assert (labels[:3] == 0).all()
    assert (labels[-3:] == 0).all()
    casing = one.scan.read((slice(0, 6), slice(0, 92), slice(0, 92))).astype(float)
    assert casing.mean() == pytest.approx(SETTINGS.grey_casing, rel=0.02)


def test_scale_makes_a_larger_cell_of_the_same_features() -> None:
    cell = Settings(scale=2).scaled()
    assert cell.shape == (256, 288, 288)
    assert cell.roi_margin_voxels == (16, 16, 16)
    assert cell.stripping_electrode_um == 2 * Settings().stripping_electrode_um
    assert cell.dendrite_radius_um == Settings().dendrite_radius_um
    assert cell.scaled() == cell
    first = next(iter(scenes(Settings(scale=2))))
    assert first.scan.shape == (256, 288, 288)
    assert first.phases.shape == (224, 256, 256)


def test_the_shipped_study_is_scaled_as_the_cell_is() -> None:
    page = read_page(Path(__file__).parents[2] / "config/lithium-25.yaml")
    for scale in (1, 3):
        study, cell = Study.model_validate(scaled_page(page, scale)), Settings(scale=scale).scaled()
        assert study.registration is not None
        assert study.registration.roi_start_voxels == cell.roi_start
        assert study.registration.roi_size_voxels == cell.roi_size
        low = cell.voxels(cell.casing_um + cell.stripping_electrode_um + cell.inclusion_gap_um)
        high = low + cell.voxels(cell.inclusion_spacing_um) * (cell.inclusion_layers + 0.5)
        for centre in study.registration.subvolume_centres_voxels:
            # Where the inclusions are, which do not move.
            assert low < centre[0] - cell.roi_start[0] < high
        assert study.scan.gigavoxels == pytest.approx(np.prod(cell.shape) / 1e9, rel=0.2)


def test_the_shipped_sheet_is_that_of_the_phantom() -> None:
    settings = Settings()
    sheet = SampleSheet.read(Path(__file__).parents[2] / "config/samples/lithium-25.tsv")
    steps = timesteps(settings)
    told = [(one.timestep, one.time_min, one.state, one.current_ma, bool(one.labels)) for one in sheet.samples]
    assert told == [
        (step.name, step.clock_min, step.state, step.current_ma, step.index in settings.annotated) for step in steps
    ]
    assert sheet.reference(settings.series) == steps[-1].name


def test_a_page_that_is_no_study_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.yaml").write_text("study: x\n")
    with pytest.raises(BadInput, match=r"page\.yaml.*registration"):
        synthesize_25(Settings(study=str(tmp_path / "page.yaml")), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "changes",
    [{"casing_um": 0.0}, {"swelling_um": 60.0}, {"capacity_ratio_end": 0.0}, {"dead_share": 1.5}, {"scale": 0}],
)
def test_impossible_settings_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"expected|greater|less"):
        Settings(**changes)
