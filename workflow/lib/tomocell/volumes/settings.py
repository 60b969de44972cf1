"""Settings of the conversion."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tomocell.settings.base import Frozen

Count = Annotated[int, Field(ge=1)]
Index = Annotated[int, Field(ge=0)]


class ConvertSettings(Frozen):
    """From raw files to chunked, sharded, multiscale volumes."""

    crop_start_voxels: tuple[Index, Index, Index] = Field((0, 0, 0), description="First voxel kept along (Z, Y, X).")
    crop_size_voxels: tuple[Count, Count, Count] | None = Field(None, description="Voxels kept; null keeps all.")
    chunk_voxels: tuple[Count, Count, Count] = Field((64, 64, 64), description="Chunk: the least that is read at once.")
    shard_voxels: tuple[Count, Count, Count] = Field((128, 256, 256), description="Shard: one file of the store.")
