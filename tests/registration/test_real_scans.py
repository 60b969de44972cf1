"""Real scans of others, where they are at hand beside the repository."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import affine_transform

from registration.scenes import CUBE, corner_error, corners, motion
from tomocell.registration import transforms
from tomocell.registration.register import register
from tomocell.registration.settings import RegisterSettings
from tomocell.volumes.volume import ArrayVolume

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FLAG = RegisterSettings(on_failure="flag")


def real(name: str) -> ArrayVolume:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is not at hand")
    return ArrayVolume(tifffile.imread(path), CUBE, name=name)


def test_known_motions_of_an_electrode_are_found() -> None:
    """Half the resolution after the motion at full resolution, so that interpolation is not what is measured."""
    grey = real("soc/grey.tif")
    fine = grey.read((slice(None), slice(None), slice(None))).astype(np.float32)
    noise = 0.1 * fine.std()
    shape = tuple(size // 2 for size in fine.shape)
    rng = np.random.default_rng(0)
    centres, turns, worst = [], [], []
    for seed in range(3):
        true = motion(1.0, 4.0, shape, seed=seed)
        scans = [_halved(part) + noise * rng.standard_normal(shape) for part in (fine, _moved(fine, true))]
        found = np.array(register(ArrayVolume(scans[0], CUBE), ArrayVolume(scans[1], CUBE), FLAG).matrix)
        middle = (np.array(shape) - 1) / 2
        centres.append(np.linalg.norm(transforms.apply(found, middle) - transforms.apply(true, middle)))
        turns.append(transforms.angle_deg(transforms.invert(true) @ found))
        worst.append(corner_error(found, true, corners(shape)))
    assert np.median(centres) <= 0.05
    assert np.median(turns) <= 0.005
    assert max(worst) <= 0.2


def _halved(voxels: np.ndarray) -> np.ndarray:
    z, y, x = (size // 2 for size in voxels.shape)
    return voxels[: 2 * z, : 2 * y, : 2 * x].reshape(z, 2, y, 2, x, 2).mean(axis=(1, 3, 5))


def _moved(fine: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Move a volume of half the voxel size; its voxel i lies at (i - 1/2) / 2 of the coarse frame."""
    to_coarse, to_fine = np.diag([0.5, 0.5, 0.5, 1.0]), np.diag([2.0, 2.0, 2.0, 1.0])
    to_coarse[:3, 3], to_fine[:3, 3] = -0.25, 0.5
    back = to_fine @ transforms.invert(true) @ to_coarse
    return affine_transform(fine, back[:3, :3], back[:3, 3], order=3, mode="nearest")


def test_a_loaded_rock_registers_and_is_told_to_deform() -> None:
    found = register(real("rock_pair/intact.tif"), real("rock_pair/deformed.tif"), FLAG)
    assert found.registered
    assert (found.correlation_after or 0) > (found.correlation_before or 0) + 0.01
    inner = corners((193, 150, 150)) * 0.8 + np.array([193, 150, 150]) * 0.1
    moved = transforms.displacement(found.matrix, inner)
    for axis, (least, most) in enumerate(((-1, 0.7), (-2.3, 0.3), (-2.7, 0.7))):
        assert least - 0.3 <= moved[:, axis].min()
        assert moved[:, axis].max() <= most + 0.3
    assert found.deforms


def test_snow_is_not_concrete() -> None:
    found = register(real("concrete_snow/snow.tif"), real("concrete_snow/concrete_xray.tif"), FLAG)
    assert not found.registered


def test_xrays_and_neutrons_meet_by_mutual_information() -> None:
    """No truth is known of the pair, but a scan that is cut elsewhere must be found elsewhere by as much."""
    xray, neutron = real("concrete_snow/concrete_xray.tif"), real("concrete_snow/concrete_neutron.tif")
    settings = RegisterSettings(
        engine="simpleitk",
        metric="mutual_information",
        subvolume_count=1,
        subvolume_size_voxels=(64, 64, 64),
        subvolume_centres_voxels=((50, 50, 50),),
        start_search_deg=0,
        maximum_rotation_deg=30,
        pyramid=(2, 1),
    )
    cut = ArrayVolume(neutron.read((slice(3, 100), slice(2, 100), slice(4, 100))), CUBE, name="cut")
    first, second = (register(xray, other, settings, threads=2) for other in (neutron, cut))
    moved = transforms.displacement(first.matrix, (50, 50, 50))
    assert first.registered
    assert np.abs(moved).max() < 5
    shift = moved - transforms.displacement(second.matrix, (50, 50, 50))
    assert np.abs(shift - (3, 2, 4)).max() < 0.3


def test_the_wall_of_a_round_sample_is_not_taken_for_the_sample() -> None:
    """The neutron scan is turned by 20 degrees: with the wall in view, the walls alone agree well as they lie."""
    xray, neutron = real("concrete_snow/concrete_xray.tif"), real("concrete_snow/concrete_neutron.tif")
    settings = RegisterSettings(
        engine="simpleitk",
        metric="mutual_information",
        subvolume_count=1,
        subvolume_size_voxels=(88, 88, 88),
        start_search_deg=0,
        pyramid=(2, 1),
        on_failure="flag",
    )
    found = register(xray, neutron, settings, threads=2, start=np.eye(4))
    assert not found.registered
    assert "rotation about z is left open" in " ".join(found.reasons)
