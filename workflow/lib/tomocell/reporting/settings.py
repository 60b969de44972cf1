"""Settings of the report."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tomocell.settings.base import NAMES_CLASSES, Frozen


class ReportSettings(Frozen):
    """The page."""

    title: str = Field("", description="Title; the study's name where empty.")
    truth: str | None = Field(
        None, description="truth.json of a phantom, relative to the study: shown beside the measurement."
    )
    renderings: tuple[str, ...] | None = Field(
        None,
        description="Timesteps to show in three dimensions, a few seconds each; left out: pristine, half cycle and "
        "full cycle; none where empty.",
    )
    see_through: tuple[str, ...] | None = Field(
        None,
        description="Classes that renderings draw as glass; left out: those whose name ends with 'electrode'.",
        json_schema_extra=NAMES_CLASSES,
    )
    truth_within: Literal["percent", "uncertainty"] = Field(
        "percent",
        description="What volumes and thicknesses are held to against the truth: 5 percent of what was planted, or "
        "twice their own stated uncertainty, as all else is.",
    )
