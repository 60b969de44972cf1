"""Fields cut out of one scene are put together again, displaced as they may be; what does not fit is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from tomocell.errors import BadInput
from tomocell.volumes.seams import find_seam
from tomocell.volumes.settings import StitchSettings
from tomocell.volumes.stitched import stitch
from tomocell.volumes.volume import AXES, ArrayVolume, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.volumes.volume import Shape

LENGTH, ACROSS, OVERLAP, SEARCH, MARGIN = 34, 36, 12, 4, 8
SCENE = (30000 + 9000 * gaussian_filter(np.random.default_rng(3).normal(size=(100, 60, 60)), 1.5) / 0.12).astype("u2")
MOVES = ((0, 0, 0), (2, -3, 1), (-1, 2, -3))  # of each field to the one before: along, across, across


def settings(axis: str = "z", **change: Any) -> StitchSettings:
    given = {"axis": axis, "overlap_voxels": OVERLAP, "search_voxels": SEARCH} | change
    return StitchSettings.model_validate(given)


def along(axis: str, values: Any) -> Any:
    """Put the first of three values, or axes, where ``axis`` is."""
    place = AXES.index(axis)
    return np.moveaxis(values, 0, place) if isinstance(values, np.ndarray) else tuple(np.roll(values, place).tolist())


def cut_fields(axis: str = "z", moves: Any = MOVES, noise: float = 0.0) -> tuple[list[ArrayVolume], Any]:
    """Return fields of the scene, and where each begins in it (along, across, across)."""
    rng, corners, fields = np.random.default_rng(5), [], []
    corner = np.array([MARGIN - LENGTH + OVERLAP, MARGIN, MARGIN])
    for number, move in enumerate(moves):
        corner = corner + np.array([LENGTH - OVERLAP, 0, 0]) + np.array(move)
        z, y, x = (slice(low, low + n) for low, n in zip(corner, (LENGTH, ACROSS, ACROSS), strict=True))
        voxels = SCENE[z, y, x] + noise * rng.normal(size=(LENGTH, ACROSS, ACROSS))
        fields.append(ArrayVolume(turned(axis, np.round(voxels).astype("u2")), None, name=f"field {number}"))
        corners.append(corner)
    return fields, np.array(corners)


def turned(axis: str, voxels: NDArray[Any]) -> NDArray[Any]:
    order = {"z": (0, 1, 2), "y": (2, 0, 1), "x": (1, 2, 0)}[axis]
    return voxels.transpose(order)


def expected(axis: str, corners: NDArray[Any]) -> NDArray[Any]:
    low, high = corners.max(axis=0), corners.min(axis=0) + ACROSS
    return turned(axis, SCENE[corners[0, 0] : corners[-1, 0] + LENGTH, low[1] : high[1], low[2] : high[2]])


@pytest.mark.parametrize("axis", AXES)
def test_displaced_fields_become_the_scene_again(axis: str) -> None:
    fields, corners = cut_fields(axis)
    whole_scene = stitch(fields, settings(axis), search=True)
    answer = expected(axis, corners)
    assert whole_scene.shape == answer.shape
    np.testing.assert_array_equal(whole_scene.read(whole(whole_scene.shape)), answer)
    assert [seam.offset_voxels for seam in whole_scene.seams] == [along(axis, move) for move in MOVES[1:]]
    assert all(seam.correlation > 0.9999 for seam in whole_scene.seams)
    assert whole_scene.origin_voxels == along(axis, tuple((corners.max(axis=0) - corners[0]) * (0, 1, 1)))


@given(st.data())
def test_any_region_is_what_the_whole_gives_there(data: st.DataObject) -> None:
    scene = stitch(cut_fields("y")[0], settings("y", search_voxels=0, least_correlation=-1), search=False)
    voxels = scene.read(whole(scene.shape))
    spans = [sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in scene.shape]
    region = (slice(*spans[0]), slice(*spans[1]), slice(*spans[2]))
    np.testing.assert_array_equal(scene.read(region), voxels[region])


@pytest.mark.parametrize("noise", [1000.0, 3000.0])
def test_offsets_are_found_in_noise(noise: float) -> None:
    scene = stitch(cut_fields(noise=noise)[0], settings(), search=True)
    assert [seam.offset_voxels for seam in scene.seams] == list(MOVES[1:])
    signal = SCENE.astype(float).var()
    for seam in scene.seams:
        assert seam.correlation == pytest.approx(signal / (signal + noise**2), abs=0.05)


def test_the_correlation_is_pearsons() -> None:
    fields, _ = cut_fields(noise=2000.0)
    seam = find_seam(fields[0], fields[1], settings(search_voxels=0, least_correlation=-1))
    region = whole((LENGTH, ACROSS, ACROSS))
    a, b = fields[0].read(region)[-OVERLAP:], fields[1].read(region)[:OVERLAP]
    assert seam.correlation == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1], abs=1e-6)


def test_grey_values_far_from_zero_are_told_apart() -> None:
    texture = np.random.default_rng(0).integers(0, 2, (24, 20, 20)).astype(np.float32)
    fields = [ArrayVolume(60000 + texture[low : low + 16], None) for low in (0, 8)]
    assert find_seam(fields[0], fields[1], settings(overlap_voxels=8, search_voxels=2)).correlation > 0.9999


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_the_overlap_is_blended_linearly(dtype: str) -> None:
    fields = [ArrayVolume(np.full((6, 4, 4), value, dtype), None) for value in (10, 90)]
    scene = stitch(fields, settings(overlap_voxels=4, search_voxels=0), search=False)
    found = scene.read(whole(scene.shape))
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found[:, 0, 0], [10, 10, 20, 40, 60, 80, 90, 90])


def refused(fields: list[ArrayVolume], *words: str, search: bool = True, **change: Any) -> None:
    with pytest.raises(BadInput) as caught:
        stitch(fields, settings(**change), search=search)
    missing = [word for word in words if word not in str(caught.value)]
    assert not missing, str(caught.value)


def test_a_seam_without_correlation_is_named() -> None:
    fields, _ = cut_fields()
    other = np.random.default_rng(9).integers(0, 60000, (LENGTH, ACROSS, ACROSS)).astype(np.uint16)
    refused([fields[0], ArrayVolume(other, None, name="field 1")], "field 1", "field 0", "correlation", "0.3")


def test_a_seam_in_a_constant_is_named() -> None:
    fields, _ = cut_fields()
    flat = ArrayVolume(np.full(fields[0].shape, 700, np.uint16), None, name="flat")
    refused([fields[0], flat], "flat", "correlation 0.000")
    refused([flat, fields[0]], "field 0", "correlation 0.000")


def test_an_offset_at_the_end_of_the_search_is_not_believed() -> None:
    fields, _ = cut_fields(moves=((0, 0, 0), (0, 3, 0)))
    refused(fields, "field 1", "(0, 3, 0)", "within 2 voxels", search_voxels=3)


def test_a_voxel_that_is_no_number_in_an_overlap_is_named() -> None:
    fields, _ = cut_fields()
    grey = fields[1].read(whole(fields[1].shape)).astype(np.float32)
    grey[5, 15, 15] = np.nan
    first = ArrayVolume(fields[0].read(whole(fields[0].shape)).astype(np.float32), None)
    refused([first, ArrayVolume(grey, None, name="field 1")], "field 1", "no numbers")


def odd(shape: Shape = (LENGTH, ACROSS, ACROSS), dtype: str = "uint16", size_um: float = 1.0) -> ArrayVolume:
    return ArrayVolume(np.zeros(shape, dtype), (1.0, 1.0, size_um), name="odd")


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (odd((LENGTH, ACROSS + 1, ACROSS)), ("odd", "(34, 37, 36)", "(34, 36, 36)", "but for z")),
        (odd(dtype="uint8"), ("odd", "uint8", "uint16")),
        (odd(size_um=1.1), ("odd", "1.1")),
        (odd((15, ACROSS, ACROSS)), ("odd", "(15, 36, 36)", "at least 16", "1 overlaps")),
    ],
)
def test_a_field_of_another_kind_is_named_before_a_voxel_is_read(field: ArrayVolume, words: tuple[str, ...]) -> None:
    first = odd()
    first.name = "first"
    refused([first, field], *words, search=False)


def test_a_short_field_between_two_others_is_named() -> None:
    fields = [odd(), odd((31, ACROSS, ACROSS)), odd()]
    refused(fields, "(31, 36, 36)", "at least 32", search=False)
    fields[1] = odd((32, ACROSS, ACROSS))
    assert stitch(fields, settings(), search=False).shape == (34 + 32 + 34 - 24, ACROSS, ACROSS)


def test_fields_that_drift_apart_are_told() -> None:
    scene = gaussian_filter(np.random.default_rng(1).normal(size=(160, 30, 30)), 1.5)
    fields = [ArrayVolume(scene[24 * n : 24 * n + 36, 3 * n : 3 * n + 13], None, name=f"field {n}") for n in range(6)]
    refused(fields, "field 0", "(0, 3, 0), (0, 3, 0)", "in common", overlap_voxels=12, search_voxels=4)


def test_a_field_too_narrow_for_the_search_is_named() -> None:
    fields = [odd((LENGTH, 11, ACROSS)), odd((LENGTH, 11, ACROSS))]
    refused(fields, "along y", "found 11", "at least 12")
