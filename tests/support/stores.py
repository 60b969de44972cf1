"""Small stores to try stages on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tomocell.blocks import Limits
from tomocell.volumes.store import Layout, StoreVolume, create_store, open_store
from tomocell.volumes.volume import Classes, VoxelClass, whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.volume import VoxelSize

LIMITS = Limits(2048)
SIZE: VoxelSize = (2.0, 0.5, 1.25)
CLASSES = Classes((VoxelClass("empty", 0, "#000000"), VoxelClass("solid", 1, "#ff8000"), VoxelClass("grain", 7)))


def make_store(
    path: Path,
    voxels: NDArray[Any],
    size: VoxelSize = SIZE,
    classes: Classes | None = None,
    notes: dict[str, Any] | None = None,
    **layout: Any,
) -> StoreVolume:
    """Store ``voxels``, with more ``notes`` than the store takes itself."""
    shape = (voxels.shape[0], voxels.shape[1], voxels.shape[2])
    with create_store(path, Layout(shape, voxels.dtype, size, classes, **layout), LIMITS) as writer:
        writer.write(whole(shape), voxels)
        writer.notes.update(notes or {})
    return open_store(path)


def tree(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below ``folder``, by its path inside it."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
