"""Rounds of labelling: which networks a round trains, which planes it exports, which corrections came back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tomocell.errors import BadInput, Fault
from tomocell.volumes.planes import axis_number
from tomocell.volumes.readers import open_source
from tomocell.volumes.volume import AXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tomocell.labelling.round_settings import LabelSettings, RoundSettings
    from tomocell.models.settings import ModelSettings

GREY, PREDICTED, CORRECTED = "grey", "labels", "corrected"  # folders of a timestep in a round
PAGE = "round.json"
ROUND = re.compile(r"round-([1-9][0-9]*)")
PLANE = re.compile(r"([zyx])([0-9]+)\.tiff?")
GOLDEN = 0.6180339887498949  # its multiples fall evenly between each other: no two rounds choose the same planes


@dataclass(frozen=True)
class Learner:
    """A network that labels train: its settings, and the class that labels of other classes count as."""

    model: ModelSettings
    rest: str | None = None


@dataclass(frozen=True, order=True)
class Correction:
    """One plane that a person corrected: ``<folder>/<series>/round-<n>/<timestep>/corrected/<axis><plane>.tif``."""

    round: int
    series: str
    timestep: str
    axis: str
    plane: int
    path: Path


def learners(model: ModelSettings, label: LabelSettings | None) -> dict[str, Learner]:
    """Return every network of a study by name: the study's own, and those of each problem of each round."""
    found = {model.name: Learner(model)}
    for number, settings in enumerate(label.rounds if label is not None else (), 1):
        found |= learners_of(model, settings, number)
    return found


def learners_of(model: ModelSettings, settings: RoundSettings, number: int) -> dict[str, Learner]:
    """Return the networks of round ``number`` by name, in the order of its problems."""
    name = f"{model.name}-round-{number}"
    if not settings.problems:
        return {name: Learner(_with(model, name, settings.axis, model.classes))}
    return {
        f"{name}-{problem.name}": Learner(
            _with(model, f"{name}-{problem.name}", settings.axis, (*problem.of, problem.rest)), problem.rest
        )
        for problem in settings.problems
    }


def decided(model: ModelSettings, settings: RoundSettings, number: int) -> dict[str, tuple[str, ...]]:
    """Return by network of round ``number`` the classes that it decides on; its rest it leaves to the others."""
    of = [problem.of for problem in settings.problems] or [model.classes]
    return dict(zip(learners_of(model, settings, number), of, strict=True))


def exported_planes(settings: RoundSettings, size: int, number: int) -> tuple[int, ...]:
    """Return the planes of an axis of ``size`` planes that round ``number`` exports: in every round other ones.

    Raises:
        BadInput: If a plane of the settings lies outside.
    """
    outside = [plane for plane in settings.planes if plane >= size]
    if outside:
        expected = f"planes below {size}, the size along {settings.axis}"
        raise BadInput(Fault(f"label.rounds, round {number}, planes", outside, expected, "correct the planes"))
    if settings.planes:
        return tuple(sorted(set(settings.planes)))
    shift = (0.5 + (number - 1) * GOLDEN) % 1.0
    return tuple(sorted({int((part + shift) * size / settings.count) for part in range(settings.count)}))


def find_corrections(folder: Path) -> list[Correction]:
    """Return the corrected planes of all rounds, by round, series, timestep and plane.

    Raises:
        BadInput: With each file in a folder of corrections whose name tells no plane.
    """
    found: list[Correction] = []
    faults: list[Fault] = []
    for path in sorted(folder.glob(f"*/round-*/*/{CORRECTED}/*")):
        number = ROUND.fullmatch(path.parents[2].name)
        if number is None or path.name.startswith("."):
            continue
        plane = PLANE.fullmatch(path.name)
        if plane is None:
            expected = "the name of a plane that was exported, as y0012.tif"
            faults.append(Fault(str(path), path.name, expected, "rename it, or take it out of the folder"))
        else:
            place = (path.parents[3].name, path.parents[1].name)
            found.append(Correction(int(number[1]), *place, plane[1], int(plane[2]), path))
    if faults:
        raise BadInput(*faults)
    return sorted(found)


def open_round(corrections: Iterable[Correction], rounds: int) -> int | None:
    """Return the first round that holds no corrected plane; None where all do."""
    done = {correction.round for correction in corrections}
    return next((number for number in range(1, rounds + 1) if number not in done), None)


def to_correct(
    settings: RoundSettings, keys: Sequence[tuple[str, str]], labelled: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Return the timesteps, (series, timestep) each, of which a round exports planes.

    Raises:
        BadInput: If one that is named is not in the sheet.
    """
    named = [key for key in keys if key[1] in settings.timesteps or "/".join(key) in settings.timesteps]
    known = {name for key in keys for name in (key[1], "/".join(key))}
    unknown = sorted(set(settings.timesteps) - known)
    if unknown:
        raise BadInput(Fault("label.rounds.timesteps", unknown, "timesteps of the sheet", "correct the names"))
    return named if settings.timesteps else list(labelled)


def correction_faults(one: Correction, shape: tuple[int, int, int]) -> list[Fault]:
    """Return what its name and header tell of a corrected plane that is none of a volume of ``shape``."""
    size = shape[axis_number(one.axis)]
    if one.plane >= size:
        expected = f"a plane below {size}, the size along {one.axis}"
        return [Fault(str(one.path), f"plane {one.plane}", expected, "rename it as it was exported")]
    try:
        found = open_source(one.path).shape
    except BadInput as error:
        return list(error.faults)
    wanted = (1, *shape_of_plane(shape, one.axis))
    if found == wanted:
        return []
    expected = f"{wanted}, one plane across {one.axis}"
    return [Fault(str(one.path), found, expected, "save the whole plane as it was exported, without scaling")]


def plane_name(axis: str, plane: int) -> str:
    """Return the file name of a plane: y0012.tif."""
    return f"{axis}{plane:04d}.tif"


def shape_of_plane(shape: tuple[int, int, int], axis: str) -> tuple[int, int]:
    """Return rows and columns of a plane across ``axis``."""
    rows, columns = (size for name, size in zip(AXES, shape, strict=True) if name != axis)
    return (rows, columns)


def _with(model: ModelSettings, name: str, axis: str, classes: tuple[str, ...]) -> ModelSettings:
    train = model.train.model_copy(
        update={"class_weights": {key: value for key, value in model.train.class_weights.items() if key in classes}}
    )
    rare = tuple(member for member in model.sampling.rare_classes if member in classes)
    sampling = model.sampling.model_copy(update={"rare_classes": rare})
    changes = {"name": name, "plane_axis": axis, "classes": classes, "train": train, "sampling": sampling}
    return model.model_copy(update=changes)
