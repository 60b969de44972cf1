"""Settings of what a training sees: where patches lie, and which labels only judge."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tomocell.settings.base import Frozen

Plane = Annotated[int, Field(ge=0)]


class SamplingSettings(Frozen):
    """Where the patches of a training lie."""

    foreground_share: float = Field(
        0.5, ge=0, le=1, description="Share of patches centred on a voxel of a class drawn at random."
    )
    rare_classes: tuple[str, ...] = Field(
        (), description="Classes to draw from; none: every class that is there, all alike."
    )
    mirror: bool = Field(
        default=False,
        description="Fill what a patch has beyond a smaller volume with its mirror image, not labelled; else such a "
        "patch is a fault.",
    )
    cache_mb: int = Field(1024, ge=16, description="Memory of a rank for what it read of the stores, MB.")


class SplitSettings(Frozen):
    """Which labels train and which only judge."""

    by: Literal["timestep", "block", "random"] = Field(
        "timestep",
        description="timestep: whole scans judge, those of 'train.validation'. block: blocks of each scan, with a gap. "
        "random: planes (or cubes) at random, as the papers do; neighbours are near copies, which flatters a network.",
    )
    axis: Literal["z", "y", "x"] = Field("z", description="block: axis along which a scan is cut.")
    ranges: tuple[tuple[Plane, Plane], ...] = Field(
        (),
        description="block: planes across the axis that judge, first and one past the last; none: drawn.",
    )
    block_voxels: int = Field(64, ge=1, description="block: planes of a block, where no ranges are given.")
    gap_voxels: int = Field(16, ge=0, description="block: planes beside one that judges that neither train nor judge.")
    share: float = Field(0.2, gt=0, lt=1, description="block, random: share of blocks, planes or cubes that judge.")
    seed: int = Field(0, ge=0, description="block, random: seed of the draw.")
    leakage_voxels: int = Field(
        16,
        ge=1,
        le=128,
        description="Distance for the leakage told: the share of judging pixels that close to training pixels of the "
        "same volume.",
    )

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        empty = [f"{first} to {stop}" for first, stop in self.ranges if first >= stop]
        if empty:
            msg = f"'ranges' {', '.join(empty)}: expected the first plane and one past the last"
            raise ValueError(msg)
        return self
