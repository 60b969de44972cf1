"""Settings of the conversion."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from tomocell.settings.base import Frozen

Count = Annotated[int, Field(ge=1)]
Index = Annotated[int, Field(ge=0)]
LEAST_SEAM_VOXELS = 4  # of the overlap, compared at every offset tried
AXES_AS_THEY_ARE = "z y x"


class StitchSettings(Frozen):
    """Fields of view that overlap along an axis become one volume; the sheet's path names them, with ';' between."""

    axis: Literal["z", "y", "x"] = Field(description="Axis of the files along which the fields follow each other.")
    overlap_voxels: Count = Field(
        description="Voxels that neighbouring fields share along it; blended linearly, voxel k of n with weight "
        "(k + 1/2) / n of the later field."
    )
    search_voxels: Annotated[int, Field(ge=0, le=32)] = Field(
        0,
        description="How far each seam's offset along (Z, Y, X) is searched, by normalised correlation in the overlap; "
        "0 takes the overlap as given. What not all fields cover across the axis is cropped.",
    )
    least_correlation: Annotated[float, Field(ge=-1, le=1)] = Field(
        0.3, description="A seam whose correlation is below stops the conversion; -1 takes every seam."
    )

    @model_validator(mode="after")
    def _something_to_compare(self) -> Self:
        least = self.search_voxels + LEAST_SEAM_VOXELS
        if self.overlap_voxels < least:
            msg = f"overlap_voxels {self.overlap_voxels}: expected at least {least}, "
            msg += f"search_voxels + {LEAST_SEAM_VOXELS}"
            raise ValueError(msg)
        return self


class ConvertSettings(Frozen):
    """From raw files to chunked, sharded, multiscale volumes: fields are stitched, turned, cropped, then windowed."""

    stitch: StitchSettings | None = Field(None, description="For scans of several fields of view; null: one file each.")
    axes: str = Field(
        AXES_AS_THEY_ARE,
        description="Which axes of the file become z, y and x, in this order; '-' before one reverses it. "
        "'x y -z' and 'z -x y' are 90-degree turns.",
    )
    allow_mirror: bool = Field(
        default=False,
        description="Allow 'axes' that make a mirror image ('x z y' does not, 'y z x' does): only for files that are "
        "mirrored themselves, or store their axes in another order than readers expect.",
    )
    crop_start_voxels: tuple[Index, Index, Index] = Field(
        (0, 0, 0), description="First voxel kept along (Z, Y, X), counted after stitching and turning."
    )
    crop_size_voxels: tuple[Count, Count, Count] | None = Field(None, description="Voxels kept; null keeps all.")
    window_grey: tuple[float, float] | None = Field(
        None,
        description="Grey values [low, high] that become the least and the greatest value of 'dtype': "
        "floor((min(max(v, low), high) - low) / (high - low) * greatest + 1/2). Null keeps grey values as they are.",
    )
    dtype: Literal["uint8", "uint16"] | None = Field(None, description="Type of the windowed grey values.")
    clip_warning_percent: Annotated[float, Field(ge=0, le=100)] = Field(
        1.0, description="Warn if more voxels lie below or above the window; the manifest tells the shares in any case."
    )
    ignore_file_voxel_size: bool = Field(
        default=False,
        description="Do not compare the study's voxel size with the one in the files (warned beyond 1 %, refused "
        "beyond a factor of 1.5): for files that are known to be wrong.",
    )
    chunk_voxels: tuple[Count, Count, Count] = Field((64, 64, 64), description="Chunk: the least that is read at once.")
    shard_voxels: tuple[Count, Count, Count] = Field((128, 256, 256), description="Shard: one file of the store.")

    @field_validator("axes")
    @classmethod
    def _signed_permutation(cls, value: str) -> str:
        found = re.findall(r"-?[zyx]", value)
        if "".join(found) != "".join(value.split()) or sorted(name[-1] for name in found) != ["x", "y", "z"]:
            msg = "z, y and x, each once, each with or without '-', such as 'x y -z'"
            raise ValueError(msg)
        return " ".join(found)

    @model_validator(mode="after")
    def _right_handed(self) -> Self:
        if is_mirror(self.axes) and not self.allow_mirror:
            msg = f"axes '{self.axes}' makes a mirror image; expected a turn: reverse one axis more or less, or set "
            msg += "allow_mirror: true if the file itself is mirrored"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _whole_window(self) -> Self:
        if (self.window_grey is None) != (self.dtype is None):
            msg = "expected window_grey and dtype together, or neither"
            raise ValueError(msg)
        if self.window_grey is not None and self.window_grey[0] >= self.window_grey[1]:
            msg = f"window_grey {self.window_grey}: expected the lower grey value first"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _whole_chunks(self) -> Self:
        if any(shard % chunk for shard, chunk in zip(self.shard_voxels, self.chunk_voxels, strict=True)):
            msg = f"shard_voxels {self.shard_voxels}: expected whole multiples of chunk_voxels {self.chunk_voxels}"
            raise ValueError(msg)
        return self


def signed_axes(axes: str) -> tuple[tuple[int, bool], ...]:
    """Return for each axis of the result which axis of the file it is, and whether it runs backwards."""
    return tuple(("zyx".index(name[-1]), name.startswith("-")) for name in axes.split())


def is_mirror(axes: str) -> bool:
    """Whether the signed permutation ``axes`` has determinant -1."""
    order = [axis for axis, _ in signed_axes(axes)]
    swapped = sum(order[i] > order[j] for i in range(3) for j in range(i + 1, 3))
    return (swapped + sum(backwards for _, backwards in signed_axes(axes))) % 2 == 1
