"""Analyses of solids whose measures are known, in voxels that are no cubes."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from support.stores import CLASSES, SIZE
from tomocell.analyses import class_volumes, effective_thickness, occupancy, porosity
from tomocell.blocks import Limits
from tomocell.volumes.volume import ArrayVolume, Classes, VoxelClass

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = (12, 20, 16)
VOXEL_UM3 = math.prod(SIZE)
FACE_UM2 = SHAPE[1] * SIZE[1] * SHAPE[2] * SIZE[2]


def box(low: tuple[int, int, int], high: tuple[int, int, int]) -> NDArray[np.uint8]:
    voxels = np.zeros(SHAPE, np.uint8)
    voxels[tuple(slice(*ends) for ends in zip(low, high, strict=True))] = 1
    return voxels


SLAB = box((3, 0, 0), (7, 20, 16))
BOX = box((2, 4, 5), (9, 14, 11))


def scalars(module: Any, voxels: NDArray[np.uint8], size: Any = SIZE, **chosen: Any) -> dict[str, Any]:
    found: dict[str, Any] = module.measure(
        ArrayVolume(voxels, size, CLASSES), module.Settings(**chosen), Limits()
    ).scalars
    return found


def test_a_slab() -> None:
    volumes = scalars(class_volumes, SLAB)
    assert volumes["solid_um3"] == pytest.approx(4 * SIZE[0] * FACE_UM2)
    assert volumes["empty_um3"] == pytest.approx(8 * SIZE[0] * FACE_UM2)
    assert volumes["grain_um3"] == volumes["grain_uncertainty_um3"] == 0
    # Two interfaces of the whole face, shifted alike by 1/sqrt(12) of a voxel.
    assert volumes["solid_uncertainty_um3"] == pytest.approx(2 * FACE_UM2 * SIZE[0] / 12**0.5)
    thickness = scalars(effective_thickness, SLAB, plating_side=("solid",), stripping_side=("solid", "empty"))
    assert thickness["solid_um"] == thickness["plating_side_um"] == pytest.approx(8.0)
    assert thickness["stripping_side_um"] == pytest.approx(24.0)
    assert thickness["solid_uncertainty_um"] == pytest.approx(volumes["solid_uncertainty_um3"] / FACE_UM2)
    cover = scalars(occupancy, SLAB)
    assert (cover["solid_percent"], cover["solid_bare_percent"], cover["solid_uncertainty_percent"]) == (100, 0, 0)
    assert cover["grain_percent"] == 0


def test_a_box() -> None:
    volumes = scalars(class_volumes, BOX, without=("grain",))
    assert volumes["solid_um3"] == pytest.approx(7 * 10 * 6 * VOXEL_UM3)
    faces = np.array([10 * 6, 7 * 6, 7 * 10]) * 2
    assert volumes["solid_uncertainty_um3"] == pytest.approx(np.linalg.norm(faces) * VOXEL_UM3 / 12**0.5)
    assert "grain_um3" not in volumes
    cover = occupancy.measure(ArrayVolume(BOX, SIZE, CLASSES), occupancy.Settings(of=("solid",)), Limits())
    assert cover.scalars["solid_percent"] == pytest.approx(100 * 60 / 320)
    thickness = cover.maps["solid_thickness_um"]
    assert thickness.pixel_size_um == SIZE[1:]
    expected = np.zeros(SHAPE[1:])
    expected[4:14, 5:11] = 7 * SIZE[0]
    np.testing.assert_allclose(thickness.values, expected)
    np.testing.assert_allclose(cover.maps["solid_density"].values, expected / (SIZE[0] * SHAPE[0]))
    assert scalars(occupancy, BOX, least_voxels=8)["solid_percent"] == 0


def test_columns_at_the_threshold_make_a_share_unsure() -> None:
    step = np.zeros(SHAPE, np.uint8)
    step[:2] = 1
    step[2:4, :, :8] = 1  # half the columns hold four voxels of the class, half of them two
    sure, at_threshold = (scalars(occupancy, step, least_voxels=least) for least in (1, 2))
    assert sure["solid_percent"] == at_threshold["solid_percent"] == 100
    assert sure["solid_uncertainty_percent"] == 0
    assert at_threshold["solid_uncertainty_percent"] == pytest.approx(50 / math.sqrt(6))


def test_a_box_of_pores() -> None:
    classes = Classes((VoxelClass("solid", 0), VoxelClass("pore", 1)))
    found = porosity.measure(ArrayVolume(BOX, SIZE, classes), porosity.Settings(), Limits())
    assert found.scalars["porosity"] == pytest.approx(420 / math.prod(SHAPE))
    table = found.table
    assert table is not None
    for axis, (name, edge) in enumerate(zip("zyx", SIZE, strict=True)):
        rows = table[table["axis"] == name]
        np.testing.assert_allclose(rows["position_um"], np.arange(SHAPE[axis]) * edge)
        np.testing.assert_allclose(rows["porosity"], BOX.mean(tuple(i for i in range(3) if i != axis)))
        assert found.scalars[f"profile_{name}"] == rows["porosity"].tolist()
    # Each octant's share, by hand.
    shares = [part.mean() for part in octants(BOX)]
    assert found.scalars["porosity_uncertainty"] == pytest.approx(np.std(shares, ddof=1) / 8**0.5)


def octants(voxels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    halves = [(slice(0, (n + 1) // 2), slice((n + 1) // 2, n)) for n in voxels.shape]
    return [voxels[region] for region in itertools.product(*halves)]


@pytest.mark.parametrize("radius_um", [6.0, 9.0, 15.0])
def test_a_ball_is_within_its_uncertainty(radius_um: float) -> None:
    size = (1.0, 0.5, 1.25)
    reach = [int(radius_um / edge) + 2 for edge in size]
    grid = np.meshgrid(*(np.arange(-n, n + 1) * s for n, s in zip(reach, size, strict=True)), indexing="ij")
    ball = (sum(axis**2 for axis in grid) <= radius_um**2).astype(np.uint8)
    found = scalars(class_volumes, ball, size)
    true_um3 = 4 / 3 * math.pi * radius_um**3
    assert abs(found["solid_um3"] - true_um3) < found["solid_uncertainty_um3"]
    assert found["solid_um3"] == pytest.approx(true_um3, rel=0.02)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3)))[1:], ids=str)
def test_volumes_and_porosity_do_not_depend_on_the_order_of_axes(order: tuple[int, int, int]) -> None:
    random = np.random.default_rng(0).choice([0, 1, 7], SHAPE, p=[0.5, 0.3, 0.2]).astype(np.uint8)
    turned, size = random.transpose(order), tuple(SIZE[axis] for axis in order)
    for module, chosen in ((class_volumes, {}), (porosity, {"pore": "solid"})):
        one, other = scalars(module, random, **chosen), scalars(module, turned, size, **chosen)
        for axis, source in enumerate(order):
            if module is porosity:
                assert other.pop(f"profile_{'zyx'[axis]}") == pytest.approx(one[f"profile_{'zyx'[source]}"])
        one = {key: value for key, value in one.items() if not isinstance(value, list)}
        assert other == pytest.approx(one, rel=1e-12)


def test_finer_voxels_of_the_same_solid_measure_the_same() -> None:
    fine = BOX.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    half = tuple(edge / 2 for edge in SIZE)
    for module in (class_volumes, effective_thickness, occupancy):
        one, other = scalars(module, BOX), scalars(module, fine, half)
        for key in one:
            if "uncertainty" not in key:
                assert other[key] == pytest.approx(one[key]), key
    assert scalars(class_volumes, fine, half)["solid_uncertainty_um3"] == pytest.approx(
        scalars(class_volumes, BOX)["solid_uncertainty_um3"] / 2
    )


def test_classes_make_up_the_whole() -> None:
    random = np.random.default_rng(1).choice([0, 1, 7], SHAPE).astype(np.uint8)
    volumes = scalars(class_volumes, random)
    assert sum(volumes[f"{name}_um3"] for name in CLASSES.names) == pytest.approx(math.prod(SHAPE) * VOXEL_UM3)
    cover = scalars(occupancy, random, of=CLASSES.names)
    for name in CLASSES.names:
        assert cover[f"{name}_percent"] + cover[f"{name}_bare_percent"] == pytest.approx(100)
