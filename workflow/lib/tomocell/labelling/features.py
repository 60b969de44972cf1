"""Features of each voxel's surroundings, at several scales; the same however the volume is cut.

Grey value; and at each scale: smoothed value, magnitude of the gradient, Laplacian, eigenvalues of the Hessian
(descending). Derivatives are central differences of the smoothed values, in voxels. Beyond the volume's faces the
outermost voxel repeats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import Need
from tomocell.volumes.planes import axis_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.labelling.settings import ClassifierSettings
    from tomocell.volumes.volume import Region

TRUNCATE = 3.0
WORKING_BYTES = 48.0  # per voxel beside the features: read, as float32, smoothed and its passes, labels


def names(settings: ClassifierSettings) -> tuple[str, ...]:
    """Return the names of the columns that ``describe`` returns."""
    found = ["grey"]
    for sigma in settings.sigmas_voxels:
        for kind in settings.features:
            parts = range(1, settings.dimensions + 1) if kind == "hessian" else [0]
            found += [f"{kind}{part or ''}_sigma_{sigma:g}" for part in parts]
    return tuple(found)


def need(settings: ClassifierSettings) -> Need:
    """Return what the features ask of a block."""
    reach = _reach(max(settings.sigmas_voxels)) + 1
    halo = [0 if axis == _across(settings) else reach for axis in range(3)]
    return Need((halo[0], halo[1], halo[2]), WORKING_BYTES + 4.0 * len(names(settings)))


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


def _reach(sigma: float) -> int:
    return int(TRUNCATE * sigma + 0.5)
