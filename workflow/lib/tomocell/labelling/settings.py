"""Settings of annotations, thresholds and the pixel classifier."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tomocell.settings.base import Frozen
from tomocell.settings.types import Count

IGNORE = 255
IGNORED = "ignored"  # what stores of annotations call the class of voxels that nobody labelled
FeatureName = Literal["gaussian", "gradient", "laplacian", "hessian"]
FEATURES: tuple[FeatureName, ...] = ("gaussian", "gradient", "laplacian", "hessian")
Sigma = Annotated[float, Field(ge=0.5, le=32)]
Start = Annotated[int, Field(ge=0)]


class AnnotateSettings(Frozen):
    """Labels drawn by hand, sparse or dense, on the grid of the volume that is segmented."""

    ignore_value: int = Field(IGNORE, ge=0, le=255, description="Value of voxels that nobody labelled.")
    part_start_voxels: tuple[Start, Start, Start] = Field(
        (0, 0, 0),
        description="First voxel (Z, Y, X) of the part whose labels are learned from; the rest of a file of labels "
        "counts as not labelled, so that it can be kept for 'evaluate'.",
    )
    part_size_voxels: tuple[Count, Count, Count] | None = Field(
        None, description="Voxels (Z, Y, X) of that part; null: to the end."
    )


class ThresholdSettings(Frozen):
    """Phases by threshold: the one given, the one that gives the measured porosity of the sheet, or Otsu's."""

    dark: str = Field(description="Class of voxels below the threshold.")
    between: tuple[str, ...] = Field(
        (), description="Classes between dark and bright, in order of grey value: thresholds by multi-Otsu."
    )
    bright: str = Field(description="Class of voxels at or above it.")
    porous: str | None = Field(None, description="Class whose share is the measured porosity; null: the dark one.")
    value: float | None = Field(None, description="The threshold itself, where it is known; null: find it.")
    median_voxels: int = Field(
        1, ge=1, le=15, description="Edge of the median filter before thresholding; odd; 1 is none."
    )
    porosity_error: float = Field(
        0.005,
        ge=0,
        lt=1,
        description="Error of the measured porosity (pycnometer 0.005, mercury intrusion 0.02); gives the threshold "
        "band.",
    )
    apart: tuple[str, ...] = Field(
        (),
        description="Classes that the study's 'classifier' finds first, such as a microporous layer: taken out before "
        "the threshold is sought, so that the porosity is that of the rest, and put back after.",
    )

    @property
    def levels(self) -> tuple[str, ...]:
        """The classes that thresholds part, from dark to bright."""
        return (self.dark, *self.between, self.bright)

    @model_validator(mode="after")
    def _phases(self) -> Self:
        names = [*self.levels, *self.apart]
        if self.dark == self.bright:
            msg = f"expected two classes; 'dark' and 'bright' are both {self.dark}"
            raise ValueError(msg)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"{', '.join(twice)} given twice in 'dark', 'between', 'bright' and 'apart'; expected each class once"
            raise ValueError(msg)
        if self.porous is not None and self.porous not in self.levels:
            msg = f"'porous' is {self.porous}; expected {' or '.join(self.levels)}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.between and self.value is not None:
            msg = f"'value' {self.value:g} is one threshold, 'between' needs {len(self.between) + 1}; give one of them"
            raise ValueError(msg)
        if self.median_voxels % 2 == 0:
            msg = f"'median_voxels' is {self.median_voxels}; expected an odd number"
            raise ValueError(msg)
        return self


class ClassifierSettings(Frozen):
    """A random forest over features of each voxel's surroundings, grown from a few strokes."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$", description="Folder of results/models.")
    classes: tuple[str, ...] = Field(min_length=2, description="What it tells apart.")
    dimensions: Literal[2, 3] = Field(3, description="2: features of each plane by itself; 3: of the volume.")
    plane_axis: Literal["z", "y", "x"] = Field("z", description="Axis across the planes, where dimensions is 2.")
    sigmas_voxels: tuple[Sigma, ...] = Field(
        (1.0, 2.0, 4.0), min_length=1, description="Standard deviations of the Gaussians that features are taken at."
    )
    features: tuple[FeatureName, ...] = Field(
        FEATURES,
        min_length=1,
        description="Beside the grey value, at each scale: the smoothed value, the gradient's magnitude, the "
        "Laplacian, the eigenvalues of the Hessian.",
    )
    trees: int = Field(100, ge=1, le=1000, description="Trees of the forest.")
    most_depth: int = Field(20, ge=1, le=64, description="Questions on the way to a leaf, at most.")
    least_leaf_voxels: int = Field(2, ge=1, description="Labelled voxels in a leaf, at least.")
    voxels_per_class: int = Field(
        5000, ge=1, description="Labelled voxels of a class that each timestep gives, at most; drawn by the seed."
    )
    seed: int = Field(0, ge=0, description="Seed of the voxels drawn and of the trees.")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for key in ("classes", "sigmas_voxels", "features"):
            values = getattr(self, key)
            twice = sorted({str(value) for value in values if values.count(value) > 1})
            if twice:
                msg = f"'{key}' names {', '.join(twice)} twice; expected each once"
                raise ValueError(msg)
        return self
