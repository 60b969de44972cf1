"""A study: everything one YAML file may say, section by section.

Each section's class lives beside the code it steers; this module only puts them under one roof.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from tomocell.evaluation.settings import EvaluateSettings
from tomocell.labelling.round_settings import LabelSettings
from tomocell.labelling.settings import AnnotateSettings, ClassifierSettings, ThresholdSettings
from tomocell.models.settings import ModelSettings
from tomocell.refinement.settings import RefineSettings
from tomocell.registration.settings import RegisterSettings
from tomocell.reporting.settings import ReportSettings
from tomocell.settings.base import Frozen
from tomocell.settings.types import Identifier, VoxelEdge
from tomocell.volumes.settings import ConvertSettings
from tomocell.volumes.volume import Classes, VoxelClass

PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")  # it is written into shell commands and patterns


class ClassSettings(Frozen):
    """A class of voxels."""

    name: Identifier = Field(description="Name used in tables, maps and other settings.")
    value: int = Field(ge=0, le=254, description="Value in label volumes; 255 means 'not labelled'.")
    color: str = Field("#888888", pattern=r"^#[0-9a-fA-F]{6}$", description="Colour in pictures and viewers, #rrggbb.")


class ScanSettings(Frozen):
    """What all scans of the study share, unless a row of the sheet says otherwise."""

    voxel_size_um: tuple[VoxelEdge, VoxelEdge, VoxelEdge] = Field(
        description="Edges of a voxel along (Z, Y, X), as 'convert.axes' turns them, in micrometres; from 0.0005 "
        "(0.5 nm) to 5000 (5 mm)."
    )
    gigavoxels: float = Field(0.1, gt=0, description="Voxels of a scan in 1e9; sets the run time asked of a cluster.")


class Study(Frozen):
    """One study: which scans, what to do with them, what to report."""

    study: Identifier = Field(description="Name of the study.")
    description: str = Field("", description="A sentence for the head of the report.")
    samples: str = Field(description="Sample sheet (TSV), relative to this file.")
    results: str = Field(
        "results",
        description="Where results land, relative to the working directory or absolute; letters, digits, '_', '-', "
        "'.' and '/', no part '..'.",
    )
    scan: ScanSettings = Field(description="What all scans share.")
    classes: tuple[ClassSettings, ...] = Field(min_length=2, description="Every class that labels or phases may hold.")
    convert: ConvertSettings = Field(ConvertSettings(), description="From raw files to chunked volumes.")
    registration: RegisterSettings | None = Field(
        None, description="Into the frame of the reference timestep; leave out for single volumes."
    )
    annotate: AnnotateSettings = Field(AnnotateSettings(), description="Sparse labels drawn by hand.")
    label: LabelSettings | None = Field(
        None, description="Labels that grow round by round: predicted, corrected by a person, trained on again."
    )
    threshold: ThresholdSettings | None = Field(None, description="Segment by threshold (instead of a model).")
    classifier: ClassifierSettings | None = Field(
        None,
        description="Segment by a pixel classifier (instead of a model), or find what 'threshold.apart' names first.",
    )
    model: ModelSettings | None = Field(None, description="Segment by a trained network (instead of a threshold).")
    refine: RefineSettings = Field(RefineSettings(), description="From labels to phases.")
    measure: dict[str, dict[str, Any]] = Field(description="Analyses of each timestep and their settings.")
    series: dict[str, dict[str, Any]] = Field({}, description="Analyses over the timesteps and their settings.")
    evaluate: EvaluateSettings = Field(
        EvaluateSettings(), description="Labels against the truth, for timesteps whose row has a 'truth'."
    )
    report: ReportSettings = Field(ReportSettings(), description="The page.")

    @field_validator("results")
    @classmethod
    def _plain_path(cls, value: str) -> str:
        if not PLAIN_PATH.fullmatch(value) or ".." in PurePosixPath(value).parts:
            msg = "a path of letters, digits, '_', '-', '.' and '/', without a part '..'"
            raise ValueError(msg)
        return str(PurePosixPath(value))

    @model_validator(mode="after")
    def _one_segmenter(self) -> Self:
        ways = ("threshold", "classifier", "model")
        given = [way for way in ways if getattr(self, way) is not None]
        if given == ["threshold", "classifier"]:
            return self
        if len(given) != 1:
            found = " and ".join(f"'{way}'" for way in given) or "none"
            msg = f"expected exactly one of 'threshold', 'classifier' and 'model', found {found}; "
            raise ValueError(msg + "keep the one that segments this study")
        return self

    @model_validator(mode="after")
    def _apart_is_classified(self) -> Self:
        apart = self.threshold.apart if self.threshold is not None else ()
        if self.threshold is not None and (self.classifier is not None) != bool(apart):
            msg = "expected 'classifier' and 'threshold.apart' together: the classes that the classifier finds first"
            raise ValueError(msg)
        unknown = sorted(set(apart) - set(self.classifier.classes if self.classifier is not None else ()))
        if unknown:
            msg = f"'threshold.apart' names {', '.join(unknown)}; expected classes of 'classifier'"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _rounds_of_the_model(self) -> Self:
        if self.label is None:
            return self
        if self.model is None or self.model.trained:
            msg = "'label' has rounds for a 'model' to learn from; expected one that is trained here, or no 'label'"
            raise ValueError(msg)
        if self.label.priority and sorted(self.label.priority) != sorted(self.model.classes):
            known = ", ".join(self.model.classes)
            msg = f"'label.priority' {', '.join(self.label.priority)}; expected every class of the model once: {known}"
            raise ValueError(msg)
        named = {
            name for entry in self.label.rounds for problem in entry.problems for name in (*problem.of, problem.rest)
        }
        unknown = sorted(named - set(self.model.classes))
        if unknown:
            msg = f"'label.rounds' names {', '.join(unknown)}; expected classes of the model"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _distinct_classes(self) -> Self:
        for key in ("name", "value"):
            seen = [getattr(member, key) for member in self.classes]
            twice = sorted({str(entry) for entry in seen if seen.count(entry) > 1})
            if twice:
                msg = f"class {key} {', '.join(twice)} given twice; expected each {key} once"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _known_classes(self) -> Self:
        names = {member.name for member in self.classes}
        unknown = sorted(self._classes_named() - names)
        if unknown:
            known = ", ".join(sorted(names))
            msg = f"classes {', '.join(unknown)} are not declared; expected names of 'classes': {known}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _ignored_is_no_class(self) -> Self:
        value = self.annotate.ignore_value
        same = [member.name for member in self.classes if member.value == value]
        if same:
            msg = f"'annotate.ignore_value' {value} is the value of class {same[0]}; expected a value of no class"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _refines_what_is_labelled(self) -> Self:
        labels = self._label_names
        rules = {rule: set(getattr(self.refine, rule)) for rule in ("where", "small_objects", "split")}
        if self.refine.split_electrolyte is not None:
            found = self.refine.split_electrolyte
            rules["split_electrolyte"] = {found.electrolyte, *found.electrodes}
        for rule, named in rules.items():
            unknown = sorted(named - set(labels))
            if unknown:
                known = ", ".join(labels)
                msg = f"'refine.{rule}' names {', '.join(unknown)}; expected classes that the segmenter writes: {known}"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _touches_what_remains(self) -> Self:
        known = self.refine.names_split(self._label_names)
        named = {*self.refine.must_touch, *(name for rule in self.refine.must_touch.values() for name in rule.of)}
        unknown = sorted(named - set(known))
        if unknown:
            msg = f"'refine.must_touch' names {', '.join(unknown)}; expected classes after the split: "
            raise ValueError(msg + ", ".join(known))
        return self

    @model_validator(mode="after")
    def _background_is_judged(self) -> Self:
        name, known = self.evaluate.background, self.judged_classes.names
        if name is not None and name not in known:
            msg = f"'evaluate.background' is {name}; expected one of the {self.evaluate.of}: {', '.join(known)}"
            raise ValueError(msg)
        return self

    def _classes_named(self) -> set[str]:
        named = self.refine.classes_named()
        if self.threshold is not None:
            named |= {*self.threshold.levels, *self.threshold.apart}
        if self.classifier is not None:
            named |= set(self.classifier.classes)
        if self.model is not None:
            named |= set(self.model.classes)
        return named

    @property
    def segmenter(self) -> Literal["threshold", "classifier", "model"]:
        """Which of the three ways this study segments."""
        if self.threshold is not None:
            return "threshold"
        return "model" if self.model is not None else "classifier"

    @property
    def drawn_classes(self) -> Classes:
        """The classes that labels drawn by hand may hold: those of the model or classifier, if there is one."""
        learner = self.model or self.classifier
        return self.all_classes.subset(learner.classes if learner is not None else ())

    @property
    def grey(self) -> Literal["volume", "registered"]:
        """The store that is segmented."""
        return "registered" if self.registration is not None else "volume"

    @property
    def all_classes(self) -> Classes:
        """Every class of the study."""
        return Classes(tuple(VoxelClass(member.name, member.value, member.color) for member in self.classes))

    @property
    def label_classes(self) -> Classes:
        """The classes that a segmenter may write, in the order of its outputs."""
        return self.all_classes.subset(self._label_names)

    @property
    def _label_names(self) -> tuple[str, ...]:
        if self.threshold is not None:
            return (*self.threshold.levels, *self.threshold.apart)
        learner = self.model or self.classifier
        return learner.classes if learner is not None else ()

    @property
    def phase_classes(self) -> Classes:
        """The classes that remain after refinement."""
        return self.all_classes.subset(self.refine.names_after(self.label_classes.names))

    @property
    def judged_classes(self) -> Classes:
        """The classes that are held against the truth."""
        return self.label_classes if self.evaluate.of == "labels" else self.phase_classes
