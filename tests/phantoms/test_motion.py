"""The true matrix brings a displaced scan back onto the reference, and nothing near it does so better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage

from phantoms.small import small
from tomocell.errors import BadInput
from tomocell.phantoms.cell.chronology import timesteps
from tomocell.phantoms.cell.motion import motion_of, rotation_matrix
from tomocell.phantoms.lithium import Settings, scenes
from tomocell.volumes.volume import whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def roi_points(settings: Settings) -> NDArray[np.float64]:
    """The centres of every fourth voxel of the ROI or so."""
    axes = [start + np.arange(1.5, size, 4) for start, size in zip(settings.roi_start, settings.roi_size, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def test_the_reference_does_not_move() -> None:
    for reference, step in ((-1, -1), (0, 0)):
        settings = small(reference_index=reference)
        motion = motion_of(settings, timesteps(settings)[step])
        np.testing.assert_array_equal(motion.matrix_um(settings.voxel_size_um), np.eye(4))
        assert not motion.warp.any()


@pytest.mark.parametrize("seed", range(5))
def test_motions_are_rigid_and_within_the_settings(seed: int) -> None:
    settings = Settings(seed=seed)
    for step in timesteps(settings)[:-1]:
        motion = motion_of(settings, step)
        np.testing.assert_allclose(motion.rotation @ motion.rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(motion.rotation) == pytest.approx(1)
        angle = np.rad2deg(np.arccos((np.trace(motion.rotation) - 1) / 2))
        assert 0.5 * settings.max_rotation_deg <= angle <= settings.max_rotation_deg
        shift = np.linalg.norm(motion.translation) * settings.voxel_size_um
        assert 0.5 * settings.max_translation_um <= shift <= settings.max_translation_um


def test_matrix_and_inverse_undo_each_other() -> None:
    settings = small()
    motion = motion_of(settings, timesteps(settings)[1])
    points = roi_points(settings)
    points = np.column_stack([points, np.ones(len(points))])
    there = points @ motion.matrix_um(1.0).T
    np.testing.assert_allclose(there @ motion.inverse_voxels().T, points[:, :3], atol=1e-9)


@pytest.mark.parametrize("planes", [slice(0, 96), slice(30, 54)])
def test_the_warp_has_no_rigid_part_in_any_slab(planes: slice) -> None:
    settings = Settings()
    motion = motion_of(settings, timesteps(settings)[1])
    points = roi_points(settings)
    depth = points[:, 0] - settings.roi_start[0]
    points = points[(depth >= planes.start) & (depth < planes.stop)]
    warp, arms = motion.displacement(points), points - points.mean(axis=0)
    shift = np.linalg.norm(warp.mean(axis=0))
    turn = np.linalg.norm(np.cross(arms, warp).mean(axis=0)) / (arms**2).sum(axis=1).mean()
    assert shift < 1e-3 * settings.voxels(settings.nonrigid_um)
    assert np.rad2deg(turn) < 1e-5


def test_the_warp_is_as_long_as_told() -> None:
    settings = small()
    motion = motion_of(settings, timesteps(settings)[1])
    longest = np.linalg.norm(motion.displacements(), axis=1).max() * settings.voxel_size_um
    assert longest == pytest.approx(settings.nonrigid_um)
    assert np.linalg.norm(motion.displacement(roi_points(settings)), axis=1).max() <= longest * 1.001


@pytest.mark.parametrize("axis", range(3))
def test_a_rotation_turns_right_handed_about_its_axis(axis: int) -> None:
    vector = np.zeros(3)
    vector[axis] = 0.3
    # About z a point on x goes towards y; about y one on z towards x; about x one on y towards z.
    start = np.eye(3)[(axis + 2) % 3]
    towards = {0: 1, 1: 2, 2: 0}[axis]
    moved = rotation_matrix(vector) @ start
    assert moved[towards] == pytest.approx(np.sin(0.3))


def test_a_scan_that_would_leave_the_roi_uncovered_is_refused() -> None:
    settings = small(roi_margin_voxels=(2, 2, 2), max_translation_um=4.0)
    with pytest.raises(BadInput, match=r"roi_margin_voxels.*at least \d+ voxels more.*widen"):
        list(scenes(settings))


@pytest.mark.parametrize("index", [0, 2])
def test_static_features_lie_where_the_true_matrix_says(index: int) -> None:
    settings = Settings(shape=(112, 96, 96))
    series = list(scenes(settings))
    fixed, moving = (one.scan.read(whole(one.scan.shape)).astype(np.float32) for one in (series[-1], series[index]))
    low = settings.roi_start[0] + round(settings.voxels(settings.stripping_electrode_um + settings.inclusion_gap_um))
    high = low + round(1.5 * settings.voxels(settings.inclusion_spacing_um))
    region = (slice(low, high), slice(8, 88), slice(8, 88))
    points = np.stack(np.meshgrid(*[np.arange(part.start, part.stop) for part in region], indexing="ij"))
    matrix = series[index].motion.matrix_um(1.0)
    there = np.tensordot(matrix[:3, :3], points, axes=1) + matrix[:3, 3, None, None, None]
    spline = ndimage.spline_filter(moving, order=3)

    def correlation(shift: Sequence[float]) -> float:
        found = ndimage.map_coordinates(spline, there + np.reshape(shift, (3, 1, 1, 1)), order=3, prefilter=False)
        return float(np.corrcoef(found.ravel(), fixed[region].ravel())[0, 1])

    right = correlation((0, 0, 0))
    assert right > 0.4
    assert right > np.corrcoef(moving[region].ravel(), fixed[region].ravel())[0, 1] + 0.2
    for axis in range(3):
        step = 0.5 * np.eye(3)[axis]
        before, after = correlation(-step), correlation(step)
        vertex = 0.25 * (before - after) / (before - 2 * right + after)
        assert right > max(before, after)
        assert abs(vertex) < 0.08
