"""Electrode gap: where the faces of both electrodes lie along z, and how far apart they are."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import Field, model_validator

from tomocell.analyses import _faces
from tomocell.analyses._classes import require_apart, require_classes, require_known
from tomocell.analyses.result import Map, Result, Scalar
from tomocell.errors import BadInput, Fault
from tomocell.objects.columns import column_extents
from tomocell.settings.base import NAMES_CLASSES, Frozen

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tomocell.analyses._faces import Layer
    from tomocell.blocks import Limits
    from tomocell.objects.columns import Extents
    from tomocell.volumes.volume import Volume, VoxelSize

    Faces = dict[str, NDArray[np.float64]]

__all__ = ["Result", "Settings", "measure"]
log = logging.getLogger(__name__)
PERCENT = 100.0


class Settings(Frozen):
    """Settings of the electrode gap; the electrodes' normal is the z axis."""

    stripping: tuple[str, ...] = Field(
        min_length=1, description="Classes of the electrode that lithium leaves first.", json_schema_extra=NAMES_CLASSES
    )
    plating: tuple[str, ...] = Field(
        min_length=1, description="Classes of the electrode that lithium is plated on.", json_schema_extra=NAMES_CLASSES
    )
    most_cut_percent: float = Field(
        1.0, ge=0, le=100, description="Share of columns whose electrode may reach the volume's face and be in view."
    )

    @model_validator(mode="after")
    def _no_class_twice(self) -> Self:
        require_apart(self, "stripping", "plating")
        return self


def measure(volume: Volume, settings: Settings, limits: Limits) -> Result:
    """Return the mean positions of the electrodes' faces and the distance between the inner ones.

    A face is, column by column, the end of the first or last voxel of the electrode along z; which electrode comes
    first is found. Keys, um from the first face of the volume: ``stripping_outer_um``, ``stripping_inner_um``,
    ``plating_inner_um``, ``plating_outer_um``; ``gap_um`` (mean over the columns that have both electrodes),
    ``gap_median_um``, ``gap_sd_um`` (over columns: tilt, pits and waviness); each mean with its
    ``..._uncertainty_um``: a voxel's edge over the root of 12 for each face, and the standard error of 4 x 4 patches.
    ``<electrode>_in_view`` is false where the electrode reaches the volume's face, so that its outer face is null;
    ``<electrode>_missing_percent`` is the share of columns without it. Map: ``gap_um``. Table: the faces flattened
    over y and over x (``axis, position_um``, the four faces), to lay timesteps over one another.

    A face is that of the electrode's last voxel, so a pit moves it outwards; a lump of the class that lies apart
    moves it inwards: let the refinement give such lumps up.

    Raises:
        BadInput: If the volume has no classes or no voxel size, a value that no class has, a class of the settings is
            not there, or no column has an electrode.
    """
    groups = {name: _values(volume, getattr(settings, name)) for name in ("stripping", "plating")}
    size = volume.size
    require_known(volume, limits)
    extents = dict(zip(groups, column_extents(volume, list(groups.values()), limits), strict=True))
    _require_electrodes(volume, settings, extents)
    pair = (extents["stripping"], extents["plating"])
    layers = dict(zip(groups, _faces.layers_of(pair, volume.shape[0], size[0]), strict=True))
    scalars: dict[str, Scalar] = {}
    for name, layer in layers.items():
        scalars |= _positions(name, layer, size[0], settings.most_cut_percent)
    gap = np.abs(layers["plating"].inner_um - layers["stripping"].inner_um)
    scalars |= _gap(gap, size[0])
    faces = {
        f"{name}_{side}_um": getattr(layer, f"{side}_um")
        for name, layer in layers.items()
        for side in ("outer", "inner")
    }
    maps = {"gap_um": Map(gap.astype(np.float32), size[1:], "um")}
    return Result(scalars, table=_table(faces, size), maps=maps)


def _values(volume: Volume, names: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(require_classes(volume).value(name) for name in names)


def _require_electrodes(volume: Volume, settings: Settings, extents: dict[str, Extents]) -> None:
    faults = []
    for name, found in extents.items():
        if not found.present.any():
            sought = ", ".join(getattr(settings, name))
            remedy = "see whether the electrode lies outside the region of interest, or name its classes"
            faults.append(Fault(f"{volume.name}, {name}", f"no voxel of {sought}", "an electrode in view", remedy))
    if faults:
        raise BadInput(*faults)


def _positions(name: str, layer: Layer, edge_um: float, most_cut_percent: float) -> dict[str, Scalar]:
    present = ~np.isnan(layer.inner_um)
    cut_percent = float(layer.cut[present].mean() * PERCENT)
    in_view = cut_percent <= most_cut_percent
    missing_percent = float((~present).mean() * PERCENT)
    if not in_view:
        log.warning(
            "%s electrode: %.3g %% of it reach the volume's face; its outer edge is out of view", name, cut_percent
        )
    if missing_percent:
        log.warning("%s electrode: %.3g %% of the columns have none of it", name, missing_percent)
    scalars: dict[str, Scalar] = {}
    for side, values in (("outer", layer.outer_um), ("inner", layer.inner_um)):
        position, error = _faces.mean_with_error(values)
        known = in_view or side == "inner"
        scalars[f"{name}_{side}_um"] = position if known else None
        uncertainty = _faces.position_uncertainty_um(edge_um, 1, error)
        scalars[f"{name}_{side}_uncertainty_um"] = uncertainty if known else None
    return scalars | {f"{name}_in_view": in_view, f"{name}_missing_percent": missing_percent}


def _gap(gap: NDArray[np.float64], edge_um: float) -> dict[str, Scalar]:
    mean, error = _faces.mean_with_error(gap)
    if mean is None:
        return dict.fromkeys(("gap_um", "gap_uncertainty_um", "gap_median_um", "gap_sd_um"))
    return {
        "gap_um": mean,
        "gap_uncertainty_um": _faces.position_uncertainty_um(edge_um, 2, error),
        "gap_median_um": float(np.nanmedian(gap)),
        "gap_sd_um": float(np.nanstd(gap)),
    }


def _table(faces: Faces, size: VoxelSize) -> pd.DataFrame:
    import pandas as pd

    parts = []
    for name, over, edge_um in (("x", 0, size[2]), ("y", 1, size[1])):
        columns = {face: _faces.mean_along(values, over) for face, values in faces.items()}
        count = len(next(iter(columns.values())))
        parts.append(pd.DataFrame({"axis": name, "position_um": np.arange(count) * edge_um, **columns}))
    return pd.concat(parts, ignore_index=True)
