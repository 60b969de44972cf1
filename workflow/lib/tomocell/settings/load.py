"""Reading a study and its sheet, with every fault found before any job starts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import ValidationError

from tomocell.errors import BadInput, Fault
from tomocell.settings.faults import faults_of
from tomocell.settings.plug_ins import (
    faults_of_follower,
    settings_of_analysis,
    settings_of_follower,
    settings_of_loss,
    settings_of_network,
)
from tomocell.settings.samples import Sample, SampleSheet
from tomocell.settings.study import Study
from tomocell.training.splits import split

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tomocell.models.settings import ModelSettings
    from tomocell.settings.base import Frozen
    from tomocell.volumes.volume import VoxelSize

    Reader = Callable[[str, Mapping[str, Any], str], Frozen]

T = TypeVar("T")


@dataclass(frozen=True)
class Project:
    """A study with its sheet: all that a run is told."""

    path: Path
    study: Study
    sheet: SampleSheet

    def voxel_size_um(self, sample: Sample) -> VoxelSize:
        """Return the voxel size of a scan: the sheet's, or else the study's."""
        return sample.voxel_size_um or self.study.scan.voxel_size_um

    def gigavoxels(self, sample: Sample) -> float:
        """Return the size of a scan in 1e9 voxels: the sheet's, or else the study's."""
        return sample.gigavoxels or self.study.scan.gigavoxels


def load_project(path: Path) -> Project:
    """Read a study and its sheet.

    Raises:
        BadInput: With every fault of both files, told at once.
    """
    study = read_study(path)
    faults: list[Fault] = []
    sheet = _collect(faults, partial(SampleSheet.read, path.parent / study.samples))
    measures = _plug_ins(faults, study, study.measure, settings_of_analysis, f"{path}, measure")
    followers = _plug_ins(faults, study, study.series, settings_of_follower, f"{path}, series")
    samples = sheet.samples if sheet is not None else ()
    faults.extend(_class_faults(study, study.report, f"{path}, report"))
    faults.extend(_rendering_faults(study, samples, f"{path}, report.renderings"))
    for name in followers:
        faults.extend(faults_of_follower(name, followers, samples, measures, f"{path}, series"))
    if study.model is not None and not study.model.trained:
        _collect(faults, partial(settings_of_network, study.model, f"{path}, model"))
        _collect(faults, partial(settings_of_loss, study.model, f"{path}, model"))
    learns = study.classifier is not None or (study.model is not None and not study.model.trained)
    if sheet is not None and learns and not sheet.labelled():
        expected = "annotations to train on"
        faults.append(Fault(str(sheet.path), "no row with labels", expected, "fill the column 'labels'"))
    elif study.model is not None and not study.model.trained and sheet is not None:
        faults.extend(_label_faults(study.model, sheet, path))
    if faults or sheet is None:
        raise BadInput(*faults)
    return Project(path, study, sheet)


def read_study(path: Path) -> Study:
    """Read a study's YAML.

    Raises:
        BadInput: With every fault of the file.
    """
    content = _read_yaml(path)
    if not isinstance(content, dict):
        raise BadInput(Fault(str(path), type(content).__name__, "keys and values", "see config/README.md"))
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        raise BadInput(*faults_of(error, str(path), "see config/README.md")) from error


def _collect(faults: list[Fault], read: Callable[[], T]) -> T | None:
    try:
        return read()
    except BadInput as error:
        faults.extend(error.faults)
        return None


def _plug_ins(
    faults: list[Fault], study: Study, section: Mapping[str, dict[str, Any]], read: Reader, where: str
) -> dict[str, Frozen | None]:
    """Return the settings of each plug-in of a section; None for one with a fault."""
    found: dict[str, Frozen | None] = {}
    for name, values in section.items():
        found[name] = _collect(faults, partial(read, name, values, where))
        faults.extend(_class_faults(study, found[name], f"{where}.{name}"))
    return found


def _class_faults(study: Study, settings: Frozen | None, where: str) -> list[Fault]:
    known = study.phase_classes.names
    unknown = sorted(settings.classes_named() - set(known)) if settings is not None else []
    expected = f"a class that remains after refinement: {', '.join(known)}"
    return [Fault(where, name, expected, "correct the name") for name in unknown]


def _rendering_faults(study: Study, samples: Sequence[Sample], where: str) -> list[Fault]:
    known = {sample.timestep for sample in samples}
    unknown = [name for name in study.report.renderings or () if known and name not in known]
    return [Fault(where, name, "a timestep of the sheet", "correct the name") for name in unknown]


def _label_faults(model: ModelSettings, sheet: SampleSheet, path: Path) -> list[Fault]:
    labelled = [sample.key for sample in sheet.labelled()]
    faults: list[Fault] = []
    _collect(faults, partial(split, labelled, model))
    return [replace(fault, where=f"{path}, {fault.where}") for fault in faults]


def _read_yaml(path: Path) -> Any:  # noqa: ANN401
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)  # noqa: S506
    except OSError as error:
        raise BadInput(Fault(str(path), "no file", "a study's YAML", "name one of config/")) from error
    except yaml.MarkedYAMLError as error:
        where = f"{path}, line {error.problem_mark.line + 1}" if error.problem_mark else str(path)
        raise BadInput(Fault(where, error.problem, "readable YAML", "correct the line")) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(Fault(str(path), str(error), "readable YAML", "correct the line named")) from error


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice instead of keeping the last."""


def _strict_mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    mapping: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int | float):
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is no word", key_node.start_mark)
        if key in mapping:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} given twice", key_node.start_mark)
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _strict_mapping)
