from __future__ import annotations

import json
import pickle
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.testing import assert_allclose

from registration.scenes import CUBE, Scene, Watched, balls, corner_error, corners, motion, scan
from tomocell.errors import BadInput
from tomocell.registration import transforms
from tomocell.registration.record import NotRegistered, Registration
from tomocell.registration.register import register
from tomocell.registration.resample import Frame, resample_region
from tomocell.registration.settings import RegisterSettings
from tomocell.volumes.volume import ArrayVolume, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.volumes.volume import Shape, VoxelSize

SHAPE = (88, 96, 92)
FLAT: VoxelSize = (2.0, 1.0, 1.0)
SETTINGS = RegisterSettings()
FLAG = RegisterSettings(on_failure="flag")


def pair(
    true: NDArray[np.float64], shape: Shape = SHAPE, voxel_um: VoxelSize = CUBE, noise: float = 0.1
) -> tuple[ArrayVolume, ArrayVolume]:
    scene = balls(21, np.array(shape) * voxel_um, margin_um=45)
    fixed, moving = (
        scan(part, shape, voxel_um, seed=n, noise=noise) for n, part in enumerate((scene, scene.moved(true)))
    )
    moving.name = "moving"
    return fixed, moving


def check(found: Registration, true: NDArray[np.float64], shape: Shape = SHAPE, voxel_um: VoxelSize = CUBE) -> None:
    assert found.registered, found.reasons
    matrix, middle = np.array(found.matrix), (np.array(shape) - 1) / 2 * voxel_um
    assert np.linalg.norm(transforms.apply(matrix, middle) - transforms.apply(true, middle)) < 0.05
    assert transforms.angle_deg(transforms.invert(true) @ matrix) < 0.02
    assert corner_error(matrix, true, corners(shape, voxel_um)) < 0.1


@pytest.mark.parametrize(("angle", "shift", "seed"), [(0.0, 0.0, 0), (1.0, 5.0, 1), (3.0, 30.0, 2), (5.0, 20.0, 3)])
def test_a_known_motion_is_found(angle: float, shift: float, seed: int) -> None:
    true = motion(angle, shift, SHAPE, seed=seed)
    found = register(*pair(true), SETTINGS)
    check(found, true)
    assert not found.deforms
    assert (found.correlation_after or 0) > 0.9
    if shift:
        assert (found.correlation_before or 0) < 0.5


def test_voxels_that_are_not_cubes() -> None:
    shape = (56, 96, 92)
    true = motion(2.0, 8.0, shape, FLAT, seed=4)
    check(register(*pair(true, shape, FLAT), SETTINGS), true, shape, FLAT)


def test_much_noise_costs_little() -> None:
    true = motion(1.0, 6.0, SHAPE, seed=5)
    found = register(*pair(true, noise=0.6), SETTINGS)
    assert found.registered
    assert corner_error(found.matrix, true, corners(SHAPE)) < 0.2


def test_the_matrix_brings_the_scan_into_the_reference_frame() -> None:
    true = motion(1.5, 6.0, SHAPE, seed=6)
    fixed, moving = pair(true, noise=0.02)
    found = register(fixed, moving, SETTINGS)
    inner = (slice(12, 76),) * 3
    moved = resample_region(moving, found.matrix, inner, Frame(fixed.size))
    assert moved.outside == 0
    likeness = np.corrcoef(moved.voxels.ravel().astype(float), fixed.read(inner).ravel().astype(float))[0, 1]
    assert likeness > 0.995


def test_threads_change_nothing() -> None:
    scans = pair(motion(1.0, 3.0, SHAPE, seed=7))
    settings = RegisterSettings(subvolume_count=2)
    assert register(*scans, settings, threads=2) == register(*scans, settings)


def test_what_changes_between_the_scans_does_not_pull() -> None:
    """A third of the balls wander by 2 um along z between the scans."""
    true = motion(1.0, 4.0, SHAPE, seed=8)
    scene = balls(21, SHAPE)
    apart = np.random.default_rng(1).random(len(scene.radii)) < 0.33
    second = Scene(scene.centres + apart[:, None] * (2.0, 0, 0), scene.radii, scene.greys).moved(true)
    check(register(scan(scene, SHAPE), scan(second, SHAPE, seed=1), SETTINGS), true)


@pytest.mark.parametrize("seed", [31, 32])
def test_another_sample_did_not_register(seed: int) -> None:
    fixed = scan(balls(21, SHAPE), SHAPE)
    other = scan(balls(seed, SHAPE), SHAPE, seed=1, name="another cell")
    found = register(fixed, other, FLAG)
    assert not found.registered
    assert "sub-volumes were found" in " ".join(found.reasons)
    with pytest.raises(NotRegistered, match=r"another cell.*expected a scan that registers") as caught:
        register(fixed, other, SETTINGS)
    assert caught.value.registration == found
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes, as a worker process sends them
    assert (str(again), again.registration) == (str(caught.value), found)


def test_another_cell_with_the_same_layers_did_not_register_either() -> None:
    layers = (15000 * np.tanh((np.abs(np.arange(88) - 44) - 25) / 2)).astype(np.int64)[:, None, None]
    first, second = (scan(balls(seed, SHAPE), SHAPE, seed=seed) for seed in (21, 33))
    scans = [
        ArrayVolume(np.clip(part.read(whole(SHAPE)) + layers, 0, 65535).astype(np.uint16), CUBE)
        for part in (first, second)
    ]
    found = register(scans[0], scans[1], FLAG)
    assert (found.correlation_after or 0) > 0.7
    assert not found.registered


def test_a_start_that_leads_out_of_the_scan_is_no_fault_of_the_sub_volume() -> None:
    fixed, moving = pair(motion(0.5, 2.0, SHAPE, seed=3))
    given = FLAG.model_copy(update={"subvolume_size_voxels": (32, 32, 32), "subvolume_centres_voxels": ((44, 48, 46),)})
    found = register(fixed, moving, given, start=transforms.rigid((0, 0, 0), (300.0, 0, 0)))
    assert not found.registered
    assert "the scans do not overlap" in found.reasons


def test_noise_alone_did_not_register() -> None:
    scans = [ArrayVolume(np.random.default_rng(n).integers(0, 999, SHAPE).astype(np.uint16), CUBE) for n in (1, 2)]
    assert not register(scans[0], scans[1], FLAG).registered


def test_a_motion_beyond_the_limits_is_not_believed() -> None:
    scans = pair(motion(2.0, 6.0, SHAPE, seed=9))
    turned = register(*scans, RegisterSettings(on_failure="flag", maximum_rotation_deg=1.0))
    assert (turned.registered, len(turned.reasons)) == (False, 1)
    assert re.search(r"rotation of (1\.9|2\.0)\d degrees is over 1", turned.reasons[0])
    shifted = register(*scans, RegisterSettings(on_failure="flag", maximum_translation_um=3.0))
    assert "displacement of 6" in shifted.reasons[0]


def test_a_sample_that_deforms_is_told() -> None:
    """The right half of the sample moves 1.6 um along y, apart from the common motion."""
    scene = balls(21, SHAPE)
    bent = scene.centres + np.where(scene.centres[:, 2:] > 50, (0, 1.6, 0), (0, 0, 0))
    second = Scene(bent, scene.radii, scene.greys)
    found = register(scan(scene, SHAPE), scan(second, SHAPE, seed=1), FLAG)
    assert found.deforms
    assert "the sample deforms" in found.warnings[0]
    for part in found.subvolumes:
        own, _ = part.displacement_um[1], 0
        if part.start_voxels[2] >= 46:
            assert own == pytest.approx(1.6, abs=0.3)
        assert part.residual_um[1] == pytest.approx(own - _displacement(found, part.centre_um)[1], abs=1e-9)


def _displacement(found: Registration, point: tuple[float, float, float]) -> NDArray[np.float64]:
    return transforms.displacement(found.matrix, point)


def test_the_record_keeps_the_contract() -> None:
    true = motion(1.0, 5.0, SHAPE, seed=10)
    found = register(*pair(true), RegisterSettings(subvolume_count=3))
    record = json.loads(json.dumps(found.to_json_dict(), allow_nan=False))
    assert {"matrix", "rotation_deg", "translation_um", "correlation_before", "correlation_after"} <= record.keys()
    assert record["registered"] is True
    assert record["voxel_size_um"] == [1.0, 1.0, 1.0]
    assert len(record["subvolumes"]) == 3
    assert {"centre_um", "kept", "correlation_before", "correlation_after", "residual_um"} <= record["subvolumes"][
        0
    ].keys()
    matrix = np.array(record["matrix"])
    assert transforms.is_rigid(matrix)
    assert_allclose(matrix[:3, 3], record["translation_um"])
    assert_allclose(transforms.rotation_matrix(np.deg2rad(record["rotation_deg"])), matrix[:3, :3], atol=1e-12)
    assert_allclose(_displacement(found, found.centre_um), record["displacement_um"], atol=1e-9)
    assert Registration.model_validate(record) == found


def test_the_reference_lies_where_it_lies() -> None:
    found = Registration.of_reference(scan(balls(21, SHAPE), SHAPE))
    assert found.registered
    assert_allclose(found.matrix, np.eye(4))


def test_large_scans_are_never_read_whole() -> None:
    scans = [Watched(part) for part in pair(motion(1.0, 3.0, SHAPE, seed=11))]
    settings = RegisterSettings(
        subvolume_count=2, subvolume_size_voxels=(32, 32, 32), start_voxels=4096, start_reduction=2
    )
    found = register(scans[0], scans[1], settings)
    check(found, motion(1.0, 3.0, SHAPE, seed=11))
    assert max(part.largest for part in scans) < 0.3 * np.prod(SHAPE)


def test_a_mask_is_heeded() -> None:
    """The right part of the second scan is that of another sample; the mask leaves it out."""
    true = motion(1.0, 3.0, SHAPE, seed=12)
    fixed, moving = pair(true)
    spoilt = moving.read(whole(SHAPE))
    spoilt[:, :, 50:] = scan(balls(40, SHAPE), SHAPE).read((slice(0, 88), slice(0, 96), slice(50, 92)))
    mask = np.zeros(SHAPE, np.uint8)
    mask[:, :, :44] = 1
    found = register(fixed, ArrayVolume(spoilt, CUBE), SETTINGS, mask=ArrayVolume(mask, CUBE, name="mask"))
    check(found, true)
    assert all(part.start_voxels[2] < 44 for part in found.subvolumes if part.kept)


def test_the_simpleitk_engine_takes_the_same_way() -> None:
    true = motion(1.0, 3.0, SHAPE, seed=13)
    settings = RegisterSettings(
        engine="simpleitk", subvolume_count=2, subvolume_size_voxels=(32, 40, 40), pyramid=(2, 1)
    )
    found = register(*pair(true), settings, threads=2)
    assert found.registered
    assert found.engine == "simpleitk"
    assert corner_error(found.matrix, true, corners(SHAPE)) < 0.3


def test_another_modality_by_mutual_information() -> None:
    """Bright and dark balls are both dark in the second scan: no gain and offset can tell one from the other."""
    true = motion(0.5, 2.0, SHAPE, seed=14)
    scene = balls(21, SHAPE)
    second = Scene(scene.centres, scene.radii, -np.abs(scene.greys)).moved(true)
    scans = scan(scene, SHAPE), scan(second, SHAPE, seed=1)
    common = {"subvolume_count": 1, "subvolume_size_voxels": (56, 56, 56), "on_failure": "flag", "start_search_deg": 0}
    found = register(
        *scans, RegisterSettings(engine="simpleitk", metric="mutual_information", pyramid=(2, 1), **common), threads=2
    )
    assert found.registered
    assert corner_error(found.matrix, true, corners(SHAPE)) < 0.4
    assert not register(*scans, RegisterSettings(**common)).registered


def scan_with(change: str) -> ArrayVolume:
    voxels = scan(balls(21, SHAPE), SHAPE).read(whole(SHAPE)).astype(np.float32)
    size = (1.0, 1.0, 1.1) if change == "voxel size" else CUBE
    if change == "NaN":
        voxels[40, 40, 40] = np.nan
    if change == "constant":
        voxels[:] = 5.0
    if change == "one plane":
        voxels = voxels[:1]
    return ArrayVolume(voxels, None if change == "no voxel size" else size, name="t005")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("NaN", "NaN or infinite"),
        ("constant", "grey value 5 everywhere"),
        ("one plane", "at least 16 planes"),
        ("voxel size", "the voxel size of the reference"),
        ("no voxel size", "--voxel-size-um"),
    ],
)
def test_bad_scans_are_told(change: str, words: str) -> None:
    with pytest.raises(BadInput, match="t005") as caught:
        register(scan(balls(21, SHAPE), SHAPE), scan_with(change), SETTINGS)
    assert words in str(caught.value)


def test_a_mask_on_another_grid_is_told() -> None:
    fixed, moving = pair(np.eye(4))
    with pytest.raises(BadInput, match="a mask on its grid"):
        register(fixed, moving, SETTINGS, mask=ArrayVolume(np.ones((9, 9, 9), np.uint8), CUBE, name="mask"))
