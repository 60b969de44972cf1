from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from registration.scenes import CUBE, Scene, balls, scan
from tomocell.errors import BadInput
from tomocell.registration.settings import RegisterSettings
from tomocell.registration.subvolumes import Pair, choose, lattice, subvolume_size
from tomocell.volumes.volume import ArrayVolume, whole

if TYPE_CHECKING:
    from tomocell.volumes.volume import Region, Shape

SHAPE = (60, 80, 70)


def pair(fixed: ArrayVolume, moving: ArrayVolume | None = None) -> Pair:
    return Pair(fixed, moving or fixed)


def grains(seed: int = 0) -> ArrayVolume:
    return scan(balls(3, SHAPE), SHAPE, seed=seed)


def inside(region: Region, shape: Shape) -> bool:
    return all(0 <= part.start < part.stop <= size for part, size in zip(region, shape, strict=True))


@pytest.mark.parametrize("size", [(30, 40, 35), (60, 80, 70), (17, 23, 70), (16, 16, 16)])
def test_candidates_fill_the_region_of_interest_from_face_to_face(size: Shape) -> None:
    roi = (slice(5, 65), slice(0, 80), slice(10, 80))
    found = lattice(roi, size)
    assert 1 <= len(found) <= 48
    for axis in range(3):
        starts = {region[axis].start for region in found}
        assert all(region[axis].stop - region[axis].start == size[axis] for region in found)
        assert min(starts) >= roi[axis].start
        if len(starts) > 1:
            assert min(starts) == roi[axis].start
            assert max(starts) == roi[axis].stop - size[axis]


def test_the_size_is_half_the_region_at_most_128_or_as_set() -> None:
    roi = (slice(0, 60), slice(0, 500), slice(10, 110))
    assert subvolume_size(RegisterSettings(), roi) == (30, 128, 50)
    assert subvolume_size(RegisterSettings(subvolume_size_voxels=(80, 80, 80)), roi) == (60, 80, 80)


def test_chosen_parts_are_spread_and_distinct() -> None:
    found = choose(pair(grains(), grains(1)), np.eye(4), RegisterSettings())
    assert len(found) == len({tuple(part.start for part in region) for region in found}) == 8
    assert all(inside(region, SHAPE) for region in found)
    middles = np.array([[(part.start + part.stop) / 2 for part in region] for region in found])
    assert (np.ptp(middles, axis=0) > 0.35 * np.array(SHAPE)).all()


def test_parts_are_chosen_where_both_scans_have_the_texture() -> None:
    scene = balls(3, SHAPE)
    left = scene.centres[:, 2] < 32
    other = balls(4, SHAPE)
    right = other.centres[:, 2] >= 32
    second = Scene(
        *(np.concatenate([a[left], b[right]]) for a, b in zip(vars(scene).values(), vars(other).values(), strict=True))
    )
    settings = RegisterSettings(subvolume_count=3, subvolume_size_voxels=(30, 30, 24))
    found = choose(pair(scan(scene, SHAPE), scan(second, SHAPE, seed=1)), np.eye(4), settings)
    assert all(region[2].stop <= 36 for region in found)


def test_given_centres_are_taken() -> None:
    settings = RegisterSettings(
        subvolume_size_voxels=(20, 30, 24), subvolume_centres_voxels=((30, 40, 30), (20, 30, 40))
    )
    found = choose(pair(grains()), np.eye(4), settings)
    assert found == [(slice(20, 40), slice(25, 55), slice(18, 42)), (slice(10, 30), slice(15, 45), slice(28, 52))]


def refused(volume: Pair, match: str, **settings: object) -> BadInput:
    with pytest.raises(BadInput, match=match) as caught:
        choose(volume, np.eye(4), RegisterSettings.model_validate({"subvolume_size_voxels": (24, 24, 24), **settings}))
    return caught.value


def test_given_centres_outside_are_all_told() -> None:
    centres = ((5, 40, 30), (30, 40, 30), (30, 40, 65))
    error = refused(pair(grains()), "inside the scan", subvolume_centres_voxels=centres)
    assert [fault.where[-3:] for fault in error.faults] == ["[0]", "[2]"]


def test_a_given_centre_without_texture_is_told() -> None:
    scene = balls(3, SHAPE)
    bare = scan(Scene(scene.centres[:0], scene.radii[:0], scene.greys[:0]), SHAPE, noise=0)
    refused(pair(bare, grains()), "vary in every direction", subvolume_centres_voxels=((30, 40, 30),))


def test_a_given_centre_that_the_moving_scan_lacks_is_told() -> None:
    short = ArrayVolume(grains().read((slice(0, 60), slice(0, 40), slice(0, 70))), CUBE, name="short")
    refused(pair(grains(), short), "short holds too", subvolume_centres_voxels=((30, 60, 30),))


def test_layers_alone_are_no_texture() -> None:
    layers = np.broadcast_to(20000 + 5000 * np.sin(np.arange(60) / 3)[:, None, None], SHAPE).astype(np.uint16)
    error = refused(pair(ArrayVolume(layers, CUBE, name="layers")), "layers: every sub-volume")
    assert "gradients in every direction" in str(error)


def test_planes_are_no_volume() -> None:
    thin = ArrayVolume(grains().read((slice(0, 12), slice(0, 80), slice(0, 70))), CUBE)
    refused(pair(thin), "at least 16 voxels along each axis")


def test_masked_parts_are_left_alone() -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[:, :, :40] = 1
    watched = Pair(grains(), grains(1), ArrayVolume(mask, CUBE))
    settings = RegisterSettings(subvolume_count=4, subvolume_size_voxels=(30, 30, 30))
    assert all(region[2].start < 40 for region in choose(watched, np.eye(4), settings))
    assert whole(SHAPE)[2].stop == 70
