"""A volume seen with the axis of the walk first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Region, Shape, Volume

T = TypeVar("T")


def axis_first(triple: Sequence[T], axis: int) -> tuple[T, T, T]:
    """Return (Z, Y, X) in the order of the walk: ``axis``, then the others as they come."""
    first, *others = [triple[axis], *(item for other, item in enumerate(triple) if other != axis)]
    return (first, others[0], others[1])


def axis_back(triple: Sequence[T], axis: int) -> tuple[T, T, T]:
    """Return what `axis_first` turned, as (Z, Y, X)."""
    back = list(triple[1:])
    back.insert(axis, triple[0])
    return (back[0], back[1], back[2])


class Turned(NamedTuple):
    """A volume and the axis along which it is walked through."""

    volume: Volume
    axis: int

    @property
    def shape(self) -> Shape:
        """Edges, the walk's axis first."""
        return axis_first(self.volume.shape, self.axis)

    def native(self, region: Region) -> Region:
        """Return a region of the walk as one of the volume."""
        return axis_back(region, self.axis)

    def read(self, region: Region) -> NDArray[Any]:
        """Return the voxels of a region of the walk, the walk's axis first."""
        return np.moveaxis(self.volume.read(self.native(region)), self.axis, 0)
