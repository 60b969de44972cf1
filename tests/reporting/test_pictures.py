from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from reporting import fake
from tomocell.blocks import Limits
from tomocell.reporting import pictures
from tomocell.reporting.pictures import Plane
from tomocell.volumes.store import Layout, create_store, open_store
from tomocell.volumes.volume import Classes, VoxelClass, whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CLASSES = Classes((VoxelClass("pore", 0, "#102030"), VoxelClass("solid", 1, "#a0b0c0")))


def draw_pixels(plane: Plane, share: float) -> bytes:
    return pictures.encode_png(pictures.shrink(pictures.grey_picture(plane, (0, 255)), share))


def noise(size: int = 120) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (size, size)).astype(np.uint8)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_plane_is_the_one_asked_for(tmp_path: Path, axis: int, share: float) -> None:
    voxels = np.random.default_rng(1).integers(0, 999, (6, 7, 8)).astype(np.uint16)
    fake.write_store(tmp_path / "volume.ome.zarr", voxels, None)
    plane = pictures.read_plane(open_store(tmp_path / "volume.ome.zarr"), axis, share)
    index = min(int(share * voxels.shape[axis]), voxels.shape[axis] - 1)
    assert np.array_equal(plane.pixels, np.take(voxels, index, axis))


def test_a_large_plane_is_read_from_a_coarser_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_PIXELS", 100)
    fake.write_store(tmp_path / "volume.ome.zarr", np.full((4, 150, 190), 7, np.uint16), None, voxel_um=2.0)
    plane = pictures.read_plane(open_store(tmp_path / "volume.ome.zarr"), 0, 0.5)
    assert plane.pixels.shape == (75, 95)
    assert plane.pixel_um == (4.0, 4.0)
    assert pictures.width_um(plane) == 190 * 2.0


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("most", [720, 80], ids=["finest", "coarser"])
def test_a_plane_in_the_frame_of_a_crop_is_that_of_the_crop(
    tmp_path: Path, axis: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MOST_PIXELS", most)
    voxels = np.random.default_rng(1).integers(0, 3, (12, 40, 72)).astype(np.uint8)
    voxels = voxels.repeat(2, 0).repeat(2, 1).repeat(2, 2)  # a coarser level holds the same values
    fake.write_store(tmp_path / "volume.ome.zarr", voxels, CLASSES, 1.33)
    part = voxels[4:20, 2:62, 6:]
    layout = Layout((16, 60, 138), part.dtype, (1.33, 1.33, 1.33), CLASSES, origin_um=(4 * 1.33, 2 * 1.33, 6 * 1.33))
    with create_store(tmp_path / "crop.ome.zarr", layout, Limits()) as writer:
        writer.write(whole(layout.shape), part)
    all_of_it, crop = open_store(tmp_path / "volume.ome.zarr"), open_store(tmp_path / "crop.ome.zarr")
    for share in (0.0, 0.3, 0.5, 1.0):
        seen, own = (pictures.read_plane(store, axis, share, crop) for store in (all_of_it, crop))
        np.testing.assert_array_equal(seen.pixels, own.pixels)


def test_where_the_middle_shows_nothing_a_telling_plane_is_chosen(tmp_path: Path) -> None:
    voxels = np.zeros((20, 8, 8), np.uint8)
    voxels[16, 2:6] = 1
    fake.write_store(tmp_path / "labels.ome.zarr", voxels, CLASSES)
    volume = open_store(tmp_path / "labels.ome.zarr")
    assert int(pictures.telling_share(volume, 0) * 20) == 16
    assert int(pictures.telling_share(volume, 1) * 8) == 4


def test_classes_are_drawn_in_their_colours_and_strangers_shout() -> None:
    picture = pictures.class_picture(Plane(np.array([[0, 1], [1, 9]]), (1.0, 1.0)), CLASSES).convert("RGB")
    assert picture.getpixel((0, 0)) == (0x10, 0x20, 0x30)
    assert picture.getpixel((1, 0)) == (0xA0, 0xB0, 0xC0)
    assert picture.getpixel((1, 1)) == (255, 0, 255)


def test_pixels_are_made_square() -> None:
    plane = Plane(np.zeros((10, 20), np.uint8), (3.0, 1.5))
    assert pictures.class_picture(plane, CLASSES).size == (20, 20)


def test_the_grey_window_is_shared_and_ignores_missing_data() -> None:
    values = np.arange(100.0, 1101.0)[None].repeat(7, 0)
    padded = np.concatenate([values, np.zeros_like(values)])
    low, high = pictures.grey_window([Plane(padded, (1, 1))])
    assert low == pytest.approx(105, abs=5)
    assert high == pytest.approx(1095, abs=5)
    picture = pictures.grey_picture(Plane(np.array([[low, high, (low + high) / 2]]), (1, 1)), (low, high))
    assert [picture.getpixel((x, 0)) for x in range(3)] == [0, 255, 128]


@pytest.mark.parametrize("pixels", [np.zeros((4, 4)), np.full((4, 4), 7.0)])
def test_a_plane_without_contrast_is_still_a_picture(pixels: NDArray[np.float64]) -> None:
    plane = Plane(pixels, (1, 1))
    assert pictures.grey_picture(plane, pictures.grey_window([plane])).size == (4, 4)


@given(st.floats(1e-2, 1e5))
def test_a_scale_bar_is_as_long_as_it_says(width_um: float) -> None:
    bar = pictures.scale_bar(width_um)
    number, unit = bar.label.split("\u00a0")
    length_um = float(number) * {"nm": 1e-3, "µm": 1, "mm": 1e3}[unit]
    assert bar.share_percent / 100 * width_um == pytest.approx(length_um)
    assert 10 <= bar.share_percent <= 25 + 1e-9


def test_pictures_shrink_until_they_keep_to_the_budget() -> None:
    planes = [Plane(noise(), (1.0, 1.0))] * 3
    free = pictures.fit(planes, draw_pixels, 10**9)
    tight = pictures.fit(planes, draw_pixels, 9_000)
    assert sum(map(len, tight)) <= 9_000 < sum(map(len, free))
    with Image.open(io.BytesIO(free[0])) as picture:
        assert np.array_equal(np.asarray(picture), noise())


def test_an_impossible_budget_ends() -> None:
    assert len(pictures.fit([Plane(noise(), (1.0, 1.0))], draw_pixels, 1)) == 1


def test_a_frame_knows_its_kind_and_size() -> None:
    picture = pictures.grey_picture(Plane(noise(30), (1, 1)), (0, 255))
    assert pictures.frame(pictures.encode_jpeg(picture)).uri.startswith("data:image/jpeg;base64,")
    framed = pictures.frame(pictures.encode_png(picture), 100.0)
    assert framed.uri.startswith("data:image/png;base64,")
    assert framed.size == (30, 30)
    assert framed.scale is not None
