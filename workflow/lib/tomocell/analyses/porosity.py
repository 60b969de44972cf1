"""Porosity: the share of the pore class, whole and plane by plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from tomocell.analyses._classes import VALUES, count_undeclared, require_classes, require_declared
from tomocell.analyses.result import Result, Scalar
from tomocell.blocks import Block, Limits, Need, reduce_volume
from tomocell.settings.base import NAMES_CLASSES, Frozen
from tomocell.volumes.volume import AXES

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tomocell.volumes.volume import Shape, Volume

__all__ = ["Result", "Settings", "measure"]


class Settings(Frozen):
    """Settings of porosity."""

    pore: str = Field("pore", description="Class that counts as pore.", json_schema_extra=NAMES_CLASSES)


def measure(volume: Volume, settings: Settings, limits: Limits) -> Result:
    """Return pore voxels over all voxels, whole and for each plane across z, y and x.

    Key: ``porosity`` (0 to 1) with ``porosity_uncertainty``, the standard error of eight octants: how well this
    volume stands for the material, not how well it was segmented. ``profile_z``, ``profile_y`` and ``profile_x``
    list the porosity of each plane across that axis. Table: the same as ``axis, position_um, porosity``.

    Raises:
        BadInput: If the volume is not of labels, has no class of that name, values without a class or no voxel size.
    """
    value = require_classes(volume).value(settings.pore)
    planes = _count_planes(volume, value, limits)
    porosity = int(planes[0].sum()) / _voxels(volume.shape)
    scalars: dict[str, Scalar] = {"porosity": porosity, "porosity_uncertainty": _octant_error(volume, value, limits)}
    profiles = [counts / (_voxels(volume.shape) // len(counts)) for counts in planes]
    scalars |= {f"profile_{axis}": profile.tolist() for axis, profile in zip(AXES, profiles, strict=True)}
    return Result(scalars, table=_table(profiles, volume))


def _voxels(shape: Shape) -> int:
    return shape[0] * shape[1] * shape[2]


def _count_planes(volume: Volume, value: int, limits: Limits) -> list[NDArray[np.int64]]:
    def kernel(voxels: NDArray[Any], _: Block) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
        pore = voxels == value
        across = pore.sum(axis=2, dtype=np.int64)
        counts = [across.sum(axis=1), across.sum(axis=0), pore.sum(axis=(0, 1), dtype=np.int64)]
        return counts, count_undeclared(voxels, volume.classes)

    planes = [np.zeros(size, np.int64) for size in volume.shape]
    undeclared = np.zeros(VALUES, np.int64)
    for block, (counts, strange) in reduce_volume(kernel, volume, Need(bytes_per_voxel=4.0), limits):
        undeclared += strange
        for axis in range(3):
            planes[axis][block.core[axis]] += counts[axis]
    require_declared(volume, undeclared)
    return planes


def _octant_error(volume: Volume, value: int, limits: Limits) -> float | None:
    """Return the standard error of the octants' porosities; None where an axis has a single plane."""
    if min(volume.shape) < 2:  # noqa: PLR2004
        return None
    halves = [(size + 1) // 2 for size in volume.shape]
    pore = np.zeros((2, 2, 2), np.int64)

    def kernel(voxels: NDArray[Any], block: Block) -> NDArray[np.int64]:
        counts = (voxels == value).astype(np.int64)
        for axis in range(3):
            middle = min(max(halves[axis] - block.core[axis].start, 0), counts.shape[axis])
            low, high = np.split(counts, [middle], axis=axis)
            counts = np.stack([low.sum(axis=axis), high.sum(axis=axis)], axis=axis)
        octants: NDArray[np.int64] = counts
        return octants

    for _, counts in reduce_volume(kernel, volume, Need(bytes_per_voxel=20.0), limits):
        pore += counts
    sizes = [np.array([half, size - half]) for half, size in zip(halves, volume.shape, strict=True)]
    shares = pore / np.einsum("i,j,k->ijk", *sizes)
    return float(shares.std(ddof=1) / np.sqrt(shares.size))


def _table(profiles: list[NDArray[np.float64]], volume: Volume) -> pd.DataFrame:
    import pandas as pd

    parts = [
        pd.DataFrame(
            {
                "axis": AXES[axis],
                "position_um": np.arange(len(profile)) * volume.size[axis],
                "porosity": profile,
            }
        )
        for axis, profile in enumerate(profiles)
    ]
    return pd.concat(parts, ignore_index=True)
