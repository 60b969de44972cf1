"""Settings of annotations and thresholds."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from tomocell.settings.base import Frozen

IGNORE = 255
IGNORED = "ignored"  # what stores of annotations call the class of voxels that nobody labelled


class AnnotateSettings(Frozen):
    """Labels drawn by hand, sparse or dense, on the grid of the volume that is segmented."""

    ignore_value: int = Field(IGNORE, ge=0, le=255, description="Value of voxels that nobody labelled.")


class ThresholdSettings(Frozen):
    """Two phases by a threshold: the one given, the one that gives the measured porosity of the sheet, or Otsu's."""

    dark: str = Field(description="Class of voxels below the threshold.")
    bright: str = Field(description="Class of voxels at or above it.")
    porous: str | None = Field(None, description="Class whose share is the measured porosity; null: the dark one.")
    value: float | None = Field(None, description="The threshold itself, where it is known; null: find it.")
    median_voxels: int = Field(
        1, ge=1, le=15, description="Edge of the median filter before thresholding; odd; 1 is none."
    )
    porosity_error: float = Field(
        0.005, ge=0, lt=1, description="Error of the measured porosity; gives the threshold band."
    )

    @model_validator(mode="after")
    def _two_phases(self) -> Self:
        if self.dark == self.bright:
            msg = f"expected two classes; 'dark' and 'bright' are both {self.dark}"
            raise ValueError(msg)
        if self.porous not in (None, self.dark, self.bright):
            msg = f"'porous' is {self.porous}; expected {self.dark} or {self.bright}"
            raise ValueError(msg)
        if self.median_voxels % 2 == 0:
            msg = f"'median_voxels' is {self.median_voxels}; expected an odd number"
            raise ValueError(msg)
        return self
