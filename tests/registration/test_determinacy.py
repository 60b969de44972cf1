from __future__ import annotations

import numpy as np
import pytest

from registration.scenes import CUBE, Scene, balls, scan
from tomocell.registration.determinacy import DIRECTIONS, determinacy
from tomocell.registration.settings import RegisterSettings
from tomocell.registration.subvolumes import Pair
from tomocell.volumes.volume import ArrayVolume, whole

SHAPE = (64, 72, 68)
REGIONS = [(slice(0, 40), slice(0, 40), slice(0, 40)), (slice(24, 64), slice(30, 70), slice(28, 68))]
SETTINGS = RegisterSettings()
AXES = np.meshgrid(*(np.arange(size, dtype=float) for size in SHAPE), indexing="ij")


def noisy(grey: np.ndarray) -> Pair:
    volumes = []
    for seed in (1, 2):
        noise = np.random.default_rng(seed).standard_normal(SHAPE)
        volumes.append(ArrayVolume((30000 + 5000 * grey + 300 * noise).astype(np.uint16), CUBE))
    return Pair(*volumes)


def open_directions(pair: Pair, regions: list[tuple[slice, slice, slice]]) -> set[str]:
    found = determinacy(pair, regions, np.eye(4), SETTINGS)
    assert tuple(found) == DIRECTIONS
    return {name for name, share in found.items() if share < SETTINGS.minimum_determinacy}


def test_grains_leave_no_direction_open() -> None:
    scene = balls(3, SHAPE)
    pair = Pair(scan(scene, SHAPE), scan(scene, SHAPE, seed=1))
    found = determinacy(pair, REGIONS, np.eye(4), SETTINGS)
    assert min(found.values()) > 0.5


def test_an_extrusion_is_open_along_its_axis() -> None:
    flat = balls(3, (40, 72, 68), per_um3=4e-3).render((40, 72, 68))[20]
    assert open_directions(noisy(np.broadcast_to(flat, SHAPE)), REGIONS) >= {"displacement along z"}


def test_a_round_wall_is_open_about_its_axis() -> None:
    radius = np.hypot(AXES[1] - 35.5, AXES[2] - 33.5)
    wall = 1 / (1 + np.exp((radius - 28) / 1.5)) + 0.3 * np.tanh((AXES[0] - 32) / 3)
    assert "rotation about z" in open_directions(noisy(wall), [whole(SHAPE)])


def test_layers_are_open_in_their_plane() -> None:
    found = open_directions(noisy(np.tanh((AXES[0] - 30) / 2)), REGIONS)
    assert found >= {"displacement along y", "displacement along x", "rotation about z"}
    assert "displacement along z" not in found


def test_scans_that_do_not_meet_determine_nothing() -> None:
    empty = Scene(np.empty((0, 3)), np.empty(0), np.empty(0))
    pair = Pair(scan(balls(3, SHAPE), SHAPE), scan(empty, SHAPE, noise=0.0))
    assert set(determinacy(pair, REGIONS, np.eye(4), SETTINGS).values()) == {0.0}
    far = np.eye(4)
    far[0, 3] = 1000.0
    assert max(determinacy(pair, REGIONS, far, SETTINGS).values()) == pytest.approx(0.0)
