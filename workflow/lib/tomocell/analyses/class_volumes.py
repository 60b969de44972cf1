"""Volume of each class."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from tomocell.analyses._classes import count_classes, require_classes
from tomocell.analyses.result import Result, Scalar
from tomocell.settings.base import NAMES_CLASSES, Frozen

if TYPE_CHECKING:
    from tomocell.blocks import Limits
    from tomocell.volumes.volume import Volume

__all__ = ["Result", "Settings", "measure"]


class Settings(Frozen):
    """Settings of class volumes."""

    without: tuple[str, ...] = Field((), description="Classes left out.", json_schema_extra=NAMES_CLASSES)


def measure(volume: Volume, settings: Settings, limits: Limits) -> Result:
    """Return voxels times voxel volume for each class, um3.

    Keys: ``<class>_um3`` and ``<class>_uncertainty_um3``, the standard uncertainty from interfaces that are located
    no better than a voxel, all shifted alike; it says nothing of a network that takes one class for another.

    Raises:
        BadInput: If the volume has no classes or no voxel size.
    """
    classes = require_classes(volume)
    voxel_um3 = math.prod(volume.size)
    counts = count_classes(volume, limits)
    scalars: dict[str, Scalar] = {}
    for member in classes:
        if member.name not in settings.without:
            scalars[f"{member.name}_um3"] = counts.volume_um3(member.value, voxel_um3)
            scalars[f"{member.name}_uncertainty_um3"] = counts.uncertainty_um3(member.value, voxel_um3)
    return Result(scalars)
