from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from registration.scenes import CUBE, Watched, balls, motion, scan
from tomocell.errors import BadInput
from tomocell.registration import transforms
from tomocell.registration.resample import Frame, resample_region, roi_region
from tomocell.registration.settings import ResampleSettings
from tomocell.volumes.volume import ArrayVolume, whole

if TYPE_CHECKING:
    from tomocell.volumes.volume import Region, Shape, VoxelSize

SHAPE = (37, 42, 51)
ANISOTROPIC: VoxelSize = (2.0, 1.0, 1.5)
KINDS = ("cubic", "linear", "nearest")


@pytest.fixture(scope="module")
def grey() -> ArrayVolume:
    return scan(balls(1, np.array(SHAPE) * ANISOTROPIC), SHAPE, ANISOTROPIC)


@pytest.mark.parametrize("kind", KINDS)
def test_no_motion_returns_the_scan(grey: ArrayVolume, kind: str) -> None:
    found = resample_region(grey, np.eye(4), whole(SHAPE), Frame(grey.size, kind))
    assert_array_equal(found.voxels, grey.read(whole(SHAPE)))
    assert found.voxels.dtype == grey.dtype
    assert found.outside == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_shift_by_whole_voxels_moves_voxels(grey: ArrayVolume, kind: str) -> None:
    matrix = transforms.rigid((0, 0, 0), np.array((3, -2, 5)) * ANISOTROPIC)
    found = resample_region(grey, matrix, (slice(4, 20), slice(6, 30), slice(1, 40)), Frame(grey.size, kind))
    assert_array_equal(found.voxels, grey.read((slice(7, 23), slice(4, 28), slice(6, 45))))


@pytest.mark.parametrize("kind", KINDS)
def test_a_quarter_turn_permutes_the_axes(kind: str) -> None:
    voxels = np.random.default_rng(0).integers(0, 60000, (20, 20, 20)).astype(np.uint16)
    volume = ArrayVolume(voxels, CUBE)
    turn = transforms.rigid((np.pi / 2, 0, 0), (0, 0, 0), (9.5, 9.5, 9.5))
    found = resample_region(volume, turn, whole((20, 20, 20)), Frame(CUBE, kind))
    # What lies at (y, x) of the reference lies at (x, -y) of the moving scan.
    assert_array_equal(found.voxels, voxels.transpose(0, 2, 1)[:, ::-1])


def blocks(shape: Shape, edge: Shape) -> list[Region]:
    starts = itertools.product(*(range(0, size, step) for size, step in zip(shape, edge, strict=True)))
    return [
        tuple(slice(a, min(a + b, n)) for a, b, n in zip(start, edge, shape, strict=True))  # type: ignore[misc]
        for start in starts
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("edge", [(5, 7, 11), (16, 16, 16), (37, 1, 51)])
def test_blockwise_equals_whole_to_the_last_bit(grey: ArrayVolume, kind: str, edge: Shape) -> None:
    matrix, frame = motion(7.0, 6.3, SHAPE, ANISOTROPIC), Frame(grey.size, kind, 123.0)
    once = resample_region(grey, matrix, whole(SHAPE), frame)
    assert 0 < once.outside < np.prod(SHAPE) / 2
    assert (once.voxels == 123).sum() >= once.outside
    pieces, outside = np.zeros_like(once.voxels), 0
    for region in blocks(SHAPE, edge):
        part = resample_region(grey, matrix, region, frame)
        pieces[region] = part.voxels
        outside += part.outside
    assert_array_equal(pieces, once.voxels)
    assert outside == once.outside


def test_float_blocks_agree_to_the_last_bit_too(grey: ArrayVolume) -> None:
    real = ArrayVolume(grey.read(whole(SHAPE)).astype(np.float32) / np.float32(7), ANISOTROPIC)
    matrix, frame = motion(4.0, 3.3, SHAPE, ANISOTROPIC), Frame(real.size, "cubic")
    once = resample_region(real, matrix, whole(SHAPE), frame).voxels
    for region in blocks(SHAPE, (9, 13, 17)):
        assert_array_equal(resample_region(real, matrix, region, frame).voxels, once[region])


def test_only_the_box_that_is_needed_is_read(grey: ArrayVolume) -> None:
    watched = Watched(grey)
    region = (slice(10, 18), slice(10, 18), slice(10, 18))
    resample_region(watched, motion(3.0, 2.0, SHAPE, ANISOTROPIC), region, Frame(grey.size))
    assert 8**3 < watched.largest < 20**3


def test_cubic_is_exact_for_quadratics_and_linear_for_planes() -> None:
    z, y, x = np.meshgrid(*(np.arange(24.0),) * 3, indexing="ij")
    plane, curved = 100 + z + 2 * y - 3 * x, 100 + z * z - 0.5 * y * y + 0.25 * x * x + y * x
    matrix = transforms.rigid((0.05, -0.03, 0.04), (0.3, -0.7, 0.45), (12, 12, 12))
    at = transforms.apply(matrix, np.stack([z, y, x], axis=-1))
    inner = (slice(6, 18),) * 3
    for kind, field in (("linear", plane), ("cubic", plane), ("cubic", curved)):
        volume = ArrayVolume(field.astype(np.float32), CUBE)
        a, b, c = np.moveaxis(at[inner], -1, 0)
        truth = 100 + a + 2 * b - 3 * c if field is plane else 100 + a * a - 0.5 * b * b + 0.25 * c * c + b * c
        assert_allclose(resample_region(volume, matrix, inner, Frame(CUBE, kind)).voxels, truth, atol=2e-3)


def test_labels_are_never_invented() -> None:
    labels = np.random.default_rng(3).choice(np.array([0, 3, 200], np.uint8), (20, 24, 28))
    matrix = motion(5.0, 2.2, labels.shape)
    found = resample_region(ArrayVolume(labels, CUBE), matrix, whole(labels.shape), Frame(CUBE, "nearest", 7))
    assert set(np.unique(found.voxels)) == {0, 3, 7, 200}
    assert (found.voxels == 7).sum() == found.outside


def test_large_labels_keep_their_value() -> None:
    labels = np.full((16, 16, 16), 2**31 - 1, np.int32)
    found = resample_region(
        ArrayVolume(labels, CUBE), motion(1.0, 0.1, labels.shape), whole((16, 16, 16)), Frame(CUBE, "nearest")
    )
    assert set(np.unique(found.voxels)) <= {0, 2**31 - 1}


def test_overshoots_are_clipped_not_wrapped() -> None:
    step = np.zeros((16, 16, 16), np.uint8)
    step[:, :, 8:] = 255
    matrix = transforms.rigid((0, 0, 0), (0, 0, 0.5))
    found = resample_region(ArrayVolume(step, CUBE), matrix, whole((16, 16, 16)), Frame(CUBE)).voxels
    assert_array_equal(np.diff(found.astype(int), axis=2) >= 0, np.ones((16, 16, 15), bool))


def test_a_scan_elsewhere_is_all_fill(grey: ArrayVolume) -> None:
    far = transforms.rigid((0, 0, 0), (1000, 0, 0))
    found = resample_region(grey, far, (slice(0, 4),) * 3, Frame(grey.size, fill=9))
    assert found.outside == 64
    assert set(np.unique(found.voxels)) == {9}


def test_another_voxel_size_is_accounted_for() -> None:
    scene = balls(5, (40, 40, 40))
    fine, coarse = scan(scene, (48, 48, 48), noise=0), scan(scene, (24, 48, 48), (2.0, 1.0, 1.0), noise=0)
    found = resample_region(fine, np.eye(4), whole((24, 48, 48)), Frame(coarse.size)).voxels
    assert_allclose(found, coarse.read(whole((24, 48, 48))), atol=3)  # balls are drawn to a finite reach


@pytest.mark.parametrize("matrix", [np.eye(4) * 1.1, np.zeros((4, 4)), np.diag([1, 1, -1, 1])])
def test_what_is_no_motion_is_refused(grey: ArrayVolume, matrix: np.ndarray) -> None:
    with pytest.raises(BadInput, match="rotation and a shift"):
        resample_region(grey, matrix, whole(SHAPE), Frame(grey.size))


def test_the_region_of_interest() -> None:
    settings = ResampleSettings(roi_start_voxels=(1, 2, 3), roi_size_voxels=(16, 20, 24))
    assert roi_region(settings, (20, 22, 27)) == (slice(1, 17), slice(2, 22), slice(3, 27))
    assert roi_region(ResampleSettings(), (20, 22, 27)) == whole((20, 22, 27))
    with pytest.raises(BadInput, match="a region inside"):
        roi_region(settings, (20, 22, 26))
