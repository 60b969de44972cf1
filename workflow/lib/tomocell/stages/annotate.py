"""Annotate: labels drawn by hand become a label volume on the grid of the timestep that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import Block, Limits, Need, transform_volume
from tomocell.errors import BadInput, Fault
from tomocell.labelling.checks import require_known, size_faults
from tomocell.labelling.settings import IGNORED
from tomocell.stages.label_sets import CorrectedPlane, correction_sets, drawn_set, open_corrections
from tomocell.volumes.provenance import provenance
from tomocell.volumes.readers import open_source
from tomocell.volumes.store import Layout, create_store, open_store
from tomocell.volumes.volume import Classes, Volume, VoxelClass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.labelling.rounds import Correction
    from tomocell.labelling.settings import AnnotateSettings
    from tomocell.volumes.volume import Region, Shape

VALUES = 256


class Unlabelled(Volume):
    """A volume in which nobody labelled anything yet."""

    def __init__(self, shape: Shape, ignore: int) -> None:
        self.name, self.shape, self.dtype = "no labels", shape, np.dtype(np.uint8)
        self._ignore = ignore

    def read(self, region: Region) -> NDArray[np.uint8]:
        """Return a region of the ignore value."""
        return np.full([part.stop - part.start for part in region], self._ignore, np.uint8)


def annotate(  # noqa: PLR0913
    annotations: Path | None,
    grey: Path,
    store: Path,
    classes: Classes,
    settings: AnnotateSettings,
    limits: Limits,
    *,
    digest: str = "",
    corrections: Sequence[Correction] = (),
    corrected_by: Mapping[int, str] | None = None,
) -> None:
    """Copy ``annotations`` to ``store``, noting how many voxels of each class every plane holds.

    Corrected planes are laid over them, those of later rounds over those of earlier ones; what is not labelled in a
    corrected plane stays as it was. The notes tell every label set that went in: its file and checksum, and for
    corrections the round, who corrected, the model whose predictions were corrected, and how many pixels changed.

    Args:
        annotations: The first labels; None where there are corrections only.
        grey: Store of the volume that is segmented.
        store: Where the labels go.
        classes: Whose values the labels may hold.
        settings: Which value means 'not labelled'.
        limits: Of the job.
        digest: Of the code.
        corrections: Planes that people corrected.
        corrected_by: Who corrected each round.

    Raises:
        BadInput: If shape or voxel size is not that of ``grey``, a value has no class, or nothing is labelled.
    """
    volume = open_store(grey)
    source = Unlabelled(volume.shape, settings.ignore_value) if annotations is None else open_source(annotations)
    _require_alike(source, volume)
    allowed = {member.value for member in classes} | {settings.ignore_value}
    planes = open_corrections(corrections, volume, allowed, classes)
    counts = [np.zeros((size, VALUES), np.int64) for size in volume.shape]

    def kernel(voxels: NDArray[Any], block: Block) -> NDArray[np.uint8]:
        require_known(source.name, set(np.unique(voxels).tolist()), allowed, classes)
        drawn = _in_part(voxels.astype(np.uint8), block.core, settings)
        labels = _overlaid(drawn, block.core, planes, settings.ignore_value)
        for axis in range(3):
            _count_planes(counts[axis], labels, axis, block.core[axis])
        return labels

    layout = Layout(volume.shape, np.dtype(np.uint8), volume.size, _with_ignored(classes, settings.ignore_value))
    held_mb = sum(plane.labels.nbytes for plane in planes) >> 20
    own = Limits(max(limits.memory_mb - held_mb, 1))
    with create_store(store, layout, limits, provenance(settings, digest, {"grey": volume})) as writer:
        transform_volume(kernel, source, writer, Need(bytes_per_voxel=2.0 + source.dtype.itemsize), own)
        pixels = {member.name: int(counts[0][:, member.value].sum()) for member in classes}
        if not any(pixels.values()):
            expected = f"voxels of {', '.join(classes.names)}"
            remedy = f"label some; {settings.ignore_value} means 'not labelled'"
            raise BadInput(Fault(source.name, "no labelled voxel", expected, remedy))
        writer.notes.update(
            pixels=pixels,
            planes=_labelled_planes(counts, settings.ignore_value),
            label_sets=[
                *([] if annotations is None else [drawn_set(annotations)]),
                *correction_sets(planes, classes, corrected_by or {}, settings.ignore_value),
            ],
        )


def _require_alike(source: Volume, volume: Volume) -> None:
    if source.shape != volume.shape:
        expected = f"{volume.shape}, the shape of {volume.name}"
        raise BadInput(Fault(source.name, source.shape, expected, "label the volume that is segmented"))
    faults = size_faults(source, volume.size, source.name)
    if faults:
        raise BadInput(*faults)


def _in_part(labels: NDArray[np.uint8], core: Region, settings: AnnotateSettings) -> NDArray[np.uint8]:
    """Return labels without those outside the part that is learned from."""
    kept = np.full_like(labels, settings.ignore_value)
    size = settings.part_size_voxels or (None, None, None)
    inside = []
    for part, first, length in zip(core, settings.part_start_voxels, size, strict=True):
        stop = part.stop if length is None else min(first + length, part.stop)
        inside.append(slice(min(max(first - part.start, 0), part.stop - part.start), max(stop - part.start, 0)))
    place = (inside[0], inside[1], inside[2])
    kept[place] = labels[place]
    return kept


def _overlaid(
    labels: NDArray[np.uint8], core: Region, planes: Sequence[CorrectedPlane], ignore: int
) -> NDArray[np.uint8]:
    for plane in planes:
        inside = core[plane.axis]
        if inside.start <= plane.index < inside.stop:
            rows, columns = (part for axis, part in enumerate(core) if axis != plane.axis)
            corrected = plane.labels[rows, columns]
            target = np.moveaxis(labels, plane.axis, 0)[plane.index - inside.start]
            target[corrected != ignore] = corrected[corrected != ignore]
    return labels


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
