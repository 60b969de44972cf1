from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from registration.scenes import balls, motion, patch, scan
from tomocell.registration.likeness import compare, nothing
from tomocell.registration.patch import Patch
from tomocell.registration.settings import FitSettings

SHAPE = (48, 56, 52)
INNER = (slice(8, 40), slice(8, 48), slice(8, 44))


def inner(whole: Patch) -> Patch:
    return Patch(np.ascontiguousarray(whole.voxels[INNER]), np.full(3, 8.0), whole.voxel_um)


def scene_patch(seed: int, matrix: np.ndarray | None = None) -> Patch:
    scene = balls(seed, SHAPE)
    return patch(scan(scene if matrix is None else scene.moved(matrix), SHAPE, noise=0.02, seed=seed))


def test_a_scan_is_like_itself() -> None:
    whole = scene_patch(1)
    found = compare(inner(whole), whole, np.eye(4))
    assert found.correlation == pytest.approx(1.0)
    assert found.agreement == pytest.approx(1.0, abs=0.01)
    assert found.parallelism == pytest.approx(1.0, abs=0.01)
    assert found.covered == 1.0


def test_the_true_motion_makes_scans_alike_and_no_motion_does_not() -> None:
    true = motion(2.0, 5.0, SHAPE)
    fixed, moving = inner(scene_patch(1)), scene_patch(1, true)
    right, wrong = compare(fixed, moving, true), compare(fixed, moving, np.eye(4))
    assert right.agreement > 0.9
    assert (right.correlation or 0) > 0.95
    assert wrong.agreement < 0.2
    assert (wrong.correlation or 0) < 0.3


@pytest.mark.parametrize("seed", range(2, 6))
def test_another_sample_agrees_in_no_direction(seed: int) -> None:
    found = compare(inner(scene_patch(1)), scene_patch(seed), np.eye(4))
    assert abs(found.agreement) < 0.15
    assert abs(found.parallelism) < 0.1


def test_common_layers_do_not_deceive_the_agreement() -> None:
    layers = (8 * np.tanh((np.arange(48.0) - 24) / 2))[:, None, None].astype(np.float32) * 6000
    first, second = (Patch(part.voxels + layers, part.origin_um, part.voxel_um) for part in map(scene_patch, (1, 2)))
    found = compare(inner(first), second, np.eye(4))
    assert (found.correlation or 0) > 0.9
    assert found.agreement < 0.15


def test_inverted_contrast_is_parallel_but_does_not_agree() -> None:
    whole = scene_patch(1)
    inverse = Patch(-whole.voxels, whole.origin_um, whole.voxel_um)
    found = compare(inner(whole), inverse, np.eye(4))
    assert found.agreement < -0.9
    assert found.parallelism > 0.99
    assert found.accord(FitSettings()) == found.agreement
    assert found.accord(FitSettings(engine="simpleitk", metric="mutual_information")) == found.parallelism


def test_likeness_adds_up_over_patches() -> None:
    whole, moving = scene_patch(1), scene_patch(1, motion(0.5, 1.0, SHAPE))
    fixed = inner(whole)
    halves = [Patch(np.ascontiguousarray(fixed.voxels[:, :, part]), np.array([8.0, 8, at]), fixed.voxel_um)
              for part, at in ((slice(0, 18), 8), (slice(18, 36), 26))]  # fmt: skip
    together = sum((compare(half, moving, np.eye(4)) for half in halves), nothing())
    once = compare(fixed, moving, np.eye(4))
    assert_allclose(together.moments, once.moments, rtol=1e-9)
    assert together.correlation == pytest.approx(once.correlation)
    assert together.voxels == once.voxels


def test_what_is_not_reached_is_not_compared() -> None:
    whole = scene_patch(1)
    fixed = inner(whole)
    far = np.eye(4)
    far[0, 3] = 24.0
    assert compare(fixed, whole, far).covered == pytest.approx(0.5, abs=0.05)
    far[0, 3] = 500.0
    gone = compare(fixed, whole, far)
    assert (gone.covered, gone.correlation, gone.agreement, gone.parallelism) == (0.0, None, 0.0, 0.0)
    assert compare(fixed, None, np.eye(4)).covered == 0.0


def test_masked_voxels_are_not_compared() -> None:
    whole = scene_patch(1)
    mask = np.zeros(inner(whole).shape, bool)
    mask[:10] = True
    masked = Patch(inner(whole).voxels, np.full(3, 8.0), whole.voxel_um, mask)
    found = compare(masked, whole, np.eye(4))
    assert found.moments[0] == found.voxels == mask.sum()
    assert found.covered == 1.0


def test_layers_have_no_texture_along_themselves() -> None:
    flat = Patch(
        np.repeat(np.sin(np.arange(40.0)), 1600).reshape(40, 40, 40).astype(np.float32), np.zeros(3), np.ones(3)
    )
    assert compare(flat, flat, np.eye(4)).texture < 1e-6
    grains = scene_patch(1)
    assert compare(grains, grains, np.eye(4)).texture > 0.5
