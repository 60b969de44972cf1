"""Legacy VTK files: every array found by walking from header to header; values are passed over.

VTK's own reader takes a file cut short for one that ends in zeros where the array is a field, without an error.

Source: VTK file formats, https://docs.vtk.org/en/latest/vtk_file_formats/vtk_legacy_file_format.html.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.volumes.readers._checks import check_text_end, name_one, three_axes

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.volumes.volume import Shape

MOST_LINE_BYTES = 1 << 16
TYPES = {
    "unsigned_char": "u1",
    "char": "i1",
    "signed_char": "i1",
    "unsigned_short": "u2",
    "short": "i2",
    "unsigned_int": "u4",
    "int": "i4",
    "unsigned_long": "u8",
    "long": "i8",
    "float": "f4",
    "double": "f8",
    "vtktypeint64": "i8",
    "vtktypeuint64": "u8",
    "vtkidtype": "i4",
}
COMPONENTS = {"VECTORS": 3, "NORMALS": 3, "TENSORS": 9, "TENSORS6": 6}
STRING_PREFIX = {3: 1, 2: 2, 1: 4, 0: 8}  # bytes of the length of a string, by its two highest bits
TYPE_AT = 2  # in the words of SCALARS: name, type, number of components


class Array(NamedTuple):
    """An array of a VTK image.

    Attributes:
        offset: Byte at which its values begin in a legacy file.
        text: Whether they are written as text there; ``colors``: and as fractions of 255.
    """

    name: str
    shape: Shape
    dtype: np.dtype[Any]
    offset: int = 0
    text: bool = False
    colors: bool = False


def find_legacy(path: Path, dataset: str | None) -> Array:
    """Return the array called ``dataset``, or the only one, of a legacy file.

    Raises:
        BadInput: If it is not STRUCTURED_POINTS, or has no such array.
        ValueError: If a header cannot be understood.
    """
    with path.open("rb") as handle:
        identifier, _title, form = handle.readline(MOST_LINE_BYTES), handle.readline(MOST_LINE_BYTES), _words(handle)
        kind = _words(handle)
        if not identifier.startswith(b"# vtk DataFile") or kind != ["DATASET", "STRUCTURED_POINTS"]:
            found = " ".join(kind) if identifier.startswith(b"# vtk") else repr(identifier[:20])
            expected = "a VTK file with DATASET STRUCTURED_POINTS"
            raise BadInput(Fault(str(path), found, expected, "save it as image data"))
        if form == ["ASCII"]:
            check_text_end(path)
        arrays = (_TextWalk if form == ["ASCII"] else _Walk)(path, handle).arrays
    fitting = [array for array in arrays if dataset in (None, array.name)]
    if len(fitting) != 1:
        raise name_one(path, dataset, [array.name for array in arrays])
    return fitting[0]


def _words(handle: IO[bytes]) -> list[str]:
    """Return the words of the next line that is not empty; none at the end of the file."""
    while line := handle.readline(MOST_LINE_BYTES):
        if line.strip():
            return line.decode("ascii", "replace").split()
    return []


class _Walk:
    """A walk through the sections of a binary file; ends at the first that is not known."""

    text = False

    def __init__(self, path: Path, handle: IO[bytes]) -> None:
        self._path = path
        self._handle = handle
        self._corners: list[int] = []
        self._count = 0
        self._on_points = True
        self.arrays: list[Array] = []
        while words := _words(handle):
            if not self._section(words[0].upper(), words[1:]):
                break

    def _section(self, keyword: str, words: list[str]) -> bool:
        """Take one section in; False if it is not known."""
        if keyword == "DIMENSIONS":
            self._corners = [int(word) for word in words][::-1]
        elif keyword in {"POINT_DATA", "CELL_DATA"}:
            self._count, self._on_points = int(words[0]), keyword == "POINT_DATA"
        elif keyword == "FIELD":
            for _ in range(int(words[1])):
                self._field()
        elif keyword == "METADATA":
            while self._handle.readline(MOST_LINE_BYTES).strip():
                pass
        else:
            return keyword in {"SPACING", "ASPECT_RATIO", "ORIGIN"} or self._attribute(keyword, words)
        return True

    def _attribute(self, keyword: str, words: list[str]) -> bool:
        if keyword == "SCALARS":
            self._array(words[0], words[1], int(words[TYPE_AT]) if len(words) > TYPE_AT else 1, self._count)
        elif keyword == "COLOR_SCALARS":  # so VTK writes unsigned char
            self._array(words[0], "unsigned_char", int(words[1]), self._count, colors=True)
        elif keyword in COMPONENTS:
            self._array(words[0], words[1], COMPONENTS[keyword], self._count)
        elif keyword == "LOOKUP_TABLE":
            self._pass_values(4 * int(words[1]), 1)
        else:
            return False
        return True

    def _field(self) -> None:
        words = _words(self._handle)
        if words == ["METADATA"]:  # of the array before
            self._section("METADATA", [])
            words = _words(self._handle)
        name, components, count, kind = words
        if kind == "string":
            for _ in range(int(components) * int(count)):
                self._pass_string()
        else:
            self._array(name, kind, int(components), int(count))

    def _array(self, name: str, kind: str, components: int, count: int, *, colors: bool = False) -> None:
        start = self._handle.tell()
        if _words(self._handle)[:1] != ["LOOKUP_TABLE"]:  # the line that stands between SCALARS and their values
            self._handle.seek(start)
        dtype = np.dtype(f">{TYPES[kind.lower()]}")
        if components == 1 and count == self._count and count > 0:
            shape = three_axes([length - int(not self._on_points) for length in self._corners], self._path)
            self.arrays.append(Array(unquote(name), shape, dtype, self._handle.tell(), self.text, colors and self.text))
        self._pass_values(components * count, dtype.itemsize)

    def _pass_values(self, count: int, size: int) -> None:
        """Go to the line behind ``count`` values of ``size`` bytes."""
        if count < 0:
            message = f"a section of {count} values"
            raise ValueError(message)
        self._handle.seek(count * size, 1)

    def _pass_string(self) -> None:
        first = self._handle.read(1)[0]
        rest = self._handle.read(STRING_PREFIX[first >> 6] - 1)
        self._pass_values(int.from_bytes(bytes([first & 0x3F]) + rest, "big"), 1)


class _TextWalk(_Walk):
    """A walk through the sections of a file written as text."""

    text = True

    def _pass_values(self, count: int, size: int) -> None:  # noqa: ARG002
        while count > 0:
            words = _words(self._handle)
            if not words:
                message = f"the file ends {count} values too early"
                raise EOFError(message)
            count -= len(words)

    def _pass_string(self) -> None:
        _words(self._handle)
