from __future__ import annotations

import numpy as np
import pytest

from registration.scenes import balls, scan
from tomocell.errors import BadInput
from tomocell.registration import transforms
from tomocell.registration.level import estimate_tilt, levelling, rotation_of_tilt
from tomocell.registration.settings import RegisterSettings
from tomocell.volumes.volume import ArrayVolume, VoxelSize

SHAPE = (90, 100, 80)
FLAT: VoxelSize = (2.0, 1.0, 1.5)


def layered(slopes: tuple[float, float], size: VoxelSize = FLAT, *, rough_um: float = 0.0) -> ArrayVolume:
    """Two electrodes around an electrolyte, their faces in planes with the given slopes, a dendrite on one of them."""
    rng = np.random.default_rng(5)
    z, y, x = (np.arange(n) * edge for n, edge in zip(SHAPE, size, strict=True))
    middle = [(values[-1]) / 2 for values in (z, y, x)]
    lift = slopes[0] * (y[:, None] - middle[1]) + slopes[1] * (x - middle[2])
    lift = lift + rough_um * rng.standard_normal(lift.shape)
    lift[40:60, 30:50] += 25.0
    height = z[:, None, None] - lift
    grey = 20000 + 8000 / (1 + np.exp(-(height - 50) / 2)) - 9000 / (1 + np.exp(-(height - 130) / 2))
    return ArrayVolume((grey + 500 * rng.standard_normal(SHAPE)).astype(np.uint16), size, name="cell")


@pytest.mark.parametrize("degrees", [(0.0, 0.0), (2.0, -1.0), (-4.0, 3.0), (0.3, 0.0)])
def test_the_tilt_of_layers_is_found(degrees: tuple[float, float]) -> None:
    slopes = (np.tan(np.deg2rad(degrees[0])), np.tan(np.deg2rad(degrees[1])))
    assert estimate_tilt(layered(slopes, rough_um=2.0), 8.0).degrees == pytest.approx(degrees, abs=0.1)


def test_levelling_brings_the_layers_across_z() -> None:
    slopes = (0.05, -0.03)
    volume = layered(slopes)
    for settings in (
        RegisterSettings(level="estimate"),
        RegisterSettings(level="given", tilt_deg=tuple(np.rad2deg(np.arctan(slopes)))),
    ):
        level = levelling(volume, settings)
        assert transforms.is_rigid(level)
        middle = (np.array(SHAPE) - 1) / 2 * FLAT
        np.testing.assert_allclose(transforms.apply(level, middle), middle, atol=1e-9)
        # A plane z = const of the levelled frame lies in the layers of the scan.
        across = transforms.apply(level, middle + np.array([[0, 30.0, 0], [0, 0, 30.0]])) - middle
        np.testing.assert_allclose(across[:, 0], across[:, 1] * slopes[0] + across[:, 2] * slopes[1], atol=0.06)


def test_a_rotation_of_no_tilt_is_none() -> None:
    np.testing.assert_allclose(rotation_of_tilt(np.zeros(2), layered((0, 0))), np.eye(4), atol=1e-12)
    np.testing.assert_allclose(levelling(layered((0.1, 0)), RegisterSettings()), np.eye(4))


def test_a_scan_without_layers_is_refused() -> None:
    grains = scan(balls(3, (60, 80, 70)), (60, 80, 70), name="grains")
    with pytest.raises(BadInput, match=r"grains.*layers across z"):
        levelling(grains, RegisterSettings(level="estimate"))


def test_layers_that_are_too_steep_are_refused() -> None:
    with pytest.raises(BadInput, match="at most 1 degrees"):
        levelling(layered((0.05, 0.0)), RegisterSettings(level="estimate", maximum_tilt_deg=1.0))
