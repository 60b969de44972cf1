"""Augmentations: known moves, labels that follow, draws that depend on the sample alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from support import tiny_training
from tomocell.models.settings import ModelSettings
from tomocell.training.augment_settings import (
    AffineSettings,
    AugmentSettings,
    IntensitySettings,
    RingSettings,
    StreakSettings,
)
from tomocell.training.augmentations.affine import draw_matrix, moved
from tomocell.training.augmentations.apply import augment
from tomocell.training.augmentations.intensity import change, with_gamma
from tomocell.training.patches import IGNORED

NOTHING = {"flips": 0.0, "intensity": None}
ALL: dict[str, Any] = {
    "flips": 0.5,
    "affine": {"probability": 1},
    "intensity": {"gamma": 0.2, "noise": 0.2},
    "rings": {"probability": 1},
    "streaks": {"probability": 1},
}


def model(axis: str = "z", cube: tuple[int, ...] | None = None, **augment: Any) -> ModelSettings:
    made = tiny_training.settings(augment=NOTHING | augment).model_dump() | {"plane_axis": axis}
    if cube is not None:
        made |= {"patch_voxels": cube, "architecture": "unet_3d", "infer": {"tile_voxels": cube}}
    return ModelSettings.model_validate(made)


def patch(*shape: int, planes: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    grey = random.standard_normal((planes, *shape)).astype(np.float32)
    return grey, random.integers(-1, 3, shape).astype(np.int16)


def after(grey: np.ndarray, target: np.ndarray, settings: ModelSettings, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return augment(grey, target, settings, np.random.default_rng(seed))


def test_nothing_chosen_is_nothing_done() -> None:
    grey, target = patch(7, 9)
    for seed in range(4):
        same, labels = after(grey, target, model(), seed)
        np.testing.assert_array_equal(same, grey)
        np.testing.assert_array_equal(labels, target)


@pytest.mark.parametrize(("shape", "planes", "cube"), [((8, 12), 3, None), ((6, 8, 10), 1, (6, 8, 10))])
def test_the_draws_alone_decide_and_what_went_in_stays(
    shape: tuple[int, ...], planes: int, cube: tuple[int, ...] | None
) -> None:
    settings = model("y", cube, **ALL)
    grey, target = patch(*shape, planes=planes)
    copies = grey.copy(), target.copy()
    first, again, other = (after(grey, target, settings, seed) for seed in (1, 1, 2))
    for one, two, three, was, is_now in zip(first, again, other, copies, (grey, target), strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(was, is_now)
        assert not np.array_equal(one, three)
        assert one.shape == was.shape
        assert one.dtype == was.dtype
        assert one.flags.c_contiguous
    assert np.isfinite(first[0]).all()
    assert set(np.unique(first[1])) <= {-1, 0, 1, 2}


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_each_is_done_as_often_as_told(share: float) -> None:
    grey, target = patch(6, 6)
    for name, section in (
        ("affine", {"probability": share}),
        ("rings", {"probability": share, "share": 1.0}),
        ("streaks", {"probability": share, "width_voxels": 9.0}),
        ("intensity", {"probability": share}),
    ):
        settings = model(**{name: section})
        changed = [not np.array_equal(after(grey, target, settings, seed)[0], grey) for seed in range(200)]
        assert np.mean(changed) == pytest.approx(share, abs=0.1), name


def test_flips_take_labels_along() -> None:
    grey = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    seen = set()
    for seed in range(40):
        flipped, labels = after(grey, grey[0].astype(np.int16), model(flips=0.5), seed)
        np.testing.assert_array_equal(flipped[0], labels)
        seen.add((labels[0, 0], labels[0, 1]))
    assert seen == {(0, 1), (3, 2), (8, 9), (11, 10)}


TURNS: dict[str, tuple[np.ndarray, Any]] = {
    "as it is": (np.eye(2), lambda x: x),
    "a quarter turn": (np.array([[0.0, 1.0], [-1.0, 0.0]]), lambda x: np.rot90(x, 1, (-2, -1))),
    "mirrored": (np.diag([1.0, -1.0]), lambda x: x[..., ::-1]),
}


@pytest.mark.parametrize(("matrix", "expected"), TURNS.values(), ids=TURNS.keys())
def test_known_turns(matrix: np.ndarray, expected: Any) -> None:
    grey, target = patch(9, 9, planes=2)
    turned, labels = moved(grey, target, matrix, np.zeros(2))
    np.testing.assert_allclose(turned, expected(grey), atol=1e-4)
    np.testing.assert_array_equal(labels, expected(target))


@pytest.mark.parametrize("shape", [(8, 12), (6, 8, 10)])
def test_a_shift_is_of_whole_voxels_and_what_comes_in_is_not_labelled(shape: tuple[int, ...]) -> None:
    grey, target = patch(*shape)
    shift = np.zeros(len(shape))
    shift[-2], shift[-1] = 2, -3
    shifted, labels = moved(grey, target, np.eye(len(shape)), shift)
    np.testing.assert_allclose(shifted[..., :-2, 3:], grey[..., 2:, :-3], atol=1e-4)
    np.testing.assert_array_equal(labels[..., :-2, 3:], target[..., 2:, :-3])
    assert (labels[..., -2:, :] == IGNORED).all()
    assert (labels[..., :3] == IGNORED).all()


def test_grey_values_are_interpolated_linearly() -> None:
    rows, columns = np.meshgrid(np.arange(20.0), np.arange(24.0), indexing="ij")
    grey = (2 * rows - 3 * columns).astype(np.float32)[None]
    matrix, shift = np.array([[0.9, 0.1], [-0.2, 0.8]]), np.array([0.3, -0.6])
    turned, _ = moved(grey, np.zeros((20, 24), np.int16), matrix, shift)
    centre = np.array([9.5, 11.5])
    places = np.stack([rows, columns], -1) - centre
    y, x = np.moveaxis(places @ matrix.T + shift + centre, -1, 0)
    inside = (y >= 0) & (y <= 19) & (x >= 0) & (x <= 23)
    assert 0.9 < inside.mean() < 1
    np.testing.assert_allclose(turned[0][inside], (2 * y - 3 * x)[inside], atol=1e-3)


@pytest.mark.parametrize("axes", [2, 3])
def test_a_rotation_alone_keeps_lengths_and_a_scale_alone_angles(axes: int) -> None:
    random = np.random.default_rng(0)
    none = {"rotation_deg": 0, "shear": 0, "scale": 0}
    turn = draw_matrix(axes, random, AffineSettings.model_validate(none | {"rotation_deg": 40}))
    np.testing.assert_allclose(turn @ turn.T, np.eye(axes), atol=1e-12)
    assert not np.allclose(turn, np.eye(axes))
    scales = [draw_matrix(axes, random, AffineSettings.model_validate(none | {"scale": 0.2})) for _ in range(50)]
    for matrix in scales:
        np.testing.assert_allclose(matrix, matrix[0, 0] * np.eye(axes))
    edges = [matrix[0, 0] for matrix in scales]
    assert 0.8 <= min(edges) < 0.9
    assert 1.1 < max(edges) <= 1.2
    np.testing.assert_array_equal(draw_matrix(axes, random, AffineSettings.model_validate(none)), np.eye(axes))


def test_gamma_keeps_the_ends_and_the_order() -> None:
    grey, _ = patch(9, 9)
    for gamma in (0.5, 2.0):
        bent = with_gamma(grey, gamma)
        assert (bent.min(), bent.max()) == pytest.approx((grey.min(), grey.max()))
        np.testing.assert_array_equal(np.argsort(bent, None)[1:-1], np.argsort(grey, None)[1:-1])
        assert (bent.mean() > grey.mean()) == (gamma < 1)
    np.testing.assert_allclose(with_gamma(grey, 1.0), grey, atol=1e-5)
    np.testing.assert_array_equal(with_gamma(np.ones((2, 2), np.float32), 2.0), np.ones((2, 2)))


def test_gain_offset_and_noise_are_as_wide_as_told() -> None:
    grey = np.zeros((1, 2, 2), np.float32)
    grey[0, 0, 0] = 1.0
    settings = IntensitySettings(gain=0.2, offset=0.5)
    found = [change(grey, np.random.default_rng(seed), settings) for seed in range(2000)]
    offsets = np.array([values[0, 1, 1] for values in found])
    gains = np.array([values[0, 0, 0] for values in found]) - offsets
    assert (offsets.mean(), offsets.std()) == pytest.approx((0, 0.5), abs=0.05)
    assert (gains.mean(), gains.std()) == pytest.approx((1, 0.2), abs=0.03)
    noisy = IntensitySettings(gain=0, offset=0, noise=0.4)
    flat = np.zeros((1, 64, 64), np.float32)
    widths = [change(flat, np.random.default_rng(seed), noisy).std() for seed in range(50)]
    assert 0 <= min(widths) < 0.1
    assert 0.3 < max(widths) < 0.42


@pytest.mark.parametrize(("axis", "along"), [("z", None), ("y", 0), ("x", 0)])
def test_rings_and_streaks_do_not_change_along_z(axis: str, along: int | None) -> None:
    flat = np.zeros((3, 24, 30), np.float32)
    for section in ({"rings": {"probability": 1, "share": 0.5}}, {"streaks": {"probability": 1}}):
        added, _ = after(flat, np.zeros((24, 30), np.int16), model(axis, **section), 5)
        assert added.std() > 0
        if along is None:  # planes across z: each the same, and lines within
            np.testing.assert_array_equal(added, added[:1].repeat(3, 0))
            assert added[0].std(0).max() > 0
        else:  # rows are along z
            np.testing.assert_array_equal(added, added[:, :1].repeat(24, 1))
            assert added[0, 0].std() > 0


def test_rings_are_rings() -> None:
    """Voxels of the same distance from the axis are changed alike, wherever the axis is."""
    settings = model("z", (4, 40, 40), rings={"probability": 1, "share": 1.0})
    flat = np.zeros((1, 4, 40, 40), np.float32)
    added = after(flat, np.zeros((4, 40, 40), np.int16), settings, 3)[0][0, 0]
    random = np.random.default_rng(3)
    random.random(4)  # three flips, and whether there are rings
    centre = random.uniform(-40, 80, 2)
    y, x = np.indices(added.shape)
    radius = np.hypot(y - centre[0], x - centre[1])
    clear = np.abs(radius - np.rint(radius)) > 1e-3  # elsewhere rounding decides which ring it is
    heights = [added[clear & (radius.astype(int) == each)] for each in np.unique(radius[clear].astype(int))]
    assert all(np.ptp(height) == 0 for height in heights)
    assert np.ptp([height[0] for height in heights]) > 0.3


def test_defaults_are_flips_and_a_little_intensity() -> None:
    settings = AugmentSettings()
    assert (settings.flips, settings.affine, settings.rings, settings.streaks) == (0.5, None, None, None)
    assert settings.intensity is not None
    for section in (AffineSettings, RingSettings, StreakSettings):
        assert 0 < section().probability < 1  # type: ignore[attr-defined]
