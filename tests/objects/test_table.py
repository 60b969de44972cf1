from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from scipy.spatial.transform import Rotation

from objects.solids import (
    CLASSES,
    NEIGHBOURS,
    SIZE,
    ball,
    by_scipy,
    class_volumes,
    connectivities,
    cores,
    ellipsoid,
    volume,
)
from tomocell.blocks import Limits
from tomocell.errors import BadInput
from tomocell.objects.composition import compositions
from tomocell.objects.crofton import direction_shares
from tomocell.objects.labelling import Target
from tomocell.objects.table import measure_objects, object_table
from tomocell.volumes.volume import ArrayVolume, Classes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.volumes.volume import Shape, VoxelSize

LIMITS = Limits()
CUBE: VoxelSize = (1.0, 1.0, 1.0)
STEPS = [step for step in itertools.product((-1, 0, 1), repeat=3) if any(step)]
VOXEL_UM3 = math.prod(SIZE)


def table(mask: NDArray[np.generic], size: VoxelSize = SIZE) -> pd.DataFrame:
    return object_table(volume(mask, size), 1, LIMITS)


def row(mask: NDArray[np.generic], size: VoxelSize = SIZE) -> pd.Series:
    found = table(mask, size)
    assert len(found) == 1
    return found.iloc[0]


def orientation(found: pd.Series) -> NDArray[np.float64]:
    return np.array([found[f"orientation_{axis}"] for axis in "zyx"], float)


# Blocks ---------------------------------------------------------------------------------------------------------


@given(voxels=class_volumes(), core=cores, connectivity=connectivities)
@settings(deadline=None, max_examples=150)
def test_the_table_is_the_same_however_the_volume_is_cut(
    voxels: NDArray[np.uint8], core: Shape, connectivity: int
) -> None:
    tables = [
        object_table(volume(voxels), 1, limits, connectivity=connectivity, core=shape)
        for shape, limits in ((voxels.shape, LIMITS), (core, LIMITS), (core, Limits(2048, 2)))
    ]
    pd.testing.assert_frame_equal(tables[0], tables[1], check_exact=True)
    pd.testing.assert_frame_equal(tables[0], tables[2], check_exact=True)


@given(voxels=class_volumes(), core=cores, connectivity=connectivities)
@settings(deadline=None, max_examples=60)
def test_what_objects_of_two_classes_are_made_of(voxels: NDArray[np.uint8], core: Shape, connectivity: int) -> None:
    found = object_table(volume(voxels), (2, 1), LIMITS, connectivity=connectivity, core=core)
    labels = by_scipy(voxels > 0, connectivity).ravel()
    for name, value in (("bubble", 1), ("wall", 2)):
        counts = np.bincount(labels, voxels.ravel() == value, minlength=len(found) + 1)[1:]
        np.testing.assert_allclose(found[f"volume_{name}_um3"], counts * VOXEL_UM3)
    target = Target((2, 1), connectivity)
    light = compositions(volume(voxels), target, LIMITS, core=core)
    heavy = measure_objects(volume(voxels), target, LIMITS).parts
    assert sorted(map(tuple, light)) == sorted(map(tuple, heavy))


@pytest.mark.parametrize("core", [(7, 11, 9), (40, 2, 50), (3, 41, 17), (16, 16, 16), (39, 40, 49)])
def test_ragged_blocks_of_solids(core: Shape) -> None:
    mask = ball((40, 41, 50), (15, 20, 22), 12.3) | ball((40, 41, 50), (33, 33, 44), 7.1)
    whole = object_table(volume(mask), 1, LIMITS)
    pd.testing.assert_frame_equal(object_table(volume(mask), 1, LIMITS, core=core), whole, check_exact=True)


# Against plain sums over voxels ------------------------------------------------------------------------------------


@given(voxels=class_volumes(longest=7), connectivity=connectivities)
@settings(deadline=None, max_examples=60)
def test_every_sum_against_voxel_by_voxel(voxels: NDArray[np.uint8], connectivity: int) -> None:
    found = object_table(volume(voxels), 1, LIMITS, connectivity=connectivity)
    labels = by_scipy(voxels == 1, connectivity)
    assert len(found) == labels.max()
    for label, entry in zip(found["label"], found.to_dict("records"), strict=True):
        mask = labels == label
        places = np.argwhere(mask)
        assert entry["volume_voxels"] == len(places)
        np.testing.assert_allclose([entry[f"centroid_{axis}_um"] for axis in "zyx"], places.mean(0) * SIZE, atol=1e-12)
        assert [entry[f"{axis}_start"] for axis in "zyx"] == places.min(0).tolist()
        assert [entry[f"{axis}_stop"] for axis in "zyx"] == (places.max(0) + 1).tolist()
        covariance = np.cov((places * SIZE).T, bias=True).reshape(3, 3)
        lengths = [entry[f"axis_{axis}_um"] for axis in (1, 2, 3)]
        np.testing.assert_allclose(np.square(lengths), np.linalg.eigvalsh(covariance)[::-1], atol=1e-12)
        assert entry["surface_area_um2"] == pytest.approx(area_of_crossings(mask, SIZE), rel=1e-12)
        faces = faces_by_value(mask, voxels, SIZE)
        assert entry["edge_area_um2"] == pytest.approx(faces.get(-1, 0.0))
        assert entry["at_edge"] == (-1 in faces)
        for member in CLASSES.subset(("liquid", "wall")):
            assert entry[f"contact_area_{member.name}_um2"] == pytest.approx(faces.get(member.value, 0.0))


def area_of_crossings(mask: NDArray[np.bool_], size: VoxelSize) -> float:
    """Crofton's formula as it is written, direction by direction."""
    padded = np.pad(mask, 1).astype(int)
    shares = direction_shares(np.multiply(STEPS, size))
    area = 0.0
    for step, share in zip(STEPS, shares, strict=True):
        moved = np.roll(padded, step, (0, 1, 2))
        crossings = int(np.abs(padded - moved).sum())
        area += 2 * share * crossings * math.prod(size) / math.dist((0, 0, 0), np.multiply(step, size))
    return area


def faces_by_value(mask: NDArray[np.bool_], voxels: NDArray[np.uint8], size: VoxelSize) -> dict[int, float]:
    padded = np.pad(voxels.astype(int), 1, constant_values=-1)
    inside = np.pad(mask, 1)
    faces: dict[int, float] = {}
    for axis, side in itertools.product(range(3), (-1, 1)):
        beyond = np.roll(padded, side, axis)[inside & ~np.roll(inside, side, axis)]
        for value, count in zip(*np.unique(beyond, return_counts=True), strict=True):
            faces[int(value)] = faces.get(int(value), 0.0) + count * math.prod(size) / size[axis]
    return faces


# Solids whose measures are known -----------------------------------------------------------------------------------


def test_a_box_is_exact() -> None:
    mask = np.zeros((12, 20, 30), bool)
    mask[2:7, 3:17, 4:10] = True
    found = row(mask)
    sides = np.array([5, 14, 6])
    lengths = np.sqrt((sides**2 - 1) / 12) * SIZE
    assert found["volume_voxels"] == 5 * 14 * 6
    assert found["volume_um3"] == pytest.approx(5 * 14 * 6 * VOXEL_UM3)
    assert found["equivalent_diameter_um"] == pytest.approx((6 / math.pi * found["volume_um3"]) ** (1 / 3))
    np.testing.assert_allclose([found[f"centroid_{axis}_um"] for axis in "zyx"], np.array([4, 9.5, 6.5]) * SIZE)
    assert [found[f"{axis}_{end}"] for axis in "zyx" for end in ("start", "stop")] == [2, 7, 3, 17, 4, 10]
    np.testing.assert_allclose([found[f"axis_{k}_um"] for k in (1, 2, 3)], sorted(lengths, reverse=True))
    faces = 2 * np.prod(sides * SIZE) / (sides * SIZE)
    assert found["contact_area_liquid_um2"] == pytest.approx(faces.sum())
    assert found["contact_area_wall_um2"] == 0
    assert not found["at_edge"]


def test_contacts_and_edges_are_told_apart() -> None:
    voxels = np.zeros((6, 7, 8), np.uint8)
    voxels[0:3, 2:4, 2:6] = 1
    voxels[3, 2:4, 3:5] = 2
    voxels[1:3, 4, 2] = 2
    found = object_table(volume(voxels), 1, LIMITS).iloc[0]
    z, y, x = (VOXEL_UM3 / edge for edge in SIZE)
    assert found["edge_area_um2"] == pytest.approx(8 * z)
    assert found["at_edge"]
    assert found["contact_area_wall_um2"] == pytest.approx(4 * z + 2 * y)
    assert found["contact_area_liquid_um2"] == pytest.approx(4 * z + (2 * 12 - 2) * y + 2 * 6 * x)


@pytest.mark.parametrize("face", [0, 1, 2, -3, -2, -1])
def test_each_face_of_the_volume_is_an_edge(face: int) -> None:
    mask = np.zeros((5, 6, 7), bool)
    place = [2, 3, 3]
    place[face] = 0 if face >= 0 else mask.shape[face] - 1
    mask[tuple(place)] = True
    found = row(mask)
    assert found["at_edge"]
    assert found["edge_area_um2"] == pytest.approx(VOXEL_UM3 / SIZE[face])


def test_flat_and_thin_objects_are_flagged_not_zero() -> None:
    mask = np.zeros((4, 40, 40), bool)
    mask[0, 0, 0] = True  # a voxel
    mask[0, 0, 4:9] = True  # a line
    mask[0, 4:9, 0:3] = True  # a layer
    mask[0, np.arange(20, 26), np.arange(20, 26)] = mask[1, np.arange(20, 26), np.arange(20, 26)] = True  # leaning
    mask[0:2, 30:33, 30:38] = True  # and one with all three
    voxel, line, layer, leaning, solid = (entry for _, entry in table(mask).iterrows())
    assert [bool(entry["flat"]) for entry in (voxel, line, layer, leaning, solid)] == [True] * 4 + [False]
    assert (voxel["axis_1_um"], line["axis_2_um"], layer["axis_3_um"], leaning["axis_3_um"]) == (0, 0, 0, 0)
    assert np.isnan([voxel["elongation"], line["elongation"]]).all()
    assert np.isnan([entry["flatness"] for entry in (voxel, line, layer, leaning)]).all()
    assert layer["elongation"] > 1
    assert leaning["elongation"] > 1
    assert solid["flatness"] > 1
    assert np.isnan(orientation(voxel)).all()
    assert orientation(line).tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("direction", "polar", "azimuth"),
    [
        ((1, 0, 0), 0, math.nan),
        ((0, 1, 0), 90, 90),
        ((0, 0, 1), 90, 0),
        ((1, 1, 0), 45, 90),
        ((1, -1, 0), 45, -90),
        ((1, 0, -1), 45, 180),
        ((0, 1, -1), 90, 135),
        ((1, 1, 1), math.degrees(math.acos(3**-0.5)), 45),
    ],
)
def test_orientation_of_rods(direction: Shape, polar: float, azimuth: float) -> None:
    steps = np.arange(-6, 7)[:, None] * direction + 8
    for sign in (1, -1):  # the same rod, walked either way
        mask = np.zeros((17, 17, 17), bool)
        mask[tuple((sign * (steps - 8) + 8).T)] = True
        found = row(mask, CUBE)
        np.testing.assert_allclose(orientation(found), np.array(direction) / np.linalg.norm(direction), atol=1e-12)
        assert found["polar_deg"] == pytest.approx(polar)
        assert found["azimuth_deg"] == pytest.approx(azimuth, nan_ok=True)


def test_no_axis_of_a_cube_is_the_longest() -> None:
    mask = np.zeros((8, 8, 8), bool)
    mask[2:6, 2:6, 2:6] = True
    found = row(mask, CUBE)
    assert (found["elongation"], found["flatness"]) == pytest.approx((1, 1))
    assert np.isnan([*orientation(found), found["polar_deg"], found["azimuth_deg"]]).all()


@pytest.mark.parametrize("size", [CUBE, (1.3, 1.0, 0.8)])
@pytest.mark.parametrize("seed", range(4))
def test_ellipsoids_at_any_angle(seed: int, size: VoxelSize) -> None:
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    semi_axes = np.array([26.0, 20.0, 13.0])
    shape = tuple(int(56 / edge) for edge in size)
    mask = ellipsoid(shape, (27.2, 27.7, 27.1), turn * semi_axes[:, None], size)  # type: ignore[arg-type]
    found = row(mask, size)
    np.testing.assert_allclose([found[f"axis_{k}_um"] for k in (1, 2, 3)], semi_axes / math.sqrt(5), rtol=0.003)
    assert found["elongation"] == pytest.approx(1.3, rel=0.003)
    assert found["flatness"] == pytest.approx(20 / 13, rel=0.003)
    angle = math.degrees(math.acos(min(1.0, abs(float(orientation(found) @ turn[0])))))
    assert angle < 0.5
    assert found["volume_um3"] == pytest.approx(4 / 3 * math.pi * np.prod(semi_axes), rel=0.003)
    assert found["surface_area_um2"] == pytest.approx(ellipsoid_area(semi_axes), rel=0.01 if size == CUBE else 0.025)


def ellipsoid_area(semi_axes: NDArray[np.float64]) -> float:
    """Area by quadrature over the sphere of directions."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    around = np.arange(120) * math.pi / 60
    sines = np.sqrt(1 - nodes**2)
    normals = np.stack(
        [np.outer(sines, np.cos(around)), np.outer(sines, np.sin(around)), np.outer(nodes, np.ones(120))], -1
    )
    return float(
        (weights[:, None] * np.prod(semi_axes) * np.linalg.norm(normals / semi_axes, axis=-1)).sum() * math.pi / 60
    )


# Surface -----------------------------------------------------------------------------------------------------------


def mean_ball(radius: float, size: VoxelSize = CUBE, count: int = 40) -> tuple[float, float]:
    """Mean area and sphericity over their ideals, of balls anywhere within a voxel."""
    random = np.random.default_rng(7)
    shape = tuple(int(2 * radius / edge + 5) for edge in size)
    centres = (random.random((count, 3)) + np.array(shape) // 2) * size
    found = [row(ball(shape, tuple(centre), radius, size), size) for centre in centres]  # type: ignore[arg-type]
    areas = np.array([entry["surface_area_um2"] for entry in found]) / (4 * math.pi * radius**2)
    return float(areas.mean()), float(np.mean([entry["sphericity"] for entry in found]))


def test_area_of_balls_is_within_a_percent_from_radius_five_and_tends_to_the_truth() -> None:
    biases = {radius: mean_ball(radius)[0] - 1 for radius in (5, 7.5, 10, 15)}
    assert all(abs(bias) < 0.01 for bias in biases.values())
    # What chords shorter than the step of a direction make a ball lose.
    for radius, bias in biases.items():
        assert bias == pytest.approx(-expected_loss(radius), abs=0.002)
    assert abs(biases[15]) < abs(biases[7.5]) < abs(biases[5])


def expected_loss(radius: float) -> float:
    """Mean share of a ball's projection where lines of voxels can miss it: ``sum c_k d_k**2 / (12 r**2)``."""
    shares = direction_shares(np.array(STEPS, float))
    return float((shares * (np.array(STEPS) ** 2).sum(1)).sum() / (12 * radius**2))


def test_area_of_balls_of_uneven_voxels() -> None:
    area, sphericity = mean_ball(10, (2.0, 1.0, 1.25), 12)
    assert area == pytest.approx(1, abs=0.01)
    assert sphericity == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("radius", [5, 6.3, 9])
def test_sphericity_of_every_ball_is_within_two_percent(radius: float) -> None:
    for shift in np.random.default_rng(3).random((10, 3)):
        found = row(ball((24, 24, 24), tuple(11 + shift), radius), CUBE)
        assert found["sphericity"] == pytest.approx(1, abs=0.02)


def test_shares_of_directions_are_the_published_ones() -> None:
    shares = direction_shares(np.array(STEPS, float))
    lengths = np.abs(STEPS).sum(1)
    for steps, share in ((1, 0.04577789120476), (2, 0.03698062787608), (3, 0.03519563978232)):
        np.testing.assert_allclose(shares[lengths == steps], share, atol=1e-10)


@pytest.mark.parametrize("size", [CUBE, (2.0, 1.0, 1.0), SIZE])
def test_shares_of_directions_are_what_darts_find(size: VoxelSize) -> None:
    vectors = np.multiply(STEPS, size)
    shares = direction_shares(vectors)
    darts = np.random.default_rng(5).normal(size=(40_000, 3))
    nearest = np.argmax(darts @ (vectors / np.linalg.norm(vectors, axis=1)[:, None]).T, axis=1)
    counts = np.bincount(nearest, minlength=26)
    assert shares.sum() == pytest.approx(1)
    assert np.all(np.abs(counts - 40_000 * shares) < 5 * np.sqrt(40_000 * shares))


def test_a_plane_along_an_axis_comes_out_seven_percent_small() -> None:
    areas = []
    for edge in (10, 20, 30):
        mask = np.zeros((7, edge + 4, edge + 4), bool)
        mask[2:5, 2:-2, 2:-2] = True
        areas.append(row(mask, CUBE)["surface_area_um2"])
    # The rims grow with the edge, the corners not at all: the second difference is that of the two faces alone.
    assert (areas[0] - 2 * areas[1] + areas[2]) / (2 * 200) == pytest.approx(0.927, abs=0.001)


# Laws --------------------------------------------------------------------------------------------------------------

VECTORS = ("centroid_{}_um", "orientation_{}", "{}_start", "{}_stop")
LENGTHS = (
    "equivalent_diameter_um",
    "centroid_z_um",
    "centroid_y_um",
    "centroid_x_um",
    "axis_1_um",
    "axis_2_um",
    "axis_3_um",
)


def blobs(seed: int = 4) -> NDArray[np.uint8]:
    """Irregular solids beside a wall, none of them symmetrical."""
    from scipy.ndimage import gaussian_filter

    field = gaussian_filter(np.random.default_rng(seed).normal(size=(26, 30, 34)), 1.5)
    voxels = (field > 0.12).astype(np.uint8)
    voxels[:, :4] = 2
    return voxels


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_axes_are_alike(order: tuple[int, int, int]) -> None:
    before = object_table(volume(blobs()), 1, LIMITS)
    turned = volume(blobs().transpose(order), tuple(SIZE[axis] for axis in order))  # type: ignore[arg-type]
    after = object_table(turned, 1, LIMITS)
    for name in VECTORS:
        if "orientation" not in name:
            columns = [name.format("zyx"[axis]) for axis in order]
            after[columns] = after[[name.format(axis) for axis in "zyx"]].to_numpy()
    key = ["z_start", "y_start", "x_start", "volume_voxels"]
    before, after = (found.sort_values(key).reset_index(drop=True) for found in (before, after))
    names = [name for name in before if not name.startswith(("label", "orientation", "polar", "azimuth"))]
    assert len(before) > 5
    pd.testing.assert_frame_equal(before[names], after[names], rtol=1e-9, atol=1e-9)
    along = np.stack([before[f"orientation_{'zyx'[axis]}"] for axis in order])
    turned_along = np.stack([after[f"orientation_{axis}"] for axis in "zyx"])
    with_axis = ~before["flat"].to_numpy() & (before["elongation"] > 1.001).to_numpy()
    np.testing.assert_allclose(np.abs((along * turned_along).sum(0))[with_axis], 1, atol=1e-9)


def test_a_larger_voxel_scales_everything() -> None:
    before = object_table(volume(blobs()), 1, LIMITS)
    after = object_table(volume(blobs(), tuple(3 * edge for edge in SIZE)), 1, LIMITS)  # type: ignore[arg-type]
    powers = {
        name: 1 if name in LENGTHS else 2 if name.endswith("um2") else 3 if name.endswith("um3") else 0
        for name in before
    }
    numbers = [name for name in before if before[name].dtype.kind == "f"]
    expected = before[numbers] * [3.0 ** powers[name] for name in numbers]
    pd.testing.assert_frame_equal(after[numbers], expected, rtol=1e-9)
    pd.testing.assert_frame_equal(after.drop(columns=numbers), before.drop(columns=numbers))


def test_finer_voxels_of_the_same_solids_keep_volumes_and_faces() -> None:
    fine = blobs().repeat(2, 0).repeat(2, 1).repeat(2, 2)
    before = object_table(volume(blobs()), 1, LIMITS)
    after = object_table(volume(fine, tuple(edge / 2 for edge in SIZE)), 1, LIMITS)  # type: ignore[arg-type]
    # Edge-on contacts between voxels stay contacts, so the objects are the same ones.
    same = ["label", "volume_um3", "equivalent_diameter_um", "at_edge", "edge_area_um2"]
    same += ["contact_area_liquid_um2", "contact_area_wall_um2"]
    pd.testing.assert_frame_equal(before[same], after[same])
    for axis, edge in zip("zyx", SIZE, strict=True):
        # The first fine voxel's centre lies a quarter of an edge before the first coarse one's.
        np.testing.assert_allclose(before[f"centroid_{axis}_um"], after[f"centroid_{axis}_um"] - edge / 4)


def test_shape_does_not_depend_on_place() -> None:
    mask = ellipsoid((20, 22, 24), (9.3, 10.1, 11.7), np.diag([7.0, 6.0, 8.5]))
    near = table(np.pad(mask, 1))
    far = table(np.pad(mask, ((61, 3), (150, 2), (97, 1))))
    same = [name for name in near if not name.startswith(("centroid", "z_", "y_", "x_"))]
    pd.testing.assert_frame_equal(near[same], far[same], check_exact=True)


def test_sums_that_wrapped_around_come_back() -> None:
    from tomocell.objects.shape import principal_axes

    points = np.random.default_rng(0).integers(0, 50, (200, 3))

    def sums(offset: int) -> NDArray[np.int64]:
        z, y, x = (points + offset).T.astype(np.int64)
        squares = [z * z, y * y, x * x, z * y, z * x, y * x]
        return np.array([[len(points), z.sum(), y.sum(), x.sum(), *(part.sum() for part in squares), *[0] * 10]])

    assert sums(2**30)[0, 4] < 0  # it did wrap
    near, far = principal_axes(sums(0), SIZE), principal_axes(sums(2**30), SIZE)
    np.testing.assert_array_equal(near.lengths_um, far.lengths_um)
    np.testing.assert_array_equal(near.directions, far.directions)


# Classes -----------------------------------------------------------------------------------------------------------


def test_no_object_makes_an_empty_table_with_all_columns() -> None:
    full, empty = table(np.ones((3, 3, 3))), table(np.zeros((3, 3, 3)))
    assert len(empty) == 0
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()


def test_values_stand_in_for_names_that_are_not_known() -> None:
    voxels = np.zeros((4, 4, 4), np.uint8)
    voxels[1, 1, 1], voxels[1, 1, 2] = 7, 9
    found = object_table(volume(voxels, SIZE, Classes()), 7, LIMITS)
    assert found["contact_area_9_um2"].tolist() == pytest.approx([VOXEL_UM3 / SIZE[2]])
    assert found["contact_area_0_um2"].item() > 0


def test_a_value_without_a_name_is_a_fault_where_others_have_one() -> None:
    voxels = np.zeros((4, 4, 4), np.uint8)
    voxels[3, 3, 3] = 9
    with pytest.raises(BadInput, match="label value 9") as caught:
        object_table(volume(voxels), 1, LIMITS, core=(2, 2, 2))
    assert "(2, 2, 2)" in str(caught.value)


def test_a_voxel_size_is_needed() -> None:
    with pytest.raises(BadInput, match="voxel size"):
        object_table(ArrayVolume(np.zeros((2, 2, 2), np.uint8), None), 1, LIMITS)


def test_connectivity_decides_what_hangs_together() -> None:
    mask = np.zeros((4, 4, 4), bool)
    mask[1, 1, 1] = mask[1, 2, 2] = mask[2, 3, 3] = True
    counts = {c: len(object_table(volume(mask), 1, LIMITS, connectivity=c)) for c in NEIGHBOURS}
    assert counts == {6: 3, 18: 2, 26: 1}
