"""What can be known of the scans before the first job: that they are there, readable, and of the shape promised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.errors import BadInput, Fault
from tomocell.volumes.readers import open_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from tomocell.settings.load import Project
    from tomocell.settings.samples import Sample

COMMON_FACTOR = 1.5


def check_scans(project: Project, is_converted: Callable[[Sample], bool]) -> None:
    """Open the header of every scan that is still to be converted.

    Raises:
        BadInput: With every fault of every scan and annotation, told at once, each with its row.
    """
    faults: list[Fault] = []
    for sample in project.sheet.samples:
        if not is_converted(sample):
            faults.extend(_scan_faults(project, sample))
        faults.extend(_annotation_faults(project, sample))
    if faults:
        raise BadInput(*faults)


def _scan_faults(project: Project, sample: Sample) -> list[Fault]:
    where = f"{project.sheet.path}, {sample.series} {sample.timestep}"
    try:
        volume = open_source(project.sheet.locate(sample.path), sample.dataset)
    except BadInput as error:
        return [Fault(f"{where}: {fault.where}", fault.value, fault.expected, fault.remedy) for fault in error.faults]
    if volume.voxel_size_um is None:
        return []
    given = project.voxel_size_um(sample)
    ratios = [found / told for found, told in zip(volume.voxel_size_um, given, strict=True)]
    if all(1 / COMMON_FACTOR < ratio < COMMON_FACTOR for ratio in ratios):
        return []
    remedy = "correct scan.voxel_size_um, or the sheet's voxel_size_um if the file is right"
    return [Fault(where, given, f"the voxel size that the file tells: {volume.voxel_size_um} um", remedy)]


def _annotation_faults(project: Project, sample: Sample) -> list[Fault]:
    if sample.labels is None or project.sheet.locate(sample.labels).exists():
        return []
    where = f"{project.sheet.path}, {sample.series} {sample.timestep}, labels"
    return [Fault(where, sample.labels, "a file of annotations", "correct the path (relative to the sheet)")]
