"""Settings of an evaluation."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from tomocell.settings.base import NAMES_CLASSES, Frozen
from tomocell.settings.types import Count

Start = Annotated[int, Field(ge=0)]


class EvaluateSettings(Frozen):
    """What is told of labels beside their truth; timesteps with a 'truth' in the sheet are evaluated."""

    of: Literal["labels", "phases"] = Field(
        "labels", description="What is held against the truth: what the segmenter wrote, or what refinement made of it."
    )
    crop_start_voxels: tuple[Start, Start, Start] = Field(
        (0, 0, 0),
        description="First voxel (Z, Y, X) of the part that is judged, in the volume that is segmented, or in what the "
        "refinement's crop leaves of it where phases are judged.",
    )
    crop_size_voxels: tuple[Count, Count, Count] | None = Field(
        None, description="Voxels (Z, Y, X) of that part; null: to the end."
    )
    background: str | None = Field(
        None,
        description="Class that the foreground's mean leaves out; null: the first class.",
        json_schema_extra=NAMES_CLASSES,
    )
    surfaces: bool = Field(default=True, description="Tell surface Dice and the 95 % Hausdorff distance.")
    surface_tolerance_um: float | None = Field(
        None, gt=0, description="How far surfaces may lie apart and still agree; null: the voxel's longest edge."
    )
    surface_cap_um: float | None = Field(
        None,
        gt=0,
        description="Largest surface distance that is looked for; it is the halo of blocks, so memory grows with it. "
        "null: 16 times the voxel's longest edge, or the tolerance where that is more.",
    )
    bootstrap_edge_voxels: int = Field(
        64, ge=1, description="Edge of the blocks drawn for confidence intervals; longer than the structure's grain."
    )
    bootstrap_draws: int = Field(1000, ge=100, le=100_000, description="Draws of all blocks with replacement.")
    bootstrap_seed: int = Field(0, ge=0, description="Seed of the draws.")
    calibration_bins: int = Field(15, ge=2, le=255, description="Bins of confidence, of equal width from 0 to 1.")
    tortuosity: dict[str, Any] | None = Field(
        {}, description="Settings of the analysis 'tortuosity' for its error; null: leave it out."
    )

    @model_validator(mode="after")
    def _tolerance_within_cap(self) -> Self:
        tolerance, cap = self.surface_tolerance_um, self.surface_cap_um
        if tolerance is not None and cap is not None and tolerance > cap:
            msg = f"'surface_tolerance_um' {tolerance:g} is beyond 'surface_cap_um' {cap:g}; expected at most that"
            raise ValueError(msg)
        return self
