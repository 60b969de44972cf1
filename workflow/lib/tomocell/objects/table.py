"""The table of objects: one row each, in physical units, the same for any block size and any number of workers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.objects.crofton import surface_area_um2
from tomocell.objects.labelling import LabelledBlock, Target, cut_for, join_blocks
from tomocell.objects.sums import Sums, sum_block, sum_objects, values_present
from tomocell.volumes.volume import AXES

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tomocell.blocks import Limits
    from tomocell.volumes.volume import Shape, Volume, VoxelSize

    Columns = dict[str, NDArray[np.float64] | NDArray[np.int64] | NDArray[np.bool_]]


def object_table(
    volume: Volume, values: int | tuple[int, ...], limits: Limits, *, connectivity: int = 26, core: Shape | None = None
) -> pd.DataFrame:
    """Return the table (`table_of`) of the objects that ``values`` make, as `measure_objects` finds them.

    Args:
        volume: Class values from 0 to 255, with a voxel size.
        values: The class value that makes objects, or several that count as one.
        limits: Memory and workers.
        connectivity: 6, 18 or 26.
        core: Shape of the blocks; as large as memory allows if not given.

    Raises:
        BadInput: As `measure_objects`, or if the voxel size is unknown.
    """
    target = Target((values,) if isinstance(values, int) else values, connectivity)
    volume.size  # noqa: B018  told before the long part
    return table_of(measure_objects(volume, target, limits, core=core), volume, target.values)


def measure_objects(volume: Volume, target: Target, limits: Limits, *, core: Shape | None = None) -> Sums:
    """Measure every object in one pass over the volume; it need not fit in memory, what is told of objects must.

    Everything is added up in whole numbers, so the outcome is the same, bit for bit, however the volume is cut. It
    takes about 1 kB an object while it is made, beside the blocks.

    Raises:
        BadInput: If voxels are not whole numbers from 0 to 255, or a value has no name though others have.
    """

    def measure(block: LabelledBlock) -> Sums:
        present = values_present(block)
        _require_names(volume, block, present)
        return sum_block(block, present, target)

    return sum_objects(join_blocks(volume, target, cut_for(volume, limits, core), limits.workers, measure))


def table_of(objects: Sums, volume: Volume, values: tuple[int, ...]) -> pd.DataFrame:
    """Return one row an object, in physical units.

    Columns:
        label: From 1, in the raster order of the objects' first voxels (z slowest).
        volume_voxels, volume_um3: Exact.
        volume_<class>_um3: Of each class, where several make objects.
        equivalent_diameter_um: Of the ball of the same volume.
        centroid_z_um, _y_um, _x_um: From the centre of the volume's first voxel.
        z_start, z_stop, y_start, y_stop, x_start, x_stop: Bounding box in voxels; stop is one past the last.
        axis_1_um >= axis_2_um >= axis_3_um: Roots of the eigenvalues of the covariance of the voxels' centres.
        elongation, flatness: axis_1 / axis_2, axis_2 / axis_3; not a number where that divides by zero.
        flat: Whether all voxels' centres lie in a plane; then axis_3 is 0 and flatness not a number.
        orientation_z, _y, _x: Unit vector of axis 1, its first component that is not 0 positive; not a number where
            axis 1 is not longer than axis 2.
        polar_deg: Angle from z, 0 to 90.
        azimuth_deg: Angle in the y-x plane from x towards y, -180 to 180; not a number along z.
        surface_area_um2: Crofton, 13 directions, closed at the volume's edge; see ``surface_area_um2`` for its bias.
        sphericity: ``pi**(1/3) (6 V)**(2/3) / A``; small digital balls come out a little over 1.
        at_edge: Whether the volume's edge cuts the object.
        edge_area_um2: Voxel faces on the volume's edge.
        contact_area_<class>_um2: Voxel faces shared with another class: right for walls along the axes, up to 1.73
            times too large for oblique ones. ``<class>`` is the value where classes have no names.
    """
    import pandas as pd

    size = volume.size
    columns = _sizes(objects, size) | _parts(objects, volume, values) | _places(objects, size)
    columns |= _shapes(objects, size) | _surfaces(objects, size)
    return pd.DataFrame(columns | _contacts(objects, volume, values))


def _require_names(volume: Volume, block: LabelledBlock, values: NDArray[np.int64]) -> None:
    known = {member.value for member in volume.classes}
    unknown = sorted(set(values.tolist()) - known) if known else []
    if unknown:
        start = block.frame[0] + 1
        where = f"{volume.name}, block from voxel ({start[0]}, {start[1]}, {start[2]})"
        remedy = "name its class, or correct the labels"
        raise BadInput(Fault(where, f"label value {unknown[0]}", f"one of {sorted(known)}", remedy))


def _sizes(objects: Sums, size: VoxelSize) -> Columns:
    from tomocell.objects.kernels import COUNT

    voxels = objects.sums[:, COUNT]
    volume_um3 = voxels * math.prod(size)
    return {
        "label": np.arange(1, len(voxels) + 1),
        "volume_voxels": voxels,
        "volume_um3": volume_um3,
        "equivalent_diameter_um": np.cbrt(6 / math.pi * volume_um3),
    }


def _parts(objects: Sums, volume: Volume, values: tuple[int, ...]) -> Columns:
    if len(values) == 1:
        return {}
    names = {member.value: member.name for member in volume.classes}
    voxel_um3 = math.prod(volume.size)
    return {
        f"volume_{names.get(value, value)}_um3": np.asarray(objects.parts[:, column] * voxel_um3)
        for column, value in enumerate(values)
    }


def _places(objects: Sums, size: VoxelSize) -> Columns:
    from tomocell.objects.shape import centroids_um

    centroids = centroids_um(objects.sums, size)
    columns: Columns = {f"centroid_{name}_um": centroids[:, axis] for axis, name in enumerate(AXES)}
    for axis, name in enumerate(AXES):
        columns[f"{name}_start"] = objects.least[:, axis]
        columns[f"{name}_stop"] = 1 - objects.least[:, 3 + axis]
    return columns


def _shapes(objects: Sums, size: VoxelSize) -> Columns:
    from tomocell.objects.shape import angles_deg, principal_axes, ratio

    axes = principal_axes(objects.sums, size)
    longest, middle, shortest = axes.lengths_um.T
    polar, azimuth = angles_deg(axes.directions)
    return {
        "axis_1_um": longest,
        "axis_2_um": middle,
        "axis_3_um": shortest,
        "elongation": ratio(longest, middle),
        "flatness": ratio(middle, shortest),
        "flat": shortest == 0,
        **{f"orientation_{name}": axes.directions[:, axis] for axis, name in enumerate(AXES)},
        "polar_deg": polar,
        "azimuth_deg": azimuth,
    }


def _surfaces(objects: Sums, size: VoxelSize) -> Columns:
    from tomocell.objects.kernels import COUNT, CROSSINGS, EDGE

    area = surface_area_um2(objects.sums[:, CROSSINGS], size)
    edge = objects.sums[:, EDGE]
    volume_um3 = objects.sums[:, COUNT] * math.prod(size)
    return {
        "surface_area_um2": area,
        "sphericity": np.cbrt(math.pi) * np.cbrt(6 * volume_um3) ** 2 / area,
        "at_edge": edge.any(axis=1),
        "edge_area_um2": edge @ _face_areas_um2(size),
    }


def _contacts(objects: Sums, volume: Volume, values: tuple[int, ...]) -> Columns:
    """Return the contact areas with every other class: those named, or those met where none is."""
    names = {member.value: member.name for member in volume.classes}
    names = names or {int(value): str(value) for value in np.unique(objects.contacts[:, 2])}
    areas = _face_areas_um2(volume.size)
    columns: Columns = {}
    for value in (value for value in names if value not in values):
        faces = np.zeros((len(objects.sums), len(AXES)), np.int64)
        touching = objects.contacts[objects.contacts[:, 2] == value]
        np.add.at(faces, (touching[:, 0], touching[:, 1]), touching[:, 3])
        columns[f"contact_area_{names[value]}_um2"] = faces @ areas
    return columns


def _face_areas_um2(size: VoxelSize) -> NDArray[np.float64]:
    """Return the areas of a voxel's faces by their normals z, y, x."""
    return math.prod(size) / np.array(size)
