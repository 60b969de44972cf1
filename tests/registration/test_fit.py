"""The engines on one patch: known motions, each held against the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from registration.scenes import CUBE, Scene, balls, corner_error, corners, motion, patch, scan
from tomocell.registration import transforms
from tomocell.registration.engines import engine_of
from tomocell.registration.patch import Patch
from tomocell.registration.settings import FitSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.registration.engines import Fit
    from tomocell.volumes.volume import Shape, VoxelSize

SHAPE = (64, 64, 64)
FLAT: VoxelSize = (2.5, 1.0, 1.0)
SETTINGS = FitSettings()


def pair(true: NDArray[np.float64], shape: Shape = SHAPE, voxel_um: VoxelSize = CUBE, **changes: float) -> list[Patch]:
    scene = balls(11, np.array(shape) * voxel_um)
    return [patch(scan(part, shape, voxel_um, seed=n, **changes)) for n, part in enumerate((scene, scene.moved(true)))]


def fit(patches: list[Patch], settings: FitSettings = SETTINGS, threads: int = 1) -> Fit:
    return engine_of(settings)(patches[0], patches[1], np.eye(4), settings, threads)


@pytest.mark.parametrize("seed", range(4))
def test_a_known_motion_is_found(seed: int) -> None:
    true = motion(1.0, 3.0, SHAPE, seed=seed)
    found = fit(pair(true))
    assert found.converged
    assert corner_error(found.matrix, true, corners(SHAPE)) < 0.03
    assert transforms.angle_deg(transforms.invert(true) @ found.matrix) < 0.02


@pytest.mark.parametrize("shift", np.arange(0, 1, 0.1).round(1))
def test_no_shift_between_voxels_is_preferred(shift: float) -> None:
    true = transforms.rigid((0, 0, 0), (shift, 0, -shift))
    assert_allclose(fit(pair(true, noise=0.0)).matrix, true, atol=2e-3)


def test_voxels_that_are_not_cubes() -> None:
    shape = (40, 80, 72)
    true = motion(1.2, 3.0, shape, FLAT, seed=5)
    found = fit(pair(true, shape, FLAT)).matrix
    assert corner_error(found, true, corners(shape, FLAT)) < 0.03
    assert transforms.is_rigid(found)


def test_the_result_does_not_depend_on_the_number_of_threads() -> None:
    patches = pair(motion(1.0, 2.0, SHAPE))
    assert_array_equal(fit(patches, threads=1).matrix, fit(patches, threads=3).matrix)


def test_the_result_does_not_depend_on_the_grey_scale() -> None:
    fixed, moving = pair(motion(1.0, 2.0, SHAPE))
    other = Patch(0.013 * moving.voxels - 700, moving.origin_um, moving.voxel_um)
    assert_allclose(fit([fixed, other]).matrix, fit([fixed, moving]).matrix, atol=1e-4)


def test_inverted_contrast_is_a_negative_gain() -> None:
    true = motion(1.0, 2.0, SHAPE)
    fixed, moving = pair(true)
    found = fit([fixed, Patch(-moving.voxels, moving.origin_um, moving.voxel_um)])
    assert corner_error(found.matrix, true, corners(SHAPE)) < 0.03


def test_where_the_patches_lie_in_their_scans_is_accounted_for() -> None:
    true = motion(1.0, 2.0, SHAPE)
    fixed, moving = pair(true)
    cut = Patch(np.ascontiguousarray(fixed.voxels[10:50, 8:56, 12:]), np.array([10.0, 8, 12]), fixed.voxel_um)
    assert corner_error(fit([cut, moving]).matrix, true, corners(SHAPE)) < 0.06


def changed(true: NDArray[np.float64], share: float) -> list[Patch]:
    """A pair in whose second scan balls have moved on by 2 um along z: deposits that grow, say."""
    scene = balls(11, SHAPE)
    apart = np.random.default_rng(4).random(len(scene.radii)) < share
    wandered = Scene(scene.centres + apart[:, None] * (2.0, 0, 0), scene.radii, scene.greys)
    return [patch(scan(part, SHAPE, seed=n)) for n, part in enumerate((scene, wandered.moved(true)))]


def test_voxels_that_changed_have_no_weight() -> None:
    true = motion(0.8, 2.0, SHAPE)
    patches = changed(true, 0.3)
    assert corner_error(fit(patches).matrix, true, corners(SHAPE)) < 0.1
    plain = fit(patches, SETTINGS.model_copy(update={"robust": False})).matrix
    assert corner_error(plain, true, corners(SHAPE)) > 0.4


def test_masked_voxels_do_not_count() -> None:
    true = motion(0.8, 2.0, SHAPE)
    fixed, moving = pair(true)
    mask = np.ones(SHAPE, bool)
    mask[:, :, 34:] = False
    spoilt = np.where(mask, fixed.voxels, np.roll(fixed.voxels, 4, axis=0)).astype(np.float32)
    masked = Patch(spoilt, fixed.origin_um, fixed.voxel_um, mask)
    settings = SETTINGS.model_copy(update={"robust": False})
    assert corner_error(fit([masked, moving], settings).matrix, true, corners(SHAPE)) < 0.1
    assert (
        corner_error(fit([Patch(spoilt, *(np.zeros(3), np.ones(3))), moving], settings).matrix, true, corners(SHAPE))
        > 0.4
    )


def test_patches_that_do_not_meet_leave_the_start_alone() -> None:
    fixed, moving = pair(np.eye(4))
    far = Patch(moving.voxels, np.array([500.0, 0, 0]), moving.voxel_um)
    found = fit([fixed, far])
    assert not found.converged
    assert_array_equal(found.matrix, np.eye(4))


def test_directions_without_information_are_left_alone() -> None:
    layers = np.broadcast_to(np.sin(np.arange(64.0) / 5)[:, None, None], SHAPE).astype(np.float32)
    moved = np.broadcast_to(np.sin((np.arange(64.0) - 1.5) / 5)[:, None, None], SHAPE).astype(np.float32)
    patches = [Patch(np.ascontiguousarray(voxels), np.zeros(3), np.ones(3)) for voxels in (layers, moved)]
    found = transforms.displacement(fit(patches).matrix, (31.5, 31.5, 31.5))
    assert_allclose(found, (1.5, 0, 0), atol=0.02)


@pytest.mark.parametrize("metric", ["correlation", "mutual_information"])
def test_simpleitk_finds_the_same(metric: str) -> None:
    true = motion(1.0, 2.0, SHAPE)
    patches = pair(true)
    other = fit(patches, FitSettings(engine="simpleitk", metric=metric, pyramid=(2, 1)), threads=2).matrix
    ours = fit(patches).matrix
    assert corner_error(other, true, corners(SHAPE)) < 0.08
    assert corner_error(ours, other, corners(SHAPE)) < 0.08
    assert corner_error(ours, true, corners(SHAPE)) <= corner_error(other, true, corners(SHAPE)) + 0.005


def test_simpleitk_takes_voxels_that_are_not_cubes_and_a_mask() -> None:
    shape = (24, 64, 56)
    true = motion(1.0, 2.0, shape, FLAT)
    fixed, moving = pair(true, shape, FLAT)
    masked = Patch(fixed.voxels, fixed.origin_um, fixed.voxel_um, np.ones(shape, bool))
    found = fit([masked, moving], FitSettings(engine="simpleitk", pyramid=(2, 1)), threads=2)
    assert corner_error(found.matrix, true, corners(shape, FLAT)) < 0.15


def test_simpleitk_that_finds_no_overlap_leaves_the_start_alone() -> None:
    fixed, moving = pair(np.eye(4))
    far = Patch(moving.voxels, np.array([500.0, 0, 0]), moving.voxel_um)
    found = fit([fixed, far], FitSettings(engine="simpleitk", pyramid=(2, 1)))
    assert not found.converged
    assert_array_equal(found.matrix, np.eye(4))


@pytest.mark.parametrize(
    "values",
    [
        {"metric": "mutual_information"},
        {"pyramid": (4, 2)},
        {"pyramid": (1, 2, 1)},
        {"engine": "elastix"},
        {"robots": 1},
    ],
)
def test_settings_that_cannot_work_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        FitSettings.model_validate(values)
