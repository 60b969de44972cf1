"""The one thing every stage reads: a block-readable volume with a voxel size and, maybe, classes."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

Shape = tuple[int, int, int]
Region = tuple[slice, slice, slice]
VoxelSize = tuple[float, float, float]
AXES = ("z", "y", "x")
DEFAULT_COLOR = "#888888"
MOST_VALUE = 255  # labels are stored as uint8
NAME = re.compile(r"[A-Za-z0-9_-]+")  # names become names of files, columns and keys


def whole(shape: Shape) -> Region:
    """Return the region that covers a volume of ``shape`` (Z, Y, X)."""
    return (slice(0, shape[0]), slice(0, shape[1]), slice(0, shape[2]))


@dataclass(frozen=True)
class VoxelClass:
    """A class of voxels: its name, its value in the label volume, its colour as ``#rrggbb``.

    Raises:
        BadInput: If the name has other characters than letters, digits, ``_`` and ``-``, or no label has the value.
    """

    name: str
    value: int
    color: str = DEFAULT_COLOR

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise BadInput(Fault("class name", self.name, "letters, digits, _ and -", "rename the class"))
        if not 0 <= self.value <= MOST_VALUE:
            expected = f"a whole number from 0 to {MOST_VALUE}"
            raise BadInput(Fault(f"value of class {self.name}", self.value, expected, "renumber the labels"))


@dataclass(frozen=True)
class Classes:
    """The classes of a label volume, looked up by name or value."""

    members: tuple[VoxelClass, ...] = ()

    def __iter__(self) -> Iterator[VoxelClass]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)

    def __contains__(self, name: object) -> bool:
        return any(member.name == name for member in self.members)

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order given."""
        return tuple(member.name for member in self.members)

    def value(self, name: str) -> int:
        """Return the label value of the class called ``name``.

        Raises:
            BadInput: If no class has that name.
        """
        for member in self.members:
            if member.name == name:
                return member.value
        known = ", ".join(self.names) or "none"
        raise BadInput(Fault("class", name, f"one of: {known}", "name a class of the volume, or tell its value"))

    def subset(self, names: tuple[str, ...]) -> Classes:
        """Return the classes of these ``names``, in their order.

        Raises:
            BadInput: If one of them does not exist.
        """
        by_name = {member.name: member for member in self.members}
        return Classes(tuple(by_name[name] for name in names if self.value(name) >= 0))

    @classmethod
    def from_text(cls, text: str) -> Classes:
        """Parse ``name=value,name=value`` (the form of the command line)."""
        members: list[VoxelClass] = []
        for part in filter(None, text.split(",")):
            name, separator, value = part.partition("=")
            if not (separator and name and value.isascii() and value.isdigit() and int(value) <= MOST_VALUE):
                expected = f"name=value with a whole number from 0 to {MOST_VALUE}"
                raise BadInput(Fault("--classes", part, expected, "write pore=0,solid=1"))
            if any(member.name == name or member.value == int(value) for member in members):
                raise BadInput(Fault("--classes", part, "each name and each value once", "correct or remove it"))
            members.append(VoxelClass(name, int(value)))
        return cls(tuple(members))


class Volume(ABC):
    """A three-dimensional volume with axes (Z, Y, X) that is read a region at a time.

    Attributes:
        name: What messages call it, usually its path.
        shape: Planes, rows, columns.
        dtype: Type of a voxel.
        voxel_size_um: Edge lengths of a voxel along (Z, Y, X) in micrometres; None where the file does not say.
        classes: Names of the label values; empty for grey volumes.
        grain: The least that a read costs along (Z, Y, X): whole rows, strips, tiles or chunks. Regions made of whole
            grains are read without waste; any may be asked for.
    """

    name: str
    shape: Shape
    dtype: np.dtype[Any]
    voxel_size_um: VoxelSize | None = None
    classes: Classes = Classes()
    grain: Shape = (1, 1, 1)

    @abstractmethod
    def read(self, region: Region) -> NDArray[Any]:
        """Return the voxels of ``region``, shape (Z, Y, X), in memory; regions lie inside the volume."""

    @property
    def size(self) -> VoxelSize:
        """The voxel size in micrometres.

        Raises:
            BadInput: If it is not known.
        """
        if self.voxel_size_um is None:
            raise BadInput(Fault(self.name, None, "a voxel size in micrometres", "give --voxel-size-um Z Y X"))
        return self.voxel_size_um


class ArrayVolume(Volume):
    """A volume that is in memory already."""

    def __init__(
        self, voxels: NDArray[Any], voxel_size_um: VoxelSize | None, classes: Classes | None = None, name: str = "array"
    ) -> None:
        if voxels.ndim != len(AXES):
            raise BadInput(Fault(name, voxels.shape, "three axes (Z, Y, X)", "give a volume, not an image"))
        self.name = name
        self.shape = (voxels.shape[0], voxels.shape[1], voxels.shape[2])
        self.dtype = voxels.dtype
        self.voxel_size_um = voxel_size_um
        self.classes = classes or Classes()
        self._voxels = voxels

    def read(self, region: Region) -> NDArray[Any]:
        """Return a copy of ``region``."""
        return np.array(self._voxels[region])
