"""Settings of what is done to patches, so that a network learns more than it was shown."""

from __future__ import annotations

from pydantic import Field

from tomocell.settings.base import Frozen


class AffineSettings(Frozen):
    """Patches turned, sheared, scaled and moved; each number is the most, either way, drawn evenly."""

    probability: float = Field(0.5, ge=0, le=1, description="Share of patches it is done to.")
    rotation_deg: float = Field(9.0, ge=0, le=180, description="In planes: within them; in cubes: about each axis.")
    shear: float = Field(
        0.25, ge=0, lt=1, description="Each axis along each other one, by this share of a voxel a voxel."
    )
    scale: float = Field(0.25, ge=0, lt=1, description="Share by which all edges grow or shrink together.")
    translation: float = Field(0.2, ge=0, lt=1, description="Along each axis, as a share of the patch's edge.")


class IntensitySettings(Frozen):
    """Grey values changed; all in standard deviations of the training set."""

    probability: float = Field(1.0, ge=0, le=1, description="Share of patches it is done to.")
    gain: float = Field(0.05, ge=0, description="Standard deviation of the gain about 1.")
    offset: float = Field(0.05, ge=0, description="Standard deviation of the offset.")
    gamma: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Standard deviation of the logarithm of gamma, between a patch's darkest and brightest.",
    )
    noise: float = Field(
        0.0, ge=0, description="Most white noise added, its standard deviation drawn evenly up to this."
    )


class RingSettings(Frozen):
    """Rings about an axis along z, as flawed detector columns leave them; the axis lies in or near the patch."""

    probability: float = Field(0.25, ge=0, le=1, description="Share of patches it is done to.")
    amplitude: float = Field(0.3, ge=0, description="Standard deviation of a ring's grey value.")
    share: float = Field(0.1, gt=0, le=1, description="Share of radii, each a voxel wide, that hold a ring.")


class StreakSettings(Frozen):
    """Straight streaks across (Y, X), the same along z, as edges and curtains leave them."""

    probability: float = Field(0.25, ge=0, le=1, description="Share of patches it is done to.")
    amplitude: float = Field(0.3, ge=0, description="Standard deviation of a streak's grey value.")
    most: int = Field(5, ge=1, le=100, description="Streaks of a patch, at most.")
    width_voxels: float = Field(2.0, gt=0, description="Standard deviation of their profile, at most.")


class AugmentSettings(Frozen):
    """What is done to patches; all draws depend on seed, epoch and sample alone. null: not done."""

    flips: float = Field(0.5, ge=0, le=1, description="Share of patches mirrored, for each axis by itself.")
    affine: AffineSettings | None = Field(
        None, description="Turn, shear, scale, move; what comes from beyond the patch is mirrored and not labelled."
    )
    intensity: IntensitySettings | None = Field(IntensitySettings(), description="Change grey values.")
    rings: RingSettings | None = Field(None, description="Add ring artefacts.")
    streaks: StreakSettings | None = Field(None, description="Add streaks.")
