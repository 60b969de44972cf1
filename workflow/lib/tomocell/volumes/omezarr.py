"""OME-Zarr 0.5 metadata: axes, physical scale, levels, names and colours of classes.

Source: OME-NGFF 0.5, https://ngff.openmicroscopy.org/0.5/ (multiscales, image-label).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tomocell.volumes.volume import Classes, VoxelSize

VERSION = "0.5"
AXES = [{"name": name, "type": "space", "unit": "micrometer"} for name in ("z", "y", "x")]


@dataclass(frozen=True)
class Frame:
    """Edges of a voxel and centre of the first one, (Z, Y, X), um."""

    voxel_size_um: VoxelSize
    origin_um: VoxelSize = (0.0, 0.0, 0.0)


def attributes(name: str, frame: Frame, levels: int, classes: Classes | None) -> dict[str, Any]:
    """Return the attributes of the group of a multiscale volume; ``classes`` is None for grey volumes."""
    ome: dict[str, Any] = {"version": VERSION, "multiscales": [_multiscale(name, frame, levels, classes)]}
    if classes is not None:
        ome["image-label"] = _image_label(classes)
    return {"ome": ome}


def _multiscale(name: str, frame: Frame, levels: int, classes: Classes | None) -> dict[str, Any]:
    datasets = [_dataset(level, frame) for level in range(levels)]
    method = "mean of 2 x 2 x 2" if classes is None else "mode of 2 x 2 x 2"
    return {"name": name, "axes": AXES, "datasets": datasets, "type": method}


def _dataset(level: int, frame: Frame) -> dict[str, Any]:
    # The centre of a coarse voxel lies half a coarse voxel minus half a fine one from the origin.
    scale = [edge * 2**level for edge in frame.voxel_size_um]
    ends = zip(frame.origin_um, frame.voxel_size_um, strict=True)
    shift = [start + edge * (2**level - 1) / 2 for start, edge in ends]
    transforms = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": shift}]
    return {"path": str(level), "coordinateTransformations": transforms}


def _image_label(classes: Classes) -> dict[str, Any]:
    return {
        "colors": [{"label-value": member.value, "rgba": rgba(member.color)} for member in classes],
        "properties": [{"label-value": member.value, "name": member.name} for member in classes],
    }


def rgba(color: str) -> list[int]:
    """Return ``#rrggbb`` as four numbers from 0 to 255, opaque."""
    return [int(color[start : start + 2], 16) for start in (1, 3, 5)] + [255]
