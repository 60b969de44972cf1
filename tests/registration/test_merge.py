from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tomocell.registration import transforms
from tomocell.registration.merge import Motion, distance, merge, nearest_rigid
from tomocell.registration.settings import AcceptSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRUE = transforms.rigid((0.02, -0.01, 0.03), (5.0, -3.0, 2.0), (50, 50, 50))
SIZE = np.array([40.0, 60.0, 50.0])
CENTRES = np.array(np.meshgrid(*[(30.0, 90.0)] * 3)).reshape(3, -1).T
SETTINGS = AcceptSettings()


def motions(seed: int = 0, shift_um: float = 0.0, turn_rad: float = 0.0) -> list[Motion]:
    """The true motion, each with an error of its own about its own centre."""
    rng = np.random.default_rng(seed)
    made = []
    for centre in CENTRES:
        error = transforms.rigid(turn_rad * rng.standard_normal(3), shift_um * rng.standard_normal(3), centre)
        made.append(Motion(TRUE @ error, centre, SIZE))
    return made


def test_equal_motions_merge_to_themselves() -> None:
    merged = merge(motions(), 1.0, SETTINGS)
    assert_allclose(merged.matrix, TRUE, atol=1e-9)
    assert merged.kept == (True,) * 8
    assert np.abs(merged.residual_um).max() < 1e-9
    assert_allclose(merged.centre_um, (60, 60, 60))


def test_one_motion_merges_to_itself() -> None:
    assert_allclose(merge(motions()[:1], 1.0, SETTINGS).matrix, TRUE, atol=1e-9)


def test_errors_average_out() -> None:
    errors = [_error(merge(motions(seed, 0.05, 0.001), 1.0, SETTINGS).matrix) for seed in range(20)]
    assert np.median(errors) < 0.05 / np.sqrt(8) * 2
    assert np.median(errors) < np.median([_error(motions(seed, 0.05, 0.001)[0].matrix) for seed in range(20)]) / 2


def _error(matrix: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(transforms.apply(matrix, (60, 60, 60)) - transforms.apply(TRUE, (60, 60, 60))))


@pytest.mark.parametrize("wrong", [1, 3])
def test_outliers_are_dropped(wrong: int) -> None:
    parts = motions(1, 0.03, 0.0005)
    for number in range(wrong):
        off = transforms.rigid((0.01, 0, 0), (4.0 + number, 3.0, -5.0), CENTRES[number])
        parts[number] = Motion(TRUE @ off, CENTRES[number], SIZE)
    merged = merge(parts, 1.0, SETTINGS)
    assert merged.kept == (False,) * wrong + (True,) * (8 - wrong)
    assert _error(merged.matrix) < 0.05
    assert np.linalg.norm(merged.residual_um, axis=1)[:wrong].min() > 4


def test_small_scatter_makes_no_outliers() -> None:
    parts = motions(2, 1e-4, 1e-6)
    parts[3] = Motion(TRUE @ transforms.rigid((0, 0, 0), (0.2, 0, 0)), CENTRES[3], SIZE)
    assert all(merge(parts, 1.0, SETTINGS).kept)
    assert not merge(parts, 0.5, SETTINGS).kept[3]


def test_the_rotation_is_the_chordal_mean_where_the_centres_coincide() -> None:
    turns = [transforms.rigid(vector, (0, 0, 0)) for vector in ((0.1, 0, 0), (0, 0.2, 0), (0.05, -0.1, 0.3))]
    cube = np.full(3, 30.0)
    found = nearest_rigid([Motion(turn, np.zeros(3), cube) for turn in turns])
    assert_allclose(found[:3, :3], transforms.mean_rotation(turns), atol=1e-12)


def test_no_rigid_motion_is_nearer() -> None:
    parts = motions(3, 0.5, 0.01)
    best = nearest_rigid(parts)

    def cost(matrix: NDArray[np.float64]) -> float:
        return sum(distance(part, matrix) ** 2 for part in parts)

    rng = np.random.default_rng(0)
    for _ in range(50):
        step = transforms.rigid(1e-3 * rng.standard_normal(3), 1e-2 * rng.standard_normal(3), (60, 60, 60))
        assert cost(best @ step) > cost(best)


def test_distance_is_the_mean_over_the_voxels_of_the_box() -> None:
    part = motions(4, 0.3, 0.02)[0]
    rng = np.random.default_rng(1)
    points = part.centre_um + (rng.random((200_000, 3)) - 0.5) * SIZE
    apart = transforms.apply(part.matrix, points) - transforms.apply(TRUE, points)
    assert distance(part, TRUE) == pytest.approx(np.sqrt(np.mean(np.sum(apart**2, axis=1))), rel=0.01)
