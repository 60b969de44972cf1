from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from registration.scenes import balls, motion, scan
from tomocell.blocks import Limits
from tomocell.registration.pictures import SECTIONS, checkerboard, matched, section, write_pictures
from tomocell.registration.place import place
from tomocell.registration.record import Registration
from tomocell.registration.register import register
from tomocell.registration.settings import RegisterSettings
from tomocell.volumes.store import Layout, create_store, open_store
from tomocell.volumes.volume import whole

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tomocell.volumes.volume import ArrayVolume

SHAPE = (72, 80, 76)
SETTINGS = RegisterSettings(subvolume_count=4, roi_start_voxels=(8, 8, 8), roi_size_voxels=(56, 60, 60))


def pair() -> tuple[ArrayVolume, ArrayVolume]:
    scene = balls(21, SHAPE)
    return scan(scene, SHAPE), scan(scene.moved(motion(1.0, 4.0, SHAPE, seed=2)), SHAPE, seed=1)


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    known = np.isfinite(one) & np.isfinite(other)
    return float(np.corrcoef(one[known], other[known])[0, 1])


def test_sections_show_the_scans_before_and_after(tmp_path: Path) -> None:
    fixed, moving = pair()
    placed = place(register(fixed, moving, SETTINGS), fixed, SETTINGS)
    for cut, shape in zip(SECTIONS, ((56, 60), (60, 60)), strict=True):
        view = section(fixed, moving, placed, cut)
        assert view.fixed.shape == view.before.shape == view.after.shape == shape
        assert view.extent_um == shape
        assert likeness(view.fixed, view.after) > 0.95
        assert likeness(view.fixed, view.before) < 0.6
    write_pictures(tmp_path, fixed, moving, placed)
    for name in ("registration", "registration_residuals"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert min(picture.size) > 200
            assert len(set(picture.convert("L").resize((60, 60)).get_flattened_data())) > 3


def test_large_scans_are_shown_from_their_stored_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed, moving = pair()
    found = register(fixed, moving, SETTINGS)
    stores = []
    for name, volume in (("fixed", fixed), ("moving", moving)):
        path = tmp_path / f"{name}.ome.zarr"
        padded = np.pad(volume.read(whole(SHAPE)), [(0, 40)] * 3, mode="edge")
        with create_store(path, Layout(padded.shape, volume.dtype, volume.size), Limits(512)) as writer:
            writer.write(whole(padded.shape), padded)
        stores.append(open_store(path))
    placed = place(found, stores[0], SETTINGS)
    monkeypatch.setattr("tomocell.registration.pictures.LONGEST_EDGE", 40)
    view = section(*stores, placed, SECTIONS[0])
    assert view.fixed.shape == (28, 30)
    assert view.extent_um == (56.0, 60.0)
    assert likeness(view.fixed, view.after) > 0.9 > likeness(view.fixed, view.before)


def test_the_same_registration_gives_the_same_bytes(tmp_path: Path) -> None:
    fixed, moving = pair()
    placed = place(register(fixed, moving, SETTINGS), fixed, SETTINGS)
    for name in ("one", "two"):
        write_pictures(tmp_path / name, fixed, moving, placed)
    for file in ("registration.png", "registration_residuals.png"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_reference_has_pictures_too(tmp_path: Path) -> None:
    fixed, _ = pair()
    write_pictures(tmp_path, fixed, fixed, place(Registration.of_reference(fixed), fixed, SETTINGS))
    assert (tmp_path / "registration_residuals.png").stat().st_size > 1000


def test_a_checkerboard_takes_turns() -> None:
    board = checkerboard(np.zeros((60, 60)), np.ones((60, 60)))
    assert board.mean() == 0.5
    assert board[0, 0] == 0
    assert board[0, 10] == board[10, 0] == 1


def test_brightness_is_matched_before_scans_are_subtracted() -> None:
    one = np.random.default_rng(0).normal(5, 2, (40, 40))
    assert np.allclose(matched(one, 3 * one - 7), one)
    flat = np.full((40, 40), 2.0)
    assert np.array_equal(matched(one, flat), flat)
