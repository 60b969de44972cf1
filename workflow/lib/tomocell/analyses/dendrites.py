"""Dendrites one by one: how high they stand, on what they are rooted, how close they come to the other electrode."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import Field, model_validator

from tomocell.analyses import _faces
from tomocell.analyses._classes import INTERFACE_UNCERTAINTY_VOXELS, require_apart, require_classes
from tomocell.analyses._objects import PERCENT, interface_uncertainty_um3
from tomocell.analyses.result import Result, Scalar
from tomocell.errors import BadInput, Fault
from tomocell.objects.columns import column_extents
from tomocell.settings.base import NAMES_CLASSES, Frozen

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tomocell.blocks import Limits
    from tomocell.objects.columns import Extents
    from tomocell.objects.sums import Sums
    from tomocell.volumes.volume import Volume

    Floats = NDArray[np.float64]

__all__ = ["Result", "Settings", "measure"]
log = logging.getLogger(__name__)
TOUCHING = 26


class Settings(Frozen):
    """Settings of dendrites; they grow along z."""

    of: str = Field(description="Class of the dendrites.", json_schema_extra=NAMES_CLASSES)
    roots: tuple[str, ...] = Field(
        min_length=1,
        description="Classes that they are rooted on: the electrode and the film that it is plated with.",
        json_schema_extra=NAMES_CLASSES,
    )
    opposite: tuple[str, ...] = Field(
        min_length=1,
        description="Classes of the other side, which they must not reach.",
        json_schema_extra=NAMES_CLASSES,
    )
    least_voxels: int = Field(1, ge=1, description="Dendrites with fewer voxels are left out; how many is reported.")
    warn_distance_um: float = Field(
        10.0, ge=0, description="A dendrite closer to the other side is told as a short circuit."
    )

    @model_validator(mode="after")
    def _no_class_twice(self) -> Self:
        require_apart(self, "of", "roots", "opposite")
        return self


def measure(volume: Volume, settings: Settings, limits: Limits) -> Result:
    """Return how many dendrites there are, how high, and how close to a short circuit; one row each in the table.

    A dendrite is a 26-connected object. Columns: those of ``object_table``, and

    - ``tip_height_um``: along z, from the mean face of ``roots`` over the columns of the dendrite's bounding box (over
      all columns, where these have none) to the face of its voxel that is farthest from them;
    - ``root_area_um2``: voxel faces shared with ``roots``; ``rooted``: whether there are any;
    - ``distance_to_opposite_um``: the least height of free columns between a voxel of the dendrite and the face of
      ``opposite`` in the same column, 0 where it reaches or passes it, null where no column has that side: along z,
      so a way round the corner is not seen;
    - ``touches_opposite``: whether it shares a voxel face with ``opposite``.

    Keys: ``count, volume_um3``, ``tip_height_um`` (the largest), ``mean_tip_height_um``, ``least_distance_um``,
    ``short_circuit`` (a dendrite touches, or is closer than ``warn_distance_um``), ``rooted_percent`` (of the count),
    ``removed_small``. Uncertainties: interfaces located within a voxel (edge over the root of 12 for each); of the
    mean height also the standard error over dendrites. Without dendrites, counts are 0 and lengths null.

    Raises:
        BadInput: If the volume is not of labels, a class of the settings is not there, there is no voxel size, a value
            occurs that no class has, or nothing of ``roots``, from which heights are measured.
    """
    size = volume.size
    objects, everything = _dendrites(volume, settings, limits)
    small = (everything["volume_voxels"] < settings.least_voxels).to_numpy()
    table = everything[~small].reset_index(drop=True)
    scalars: dict[str, Scalar] = {
        "count": len(table),
        "volume_um3": float(int(table["volume_voxels"].sum()) * math.prod(size)),
        "volume_uncertainty_um3": interface_uncertainty_um3(objects, ~small, size),
        **_lengths(table, size[0], settings.warn_distance_um),
        "rooted_percent": float(PERCENT * table["rooted"].mean()) if len(table) else None,
        "removed_small": int(small.sum()),
    }
    if scalars["short_circuit"]:
        log.warning("%s: a dendrite comes within %s um of the other side", volume.name, scalars["least_distance_um"])
    return Result(scalars, table=table)


def _dendrites(volume: Volume, settings: Settings, limits: Limits) -> tuple[Sums, pd.DataFrame]:
    """Return the sums and the table of all objects, small ones too."""
    from tomocell.objects.labelling import Target
    from tomocell.objects.table import measure_objects, table_of

    classes = require_classes(volume)
    value = classes.value(settings.of)
    sides = [tuple(map(classes.value, names)) for names in (settings.roots, settings.opposite)]
    edge_um = volume.size[0]
    objects = measure_objects(volume, Target((value,), TOUCHING), limits)
    roots, opposite = column_extents(volume, sides, limits)
    _require_roots(volume, settings, roots)
    upwards = _grow_upwards(roots, opposite, volume.shape[0])
    table = table_of(objects, volume, (value,))
    table["tip_height_um"] = _heights(table, roots, edge_um, upwards=upwards)
    table["root_area_um2"] = _contact(table, settings.roots)
    table["rooted"] = table["root_area_um2"] > 0
    table["distance_to_opposite_um"] = _distances(volume, value, opposite, limits, upwards=upwards)
    table["touches_opposite"] = _contact(table, settings.opposite) > 0
    return objects, table


def _require_roots(volume: Volume, settings: Settings, roots: Extents) -> None:
    if not roots.present.any():
        found = f"no voxel of {', '.join(settings.roots)}"
        remedy = "name the classes that dendrites grow on, or leave this analysis out"
        raise BadInput(Fault(f"{volume.name}, roots", found, "an electrode in view", remedy))


def _grow_upwards(roots: Extents, opposite: Extents, depth: int) -> bool:
    """Tell whether dendrites grow towards larger z: where the other side is, or, unseen, where there is more room."""
    towards = _faces.mean_plane(opposite) if opposite.present.any() else depth / 2
    return _faces.mean_plane(roots) < towards


def _contact(table: pd.DataFrame, names: tuple[str, ...]) -> pd.Series[float]:
    return table[[f"contact_area_{name}_um2" for name in names]].sum(axis=1)


def _heights(table: pd.DataFrame, roots: Extents, edge_um: float, *, upwards: bool) -> Floats:
    face = np.where(roots.present, roots.stop if upwards else roots.first, np.nan)
    everywhere = float(np.nanmean(face))
    heights = []
    boxes = table[["z_start", "z_stop", "y_start", "y_stop", "x_start", "x_stop"]].to_numpy(np.int64)
    for bottom, top, front, back, left, right in boxes:
        below = face[front:back, left:right]
        base = everywhere if np.isnan(below).all() else float(np.nanmean(below))
        heights.append((top - base if upwards else base - bottom) * edge_um)
    return np.array(heights, np.float64)


def _distances(volume: Volume, value: int, opposite: Extents, limits: Limits, *, upwards: bool) -> Floats:
    """Return the least free height between each object and the other side in its columns, objects as in the table."""
    from tomocell.objects.distances import NO_SURFACE, least_free_planes

    # The plane of the first free voxel, seen from the other side.
    surface = np.where(opposite.present, opposite.first - 1 if upwards else opposite.stop, NO_SURFACE)
    planes = least_free_planes(volume, value, surface, -1 if upwards else 1, limits)
    return np.asarray(np.maximum(planes, 0) * volume.size[0])


def _lengths(table: pd.DataFrame, edge_um: float, warn_distance_um: float) -> dict[str, Scalar]:
    heights = table["tip_height_um"].to_numpy()
    distances = table["distance_to_opposite_um"].dropna().to_numpy()
    two_faces = INTERFACE_UNCERTAINTY_VOXELS * edge_um * math.sqrt(2)
    error = float(heights.std(ddof=1) / math.sqrt(len(heights))) if len(heights) > 1 else 0.0
    least = float(distances.min()) if len(distances) else None
    is_close = least is not None and least < warn_distance_um
    return {
        "tip_height_um": float(heights.max()) if len(heights) else None,
        "tip_height_uncertainty_um": two_faces if len(heights) else None,
        "mean_tip_height_um": float(heights.mean()) if len(heights) else None,
        "mean_tip_height_uncertainty_um": math.hypot(two_faces, error) if len(heights) else None,
        "least_distance_um": least,
        "least_distance_uncertainty_um": two_faces if len(distances) else None,
        "short_circuit": bool(is_close or table["touches_opposite"].any()),
    }
