"""What can be known of the scans before the first job: that they are there, readable, and of the shape promised."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.evaluation.pair import part_faults
from tomocell.labelling.checks import size_faults
from tomocell.labelling.rounds import correction_faults, find_corrections, learners
from tomocell.refinement import rules
from tomocell.settings.plug_ins import faults_of_files, settings_of_follower, settings_of_network
from tomocell.volumes.manifest import Manifest, read_manifest, store_path
from tomocell.volumes.readers import open_source
from tomocell.volumes.source import (
    crop_faults,
    cropped_shape,
    open_fields,
    shape_is_certain,
    turn,
    voxel_size_faults,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tomocell.models._pretrained_settings import Pretrained
    from tomocell.settings.load import Project
    from tomocell.settings.samples import Sample
    from tomocell.settings.study import Study
    from tomocell.volumes.volume import Shape

log = logging.getLogger(__name__)


def check_scans(project: Project, manifest_of: Callable[[Sample], Path]) -> None:
    """Open the header of every scan and of every annotation, and look for the weights that start a network.

    A scan that is gone is accepted where ``manifest_of(sample)``, the manifest of its conversion, names its path.

    Raises:
        BadInput: With every fault of every scan, annotation and truth, told at once, each with its row.
    """
    faults: list[Fault] = []
    label = project.study.label
    corrections = find_corrections(Path(label.folder)) if label is not None else []
    for sample in project.sheet.samples:
        where = f"{project.sheet.path}, {sample.series} {sample.timestep}"
        found, shape = _scan(project, sample, manifest_of(sample), where)
        segmented = _segmented_shape(project.study, shape)
        faults.extend(found)
        faults.extend(_annotation_faults(project, sample, segmented, where))
        faults.extend(_truth_faults(project, sample, segmented, where))
        faults.extend(_patch_faults(project.study, sample, segmented, where))
        faults.extend(_refine_faults(project.study, segmented, where))
        if segmented is not None:
            own = [one for one in corrections if (one.series, one.timestep) == sample.key]
            faults.extend(fault for one in own for fault in correction_faults(one, segmented))
    known = {sample.key for sample in project.sheet.samples}
    strange = [one for one in corrections if (one.series, one.timestep) not in known]
    expected = f"a timestep of {project.sheet.path}"
    faults.extend(
        Fault(str(one.path), f"{one.series} {one.timestep}", expected, "put it where it was exported")
        for one in strange
    )
    faults.extend(_weights_faults(project))
    faults.extend(_follower_faults(project))
    if faults:
        raise BadInput(*faults)


def pretrained_of(study: Study) -> Pretrained | None:
    """Return the file of weights that starts the study's network, if it is to be trained from one."""
    if study.model is None or study.model.trained:
        return None
    return getattr(settings_of_network(study.model), "pretrained", None)


def was_converted_from(manifest: Path, raw: Path) -> bool:
    """Tell whether ``manifest`` is that of a conversion of ``raw``, a path as the sheet gives it.

    The path stands in the manifest's notes as ``raw``; a manifest without it is of no known scan.
    """
    found = _manifest(manifest)
    return found is not None and "raw" in found.notes and Path(str(found.notes["raw"])) == raw


def _weights_faults(project: Project) -> list[Fault]:
    pretrained = pretrained_of(project.study)
    if pretrained is None or pretrained.url is not None or Path(pretrained.path).is_file():
        return []
    remedy = "put the file there, or give 'url' and 'sha256', so that it is fetched"
    return [Fault(f"{project.path}, model.network.pretrained.path", pretrained.path, "a file of weights", remedy)]


def _follower_faults(project: Project) -> list[Fault]:
    """Return what is wrong with the files that series analyses read beside the sheet."""
    faults: list[Fault] = []
    for name, values in project.study.series.items():
        settings = settings_of_follower(name, values)
        where = f"{project.path}, series"
        faults.extend(faults_of_files(name, settings, project.sheet.samples, project.sheet.locate, where))
    return faults


def _manifest(path: Path) -> Manifest | None:
    try:
        return read_manifest(store_path(path))
    except BadInput:
        return None


def _scan(project: Project, sample: Sample, manifest: Path, where: str) -> tuple[list[Fault], Shape | None]:
    """Return the faults of a scan, and the shape that its conversion has, where that can be known."""
    raw = project.sheet.locate_scan(sample)
    gone = [path for path in raw if _is_gone(path)]
    if gone and was_converted_from(manifest, Path(sample.path)):
        log.warning("%s: %s is gone; what was converted from it stays in use", where, gone[0])
        return [], read_manifest(store_path(manifest)).shape
    settings = project.study.convert
    try:
        frame = turn(open_fields(raw, settings, sample.dataset, search=False), settings)
    except BadInput as error:
        return _in_row(error.faults, where), None
    outside = crop_faults(frame, settings)
    known = not outside and shape_is_certain(raw, settings)
    faults = [*voxel_size_faults(frame, project.voxel_size_um(sample), settings), *outside]
    return _in_row(faults, where), cropped_shape(frame.shape, settings) if known else None


def _is_gone(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # it may be there, but not for us
        return False
    return False


def _in_row(faults: Iterable[Fault], where: str) -> list[Fault]:
    return [Fault(f"{where}: {fault.where}", fault.value, fault.expected, fault.remedy) for fault in faults]


def _segmented_shape(study: Study, converted: Shape | None) -> Shape | None:
    """Return the shape of what is segmented; None where it depends on what is not known here."""
    return converted if study.registration is None else study.registration.roi_size_voxels


def _annotation_faults(project: Project, sample: Sample, segmented: Shape | None, where: str) -> list[Fault]:
    if sample.labels is None:
        return []
    remedy = "label the volume that is segmented, or correct the crop or the region of interest"
    return _grid_faults(project, sample, ("labels", sample.labels, remedy), segmented, where)


def _truth_faults(project: Project, sample: Sample, segmented: Shape | None, where: str) -> list[Fault]:
    if sample.truth is None:
        return []
    remedy = "give the truth of the volume that is segmented: its crop, turn or region of interest"
    faults = _grid_faults(project, sample, ("truth", sample.truth, remedy), segmented, where)
    if not faults and (dtype := open_source(project.sheet.locate(sample.truth)).dtype) != np.uint8:
        place = f"{where}, truth: {sample.truth}"
        faults.append(Fault(place, str(dtype), "labels as uint8", "convert them to 8 bit, values unchanged"))
    if segmented is not None:
        judged = _judged_shape(project.study, segmented)
        faults.extend(_in_row(part_faults(judged, project.study.evaluate, "what is judged"), where))
    return faults


def _judged_shape(study: Study, segmented: Shape) -> Shape:
    return segmented if study.evaluate.of == "labels" else rules.cropped_shape(segmented, study.refine)


def _refine_faults(study: Study, segmented: Shape | None, where: str) -> list[Fault]:
    if segmented is None:
        return []
    faults = rules.crop_faults(segmented, study.refine, "what is segmented")
    depth = rules.cropped_shape(segmented, study.refine)[0]
    return _in_row(faults or rules.plane_faults(depth, study.refine), where)


def _grid_faults(
    project: Project, sample: Sample, file: tuple[str, str, str], segmented: Shape | None, where: str
) -> list[Fault]:
    """Return what is wrong with labels that belong on the grid of what is segmented: column, path and remedy."""
    column, path, remedy = file
    try:
        labels = open_source(project.sheet.locate(path))
    except BadInput as error:
        return _in_row(error.faults, f"{where}, {column}")
    place = f"{where}, {column}: {path}"
    faults = size_faults(labels, project.voxel_size_um(sample), place)
    if segmented not in (None, labels.shape):
        faults.append(Fault(place, labels.shape, f"{segmented}, the shape of what is segmented", remedy))
    return faults


def _patch_faults(study: Study, sample: Sample, segmented: Shape | None, where: str) -> list[Fault]:
    if study.model is None or sample.labels is None or segmented is None:
        return []
    models = [learner.model for learner in learners(study.model, study.label).values()]
    found = (model.patch_fault(segmented, f"{where}, across {model.plane_axis}") for model in models)
    return [fault for fault in dict.fromkeys(found) if fault is not None]
