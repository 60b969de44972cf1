"""Headers of XML VTK image data: shape and type of an array, and where and how it is stored.

The format is read here, not by VTK, whose parser takes the lengths in a damaged file at their word and ends the
process when memory for them cannot be had.

Source: VTK file formats, https://docs.vtk.org/en/latest/vtk_file_formats/vtkxml_file_format.html.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, NamedTuple
from xml.parsers import expat

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.volumes.readers._checks import name_one, three_axes
from tomocell.volumes.readers._vtk_legacy import Array

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.volumes.readers._flat import ByteOrder

PIECE_BYTES = 1 << 16
BYTE_ORDERS: dict[str, ByteOrder] = {"LittleEndian": "<", "BigEndian": ">"}
COMPRESSORS = {"vtkZLibDataCompressor": "zlib", "vtkLZ4DataCompressor": "lz4", "vtkLZMADataCompressor": "lzma"}


class Coding(NamedTuple):
    """How an array is stored in a .vti file.

    Attributes:
        form: ``ascii``, ``base64`` or ``raw``.
        start: Byte of the file at which it begins; None where it stands inside its element.
        lengths: Type of the lengths before it.
        compressor: ``zlib``, ``lz4``, ``lzma``, or empty.
    """

    form: str
    start: int | None
    lengths: np.dtype[np.unsignedinteger]
    compressor: str


class Document:
    """What the tags of a .vti file say, up to the array called ``dataset`` (the only one where that is None).

    Parsing ends at the appended data, which need not be XML; with ``content`` the text inside the array is kept.
    """

    def __init__(self, path: Path, dataset: str | None, *, content: bool = False) -> None:
        self.file: dict[str, str] = {}
        self.image: dict[str, str] = {}
        self.pieces: list[str] = []
        self.arrays: list[dict[str, str]] = []
        self.appended: tuple[str, int] | None = None  # encoding, byte of the tag
        self.text: list[str] = []
        self._dataset = dataset
        self._section = ""
        self._collecting = content
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        with path.open("rb") as handle:
            self._parse(handle)

    def _parse(self, handle: IO[bytes]) -> None:
        while self.appended is None and (piece := handle.read(PIECE_BYTES)):
            try:
                self._parser.Parse(piece)
            except expat.ExpatError:
                if self.appended is None:
                    raise
        if self.appended is None:
            self._parser.Parse(b"", True)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "VTKFile":
            self.file = attributes
        elif tag == "ImageData":
            self.image = attributes
        elif tag == "Piece":
            self.pieces.append(attributes.get("Extent", ""))
        elif tag in {"PointData", "CellData"}:
            self._section = tag
        elif tag == "DataArray" and self._section:
            self.arrays.append({"Name": "", **attributes, "section": self._section})
            if self._collecting and self._dataset in {None, self.arrays[-1]["Name"]}:
                self._parser.CharacterDataHandler = self.text.append
        elif tag == "AppendedData":
            self.appended = (attributes.get("encoding", "base64"), self._parser.CurrentByteIndex)

    def _end(self, tag: str) -> None:
        self._parser.CharacterDataHandler = None
        if tag in {"PointData", "CellData"}:
            self._section = ""


def find_xml(path: Path, dataset: str | None) -> tuple[Array, Coding]:
    """Return the array called ``dataset``, or the only one, of a .vti file, and how it is stored.

    Raises:
        BadInput: If there is no such array, it has several components, or the image is in several pieces.
        ValueError, KeyError, expat.ExpatError: If the file is broken.
    """
    document = Document(path, dataset)
    fitting = [array for array in document.arrays if dataset in (None, array["Name"])]
    if len(fitting) != 1:
        raise name_one(path, dataset, [array["Name"] for array in document.arrays])
    components = fitting[0].get("NumberOfComponents", "1")
    if document.pieces != [document.image["WholeExtent"]] or components != "1":
        found = f"{len(document.pieces)} pieces, {components} components"
        raise BadInput(Fault(str(path), found, "one piece and one component", "save it as one image of plain numbers"))
    order = BYTE_ORDERS[document.file["byte_order"]]
    dtype = np.dtype(fitting[0]["type"].lower()).newbyteorder(order)
    coding = _coding(path, document, fitting[0], order)
    return Array(fitting[0]["Name"], _shape(path, document, fitting[0]), dtype), coding


def _shape(path: Path, document: Document, array: dict[str, str]) -> tuple[int, int, int]:
    bounds = [int(number) for number in document.image["WholeExtent"].split()]
    on_points = int(array["section"] == "PointData")
    lengths = [high - low + on_points for low, high in zip(bounds[::2], bounds[1::2], strict=True)]
    return three_axes(lengths[::-1], path)


def _coding(path: Path, document: Document, array: dict[str, str], order: ByteOrder) -> Coding:
    width = {"UInt32": 4, "UInt64": 8}[document.file.get("header_type", "UInt32")]
    lengths: np.dtype[np.unsignedinteger] = np.dtype(f"{order}u{width}")
    compressor = COMPRESSORS[document.file["compressor"]] if document.file.get("compressor") else ""
    if array["format"] != "appended":
        form = {"ascii": "ascii", "binary": "base64"}[array["format"]]
        return Coding(form, None, lengths, compressor)
    if document.appended is None:
        message = "no appended data: the file is truncated"
        raise EOFError(message)
    encoding, tag = document.appended
    return Coding(encoding, _appended_start(path, tag) + int(array["offset"]), lengths, compressor)


def _appended_start(path: Path, tag: int) -> int:
    """Return the byte behind the underscore with which the appended data begin."""
    with path.open("rb") as handle:
        handle.seek(tag)
        head = handle.read(PIECE_BYTES)
    begin = head.find(b"_", head.find(b">"))
    if begin < 0:
        message = "no underscore before the appended data: the file is truncated"
        raise EOFError(message)
    return tag + begin + 1
