from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from registration.scenes import balls, scan
from tomocell.registration import transforms
from tomocell.registration.phase import displacements, overlap_correlation
from tomocell.volumes.volume import whole

SHAPE = (72, 80, 76)


def pair(shift: tuple[float, float, float], noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    scene = balls(2, SHAPE, margin_um=45)
    moving = scene.moved(transforms.rigid((0, 0, 0), shift))
    scans = [scan(part, SHAPE, noise=noise, seed=seed) for seed, part in enumerate((scene, moving))]
    first, second = (volume.read(whole(SHAPE)).astype(np.float32) for volume in scans)
    return first, second


@pytest.mark.parametrize("shift", [(0, 0, 0), (3.3, -2.6, 0.4), (17, 17, 17), (-30, 0, 0), (2, -30.4, 1), (0, 5, 30)])
def test_shifts_up_to_thirty_voxels_are_found(shift: tuple[float, float, float]) -> None:
    assert_allclose(displacements(*pair(shift))[0], shift, atol=0.25)


def test_scans_of_different_shape_are_compared() -> None:
    fixed, moving = pair((6, -4, 3))
    assert_allclose(displacements(fixed, moving[:60, :, :70])[0], (6, -4, 3), atol=0.25)


def test_gain_and_offset_do_not_matter() -> None:
    fixed, moving = pair((6, -4, 3))
    assert_allclose(displacements(fixed, 0.01 * moving - 70)[0], (6, -4, 3), atol=0.25)


def test_a_constant_scan_gives_no_displacement() -> None:
    fixed, moving = pair((0, 0, 0))
    assert displacements(fixed, np.full_like(moving, 7.0)) == []


def test_overlap_correlation_compares_what_overlaps() -> None:
    voxels = np.random.default_rng(0).random((20, 20, 20)).astype(np.float32)
    assert overlap_correlation(voxels, voxels, (0, 0, 0)) == pytest.approx(1.0)
    assert overlap_correlation(voxels[2:, :, :17], voxels[:, 1:], (2, -1, 0)) == pytest.approx(1.0)
    assert abs(overlap_correlation(voxels, voxels, (1, 0, 0)) or 0.0) < 0.1
    assert overlap_correlation(voxels, voxels, (19, 0, 0)) is None
