"""Effective thickness: the volume of a class spread evenly over the electrode's area."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from tomocell.analyses._classes import area_um2, count_classes, require_classes
from tomocell.analyses.result import Result, Scalar
from tomocell.settings.base import NAMES_CLASSES, Frozen

if TYPE_CHECKING:
    from tomocell.blocks import Limits
    from tomocell.volumes.volume import Volume

__all__ = ["Result", "Settings", "measure"]


class Settings(Frozen):
    """Settings of effective thicknesses; the electrode's normal is the z axis."""

    plating_side: tuple[str, ...] = Field(
        (), description="Classes whose thicknesses add up to the plating side.", json_schema_extra=NAMES_CLASSES
    )
    stripping_side: tuple[str, ...] = Field(
        (), description="Classes whose thicknesses add up to the stripping side.", json_schema_extra=NAMES_CLASSES
    )


def measure(volume: Volume, settings: Settings, limits: Limits) -> Result:
    """Return volume over in-plane area for each class, um, and for the two sides of the cell.

    Keys: ``<class>_um``, ``<class>_uncertainty_um``, ``plating_side_um``, ``stripping_side_um``. The two sides carry
    the root sum of squares of their classes' uncertainties.
    Source: Huang et al. 2023, doi:10.1038/s41524-023-01039-y.

    Raises:
        BadInput: If the volume has no classes or no voxel size, or a side names a class that is not there.
    """
    classes = require_classes(volume)
    area = area_um2(volume.shape, volume.size)
    voxel_um3 = math.prod(volume.size)
    counts = count_classes(volume, limits)
    scalars: dict[str, Scalar] = {}
    for member in classes:
        scalars[f"{member.name}_um"] = counts.volume_um3(member.value, voxel_um3) / area
        scalars[f"{member.name}_uncertainty_um"] = counts.uncertainty_um3(member.value, voxel_um3) / area
    for side in ("plating_side", "stripping_side"):
        values = [classes.value(name) for name in getattr(settings, side)]
        if values:
            scalars[f"{side}_um"] = sum(counts.volume_um3(value, voxel_um3) for value in values) / area
            parts = [counts.uncertainty_um3(value, voxel_um3) for value in values]
            scalars[f"{side}_uncertainty_um"] = math.hypot(*parts) / area
    return Result(scalars)
