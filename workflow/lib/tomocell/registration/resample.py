"""Resampling of a moving scan on the grid of the reference, one region at a time.

Cubic convolution (Keys, IEEE TASSP 29 (1981), doi:10.1109/TASSP.1981.1163711) rather than a cubic B-spline: it needs no
prefilter, whose tail reaches 12 voxels and more, so two voxels around a region are all that a block needs and no voxel
depends on how the volume was cut. It is exact for quadratics and lets overshoots of up to about 10 % of a step pass;
integers are rounded to nearest and clipped to their type.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.registration import transforms
from tomocell.registration.deformation import NONE, Deformation
from tomocell.registration.patch import Patch, grid_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from tomocell.registration.settings import ResampleSettings
    from tomocell.volumes.volume import Region, Shape, Volume, VoxelSize

    Array = NDArray[np.float64]
    Where = tuple[Array, Array, Array]

REACH = 3  # voxels read around what a region is taken to: two for the cubic, one for rounding
# Of a block: result in float32 and its own type, the box of the moving scan in its own type and in float32, and a share
# of the box that a rotation of some degrees adds.
BYTES_PER_VOXEL = 20.0


@dataclass(frozen=True)
class Frame:
    """What a resampled volume is like.

    Attributes:
        voxel_size_um: Voxel of the reference.
        interpolation: ``nearest`` for labels.
        fill: Value where the moving scan does not reach.
    """

    voxel_size_um: VoxelSize
    interpolation: Literal["cubic", "linear", "nearest"] = "cubic"
    fill: float = 0.0


@dataclass(frozen=True)
class Resampled:
    """A region of the moving scan on the grid of the reference.

    Attributes:
        voxels: Values, shape (Z, Y, X), the moving scan's dtype.
        outside: Voxels that the moving scan does not reach; they hold the fill value.
    """

    voxels: NDArray[Any]
    outside: int


def resample_region(
    moving: Volume, matrix: ArrayLike, region: Region, frame: Frame, deformation: Deformation = NONE
) -> Resampled:
    """Return the moving scan on the voxels ``region`` of the reference grid.

    ``matrix`` takes points (z, y, x, 1) in um of the reference to the same points in the moving scan, ``deformation``
    adds to that. Only the box that the region needs is read. A voxel's value does not depend on the region that it was
    computed in.

    Raises:
        BadInput: If the matrix is not a rigid motion.
    """
    if not transforms.is_rigid(matrix):
        raise BadInput(
            Fault("registration matrix", np.asarray(matrix).tolist(), "a rotation and a shift", "register anew")
        )
    grid = _voxel_grid(matrix, frame.voxel_size_um, moving.size)
    shape = tuple(part.stop - part.start for part in region)
    field = deformation.nodes_um / np.array(moving.size)[:, None, None, None]
    box = _needed(grid, field, region, moving.shape)
    if box is None:
        return Resampled(np.full(shape, _typed(np.float64(frame.fill), moving.dtype)), int(np.prod(shape)))
    first = [[part.start for part in where] for where in (region, box)]
    place = np.array([*first, moving.shape], dtype=np.int64)
    steps = np.array(deformation.step_um) / np.array(frame.voxel_size_um)
    return _fill(moving.read(box), place, (grid, field, steps), frame, shape)


def resample_patch(fixed: Patch, moving: Patch, matrix: ArrayLike) -> NDArray[np.float32]:
    """Return a moving patch on the voxels of a fixed one, by cubic convolution; NaN where it does not reach."""
    from tomocell.registration.resample_kernels import resample_cubic

    out = np.empty_like(fixed.voxels)
    place = np.array([(0, 0, 0), (0, 0, 0), moving.shape], dtype=np.int64)
    where = (grid_of(fixed, moving, matrix), NONE.nodes_um, np.ones(3))
    resample_cubic(moving.voxels, place, where, np.float32(np.nan), out)
    return out


def roi_region(settings: ResampleSettings, shape: Shape) -> Region:
    """Return the region of interest in the reference scan.

    Raises:
        BadInput: If it does not lie in the scan.
    """
    start = settings.roi_start_voxels
    size = settings.roi_size_voxels or [total - first for total, first in zip(shape, start, strict=True)]
    stop = [first + count for first, count in zip(start, size, strict=True)]
    if any(last > total or last <= first for first, last, total in zip(start, stop, shape, strict=True)):
        where = f"start {tuple(start)}, size {tuple(size)}"
        fault = Fault("registration.roi_start_voxels, roi_size_voxels", where, f"a region inside {shape}", "correct it")
        raise BadInput(fault)
    z, y, x = (slice(first, last) for first, last in zip(start, stop, strict=True))
    return (z, y, x)


def _voxel_grid(matrix: ArrayLike, fixed_um: VoxelSize, moving_um: VoxelSize) -> Array:
    given, edges = np.asarray(matrix, np.float64), np.array(moving_um)
    return np.ascontiguousarray(np.column_stack([given[:3, :3] * np.array(fixed_um), given[:3, 3]]) / edges[:, None])


def _needed(grid: Array, field: Array, region: Region, shape: Sequence[int]) -> Region | None:
    """Return the box of the moving scan that a region needs; None where it needs nothing."""
    corners = np.array(list(itertools.product(*((part.start, part.stop - 1) for part in region))), np.float64)
    at = corners @ grid[:, :3].T + grid[:, 3]
    least, most = (limit(field, axis=(1, 2, 3)) if field.size else np.zeros(3) for limit in (np.min, np.max))
    low = np.maximum(np.floor(at.min(axis=0) + least).astype(int) - REACH, 0)
    high = np.minimum(np.ceil(at.max(axis=0) + most).astype(int) + REACH + 1, shape)
    if np.any(low >= high):
        return None
    z, y, x = (slice(int(first), int(last)) for first, last in zip(low, high, strict=True))
    return (z, y, x)


def _fill(box: NDArray[Any], place: NDArray[np.int64], where: Where, frame: Frame, shape: tuple[int, ...]) -> Resampled:
    from tomocell.registration import resample_kernels as kernels

    if frame.interpolation == "nearest":
        labels = np.empty(shape, box.dtype)
        fill = _typed(np.float64(frame.fill), box.dtype)
        return Resampled(labels, kernels.resample_nearest(np.ascontiguousarray(box), place, where, fill, labels))
    kernel = kernels.resample_cubic if frame.interpolation == "cubic" else kernels.resample_linear
    grey = np.empty(shape, np.float32)
    outside = kernel(np.ascontiguousarray(box, np.float32), place, where, np.float32(frame.fill), grey)
    return Resampled(_typed(grey, box.dtype), outside)


def _typed(values: Any, dtype: np.dtype[Any]) -> Any:  # noqa: ANN401 - an array or one number, of any type
    """Return values in a voxel type; integers are rounded to nearest and clipped."""
    if not np.issubdtype(dtype, np.integer):
        return values.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    if np.ndim(values) == 0:
        return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
    typed = np.empty(values.shape, dtype)
    for plane, result in zip(values, typed, strict=True):  # in double precision, but never the whole block
        result[...] = np.clip(np.rint(plane.astype(np.float64)), limits.min, limits.max)
    return typed
