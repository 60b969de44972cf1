"""Settings of iterative labelling."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from tomocell.settings.base import Frozen

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
Plane = Annotated[int, Field(ge=0)]
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")  # it is written into patterns and commands


class ProblemSettings(Frozen):
    """A few classes against the rest, learned by a network of their own."""

    name: Name = Field(description="Ends the name of the problem's model.")
    of: tuple[str, ...] = Field(min_length=1, description="Classes told apart.")
    rest: str = Field(description="Class that labels of all other classes count as in this problem.")

    @model_validator(mode="after")
    def _rest_is_another(self) -> Self:
        if self.rest in self.of:
            msg = f"'rest' {self.rest} is in 'of' as well; expected a class that is not told apart"
            raise ValueError(msg)
        return self


class RoundSettings(Frozen):
    """One round: train on the labels that are there, predict planes, let a person correct them."""

    axis: Literal["z", "y", "x"] = Field(
        "y",
        description="Axis across the planes to correct, and that the round's networks see: z in-plane, y or x across.",
    )
    planes: tuple[Plane, ...] = Field((), description="Planes to correct; none: 'count' of them, evenly spread.")
    count: int = Field(4, ge=1, description="Planes to correct in each timestep, where 'planes' names none.")
    timesteps: tuple[str, ...] = Field(
        (), description="Timesteps to correct ('timestep' or 'series/timestep'); none: those with labels in the sheet."
    )
    problems: tuple[ProblemSettings, ...] = Field(
        (), description="Problems with a network each, merged by 'label.priority'; none: one network for all classes."
    )
    by: str = Field("", description="Who corrects this round; kept with the labels.")

    @model_validator(mode="after")
    def _each_problem_once(self) -> Self:
        names = [problem.name for problem in self.problems]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"problem {', '.join(twice)} given twice; expected each name once"
            raise ValueError(msg)
        return self


class LabelSettings(Frozen):
    """Labels that grow round by round: predicted, corrected by a person, trained on again."""

    folder: str = Field(
        "annotations",
        description="Where predictions are put and corrections looked for, relative to the working directory or "
        "absolute; outside of the results, as it holds work of people.",
    )
    rounds: tuple[RoundSettings, ...] = Field(min_length=1, description="The rounds, in order.")
    priority: tuple[str, ...] = Field(
        (),
        description="Classes in the order in which they win where problems disagree; the last one stands where none "
        "claims a voxel. None: the order of 'model.classes'.",
    )

    @field_validator("folder")
    @classmethod
    def _plain_path(cls, value: str) -> str:
        if not PLAIN_PATH.fullmatch(value) or ".." in PurePosixPath(value).parts:
            msg = "a path of letters, digits, '_', '-', '.' and '/', without a part '..'"
            raise ValueError(msg)
        return str(PurePosixPath(value))
