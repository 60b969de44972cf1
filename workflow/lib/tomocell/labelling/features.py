"""Features of each voxel's surroundings, at several scales; the same however the volume is cut.

Grey value; and at each scale: smoothed value, magnitude of the gradient, Laplacian, eigenvalues of the Hessian
(descending). Derivatives are central differences of the smoothed values, in voxels. Beyond the volume's faces the
outermost voxel repeats.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import cut
from tomocell.volumes.planes import axis_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from tomocell.labelling.settings import ClassifierSettings
    from tomocell.volumes.volume import Region, Shape

TRUNCATE = 3.0
PIECE = (64, 64, 64)  # voxels that are described at once
WORKING_BYTES = 24  # per voxel of a piece and its halo: as float32, smoothed, a pass of the filter


def names(settings: ClassifierSettings) -> tuple[str, ...]:
    """Return the names of the columns that ``describe`` returns."""
    found = ["grey"]
    for sigma in settings.sigmas_voxels:
        for kind in settings.features:
            parts = range(1, settings.dimensions + 1) if kind == "hessian" else [0]
            found += [f"{kind}{part or ''}_sigma_{sigma:g}" for part in parts]
    return tuple(found)


def halo(settings: ClassifierSettings) -> Shape:
    """Return the reach of the features along (Z, Y, X)."""
    reach = int(TRUNCATE * max(settings.sigmas_voxels) + 0.5) + 1
    z, y, x = (0 if axis == _across(settings) else reach for axis in range(3))
    return (z, y, x)


def piece_mb(settings: ClassifierSettings) -> int:
    """Return what it takes to describe a piece, beside the block that it lies in."""
    outer = math.prod(edge + 2 * reach for edge, reach in zip(PIECE, halo(settings), strict=True))
    return (outer * WORKING_BYTES + math.prod(PIECE) * 4 * len(names(settings)) >> 20) + 1


def pieces(inner: Region, shape: Shape, settings: ClassifierSettings) -> Iterator[tuple[Region, Region, Region]]:
    """Yield the parts of ``inner``, a region of an array of ``shape``, that are described one at a time.

    Each comes as three regions: of the array, with all that its features reach; of that, the part itself; and where
    in ``inner`` it lies.
    """
    size = tuple(part.stop - part.start for part in inner)
    for block in cut((size[0], size[1], size[2]), PIECE):
        low = [part.start + of.start for part, of in zip(block.core, inner, strict=True)]
        high = [part.stop + of.start for part, of in zip(block.core, inner, strict=True)]
        first = [max(at - reach, 0) for at, reach in zip(low, halo(settings), strict=True)]
        last = [min(at + reach, edge) for at, reach, edge in zip(high, halo(settings), shape, strict=True)]
        within = [(a - f, b - f) for a, b, f in zip(low, high, first, strict=True)]
        yield _region(zip(first, last, strict=True)), _region(within), block.core


def describe(voxels: NDArray[Any], inner: Region, settings: ClassifierSettings) -> NDArray[np.float32]:
    """Return the features of the voxels of ``inner``, shape (voxels, features), in C order of the region.

    Args:
        voxels: Grey values of the block with its halo, shape (Z, Y, X).
        inner: The region of ``voxels`` that is described.
        settings: Which features, and at which scales.
    """
    from scipy.ndimage import gaussian_filter

    from tomocell.labelling.kernels import derive

    grey = np.ascontiguousarray(voxels, np.float32)
    low, high = (np.array([getattr(part, side) for part in inner]) for side in ("start", "stop"))
    rows = np.empty((int(np.prod(high - low)), len(names(settings))), np.float32)
    rows[:, 0] = grey[inner].ravel()
    columns = (rows.shape[1] - 1) // len(settings.sigmas_voxels)
    for index, sigma in enumerate(settings.sigmas_voxels):
        widths = [0.0 if axis == _across(settings) else sigma for axis in range(3)]
        smoothed = gaussian_filter(grey, widths, mode="nearest", truncate=TRUNCATE)
        derive(smoothed, np.stack([low, high]), _wanted(settings), _across(settings), rows[:, 1 + index * columns :])
    return rows


def _across(settings: ClassifierSettings) -> int:
    """Return the axis that features do not look along; -1 where they look along all three."""
    return axis_number(settings.plane_axis) if settings.dimensions == 2 else -1  # noqa: PLR2004


def _wanted(settings: ClassifierSettings) -> NDArray[np.int64]:
    """Return for each kind of feature its place among those wanted; -1 where it is not."""
    from tomocell.labelling.settings import FEATURES

    place, places = 0, {}
    for kind in settings.features:
        places[kind] = place
        place += settings.dimensions if kind == "hessian" else 1
    return np.array([places.get(kind, -1) for kind in FEATURES])


def _region(bounds: Iterable[tuple[int, int]]) -> Region:
    z, y, x = (slice(low, high) for low, high in bounds)
    return (z, y, x)
