"""How much of the pits of the half cycle stays open, from a map of the open depth: areas, volume, depths.

Uncertainties: an interface is located no better than a voxel (standard deviation 1/sqrt(12) of its edge), and a depth
lies between two interfaces of two scans. A share of the face adds to that how well this field of view stands for the
cell: a bootstrap of blocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.series._blocks import block_sums, ratio_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tomocell.volumes.volume import VoxelSize

PERCENT = 100.0
INTERFACE_VOXELS = 12**-0.5
DEPTH_VOXELS = 2**0.5 * INTERFACE_VOXELS


@dataclass(frozen=True)
class Sampling:
    """How blocks of the face are drawn: their edge, and the seed."""

    block_um: float
    seed: int


@dataclass(frozen=True)
class Opening:
    """Pits, and what of them is open.

    Attributes:
        depth: Open voxels along z, shape (rows, columns); columns of fewer than ``least`` count as closed.
        pits: Voxels of the pits along z at the half cycle.
        size_um: Edges of a voxel (Z, Y, X).
        least: Voxels along z that make a column open.
    """

    depth: NDArray[np.int64]
    pits: NDArray[np.int64]
    size_um: VoxelSize
    least: int = 1

    @property
    def is_open(self) -> NDArray[np.bool_]:
        """Where a column is open."""
        return np.asarray(self.depth >= self.least)

    @property
    def open_depth(self) -> NDArray[np.int64]:
        """Depth of the open columns, 0 elsewhere, voxels."""
        return np.where(self.is_open, self.depth, 0)

    @property
    def depth_um(self) -> NDArray[np.float32]:
        """The same as a map in um."""
        return (self.open_depth * self.size_um[0]).astype(np.float32)


Estimate = tuple[float, float]  # a value and its standard uncertainty


def open_area_percent(opening: Opening, sampling: Sampling) -> Estimate:
    """Return the share of the face that is open.

    Columns of just ``least`` voxels tell how many there are to a voxel of depth at the threshold: shifting the two
    interfaces of a depth shifts so many times 0.41 of them across it.
    """
    return _share(opening, np.ones(opening.depth.shape, np.bool_), sampling)


def open_of_pits_percent(opening: Opening, sampling: Sampling) -> Estimate:
    """Return the share of the pits' columns that is open; not a number without pits."""
    return _share(opening, opening.pits > 0, sampling)


def open_volume_percent(opening: Opening, sampling: Sampling) -> Estimate:
    """Return the share of the pits' volume that is open; not a number without pits."""
    depth, volume = opening.open_depth, float(opening.pits.sum())
    if volume == 0:
        return math.nan, math.nan
    share = float(depth.sum()) / volume
    shifted = DEPTH_VOXELS / volume * math.hypot(opening.is_open.sum(), share * (opening.pits > 0).sum())
    return share * PERCENT, math.hypot(shifted, _error(opening, depth, opening.pits, sampling)) * PERCENT


def open_volume_um3(opening: Opening) -> Estimate:
    """Return the open volume; all its interfaces shifted alike, axes independent, as volumes of classes have it."""
    depth = opening.open_depth
    sides = [float(np.abs(np.diff(depth, axis=axis)).sum()) for axis in (0, 1)]
    faces = np.array([2.0 * opening.is_open.sum(), *sides])
    voxel_um3 = math.prod(opening.size_um)
    return float(depth.sum() * voxel_um3), float(np.linalg.norm(faces) * INTERFACE_VOXELS * voxel_um3)


def mean_depth_um(opening: Opening, sampling: Sampling) -> Estimate:
    """Return the mean depth of the open columns; 0 where none is open."""
    depth, columns = opening.open_depth, opening.is_open
    if not columns.any():
        return 0.0, math.nan
    mean = float(depth.sum() / columns.sum())
    error = _error(opening, depth, columns, sampling)
    return mean * opening.size_um[0], math.hypot(DEPTH_VOXELS, error) * opening.size_um[0]


def largest_depth_um(opening: Opening) -> Estimate:
    """Return the largest depth; 0 where no column is open."""
    largest = float(opening.open_depth.max())
    return largest * opening.size_um[0], DEPTH_VOXELS * opening.size_um[0] if largest else math.nan


def by_key(found: Mapping[str, Estimate], prefix: str = "") -> dict[str, float | None]:
    """Return values and uncertainties by key: ``x_um`` and ``x_uncertainty_um``; what is no number is null."""
    figures: dict[str, float | None] = {}
    for key, (value, uncertainty) in found.items():
        name, _, unit = key.rpartition("_")
        figures[f"{prefix}{key}"] = None if math.isnan(value) else value
        figures[f"{prefix}{name}_uncertainty_{unit}"] = None if math.isnan(uncertainty) else uncertainty
    return figures


def _share(opening: Opening, among: NDArray[np.bool_], sampling: Sampling) -> Estimate:
    whole = int(among.sum())
    if whole == 0:
        return math.nan, math.nan
    found = opening.is_open & among
    shifted = DEPTH_VOXELS * int((found & (opening.depth == opening.least)).sum()) / whole
    error = _error(opening, found, among, sampling)
    return int(found.sum()) / whole * PERCENT, math.hypot(shifted, error) * PERCENT


def _error(opening: Opening, above: NDArray[np.generic], below: NDArray[np.generic], sampling: Sampling) -> float:
    """Return the standard error of a ratio of sums over the face; 0 where one block is as wide as the face."""
    sums = [block_sums(values, opening.size_um[1:], sampling.block_um) for values in (above, below)]
    error = ratio_error(sums[0], sums[1], sampling.seed)
    return 0.0 if math.isnan(error) else error
