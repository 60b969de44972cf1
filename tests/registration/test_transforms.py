from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tomocell.registration import transforms

numbers = st.floats(-2, 2, allow_nan=False)
vectors = st.tuples(numbers, numbers, numbers).map(np.array)
motions = st.tuples(vectors, vectors, vectors).map(lambda parts: transforms.rigid(*parts))


@given(vectors)
@settings(max_examples=200, deadline=None)
def test_a_rotation_vector_survives_the_round_trip(vector: np.ndarray) -> None:
    length = np.linalg.norm(vector)
    if length > np.pi:
        vector = vector * (np.pi - 0.01) / length
    assert_allclose(transforms.rotation_vector(transforms.rotation_matrix(vector)), vector, atol=1e-7)


@pytest.mark.parametrize("short", [0.0, 1e-9, 1e-6, 1e-4, 2e-3])
def test_rotations_by_nearly_half_a_turn_survive_too(short: float) -> None:
    axis = np.array([1.0, -2.0, 3.0]) / np.sqrt(14)
    found = transforms.rotation_vector(transforms.rotation_matrix(axis * (np.pi - short)))
    assert_allclose(transforms.rotation_matrix(found), transforms.rotation_matrix(axis * (np.pi - short)), atol=1e-9)
    assert np.linalg.norm(found) == pytest.approx(np.pi - short, abs=1e-7)


def test_a_positive_rotation_about_z_takes_x_towards_y() -> None:
    quarter = transforms.rigid((np.pi / 2, 0, 0), (0, 0, 0))
    assert_allclose(transforms.apply(quarter, (0, 0, 1)), (0, 1, 0), atol=1e-12)
    assert_allclose(transforms.apply(transforms.rigid((0, 0, np.pi / 2), (0, 0, 0)), (0, 1, 0)), (1, 0, 0), atol=1e-12)


@given(motions, motions, vectors)
@settings(max_examples=100, deadline=None)
def test_composing_is_doing_one_after_the_other(first: np.ndarray, second: np.ndarray, point: np.ndarray) -> None:
    both = transforms.compose(second, first)
    assert_allclose(transforms.apply(both, point), transforms.apply(second, transforms.apply(first, point)), atol=1e-9)
    assert_allclose(transforms.compose(transforms.invert(both), both), np.eye(4), atol=1e-9)
    assert transforms.is_rigid(both)


def test_a_rotation_about_a_centre_leaves_the_centre() -> None:
    centre = np.array([10.0, 20.0, 30.0])
    matrix = transforms.rigid((0.1, 0.2, -0.3), (1.0, 2.0, 3.0), centre)
    assert_allclose(transforms.displacement(matrix, centre), (1, 2, 3), atol=1e-12)
    assert transforms.angle_deg(matrix) == pytest.approx(np.rad2deg(np.sqrt(0.14)))


def test_the_mean_of_a_rotation_and_its_inverse_is_none() -> None:
    turn = transforms.rotation_matrix((0.3, -0.2, 0.5))
    assert_allclose(transforms.mean_rotation([turn, turn.T]), np.eye(3), atol=1e-12)


def test_the_mean_of_rotations_about_one_axis_is_that_by_the_mean_angle() -> None:
    axis = np.array([2.0, 1.0, -2.0]) / 3
    mean = transforms.mean_rotation([transforms.rotation_matrix(axis * angle) for angle in (0.1, 0.4)])
    assert_allclose(transforms.rotation_vector(mean), axis * 0.25, atol=1e-12)


def test_weights_pull_the_mean() -> None:
    turns = [np.eye(3), transforms.rotation_matrix((0.01, 0, 0))]
    mean = transforms.mean_rotation(turns, [3.0, 1.0])
    assert_allclose(transforms.rotation_vector(mean), (0.0025, 0, 0), atol=1e-7)


def test_angles_are_not_averaged_one_by_one() -> None:
    turns = [transforms.rotation_matrix(vector) for vector in ((3.1, 0, 0), (-3.1, 0, 0))]
    assert transforms.angle_deg(transforms.mean_rotation(turns)) == pytest.approx(180.0)


@pytest.mark.parametrize(
    "matrix",
    [
        np.diag([1.0, 1.0, -1.0, 1.0]),
        np.diag([1.01, 1.0, 1.0, 1.0]),
        np.eye(3),
        np.full((4, 4), np.nan),
        np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]]),
    ],
    ids=["mirror", "scale", "3 x 3", "NaN", "perspective"],
)
def test_what_is_not_rigid_is_told(matrix: np.ndarray) -> None:
    assert not transforms.is_rigid(matrix)
