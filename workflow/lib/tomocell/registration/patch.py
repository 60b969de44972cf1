"""Patches: a part of a scan in memory that knows where it lies, read in no larger pieces than needed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.registration import transforms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from tomocell.volumes.volume import Region, Shape, Volume

    Array = NDArray[np.float64]
    Voxels = NDArray[np.float32]

PIECE_VOXELS = 1 << 25  # read at once when a scan is reduced
LEAST_EDGE = 16  # voxels of an axis that no reduction goes below
LEAST_VOXELS = 32**3  # features of a few voxels are lost in a smaller copy
SAME_SIZE = 1e-6
TRUNCATE = 3.0  # standard deviations that a Gaussian reaches
SLOPE_REACH = 2  # voxels that a gradient of the spline reaches


@runtime_checkable
class Pyramid(Protocol):
    """A volume that keeps reduced copies of itself, each voxel the mean of 2 x 2 x 2 of the finer one."""

    def coarser(self, level: int) -> Volume:
        """Return the copy reduced by 2**level, or the coarsest there is."""


@dataclass(frozen=True)
class Patch:
    """Grey values of a part of a scan.

    Attributes:
        voxels: Grey values, shape (Z, Y, X), float32, C order.
        origin_um: Centre of the patch's voxel (0, 0, 0) in the frame of its scan.
        voxel_um: Edges of a voxel.
        mask: True where a voxel may be used; None uses all.
    """

    voxels: Voxels
    origin_um: Array
    voxel_um: Array
    mask: NDArray[np.bool_] | None = None

    @property
    def shape(self) -> Shape:
        """Voxels along (Z, Y, X)."""
        depth, height, width = self.voxels.shape
        return (depth, height, width)

    @property
    def centre_um(self) -> Array:
        """The middle of the patch in the frame of its scan."""
        return self.origin_um + (np.array(self.shape) - 1) / 2 * self.voxel_um

    @property
    def corners_um(self) -> Array:
        """The centres of the corner voxels, shape (8, 3)."""
        steps = np.array(np.meshgrid(*[(0, size - 1) for size in self.shape])).reshape(3, -1).T
        return self.origin_um + steps * self.voxel_um

    def reduced(self, factors: Sequence[int]) -> Patch:
        """Return the means over boxes of ``factors`` voxels; what does not fill a box at the far end is left out."""
        if max(factors) == 1:
            return self
        mask = None if self.mask is None else average(self.mask.astype(np.float32), factors) == 1
        shift = (np.array(factors) - 1) / 2 * self.voxel_um
        return Patch(average(self.voxels, factors), self.origin_um + shift, self.voxel_um * factors, mask)

    def normalised(self) -> Patch:
        """Return the patch with median 0 and standard deviation 1 (of nothing but its finite spread)."""
        few = self.voxels[::2, ::2, ::2].astype(np.float64)
        middle, spread = float(np.median(few)), float(few.std())
        return replace(self, voxels=(self.voxels - np.float32(middle)) * np.float32(1 / (spread or 1.0)))

    def smoothed(self, sigma_voxels: float) -> Patch:
        """Return the patch after a Gaussian of ``sigma_voxels``; the mask loses what masked voxels shine into."""
        from tomocell.registration.blur import convolve, gaussian_taps

        if sigma_voxels == 0:
            return self
        mask = self.mask
        if mask is not None:
            from scipy import ndimage

            reach = math.ceil(TRUNCATE * sigma_voxels) + SLOPE_REACH
            mask = ndimage.binary_erosion(mask, iterations=reach, border_value=1)
        return replace(self, voxels=convolve(self.voxels, gaussian_taps(sigma_voxels, TRUNCATE)), mask=mask)

    def splined(self) -> Patch:
        """Return the patch after (1, 4, 1) / 6 along each axis: the cubic B-spline with its voxels as coefficients."""
        from tomocell.registration.blur import convolve

        return replace(self, voxels=convolve(self.voxels, (4 / 6, 1 / 6)))


def grid_of(fixed: Patch, moving: Patch, matrix: ArrayLike) -> Array:
    """Return the 3 x 4 matrix from voxels (z, y, x, 1) of ``fixed`` to voxels of ``moving`` by a motion in um."""
    given = np.asarray(matrix, np.float64)
    turn = given[:3, :3] * fixed.voxel_um / moving.voxel_um[:, None]
    shift = (transforms.apply(given, fixed.origin_um) - moving.origin_um) / moving.voxel_um
    return np.ascontiguousarray(np.column_stack([turn, shift]))


def average(voxels: Voxels, factors: Sequence[int]) -> Voxels:
    """Return the means over boxes of ``factors`` voxels, float32."""
    for axis, factor in enumerate(factors):
        kept = voxels.shape[axis] // factor * factor
        before = (slice(None),) * axis
        parts = [voxels[(*before, slice(start, kept, factor))] for start in range(factor)]
        voxels = parts[0] if factor == 1 else np.asarray(sum(parts[1:], parts[0]) / np.float32(factor))
    return np.ascontiguousarray(voxels)


def axis_factors(reduction: int, shape: Sequence[int], voxel_um: ArrayLike) -> Shape:
    """Return the reduction of each axis that makes voxels as wide as ``reduction`` of the finest edge.

    Long edges of anisotropic voxels are reduced less, and no axis to fewer than 16 voxels.
    """
    edges = np.asarray(voxel_um, np.float64)
    wanted = np.maximum(1, np.rint(reduction * edges.min() / edges)).astype(int)
    z, y, x = (min(int(factor), max(1, size // LEAST_EDGE)) for factor, size in zip(wanted, shape, strict=True))
    return (z, y, x)


def keeps_detail(factors: Sequence[int], shape: Sequence[int], least_voxels: int = LEAST_VOXELS) -> bool:
    """Tell whether a reduced copy still has enough voxels to fit on."""
    return math.prod(size // factor for size, factor in zip(shape, factors, strict=True)) >= least_voxels


def read_patch(volume: Volume, region: Region, factors: Shape = (1, 1, 1)) -> Patch:
    """Read a region, reduced on the way by ``factors``, a few planes at a time.

    A stored copy is used where the volume offers one (``Pyramid``) of that reduction.

    Raises:
        BadInput: If a grey value is NaN or infinite.
    """
    start = np.array([part.start for part in region])
    stored = _stored(volume, region, factors)
    if stored is not None:
        volume, region = stored
    inner = (1, 1, 1) if stored is not None else factors
    voxels = np.concatenate([average(_read(volume, piece), inner) for piece in _pieces(region, inner)])
    edges = np.array(_size(volume, stored is not None, factors))
    return Patch(voxels, (start + (np.array(factors) - 1) / 2) * edges, edges * factors)


def _size(volume: Volume, reduced: bool, factors: Shape) -> Array:  # noqa: FBT001
    return np.array(volume.size) / (np.array(factors) if reduced else 1)


def _stored(volume: Volume, region: Region, factors: Shape) -> tuple[Volume, Region] | None:
    """Return the stored copy that is reduced by ``factors``, and the region in it, where there is such a copy."""
    level = factors[0].bit_length() - 1
    if level == 0 or set(factors) != {2**level} or not isinstance(volume, Pyramid):
        return None
    if any(part.start % factors[0] for part in region):
        return None
    copy = volume.coarser(level)
    if not np.allclose(copy.size, np.array(volume.size) * factors, rtol=SAME_SIZE):
        return None
    z, y, x = (slice(part.start // factors[0], part.stop // factors[0]) for part in region)
    return copy, (z, y, x)


def _pieces(region: Region, factors: Shape) -> list[Region]:
    planes, rows, columns = region
    area = (rows.stop - rows.start) * (columns.stop - columns.start)
    step = max(1, PIECE_VOXELS // max(1, area) // factors[0]) * factors[0]
    last = planes.start + (planes.stop - planes.start) // factors[0] * factors[0]
    return [(slice(z, min(z + step, last)), rows, columns) for z in range(planes.start, last, step)]


def _read(volume: Volume, region: Region) -> Voxels:
    voxels = np.asarray(volume.read(region), np.float32)
    if not np.isfinite(np.sum(voxels, dtype=np.float64)):
        where = ", ".join(f"{part.start}:{part.stop}" for part in region)
        fault = Fault(
            f"{volume.name} [{where}]", "NaN or infinite", "finite grey values", "repair the scan, or crop the part off"
        )
        raise BadInput(fault)
    return voxels


def read_around(volume: Volume, fixed: Patch, matrix: ArrayLike, margin_voxels: int) -> Patch | None:
    """Read what ``matrix`` takes ``fixed`` to, with a margin, as far as it is in the scan; None where nothing is."""
    region = box_around(volume, transforms.apply(matrix, fixed.corners_um), margin_voxels)
    return None if region is None else read_patch(volume, region)


def box_around(volume: Volume, points_um: ArrayLike, margin_voxels: int) -> Region | None:
    """Return the region of a scan that holds ``points_um`` with a margin, clipped; None where it is empty."""
    at = np.asarray(points_um, np.float64) / np.array(volume.size)
    low = np.maximum(np.floor(at.min(axis=0)).astype(int) - margin_voxels, 0)
    high = np.minimum(np.ceil(at.max(axis=0)).astype(int) + margin_voxels + 1, volume.shape)
    if np.any(low >= high):
        return None
    z, y, x = (slice(int(first), int(last)) for first, last in zip(low, high, strict=True))
    return (z, y, x)
