"""Faces of layers seen along z: where they lie, how far apart, how well that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.analyses._classes import INTERFACE_UNCERTAINTY_VOXELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.objects.columns import Extents

    Floats = NDArray[np.float64]

PATCHES = 4  # along each edge of the face, for standard errors


@dataclass(frozen=True)
class Layer:
    """A layer across the cell: its faces in each column, um from the first face of the volume.

    Attributes:
        inner_um: (Y, X), the face towards the other layer; not a number where the column has none of the layer.
        outer_um: (Y, X), the face away from it.
        cut: (Y, X), whether the outer face is that of the volume, so that the layer may go on beyond it.
    """

    inner_um: Floats
    outer_um: Floats
    cut: NDArray[np.bool_]


def layers_of(extents: tuple[Extents, Extents], depth: int, edge_um: float) -> tuple[Layer, Layer]:
    """Return two layers, whichever of them comes first along z; both must have a voxel."""
    one, other = extents
    is_first = mean_plane(one) <= mean_plane(other)
    return _layer(one, depth, edge_um, is_first=is_first), _layer(other, depth, edge_um, is_first=not is_first)


def mean_plane(extents: Extents) -> float:
    """Return the mean of the middles of the columns that have a voxel."""
    present = extents.present
    return float((extents.first[present] + extents.stop[present]).mean() / 2)


def mean_with_error(values: Floats) -> tuple[float | None, float | None]:
    """Return the mean over (Y, X) without what is not a number, and the standard error of the patches' means."""
    if np.isnan(values).all():
        return None, None
    rows = np.array_split(values, PATCHES, axis=0)
    patches = [patch for row in rows for patch in np.array_split(row, PATCHES, axis=1)]
    means = [np.nanmean(patch) for patch in patches if patch.size and not np.isnan(patch).all()]
    error = float(np.std(means, ddof=1) / np.sqrt(len(means))) if len(means) > 1 else None
    return float(np.nanmean(values)), error


def position_uncertainty_um(edge_um: float, faces: int, error_um: float | None) -> float:
    """Return the standard uncertainty of a length between ``faces`` interfaces: voxels, and the spread of patches."""
    return float(np.hypot(INTERFACE_UNCERTAINTY_VOXELS * edge_um * np.sqrt(faces), error_um or 0.0))


def mean_along(values: Floats, axis: int) -> Floats:
    """Return means over an axis of (Y, X) without what is not a number; not a number where nothing is left."""
    known = ~np.isnan(values)
    counts = known.sum(axis=axis)
    sums = np.where(known, values, 0.0).sum(axis=axis)
    return np.asarray(np.divide(sums, counts, out=np.full(counts.shape, np.nan), where=counts > 0))


def _layer(extents: Extents, depth: int, edge_um: float, *, is_first: bool) -> Layer:
    low = np.where(extents.present, extents.first * edge_um, np.nan)
    high = np.where(extents.present, extents.stop * edge_um, np.nan)
    if is_first:
        return Layer(high, low, extents.present & (extents.first == 0))
    return Layer(low, high, extents.stop == depth)
