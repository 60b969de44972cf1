"""Annotate: labels drawn by hand become a label volume on the grid of the timestep that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import Block, Limits, Need, transform_volume
from tomocell.errors import BadInput, Fault
from tomocell.labelling.settings import IGNORED
from tomocell.stages.provenance import provenance
from tomocell.volumes.readers import open_source
from tomocell.volumes.store import Layout, create_store, open_store
from tomocell.volumes.volume import Classes, VoxelClass

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.labelling.settings import AnnotateSettings

VALUES = 256


def annotate(  # noqa: PLR0913
    annotations: Path,
    grey: Path,
    store: Path,
    classes: Classes,
    settings: AnnotateSettings,
    limits: Limits,
    *,
    digest: str = "",
) -> None:
    """Copy ``annotations`` to ``store``, noting how many voxels of each class every plane holds.

    Raises:
        BadInput: If the shape is not that of ``grey``, a value has no class, or nothing is labelled.
    """
    source = open_source(annotations)
    volume = open_store(grey)
    if source.shape != volume.shape:
        expected = f"{volume.shape}, the shape of {grey}"
        raise BadInput(Fault(str(annotations), source.shape, expected, "label the volume that is segmented"))
    allowed = {member.value for member in classes} | {settings.ignore_value}
    counts = [np.zeros((size, VALUES), np.int64) for size in volume.shape]

    def kernel(voxels: NDArray[Any], block: Block) -> NDArray[np.uint8]:
        _require_known(annotations, voxels, allowed, classes)
        labels = voxels.astype(np.uint8)
        for axis in range(3):
            _count_planes(counts[axis], labels, axis, block.core[axis])
        return labels

    layout = Layout(volume.shape, np.dtype(np.uint8), volume.size, _with_ignored(classes, settings.ignore_value))
    with create_store(store, layout, limits, provenance(settings, digest, {"grey": volume})) as writer:
        transform_volume(
            kernel, source, writer, Need(bytes_per_voxel=2.0 + source.dtype.itemsize), Limits(limits.memory_mb)
        )
        pixels = {member.name: int(counts[0][:, member.value].sum()) for member in classes}
        if not any(pixels.values()):
            expected = f"voxels of {', '.join(classes.names)}"
            remedy = f"label some; {settings.ignore_value} means 'not labelled'"
            raise BadInput(Fault(str(annotations), "no labelled voxel", expected, remedy))
        writer.notes.update(pixels=pixels, planes=_labelled_planes(counts, settings.ignore_value))


def _require_known(path: Path, voxels: NDArray[Any], allowed: set[int], classes: Classes) -> None:
    found = set(np.unique(voxels).tolist())
    if not found <= allowed:
        known = ", ".join(f"{member.value} ({member.name})" for member in classes)
        expected = f"values of declared classes: {known}, or the ignore value"
        remedy = "declare the class in the study, or correct the labels"
        raise BadInput(Fault(str(path), f"label {min(found - allowed)}", expected, remedy))


def _count_planes(counts: NDArray[np.int64], labels: NDArray[np.uint8], axis: int, planes: slice) -> None:
    for offset, plane in enumerate(np.moveaxis(labels, axis, 0)):
        counts[planes.start + offset] += np.bincount(plane.ravel(), minlength=VALUES)


def _labelled_planes(counts: list[NDArray[np.int64]], ignore: int) -> dict[str, list[int]]:
    planes = {}
    for name, table in zip("zyx", counts, strict=True):
        labelled = table.sum(axis=1) - table[:, ignore]
        planes[name] = [int(index) for index in np.flatnonzero(labelled)]
    return planes


def _with_ignored(classes: Classes, ignore: int) -> Classes:
    return Classes((*classes, VoxelClass(IGNORED, ignore, "#000000")))
