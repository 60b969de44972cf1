"""Turned volumes and boxes of volumes give what numpy gives, region by region; turns are told from mirror images."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tomocell.volumes.settings import ConvertSettings, is_mirror
from tomocell.volumes.views import BoxVolume, TurnedVolume
from tomocell.volumes.volume import ArrayVolume, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = (3, 4, 5)
GREY = np.arange(60, dtype=np.uint16).reshape(SHAPE)
SIGNED = [
    " ".join(f"{sign}{name}" for sign, name in zip(signs, order, strict=True))
    for order in itertools.permutations("zyx")
    for signs in itertools.product(["", "-"], repeat=3)
]


def by_numpy(axes: str) -> NDArray[Any]:
    turned = np.einsum(f"zyx->{axes.replace('-', '').replace(' ', '')}", GREY)
    return np.flip(turned, [place for place, name in enumerate(axes.split()) if name.startswith("-")])


@given(st.sampled_from(SIGNED), st.data())
def test_a_region_of_a_turned_volume(axes: str, data: st.DataObject) -> None:
    turned, answer = TurnedVolume(ArrayVolume(GREY, (1.0, 2.0, 3.0)), axes), by_numpy(axes)
    assert turned.shape == answer.shape
    spans = [sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in answer.shape]
    region = (slice(*spans[0]), slice(*spans[1]), slice(*spans[2]))
    np.testing.assert_array_equal(turned.read(region), answer[region])


def test_turns_are_the_24_that_a_hand_can_make() -> None:
    reached = {(GREY.shape, GREY.tobytes())}
    waiting = [GREY]
    while waiting:
        voxels = waiting.pop()
        for plane in ((0, 1), (1, 2), (0, 2)):
            turned = np.rot90(voxels, axes=plane)
            if (turned.shape, turned.tobytes()) not in reached:
                reached.add((turned.shape, turned.tobytes()))
                waiting.append(turned)
    found = {(by_numpy(axes).shape, by_numpy(axes).tobytes()) for axes in SIGNED if not is_mirror(axes)}
    assert len(found) == 24
    assert found == reached


def test_voxel_size_and_grain_turn_with_the_axes() -> None:
    stored = ArrayVolume(GREY, (1.0, 2.0, 3.0))
    stored.grain = (1, 4, 5)
    turned = TurnedVolume(stored, "x -z y")
    assert turned.voxel_size_um == (3.0, 1.0, 2.0)
    assert turned.grain == (5, 1, 4)
    assert TurnedVolume(ArrayVolume(GREY, None), "x -z y").voxel_size_um is None


def test_a_box_of_a_turned_volume() -> None:
    box = BoxVolume(TurnedVolume(ArrayVolume(GREY, None), "-y z x"), (1, 0, 2), (3, 2, 3))
    np.testing.assert_array_equal(box.read(whole(box.shape)), by_numpy("-y z x")[1:4, :2, 2:])


@pytest.mark.parametrize("axes", SIGNED)
def test_mirror_images_must_be_asked_for(axes: str) -> None:
    settings = ConvertSettings(axes=axes, allow_mirror=True)
    assert settings.axes == axes
    if not is_mirror(axes):
        assert ConvertSettings(axes=axes.replace(" ", "")).axes == axes
        return
    with pytest.raises(ValidationError, match=r"mirror image.*allow_mirror"):
        ConvertSettings(axes=axes)


@pytest.mark.parametrize("axes", ["", "z y", "z y y", "z y x x", "z,y,x", "- z y x", "z y w", "--z y x", "zyxz"])
def test_axes_that_are_none(axes: str) -> None:
    with pytest.raises(ValidationError, match="each once"):
        ConvertSettings(axes=axes, allow_mirror=True)
