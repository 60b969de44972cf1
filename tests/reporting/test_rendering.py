from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from reporting import fake
from tomocell.reporting import rendering
from tomocell.reporting.cycle_steps import cycle_steps
from tomocell.reporting.sections import renderings
from tomocell.volumes.store import open_store
from tomocell.volumes.volume import Classes, VoxelClass

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

    from tomocell.volumes.store import StoreVolume

    Pixels = NDArray[np.float64]

CLASSES = Classes((VoxelClass("ball", 1, "#cc2020"), VoxelClass("top_electrode", 2, "#2020cc")))
SHAPE = (40, 48, 56)
CENTRE, RADIUS = (24, 24, 28), 12.0


def ball(voxel_um: tuple[float, float, float], centre: tuple[float, float, float] = CENTRE) -> NDArray[np.uint8]:
    """Return a ball of 12 um around the voxel ``centre``, under a plate that fills the first planes."""
    grid = np.indices(SHAPE)
    away = sum(((grid[axis] - centre[axis]) * voxel_um[axis]) ** 2 for axis in range(3))
    voxels = (away <= RADIUS**2).astype(np.uint8)
    voxels[:4] = 2
    return voxels


def store_of(folder: Path, voxels: NDArray[np.uint8], voxel_um: tuple[float, float, float]) -> StoreVolume:
    from tomocell.blocks import Limits
    from tomocell.volumes.manifest import Provenance
    from tomocell.volumes.store import Layout, create_store

    path = folder / "phases.ome.zarr"
    layout = Layout(SHAPE, voxels.dtype, voxel_um, CLASSES, chunk=(32, 32, 32), shard=(64, 64, 64))
    with create_store(path, layout, Limits(), Provenance()) as writer:
        writer.write((slice(0, SHAPE[0]), slice(0, SHAPE[1]), slice(0, SHAPE[2])), voxels)
    return open_store(path)


def pixels(picture: Image.Image) -> Pixels:
    return np.asarray(picture).astype(float)


def reddish(picture: Image.Image) -> NDArray[np.bool_]:
    red, green, blue, alpha = np.moveaxis(pixels(picture), -1, 0)
    return np.asarray((alpha > 250) & (red > 2 * green) & (red > 2 * blue))


@pytest.mark.parametrize("voxel_um", [(1.0, 1.0, 1.0), (0.8, 1.25, 1.0)])
def test_a_ball_is_a_disc_of_its_size_where_it_lies(tmp_path: Path, voxel_um: tuple[float, float, float]) -> None:
    volume = store_of(tmp_path, ball(voxel_um), voxel_um)
    only = CLASSES.subset(("ball",))
    picture, view = rendering.render(volume, only, (), 240)
    seen = reddish(picture)
    rows, columns = np.nonzero(seen)
    # The area of the disc; smoothing and voxels move the surface by less than half a voxel.
    radius_um = np.sqrt(seen.sum() / np.pi) * view.pixel_um
    assert radius_um == pytest.approx(RADIUS, abs=0.5)
    centre_um = (np.array([CENTRE]) + 0.5) * np.array(voxel_um)
    expected = view.project(centre_um)[0]
    assert [columns.mean(), rows.mean()] == pytest.approx(list(expected), abs=1.0 / view.pixel_um)


def test_glass_lets_the_ball_through_and_a_solid_does_not(tmp_path: Path) -> None:
    voxels = ball((1.0, 1.0, 1.0), (12, 24, 28))
    volume = store_of(tmp_path, voxels, (1.0, 1.0, 1.0))
    alone = reddish(rendering.render(volume, CLASSES.subset(("ball",)), (), 160)[0])
    hidden = reddish(rendering.render(volume, CLASSES, (), 160)[0])
    glass, _ = rendering.render(volume, CLASSES, ("top_electrode",), 160)
    assert hidden.sum() < 0.8 * alone.sum()
    # Through two or three panes the ball keeps its shape but is tinted.
    assert (pixels(glass)[alone][:, 3] > 250).all()
    assert (pixels(glass)[alone][:, 0].mean()) > 1.5 * pixels(glass)[alone][:, 2].mean()


def test_a_class_of_value_nought_does_not_fill_the_rim(tmp_path: Path) -> None:
    volume = store_of(tmp_path, ball((1.0, 1.0, 1.0)), (1.0, 1.0, 1.0))
    named = Classes((VoxelClass("bulk", 0, "#20cc20"),))
    picture, _ = rendering.render(volume, named, (), 160)
    other = store_of(tmp_path / "other", np.zeros(SHAPE, np.uint8), (1.0, 1.0, 1.0))
    full, _ = rendering.render(other, named, (), 160)
    # The plate on top is not drawn, and with it goes a part of the outline.
    assert (pixels(picture)[..., 3] > 250).sum() < 0.98 * (pixels(full)[..., 3] > 250).sum()


def test_the_same_volume_gives_the_same_bytes_and_nothing_gives_none(tmp_path: Path) -> None:
    volume = store_of(tmp_path, ball((1.0, 1.0, 1.0)), (1.0, 1.0, 1.0))
    first, second = (rendering.encode_webp(rendering.render(volume, CLASSES, (), 160)[0]) for _ in range(2))
    assert first == second
    empty, view = rendering.render(volume, Classes(), (), 160)
    assert np.array_equal(pixels(empty), pixels(rendering._frame(view)))


def test_widths_in_the_picture_are_true() -> None:
    view = rendering.look_at((30.0, 40.0, 50.0), 300)
    corners = np.array([[0, 0, 0], [30, 40, 50]], float)
    seen = view.project(corners) * view.pixel_um
    along = (corners[1] - corners[0]) @ view.right
    assert seen[1, 0] - seen[0, 0] == pytest.approx(along)
    assert view.right @ view.down == pytest.approx(0)
    assert view.right @ view.forward == pytest.approx(0)
    assert view.down @ view.forward == pytest.approx(0)
    assert all(np.linalg.norm(way) == pytest.approx(1) for way in (view.right, view.down, view.forward))
    assert np.all(view.project(rendering._corners(view.box_um)) >= 0)
    assert np.all(view.project(rendering._corners(view.box_um)) <= view.size)


def test_the_cycle_stands_in_three_timesteps() -> None:
    assert cycle_steps(fake.make_samples(5)) == {"t00": "Pristine", "t02": "Half cycle", "t04": "Full cycle"}
    no_current = fake.make_samples(4, current_ma=None)
    assert cycle_steps(no_current) == {"t00": "First", "t01": "Middle", "t03": "Last"}
    assert cycle_steps(no_current[:1]) == {"t00": ""}
    assert cycle_steps(no_current[:2]) == {"t00": "First", "t01": "Last"}


def test_chosen_timesteps_are_shown_and_none_where_the_list_is_empty(tmp_path: Path) -> None:
    from tomocell.reporting.sources import Source

    project = fake.make_project(tmp_path, 3, report={"renderings": ["t02"]})
    fake.fill(project, tmp_path, only=("stores",))
    (section,) = renderings.build(Source(project, fake.SERIES, tmp_path))
    (viewer,) = (block for block in section.blocks if block.kind == "viewer")
    assert viewer.steps == ("Full cycle · t02 · 20\u00a0min · discharge",)
    assert viewer.views[0].panes[0].frames[0] is not None
    assert "stripping electrode" in viewer.views[0].note
    none = fake.make_project(tmp_path, 3, report={"renderings": []})
    assert renderings.build(Source(none, fake.SERIES, tmp_path)) == []


def test_electrodes_are_glass_unless_the_study_says_otherwise() -> None:
    assert renderings.see_through(CLASSES, None) == ("top_electrode",)
    assert renderings.see_through(CLASSES, ()) == ()
    assert renderings.see_through(CLASSES, ("ball",)) == ("ball",)
