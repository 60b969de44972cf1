"""What analyses of objects share: amounts, mean sizes with their standard errors, and how well volumes are known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tomocell.analyses._classes import INTERFACE_UNCERTAINTY_VOXELS

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tomocell.analyses.result import Scalar
    from tomocell.objects.sums import Sums
    from tomocell.volumes.volume import Volume, VoxelSize

PERCENT = 100.0
UM3_PER_MM3 = 1e9
SIZES = ("mean_equivalent_diameter", "median_equivalent_diameter", "volume_weighted_mean_equivalent_diameter")
# Enough for two figures of a standard error; fewer where there are so many objects that it hardly matters.
MOST_RESAMPLES = 1000
LEAST_RESAMPLES = 100
DRAWS = 2e7


def amounts(table: pd.DataFrame, volume: Volume) -> dict[str, Scalar]:
    """Return count, volume, share of the whole volume and number density of the objects of ``table``."""
    field_um3 = math.prod(volume.shape) * math.prod(volume.size)
    volume_um3 = float(int(table["volume_voxels"].sum()) * math.prod(volume.size))
    return {
        "count": len(table),
        "volume_um3": volume_um3,
        "volume_fraction_percent": PERCENT * volume_um3 / field_um3,
        "number_density_per_mm3": len(table) / field_um3 * UM3_PER_MM3,
    }


def sizes(table: pd.DataFrame, seed: int) -> dict[str, Scalar]:
    """Return mean sizes of the objects of ``table``, um, and their bootstrap standard errors; null for too few."""
    diameters = table["equivalent_diameter_um"].to_numpy()
    volumes = table["volume_um3"].to_numpy()
    count = len(diameters)
    values = _statistics(diameters, volumes) if count else [None] * len(SIZES)
    errors = standard_errors(diameters, volumes, seed) if count > 1 else [None] * len(SIZES)
    scalars: dict[str, Scalar] = {}
    for name, value, error in zip(SIZES, values, errors, strict=True):
        scalars[f"{name}_um"] = value
        scalars[f"{name}_uncertainty_um"] = error
    return scalars


def standard_errors(diameters: NDArray[np.float64], volumes: NDArray[np.float64], seed: int) -> list[float]:
    """Return the standard deviations of the ``SIZES`` over samples drawn with replacement."""
    random = np.random.default_rng(seed)
    count = len(diameters)
    resamples = int(np.clip(DRAWS / count, LEAST_RESAMPLES, MOST_RESAMPLES))
    drawn = []
    for _ in range(resamples):
        chosen = random.integers(0, count, count)
        drawn.append(_statistics(diameters[chosen], volumes[chosen]))
    return [float(error) for error in np.std(drawn, axis=0, ddof=1)]


def interface_uncertainty_um3(objects: Sums, chosen: NDArray[np.bool_], size: VoxelSize) -> float:
    """Return the standard uncertainty of the volume of the ``chosen`` objects: their interfaces shifted alike.

    As ``ClassCounts.uncertainty_um3``, of the faces of these objects alone.
    """
    shifted = objects.faces(chosen) * INTERFACE_UNCERTAINTY_VOXELS * math.prod(size)
    return float(np.sqrt(np.sum(shifted**2)))


def _statistics(diameters: NDArray[np.float64], volumes: NDArray[np.float64]) -> list[float]:
    weighted = np.average(diameters, weights=volumes)
    return [float(diameters.mean()), float(np.median(diameters)), float(weighted)]
