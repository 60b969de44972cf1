"""Objects of a class: how many, how large, of what shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tomocell.analyses import _objects
from tomocell.analyses._classes import require_classes
from tomocell.analyses.result import Result, Scalar
from tomocell.settings.base import NAMES_CLASSES, Frozen

if TYPE_CHECKING:
    from tomocell.blocks import Limits
    from tomocell.volumes.volume import Volume

__all__ = ["Result", "Settings", "measure"]


class Settings(Frozen):
    """Settings of objects."""

    of: str = Field(description="Class whose connected voxels are objects.", json_schema_extra=NAMES_CLASSES)
    least_voxels: int = Field(1, ge=1, description="Objects with fewer voxels are left out; how many is reported.")
    exclude_edge: bool = Field(
        True, description="Leave objects that the volume's edge cuts out of size and shape statistics."
    )
    connectivity: Literal[6, 18, 26] = Field(26, description="Voxels touch by faces (6), edges (18) or corners (26).")
    seed: int = Field(0, ge=0, description="Seed of the bootstrap.")


def measure(volume: Volume, settings: Settings, limits: Limits) -> Result:
    """Return counts, volumes and mean sizes of the objects of a class, and the table of all of them.

    ``count``, ``volume_um3``, ``volume_fraction_percent`` (of the whole volume), ``number_density_per_mm3`` (count
    over the whole volume: a little high, since objects that the edge cuts count whole) and ``at_edge`` tell of all
    objects with ``least_voxels`` or more; so does the table, whose columns ``object_table`` explains. Sizes and
    ``mean_sphericity`` leave out those at the edge; ``<size>_uncertainty_um`` is the bootstrap's standard error,
    with objects taken as independent. What there are too few objects for is null. ``volume_uncertainty_um3`` comes
    from interfaces located no better than a voxel, all shifted alike.

    Raises:
        BadInput: If the volume is not of labels, has no class of that name, no voxel size, or voxels that are no class
            values.
    """
    from tomocell.objects.labelling import Target
    from tomocell.objects.table import measure_objects, table_of

    target = Target((require_classes(volume).value(settings.of),), settings.connectivity)
    size = volume.size
    objects = measure_objects(volume, target, limits)
    everything = table_of(objects, volume, target.values)
    small = everything["volume_voxels"] < settings.least_voxels
    table = everything[~small].reset_index(drop=True)
    shaped = table[~table["at_edge"]] if settings.exclude_edge else table
    scalars: dict[str, Scalar] = {
        **_objects.amounts(table, volume),
        "volume_uncertainty_um3": _objects.interface_uncertainty_um3(objects, ~small.to_numpy(), size),
        **_objects.sizes(shaped, settings.seed),
        "mean_sphericity": float(shaped["sphericity"].mean()) if len(shaped) else None,
        "removed_small": int(small.sum()),
        "removed_small_volume_um3": float(everything["volume_um3"][small].sum()),
        "at_edge": int(table["at_edge"].sum()),
    }
    return Result(scalars, table=table)
