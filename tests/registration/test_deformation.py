from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from registration.scenes import CUBE, Scene, balls, motion, scan
from tomocell.registration import transforms
from tomocell.registration.deformation import NONE, Deformation, Residuals, affine, deformation_of, spline
from tomocell.registration.place import place
from tomocell.registration.register import register
from tomocell.registration.resample import Frame, resample_region
from tomocell.registration.settings import RegisterSettings
from tomocell.volumes.volume import whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = (80, 90, 100)


def residuals(count: int = 12, seed: int = 0, *, flat: bool = False) -> Residuals:
    rng = np.random.default_rng(seed)
    centres = rng.uniform(10, 70, (count, 3))
    if flat:
        centres[:, 0] = 40.0
    return Residuals(centres, bent(centres), np.full((count, 3), 16.0))


SLOPES = np.array([[0.01, -0.02, 0.0], [0.0, 0.015, 0.01], [0.02, 0.0, -0.01]])


def bent(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.array([0.5, -1.0, 0.2]) + (points - 40) @ SLOPES)


def test_an_affine_displacement_is_found_exactly() -> None:
    given = residuals()
    inner = np.random.default_rng(1).uniform(20, 60, (30, 3))
    for fit in (affine, spline):
        assert_allclose(fit(given, inner), bent(inner), atol=1e-9)


def test_centres_in_a_plane_tell_nothing_across_it() -> None:
    given = residuals(flat=True)
    above, below = (np.array([[z, 40.0, 50.0]]) for z in (32.5, 47.5))
    for fit in (affine, spline):
        assert_allclose(fit(given, above), fit(given, below), atol=1e-6)
        assert_allclose(fit(given, given.centres_um), given.displacements_um, atol=1e-6)


def test_the_spline_goes_through_every_displacement() -> None:
    given = residuals(9)
    rng = np.random.default_rng(2)
    uneven = Residuals(given.centres_um, given.displacements_um + rng.normal(0, 1, (9, 3)), given.sizes_um)
    assert_allclose(spline(uneven, uneven.centres_um), uneven.displacements_um, atol=1e-9)
    assert np.abs(affine(uneven, uneven.centres_um) - uneven.displacements_um).max() > 0.1


def test_nothing_is_made_up_beyond_the_sub_volumes() -> None:
    given = residuals()
    high = (given.centres_um + 8).max(axis=0)
    assert_allclose(spline(given, high[None] + 500), spline(given, high[None]), atol=1e-9)


def test_without_residuals_or_correction_there_is_none() -> None:
    assert deformation_of(residuals(), "none", SHAPE, CUBE).is_none
    nothing = Residuals(np.empty((0, 3)), np.empty((0, 3)), np.empty((0, 3)))
    assert deformation_of(nothing, "spline", SHAPE, CUBE).is_none


@pytest.mark.parametrize("kind", ["cubic", "linear", "nearest"])
def test_a_deformed_scan_is_blockwise_the_same_and_moves_as_told(kind: str) -> None:
    grey = scan(balls(1, SHAPE), SHAPE)
    matrix = motion(1.0, 2.0, SHAPE)
    by = np.array([2.0, -1.0, 3.0])
    shifted = Deformation(np.broadcast_to(by[:, None, None, None], (3, 2, 3, 4)).copy(), (79, 44.5, 33))
    region = (slice(10, 60), slice(12, 70), slice(9, 80))
    frame = Frame(grey.size, kind)
    moved = resample_region(grey, matrix, region, frame, shifted)
    told = transforms.compose(transforms.rigid((0, 0, 0), by), matrix)
    plain = resample_region(grey, told, region, frame)
    assert np.mean(moved.voxels != plain.voxels) < 1e-3  # the sum of two numbers rounds by its order
    field = deformation_of(residuals(), "spline", SHAPE, CUBE)
    once = resample_region(grey, matrix, whole(SHAPE), frame, field)
    for start in range(0, 80, 27):
        part = (slice(start, min(start + 27, 80)), slice(5, 50), slice(31, 99))
        assert_array_equal(resample_region(grey, matrix, part, frame, field).voxels, once.voxels[part])
    assert (resample_region(grey, matrix, whole(SHAPE), frame, NONE).voxels != once.voxels).mean() > 0.1


def test_a_swollen_sample_comes_closer_to_its_reference() -> None:
    """The sample is stretched by 5 % along x: correction brings back what the rigid motion cannot."""
    shape = (72, 80, 92)
    scene = balls(21, shape)
    swollen = scene.centres + 0.05 * (scene.centres - 46) * (0, 0, 1)
    fixed, moving = scan(scene, shape), scan(Scene(swollen, scene.radii, scene.greys), shape, seed=1)
    settings = RegisterSettings(on_failure="flag", subvolume_size_voxels=(36, 32, 28), subvolume_count=12)
    found = register(fixed, moving, settings)
    assert found.deforms
    inner = tuple(slice(12, size - 12) for size in shape)
    truth = fixed.read(inner).ravel().astype(float)
    likeness = {}
    for kind in ("none", "affine", "spline"):
        placed = place(found.model_copy(update={"correction": kind}), fixed, settings)
        likeness[kind] = np.corrcoef(placed.resample(moving, inner).voxels.ravel().astype(float), truth)[0, 1]
    assert min(likeness["affine"], likeness["spline"]) > likeness["none"] + 0.02
    assert likeness["affine"] > 0.97
