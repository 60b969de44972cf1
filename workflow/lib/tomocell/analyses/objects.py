"""Objects of a class: how many, how large, of what shape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from tomocell.analyses._classes import require_classes
from tomocell.analyses.result import Result, Scalar
from tomocell.settings.base import NAMES_CLASSES, Frozen

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tomocell.blocks import Limits
    from tomocell.volumes.volume import Volume

__all__ = ["Result", "Settings", "measure"]

PERCENT = 100.0
UM3_PER_MM3 = 1e9
SIZES = ("mean_equivalent_diameter", "median_equivalent_diameter", "volume_weighted_mean_equivalent_diameter")
# Enough for two figures of a standard error; fewer where there are so many objects that it hardly matters.
MOST_RESAMPLES = 1000
LEAST_RESAMPLES = 100
DRAWS = 2e7


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
    with objects taken as independent. What there are too few objects for is null.

    Raises:
        BadInput: If the volume is not of labels, has no class of that name, no voxel size, or voxels that are no class
            values.
    """
    from tomocell.objects.table import object_table

    value = require_classes(volume).value(settings.of)
    everything = object_table(volume, value, limits, connectivity=settings.connectivity)
    small = everything["volume_voxels"] < settings.least_voxels
    table = everything[~small].reset_index(drop=True)
    shaped = table[~table["at_edge"]] if settings.exclude_edge else table
    scalars: dict[str, Scalar] = {
        **_amounts(table, volume),
        **_sizes(shaped, settings.seed),
        "mean_sphericity": float(shaped["sphericity"].mean()) if len(shaped) else None,
        "removed_small": int(small.sum()),
        "removed_small_volume_um3": float(everything["volume_um3"][small].sum()),
        "at_edge": int(table["at_edge"].sum()),
    }
    return Result(scalars, table=table)


def _amounts(table: pd.DataFrame, volume: Volume) -> dict[str, Scalar]:
    field_um3 = math.prod(volume.shape) * math.prod(volume.size)
    volume_um3 = float(int(table["volume_voxels"].sum()) * math.prod(volume.size))
    return {
        "count": len(table),
        "volume_um3": volume_um3,
        "volume_fraction_percent": PERCENT * volume_um3 / field_um3,
        "number_density_per_mm3": len(table) / field_um3 * UM3_PER_MM3,
    }


def _sizes(table: pd.DataFrame, seed: int) -> dict[str, Scalar]:
    diameters = table["equivalent_diameter_um"].to_numpy()
    volumes = table["volume_um3"].to_numpy()
    count = len(diameters)
    values = _statistics(diameters, volumes) if count else [None] * len(SIZES)
    errors = _standard_errors(diameters, volumes, seed) if count > 1 else [None] * len(SIZES)
    scalars: dict[str, Scalar] = {}
    for name, value, error in zip(SIZES, values, errors, strict=True):
        scalars[f"{name}_um"] = value
        scalars[f"{name}_uncertainty_um"] = error
    return scalars


def _statistics(diameters: NDArray[np.float64], volumes: NDArray[np.float64]) -> list[float]:
    weighted = np.average(diameters, weights=volumes)
    return [float(diameters.mean()), float(np.median(diameters)), float(weighted)]


def _standard_errors(diameters: NDArray[np.float64], volumes: NDArray[np.float64], seed: int) -> list[float]:
    """Return the standard deviations of the statistics over samples drawn with replacement."""
    random = np.random.default_rng(seed)
    count = len(diameters)
    resamples = int(np.clip(DRAWS / count, LEAST_RESAMPLES, MOST_RESAMPLES))
    drawn = []
    for _ in range(resamples):
        chosen = random.integers(0, count, count)
        drawn.append(_statistics(diameters[chosen], volumes[chosen]))
    return [float(error) for error in np.std(drawn, axis=0, ddof=1)]
