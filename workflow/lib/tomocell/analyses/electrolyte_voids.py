"""Voids in the electrolyte: objects of a class, such as pits, that touch neither electrode."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from tomocell.analyses import _objects
from tomocell.analyses._classes import count_classes, require_apart, require_classes
from tomocell.analyses.result import Result, Scalar
from tomocell.settings.base import NAMES_CLASSES, Frozen

if TYPE_CHECKING:
    from tomocell.blocks import Limits
    from tomocell.volumes.volume import Volume

__all__ = ["Result", "Settings", "measure"]
TOUCHING = 26


class Settings(Frozen):
    """Settings of voids in the electrolyte."""

    of: tuple[str, ...] = Field(
        min_length=1,
        description="Classes whose connected voxels may be voids; several count as one.",
        json_schema_extra=NAMES_CLASSES,
    )
    electrolyte: str = Field(description="Class of the electrolyte.", json_schema_extra=NAMES_CLASSES)
    electrodes: tuple[str, ...] = Field(
        (),
        description="Classes that a void does not touch: what touches one is a pit. None: all classes but the "
        "electrolyte and 'of'.",
        json_schema_extra=NAMES_CLASSES,
    )
    least_voxels: int = Field(1, ge=1, description="Objects with fewer voxels are left out; how many is reported.")
    exclude_edge: bool = Field(True, description="Leave voids that the volume's edge cuts out of size statistics.")
    seed: int = Field(0, ge=0, description="Seed of the bootstrap.")

    @model_validator(mode="after")
    def _no_class_twice(self) -> Self:
        require_apart(self, "of", "electrolyte", "electrodes")
        return self


def measure(volume: Volume, settings: Settings, limits: Limits) -> Result:
    """Return counts, volume and sizes of the voids in the electrolyte, and the table of all of them.

    A void is a 26-connected object of ``of`` that shares no voxel face with a class of ``electrodes``. Keys as those
    of ``objects``; besides, ``electrolyte_um3`` (the electrolyte's own voxels, all of the volume), ``void_percent``:
    voids over electrolyte and voids, with ``void_uncertainty_percent``: the voids' interfaces shifted by a voxel over
    the root of 12, all alike; ``touching``: objects left out since they touch. Table: one row a void, as
    ``object_table``.

    Raises:
        BadInput: If the volume is not of labels, a class of the settings is not there, there is no voxel size, or a
            value occurs that no class has.
    """
    from tomocell.objects.labelling import Target
    from tomocell.objects.table import measure_objects, table_of

    classes = require_classes(volume)
    target = Target(tuple(classes.value(name) for name in settings.of), TOUCHING)
    electrolyte = classes.value(settings.electrolyte)
    walls = classes.subset(settings.electrodes).names or tuple(
        name for name in classes.names if name not in (*settings.of, settings.electrolyte)
    )
    size = volume.size
    counts = count_classes(volume, limits)
    objects = measure_objects(volume, target, limits)
    everything = table_of(objects, volume, target.values)
    touches = (everything[[f"contact_area_{name}_um2" for name in walls]] > 0).any(axis=1)
    small = everything["volume_voxels"] < settings.least_voxels
    table = everything[~touches & ~small].reset_index(drop=True)
    sized = table[~table["at_edge"]] if settings.exclude_edge else table
    uncertainty = _objects.interface_uncertainty_um3(objects, (~touches & ~small).to_numpy(), size)
    scalars: dict[str, Scalar] = {
        **_objects.amounts(table, volume),
        "volume_uncertainty_um3": uncertainty,
        **_share(float(table["volume_um3"].sum()), uncertainty, counts.volume_um3(electrolyte, math.prod(size))),
        **_objects.sizes(sized, settings.seed),
        "touching": int(touches.sum()),
        "removed_small": int((small & ~touches).sum()),
        "at_edge": int(table["at_edge"].sum()),
    }
    return Result(scalars, table=table)


def _share(voids_um3: float, uncertainty_um3: float, electrolyte_um3: float) -> dict[str, Scalar]:
    """Return the share of voids v / (v + e); what voids gain the electrolyte loses, so that v + e is known exactly."""
    layer_um3 = voids_um3 + electrolyte_um3
    scale = _objects.PERCENT / layer_um3 if layer_um3 else None
    return {
        "electrolyte_um3": electrolyte_um3,
        "void_percent": voids_um3 * scale if scale is not None else None,
        "void_uncertainty_percent": uncertainty_um3 * scale if scale is not None else None,
    }
