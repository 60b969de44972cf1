"""What a conversion reads: the files of a scan, stitched, turned and cropped; the preflight looks at the same."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tomocell.errors import BadInput, Fault
from tomocell.volumes.readers import open_source
from tomocell.volumes.settings import AXES_AS_THEY_ARE
from tomocell.volumes.stitched import StitchedVolume, stitch
from tomocell.volumes.views import BoxVolume, TurnedVolume
from tomocell.volumes.volume import AXES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tomocell.volumes.settings import ConvertSettings
    from tomocell.volumes.volume import Shape, Volume, VoxelSize

log = logging.getLogger(__name__)
LEAST_EDGE = 2  # voxels: in a single plane there is neither a surface nor motion out of it to be found
DOUBTFUL_RATIO = 1.01  # of the voxel size told to that of the file: maybe rounded, maybe of another scan
WRONG_RATIO = 1.5  # a unit was mistaken, or binning forgotten


def open_scan(paths: Sequence[Path], settings: ConvertSettings, dataset: str | None = None) -> tuple[Volume, Volume]:
    """Open the fields of a scan; return it stitched, and what is kept of it turned and cropped.

    Seams are searched for, which reads a little of the overlaps; all else is left to the reading of regions.

    Raises:
        BadInput: If a file cannot be read, fields do not fit together, or the crop reaches outside.
    """
    whole = open_fields(paths, settings, dataset, search=True)
    frame = turn(whole, settings)
    faults = crop_faults(frame, settings)
    if faults:
        raise BadInput(*faults)
    return whole, BoxVolume(frame, settings.crop_start_voxels, cropped_shape(frame.shape, settings))


def open_fields(
    paths: Sequence[Path], settings: ConvertSettings, dataset: str | None = None, *, search: bool
) -> Volume:
    """Open the fields of a scan as one volume, in the axes of the file.

    Raises:
        BadInput: If a file cannot be read, or fields do not fit together.
    """
    fields = [open_source(path, dataset) for path in paths]
    if len(fields) == 1:
        return fields[0]
    if settings.stitch is None:
        expected = "one file, or convert.stitch in the study"
        raise BadInput(Fault(fields[0].name, f"{len(fields)} fields of view", expected, "tell axis and overlap"))
    return stitch(fields, settings.stitch, search=search)


def turn(whole: Volume, settings: ConvertSettings) -> Volume:
    """Return ``whole`` in the axes of the result."""
    return whole if settings.axes == AXES_AS_THEY_ARE else TurnedVolume(whole, settings.axes)


def cropped_shape(shape: Shape, settings: ConvertSettings) -> Shape:
    """Return what the crop leaves of ``shape``; not checked."""
    z, y, x = (edge - first for edge, first in zip(shape, settings.crop_start_voxels, strict=True))
    return settings.crop_size_voxels or (z, y, x)


def crop_faults(frame: Volume, settings: ConvertSettings) -> list[Fault]:
    """Return for each axis why what is to be kept of ``frame`` is no box in it, or no volume."""
    flat = [axis for axis, edge in zip(AXES, frame.shape, strict=True) if edge < LEAST_EDGE]
    if flat:
        remedy = "give the whole stack: a folder of slices, or a multipage file"
        expected = "three dimensions: an image is no tomogram"
        return [Fault(frame.name, f"one voxel along {', '.join(flat)}", expected, remedy)]
    boxes = zip(AXES, settings.crop_start_voxels, cropped_shape(frame.shape, settings), frame.shape, strict=True)
    return [
        Fault(
            f"{frame.name}, convert.crop along {axis}",
            f"{axis}: start {start}, size {size}",
            f"a box inside {edge} voxels, at least {LEAST_EDGE} of them",
            f"correct the crop; the scan has {frame.shape} voxels",
        )
        for axis, start, size, edge in boxes
        if size < LEAST_EDGE or start + size > edge
    ]


def shape_is_certain(paths: Sequence[Path], settings: ConvertSettings) -> bool:
    """Whether the shape of a conversion is known before seams were searched for."""
    searched = len(paths) > 1 and settings.stitch is not None and settings.stitch.search_voxels > 0
    return settings.crop_size_voxels is not None or not searched


def voxel_size_faults(frame: Volume, told: VoxelSize, settings: ConvertSettings) -> list[Fault]:
    """Return the fault of a voxel size that is far from what the file tells; warn of one that is not the same.

    ``frame`` is turned already: voxel sizes are told for the axes of the result.
    """
    if frame.voxel_size_um is None or settings.ignore_file_voxel_size:
        return []
    ratios = [found / edge for found, edge in zip(frame.voxel_size_um, told, strict=True)]
    worst = max(max(ratio, 1 / ratio) for ratio in ratios)
    if worst >= WRONG_RATIO:
        remedy = "correct scan.voxel_size_um or the sheet's voxel_size_um; if the file is wrong, set "
        remedy += "convert.ignore_file_voxel_size"
        return [Fault(frame.name, told, f"the voxel size that the file tells: {frame.voxel_size_um} um", remedy)]
    if worst > DOUBTFUL_RATIO:
        text = "%s: the file tells a voxel size of %s um, the study %s um; the study's is used"
        log.warning(text, frame.name, frame.voxel_size_um, told)
    return []


def stitching_notes(whole: Volume) -> dict[str, object]:
    """Return how the fields of ``whole`` lie, for the manifest; nothing for a single field."""
    if not isinstance(whole, StitchedVolume):
        return {}
    seams = [{"offset_voxels": seam.offset_voxels, "correlation": seam.correlation} for seam in whole.seams]
    return {"stitch": {"origin_voxels": whole.origin_voxels, "seams": seams}}
