"""Features: known values on known surfaces, in two and three dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tomocell.labelling.features import TRUNCATE, describe, halo, names
from tomocell.labelling.settings import ClassifierSettings
from tomocell.volumes.volume import whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = (9, 11, 13)
INNER = (slice(3, 6), slice(4, 7), slice(5, 8))


def settings(**chosen: Any) -> ClassifierSettings:
    content = {"name": "strokes", "classes": ["a", "b"], "sigmas_voxels": [1.0]} | chosen
    return ClassifierSettings.model_validate(content)


def columns(grey: NDArray[Any], chosen: ClassifierSettings) -> dict[str, NDArray[np.float32]]:
    rows = describe(grey, INNER, chosen)
    assert rows.shape == (27, len(names(chosen)))
    return dict(zip(names(chosen), rows.T, strict=True))


def quadratic(matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    points = np.moveaxis(np.indices(SHAPE).astype(float), 0, -1) - 4.0
    return np.einsum("...i,ij,...j->...", points, matrix / 2, points).astype(np.float32)


def test_a_ramp_has_a_gradient_and_no_curvature() -> None:
    z, y, x = np.indices(SHAPE)
    found = columns((2 * z + 3 * y - 6 * x).astype(np.int16), settings(sigmas_voxels=[0.5]))
    np.testing.assert_allclose(found["gradient_sigma_0.5"], 7.0, rtol=1e-5)
    for name in ("laplacian", "hessian1", "hessian2", "hessian3"):
        np.testing.assert_allclose(found[f"{name}_sigma_0.5"], 0.0, atol=1e-4)
    np.testing.assert_array_equal(found["grey"], (2 * z + 3 * y - 6 * x)[INNER].ravel())


def test_the_eigenvalues_of_a_quadratic_are_those_of_its_matrix() -> None:
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    matrix = turn @ np.diag([5.0, 1.5, -2.0]) @ turn.T
    found = columns(quadratic(matrix), settings(sigmas_voxels=[0.5]))
    for name, value in (("hessian1", 5.0), ("hessian2", 1.5), ("hessian3", -2.0), ("laplacian", 4.5)):
        np.testing.assert_allclose(found[f"{name}_sigma_0.5"], value, atol=2e-3)


@pytest.mark.parametrize(("axis", "kept"), [("z", [1, 2]), ("y", [0, 2]), ("x", [0, 1])])
def test_in_two_dimensions_the_axis_across_does_not_count(axis: str, kept: list[int]) -> None:
    matrix = np.array([[4.0, 1.0, 0.5], [1.0, -3.0, 2.0], [0.5, 2.0, 1.0]])
    chosen = settings(dimensions=2, plane_axis=axis, sigmas_voxels=[0.5])
    found = columns(quadratic(matrix), chosen)
    least, most = np.linalg.eigvalsh(matrix[np.ix_(kept, kept)])
    np.testing.assert_allclose(found["hessian1_sigma_0.5"], most, atol=2e-3)
    np.testing.assert_allclose(found["hessian2_sigma_0.5"], least, atol=2e-3)
    assert halo(chosen)["zyx".index(axis)] == 0
    assert "hessian3_sigma_0.5" not in found


def test_the_smoothed_value_is_scipy_s() -> None:
    grey = np.random.default_rng(1).integers(0, 999, SHAPE).astype(np.uint16)
    chosen = settings(sigmas_voxels=[1.5, 1.0], features=["gaussian"])
    assert names(chosen) == ("grey", "gaussian_sigma_1.5", "gaussian_sigma_1")
    found = describe(grey, whole(SHAPE), chosen)
    for column, sigma in ((1, 1.5), (2, 1.0)):
        expected = gaussian_filter(grey.astype(np.float32), sigma, mode="nearest", truncate=TRUNCATE)
        np.testing.assert_array_equal(found[:, column], expected.ravel())


def test_what_lies_beyond_the_halo_does_not_count() -> None:
    grey = np.random.default_rng(3).random((40, 41, 42)).astype(np.float32)
    chosen = settings(sigmas_voxels=[1.0, 2.5])
    reach = halo(chosen)[0]
    core = slice(16, 24)
    inner = (slice(reach, reach + 8),) * 3
    outer = (slice(core.start - reach, core.stop + reach),) * 3
    np.testing.assert_array_equal(describe(grey[outer], inner, chosen), describe(grey, (core,) * 3, chosen))
