"""A volume read in pieces is the volume read whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phantoms.small import SMALL, scene, small
from tomocell.blocks import cut
from tomocell.phantoms.lithium import Scene
from tomocell.volumes.volume import Region, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

Loaded = tuple[Scene, "NDArray[np.uint16]", "NDArray[np.uint8]"]
ROI = tuple(size - 2 * rim for size, rim in zip(SMALL["shape"], SMALL["roi_margin_voxels"], strict=True))


@pytest.fixture(scope="module")
def half_cycle() -> Loaded:
    one = scene(small(), 2)
    return one, one.scan.read(whole(one.scan.shape)), one.phases.read(whole(one.phases.shape))


def regions(shape: tuple[int, ...]) -> st.SearchStrategy[Region]:
    def span(size: int) -> st.SearchStrategy[slice]:
        return st.tuples(st.integers(0, size - 1), st.integers(1, 30)).map(lambda s: slice(s[0], min(sum(s), size)))

    return st.tuples(*(span(size) for size in shape))


@settings(max_examples=30, deadline=None)
@given(region=regions(SMALL["shape"]))
def test_a_region_of_the_scan_does_not_depend_on_the_block(half_cycle: Loaded, region: Region) -> None:
    one, scan, _ = half_cycle
    np.testing.assert_array_equal(one.scan.read(region), scan[region])


@settings(max_examples=30, deadline=None)
@given(region=regions(ROI))
def test_a_region_of_the_truth_does_not_depend_on_the_block(half_cycle: Loaded, region: Region) -> None:
    one, _, phases = half_cycle
    np.testing.assert_array_equal(one.phases.read(region), phases[region])


def test_threads_side_by_side_give_the_same(half_cycle: Loaded) -> None:
    one, scan, _ = half_cycle
    blocks = cut(one.scan.shape, (17, 23, 31))
    with ThreadPoolExecutor(2) as pool:
        pieces = pool.map(one.scan.read, [block.core for block in blocks])
        for block, piece in zip(blocks, pieces, strict=True):
            np.testing.assert_array_equal(piece, scan[block.core])


def test_plane_sums_of_the_shares_are_those_of_the_planes(half_cycle: Loaded) -> None:
    one, _, phases = half_cycle
    shares = one.phases.shares()
    assert shares.shape == (phases.shape[0], 7)
    np.testing.assert_allclose(shares.sum(axis=1), phases[0].size)
    counts = np.stack([np.bincount(plane.ravel(), minlength=7) for plane in phases])
    assert np.abs(np.cumsum(shares - counts, axis=0)).max() < 0.5 * phases[0].size


def test_another_timestep_and_another_seed_have_other_noise() -> None:
    plane = (slice(0, 1), slice(0, 60), slice(0, 68))  # deep in the electrode: nothing but texture, noise and rings
    still = {"max_translation_um": 0, "max_rotation_deg": 0, "nonrigid_um": 0, "mottle_grey": 0}
    first, second, other = (
        scene(small(seed=seed, **still), index).scan.read(plane).astype(float).ravel()
        for seed, index in ((7, 0), (7, 1), (8, 0))
    )
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.06
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.06


def test_noise_is_white_and_as_strong_as_told() -> None:
    quiet = {"max_translation_um": 0, "max_rotation_deg": 0, "nonrigid_um": 0, "mottle_grey": 0, "ring_grey": 0}
    settings = small(**quiet)
    deep = scene(settings, 0).scan.read((slice(0, 20), slice(0, 60), slice(0, 68))).astype(float)
    assert deep.std() == pytest.approx(settings.noise_grey, rel=0.02)
    assert deep.mean() == pytest.approx(settings.grey_electrode, abs=0.02 * settings.noise_grey)
    for axis in range(3):
        shifted = np.corrcoef(deep.ravel(), np.roll(deep, 1, axis=axis).ravel())[0, 1]
        assert abs(shifted) < 0.02
