"""Views: a volume turned by 90 degrees, or a box of one, read a region at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tomocell.volumes.settings import signed_axes
from tomocell.volumes.volume import Region, Shape, Volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

T = TypeVar("T")


class TurnedVolume(Volume):
    """A volume whose axes are those of another one in another order, some of them reversed.

    Args:
        stored: The volume as its file holds it.
        axes: Which of its axes become z, y and x, such as ``"x y -z"``; voxel size and grain follow.
    """

    def __init__(self, stored: Volume, axes: str) -> None:
        self._stored = stored
        self._axes = signed_axes(axes)
        self._order = [axis for axis, _ in self._axes]
        self.name = stored.name
        self.dtype = stored.dtype
        self.classes = stored.classes
        self.shape = _ordered(stored.shape, self._order)
        self.grain = _ordered(stored.grain, self._order)
        size = stored.voxel_size_um
        self.voxel_size_um = None if size is None else _ordered(size, self._order)

    def read(self, region: Region) -> NDArray[Any]:
        """Return the voxels of ``region``; a view of what was read, in the order of the file."""
        inside: dict[int, slice] = {}
        for (axis, backwards), part, length in zip(self._axes, region, self.shape, strict=True):
            inside[axis] = slice(length - part.stop, length - part.start) if backwards else part
        voxels = self._stored.read((inside[0], inside[1], inside[2])).transpose(self._order)
        z, y, x = (slice(None, None, -1 if backwards else 1) for _, backwards in self._axes)
        return voxels[z, y, x]


class BoxVolume(Volume):
    """A box of another volume."""

    def __init__(self, whole: Volume, start: Shape, shape: Shape) -> None:
        self.name = whole.name
        self.shape = shape
        self.dtype = whole.dtype
        self.voxel_size_um = whole.voxel_size_um
        self.classes = whole.classes
        self.grain = whole.grain
        self._whole = whole
        self._start = start

    def read(self, region: Region) -> NDArray[Any]:
        """Return the voxels of ``region`` of the box."""
        z, y, x = (
            slice(start + part.start, start + part.stop) for start, part in zip(self._start, region, strict=True)
        )
        return self._whole.read((z, y, x))


def _ordered(values: tuple[T, T, T], order: Sequence[int]) -> tuple[T, T, T]:
    return (values[order[0]], values[order[1]], values[order[2]])
