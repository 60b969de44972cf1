from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from registration.scenes import CUBE, Scene, balls, corner_error, corners, motion, scan
from tomocell.errors import BadInput
from tomocell.registration import transforms
from tomocell.registration.chain import Neighbour, register_over
from tomocell.registration.level import rotation_of_tilt
from tomocell.registration.record import Registration
from tomocell.registration.register import register
from tomocell.registration.settings import RegisterSettings

if TYPE_CHECKING:
    from tomocell.volumes.volume import ArrayVolume

SHAPE = (72, 80, 76)
SETTINGS = RegisterSettings(follow="neighbour", subvolume_count=4)
FLAG = SETTINGS.model_copy(update={"on_failure": "flag"})


def changed(scene: Scene, share: float, seed: int) -> Scene:
    """Replace a share of the balls by others elsewhere."""
    gone = np.random.default_rng(seed).random(len(scene.radii)) < share
    other = balls(seed, SHAPE).centres[: gone.sum()]
    centres = scene.centres.copy()
    centres[gone] = np.resize(other, (gone.sum(), 3))
    return Scene(centres, scene.radii, scene.greys)


@pytest.fixture(scope="module")
def chain() -> tuple[list[ArrayVolume], list[np.ndarray]]:
    """Five scans that move on and on; each step replaces nearly a third of what is seen."""
    scene, scans, truths = balls(21, SHAPE), [], []
    for step in range(5):
        truth = motion(0.6 * step, 2.0 * step, SHAPE, seed=3)
        scans.append(scan(scene.moved(truth), SHAPE, seed=step, name=f"t{step}"))
        truths.append(truth)
        scene = changed(scene, 0.3, 60 + step)
    return scans, truths


def test_a_chain_reaches_what_no_longer_resembles_the_reference(
    chain: tuple[list[ArrayVolume], list[np.ndarray]],
) -> None:
    scans, truths = chain
    assert not register(scans[0], scans[4], FLAG).registered
    record = register(scans[0], scans[1], SETTINGS)
    for step in (2, 3, 4):
        record = register_over(scans[0], Neighbour(scans[step - 1], record), scans[step], SETTINGS)
        assert record.registered
        assert record.chain is not None
        assert record.chain.links == step
        assert record.chain.neighbour == f"t{step - 1}"
        assert corner_error(record.matrix, truths[step], corners(SHAPE)) < 0.1 * step
    assert record.chain.drift_voxels is None
    assert record.chain.direct_reasons


def test_the_drift_is_the_distance_from_a_direct_fit() -> None:
    scene, first, second = balls(21, SHAPE), motion(0.5, 2.0, SHAPE, seed=1), motion(1.0, 4.0, SHAPE, seed=2)
    fixed, near, far = (
        scan(part, SHAPE, seed=n) for n, part in enumerate((scene, scene.moved(first), scene.moved(second)))
    )
    given = register(fixed, near, SETTINGS)
    off = transforms.rigid((0, 0, 0), (0.8, 0.0, 0.0))
    wrong = given.model_copy(update={"matrix": tuple(map(tuple, off @ np.array(given.matrix)))})
    right, drifted = (register_over(fixed, Neighbour(near, record), far, SETTINGS).chain for record in (given, wrong))
    assert right is not None
    assert drifted is not None
    assert right.drift_voxels == pytest.approx(0.0, abs=0.1)
    assert drifted.drift_voxels == pytest.approx(0.8, abs=0.1)


def test_given_sub_volumes_and_regions_move_with_the_neighbour() -> None:
    scene, shift = balls(21, SHAPE), transforms.rigid((0, 0, 0), (6.0, -4.0, 5.0))
    fixed, near = scan(scene, SHAPE), scan(scene.moved(shift), SHAPE, seed=1)
    settings = RegisterSettings.model_validate(
        SETTINGS.model_dump()
        | {
            "subvolume_size_voxels": (28, 28, 28),
            "subvolume_centres_voxels": ((34, 38, 36),),
            "roi_start_voxels": (8, 12, 8),
            "roi_size_voxels": (50, 56, 50),
        }
    )
    record = register(fixed, near, settings)
    again = register_over(fixed, Neighbour(near, record), near, settings)
    assert again.subvolumes[0].start_voxels == (34 + 6 - 14, 38 - 4 - 14, 36 + 5 - 14)
    assert corner_error(again.matrix, shift, corners(SHAPE)) < 0.1


def test_a_neighbour_that_did_not_register_breaks_the_chain() -> None:
    scene = balls(21, SHAPE)
    fixed, near, far = (scan(scene, SHAPE, seed=n, name=f"t{n}") for n in range(3))
    lost = register(fixed, near, SETTINGS).model_copy(update={"registered": False})
    found = register_over(fixed, Neighbour(near, lost), far, FLAG)
    assert not found.registered
    assert "its neighbour in the chain, t1, did not register" in found.reasons


def test_a_neighbour_elsewhere_is_told() -> None:
    scene = balls(21, SHAPE)
    fixed, near = scan(scene, SHAPE), scan(scene, SHAPE, seed=1, name="near")
    far = Registration.of_reference(fixed).model_copy(
        update={"matrix": tuple(map(tuple, transforms.rigid((0, 0, 0), (500.0, 0, 0))))}
    )
    with pytest.raises(BadInput, match=r"near.*every scan covers"):
        register_over(fixed, Neighbour(near, far), near, SETTINGS)


def test_correction_and_chain_are_refused_together() -> None:
    with pytest.raises(ValueError, match="follow: reference"):
        RegisterSettings(follow="neighbour", correction="affine")


def test_a_levelled_record_keeps_its_motion() -> None:
    scene = balls(21, SHAPE)
    fixed, moving = scan(scene, SHAPE), scan(scene.moved(motion(1.0, 3.0, SHAPE)), SHAPE, seed=1)
    plain = register(fixed, moving, SETTINGS)
    level = rotation_of_tilt(np.array([0.03, -0.02]), fixed)
    turned = plain.levelled(level)
    np.testing.assert_allclose(turned.motion, plain.matrix, atol=1e-9)
    np.testing.assert_allclose(np.array(turned.matrix), np.array(plain.matrix) @ level, atol=1e-12)
    assert fixed.size == CUBE
