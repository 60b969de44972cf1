"""Settings of the conversion."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from tomocell.settings.base import Frozen

Count = Annotated[int, Field(ge=1)]
Index = Annotated[int, Field(ge=0)]


class ConvertSettings(Frozen):
    """From raw files to chunked, sharded, multiscale volumes."""

    crop_start_voxels: tuple[Index, Index, Index] = Field((0, 0, 0), description="First voxel kept along (Z, Y, X).")
    crop_size_voxels: tuple[Count, Count, Count] | None = Field(None, description="Voxels kept; null keeps all.")
    chunk_voxels: tuple[Count, Count, Count] = Field((64, 64, 64), description="Chunk: the least that is read at once.")
    shard_voxels: tuple[Count, Count, Count] = Field((128, 256, 256), description="Shard: one file of the store.")

    @model_validator(mode="after")
    def _whole_chunks(self) -> Self:
        if any(shard % chunk for shard, chunk in zip(self.shard_voxels, self.chunk_voxels, strict=True)):
            msg = f"shard_voxels {self.shard_voxels}: expected whole multiples of chunk_voxels {self.chunk_voxels}"
            raise ValueError(msg)
        return self
