"""Surface Dice and 95 % Hausdorff distance: solids of known shift, anisotropic voxels, SciPy on the whole volume."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from evaluation.scenes import CLASSES, ball, make_pair, random_pair, wall
from support.stores import LIMITS
from tomocell.blocks import Limits
from tomocell.errors import BadInput
from tomocell.evaluation import surfaces
from tomocell.evaluation.settings import EvaluateSettings
from tomocell.evaluation.surfaces import reach_of, surface_distances, surface_metrics

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.evaluation.surfaces import Distances, Reach
    from tomocell.volumes.volume import VoxelSize

    Voxels = NDArray[np.uint8]

CUBIC: VoxelSize = (1.0, 1.0, 1.0)
FLAT: VoxelSize = (2.0, 0.5, 1.25)
SHAPE = (24, 44, 30)


def reach(size: VoxelSize, tolerance_um: float | None = None, cap_um: float | None = None) -> Reach:
    return reach_of(size, EvaluateSettings(surface_tolerance_um=tolerance_um, surface_cap_um=cap_um))


def of_solid(labels: Voxels, truth: Voxels, size: VoxelSize, how: Reach) -> Distances:
    found = surface_distances(make_pair(labels, truth, size), how, LIMITS)
    return found[CLASSES.names.index("solid")]


def by_scipy(labels: Voxels, truth: Voxels, size: VoxelSize, tolerance_um: float) -> tuple[float, float]:
    """Return surface Dice and HD95 of the solid, from distance maps of the whole volume."""
    known = truth != 255
    rims = [
        (side == 4) & known & ndimage.binary_dilation((side != 4) & known, ndimage.generate_binary_structure(3, 1))
        for side in (truth, labels)
    ]
    maps = [ndimage.distance_transform_edt(~rim, sampling=size) for rim in rims]
    there, back = maps[1][rims[0]], maps[0][rims[1]]
    within = (there <= tolerance_um + 1e-6).sum() + (back <= tolerance_um + 1e-6).sum()
    ends = [np.percentile(side, 95, method="inverted_cdf") for side in (there, back)]
    return float(within / (len(there) + len(back))), float(max(ends))


def balls(size: VoxelSize) -> tuple[Voxels, Voxels]:
    centre = [length / 2 for length in SHAPE]
    shifted = [centre[0] + 1, centre[1] + 2, centre[2] - 1]
    return ball(shifted, 8.0, SHAPE, size), ball(centre, 8.0, SHAPE, size)


SCENES = {
    "cubic balls": (*balls(CUBIC), CUBIC),
    "flat balls": (*balls(FLAT), FLAT),
    "noise": (*random_pair((14, 12, 17)), FLAT),
    "ball against a wall": (wall(9, 24, (44, 30)), balls(CUBIC)[1], CUBIC),
}


@pytest.mark.parametrize(("labels", "truth", "size"), SCENES.values(), ids=SCENES.keys())
@pytest.mark.parametrize("tolerance_um", [0.6, 2.0])
def test_the_answer_is_that_of_scipy(labels: Voxels, truth: Voxels, size: VoxelSize, tolerance_um: float) -> None:
    how = reach(size, tolerance_um, 30.0)
    metrics, reason = surface_metrics(of_solid(labels, truth, size, how), how)
    dice, hd95_um = by_scipy(labels, truth, size, tolerance_um)
    assert not reason
    assert metrics["surface_dice"] == pytest.approx(dice, abs=1e-12)
    assert metrics["hd95_um"] == pytest.approx(hd95_um, abs=min(size) / 1024)


@given(core=st.tuples(st.integers(2, 24), st.integers(3, 44), st.integers(2, 30)), scene=st.sampled_from(list(SCENES)))
@settings(max_examples=12, deadline=None)
def test_blocks_change_nothing(core: tuple[int, int, int], scene: str) -> None:
    labels, truth, size = SCENES[scene]
    how = reach(size, 1.0, 5.0)
    once = of_solid(labels, truth, size, how)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surfaces, "choose_core", lambda *_: core)
        cut = of_solid(labels, truth, size, how)
    assert np.array_equal(once.near, cut.near)
    assert np.array_equal(once.total, cut.total)


@pytest.mark.parametrize("moved", [1, 2, 5])
def test_a_wall_is_as_far_as_it_was_moved(moved: int) -> None:
    distance = moved * FLAT[0]
    for tolerance, agree in ((distance, 1.0), (distance - 0.1, 0.0)):
        how = reach(FLAT, tolerance)
        metrics, _ = surface_metrics(of_solid(wall(10 + moved), wall(10), FLAT, how), how)
        assert metrics["surface_dice"] == agree
        assert metrics["hd95_um"] == pytest.approx(distance)


def test_a_shifted_ball_is_no_farther_than_its_shift() -> None:
    labels, truth = balls(CUBIC)
    how = reach(CUBIC)
    metrics, _ = surface_metrics(of_solid(labels, truth, CUBIC, how), how)
    hd95_um, dice = metrics["hd95_um"], metrics["surface_dice"]
    assert hd95_um is not None
    assert dice is not None
    assert 2 <= hd95_um <= math.sqrt(6)
    assert 0.3 < dice < 0.8


def test_beyond_the_cap_nothing_is_claimed() -> None:
    how = reach(FLAT, 1.0, 3.0)
    metrics, reason = surface_metrics(of_solid(wall(15), wall(10), FLAT, how), how)
    assert metrics == {"surface_dice": 0.0, "hd95_um": None}
    assert reason == "> 3 um, the cap of distances"


def test_a_class_without_a_surface() -> None:
    how = reach(FLAT)
    nowhere = np.zeros_like(wall(10))
    for labels, truth, dice, words in (
        (nowhere, wall(10), 0.0, "no surface in labels"),
        (wall(10), nowhere, 0.0, "no surface in truth"),
        (nowhere, nowhere, None, "no surface in truth and labels"),
        (wall(24), wall(24), None, "no surface in truth and labels"),  # the volume's faces are none
    ):
        metrics, reason = surface_metrics(of_solid(labels, truth, FLAT, how), how)
        assert metrics == {"surface_dice": dice, "hd95_um": None}
        assert reason == words


def test_defaults_follow_the_voxel() -> None:
    assert (reach(FLAT).tolerance_um, reach(FLAT).cap_um) == (2.0, 32.0)
    assert reach(FLAT, cap_um=1.0).tolerance_um == 1.0
    assert reach(FLAT, tolerance_um=50.0).cap_um == 50.0
    assert reach(FLAT, cap_um=4.0).halo == (3, 9, 4)
    with pytest.raises(ValueError, match="beyond"):
        EvaluateSettings(surface_tolerance_um=2.0, surface_cap_um=1.0)


def test_a_cap_too_far_for_the_memory_is_told() -> None:
    truth = np.zeros((400, 200, 200), np.uint8)
    with pytest.raises(BadInput, match="surface_cap_um"):
        surface_distances(make_pair(truth, truth, CUBIC), reach(CUBIC, cap_um=300.0), Limits(memory_mb=400))
    core = surfaces._core((2000, 2000, 2000), surfaces.Need((17, 17, 17), 16.0), Limits(2048))
    assert min(core) >= 64, "slabs thinner than the halo are read many times over"
