"""Types that several settings share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

LEAST_VOXEL_UM = 5e-4
MOST_VOXEL_UM = 5e3

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
VoxelEdge = Annotated[float, Field(ge=LEAST_VOXEL_UM, le=MOST_VOXEL_UM)]

Count = Annotated[int, Field(ge=1)]
Levels = Annotated[tuple[Count, ...], Field(min_length=2)]  # of a network: its channels from the finest level down
