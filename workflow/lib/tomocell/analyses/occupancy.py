"""Occupancy: the share of the electrode's face that a class covers, with its flattened maps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from tomocell.analyses._classes import INTERFACE_UNCERTAINTY_VOXELS, project_classes, require_classes
from tomocell.analyses.result import Map, Result, Scalar
from tomocell.settings.base import NAMES_CLASSES, Frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.blocks import Limits
    from tomocell.volumes.volume import Volume

__all__ = ["Result", "Settings", "measure"]
PERCENT = 100.0
THICKNESS_VOXELS = math.sqrt(2) * INTERFACE_UNCERTAINTY_VOXELS


class Settings(Frozen):
    """Settings of occupancy; the face is seen along z."""

    of: tuple[str, ...] = Field(
        (), description="Classes to look at; none: all but the first.", json_schema_extra=NAMES_CLASSES
    )
    least_voxels: int = Field(1, ge=1, description="Voxels of a class along z that count as covered.")
    patches: int = Field(4, ge=2, description="Patches along each edge of the face for the uncertainty.")


def measure(volume: Volume, settings: Settings, limits: Limits) -> Result:
    """Return covered shares of the face, and maps flattened along z.

    Keys: ``<class>_percent`` (share of columns with at least ``least_voxels`` of the class), its
    ``<class>_uncertainty_percent`` and ``<class>_bare_percent``, the complement. The uncertainty is the root sum of
    squares of the spread of the patches' shares over the square root of their number (how well this field of view
    stands for the cell) and of a threshold band: columns of just ``least_voxels`` tell how many there are to a voxel of
    thickness, and a thickness between two interfaces is known to 0.41 voxels.
    Maps: ``<class>_thickness_um`` (sum along z) and ``<class>_density`` (mean along z).
    Source: Huang et al. 2023, doi:10.1038/s41524-023-01039-y.

    Raises:
        BadInput: If the volume has no classes or no voxel size, or a class of ``of`` is not there.
    """
    classes = require_classes(volume)
    names = settings.of or classes.names[1:]
    projected = dict(zip(classes.names, project_classes(volume, 0, limits), strict=True))
    scalars: dict[str, Scalar] = {}
    maps: dict[str, Map] = {}
    for member in classes.subset(names):
        counts = projected[member.name]
        covered = counts >= settings.least_voxels
        share = float(covered.mean() * PERCENT)
        scalars[f"{member.name}_percent"] = share
        band = THICKNESS_VOXELS * float((counts == settings.least_voxels).mean())
        error = math.hypot(_standard_error(covered, settings.patches), band)
        scalars[f"{member.name}_uncertainty_percent"] = error * PERCENT
        scalars[f"{member.name}_bare_percent"] = PERCENT - share
        pixel = volume.size[1:]
        maps[f"{member.name}_thickness_um"] = Map((counts * volume.size[0]).astype(np.float32), pixel, "um")
        maps[f"{member.name}_density"] = Map((counts / volume.shape[0]).astype(np.float32), pixel, "")
    return Result(scalars, maps=maps)


def _standard_error(covered: NDArray[np.bool_], patches: int) -> float:
    rows = np.array_split(covered, patches, axis=0)
    shares = [patch.mean() for row in rows for patch in np.array_split(row, patches, axis=1) if patch.size]
    return float(np.std(shares, ddof=1) / np.sqrt(len(shares)))
