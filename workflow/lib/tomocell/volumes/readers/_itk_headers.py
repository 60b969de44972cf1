"""Headers of NRRD, MetaImage and NIfTI: shape, type, spacing, and where the voxels lie.

They are parsed here, not by SimpleITK 2.5.7, for two reasons: a MetaImage with one wrong byte in its header kills the
process (floating point exception, or heap corruption), so that one broken scan would hide what is wrong with all
others; and of an NRRD file it reads the whole for every region.

Sources: NRRD 0005 (teem.sourceforge.net/nrrd/format.html); MetaIO tag reference (itk.org); NIfTI-1.1 and NIfTI-2
headers (nifti.nimh.nih.gov).
"""

from __future__ import annotations

import math
import re
import struct
from typing import TYPE_CHECKING, NamedTuple

from tomocell.volumes.readers._inflate import inflate_head
from tomocell.volumes.readers._units import um_per_unit

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.volumes.readers._flat import ByteOrder

MOST_HEADER_BYTES = 1 << 20
INTEGERS = {
    "char": "i1",
    "short": "i2",
    "int": "i4",
    "longlong": "i8",
    "int8": "i1",
    "int16": "i2",
    "int32": "i4",
    "int64": "i8",
}
TYPES = {**INTEGERS, **{f"u{name}": f"u{code[1]}" for name, code in INTEGERS.items()}, "float": "f4", "double": "f8"}
NIFTI_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
NRRD_ENCODINGS = {
    "raw": "raw",
    "gzip": "gzip",
    "gz": "gzip",
    "bzip2": "bzip2",
    "bz2": "bzip2",
    **dict.fromkeys(("ascii", "text", "txt"), "text"),
}
NIFTI_LENGTHS = {348: 1, 540: 2}
NIFTI_UNITS = {1: "m", 2: "mm", 3: "um"}
LENGTH_UNIT_BITS = 0x07


class Stored(NamedTuple):
    """Where and how the voxels are stored.

    Attributes:
        path: File that holds them.
        offset: Byte at which they, or the compressed stream, begin; -1: they end with the file.
        order: Byte order of a voxel.
        encoding: ``raw``; ``gzip`` for any stream of zlib; ``bzip2``; ``text``.
        skip: Bytes of the decompressed stream before the first voxel.
    """

    path: Path
    offset: int
    order: ByteOrder
    encoding: str = "raw"
    skip: int = 0


class Header(NamedTuple):
    """What a header says; sizes and spacing as listed, x first; grey value = slope * stored value + intercept."""

    sizes: list[int]
    type_code: str
    spacing: list[float]
    um_per_unit: float | None
    stored: Stored
    slope: float = 1.0
    intercept: float = 0.0


def read_header(path: Path) -> Header:
    """Return what the header of ``path`` says.

    Raises:
        ValueError: If it is no such header, or its type is no plain number; KeyError: if a field is missing.
    """
    name = path.name.lower()
    if name.endswith((".nii", ".nii.gz")):
        return _read_nifti(path)
    with path.open("rb") as handle:
        head = handle.read(MOST_HEADER_BYTES)
    return _read_nrrd(path, head) if name.endswith((".nrrd", ".nhdr")) else _read_meta(path, head)


def _read_nrrd(path: Path, head: bytes) -> Header:
    fields, length = _nrrd_fields(head)
    sizes = [int(size) for size in fields["sizes"].split()]
    units = {part.strip('"') for part in fields.get("spaceunits", fields.get("units", "")).split()}
    scale = um_per_unit(units.pop()) if len(units) == 1 else None
    code = _type_code(re.sub(r"(?<=\w) int$|_t$", "", fields["type"].lower()))
    return Header(sizes, code, _nrrd_spacing(fields), scale, _nrrd_stored(path, fields, length))


def _nrrd_stored(path: Path, fields: dict[str, str], length: int) -> Stored:
    encoding = NRRD_ENCODINGS.get(fields["encoding"].lower(), "")
    data_file = fields.get("datafile")
    skip = int(fields.get("byteskip", "0"))
    if not encoding or int(fields.get("lineskip", "0")) or skip < -1 or (skip and encoding != "raw"):
        message = f"voxels stored as {fields['encoding']}, with lines or bytes to skip, are not supported: save as raw"
        raise ValueError(message)
    offset = -1 if skip < 0 else skip + (0 if data_file else length)
    order: ByteOrder = ">" if fields.get("endian", "little").lower() == "big" else "<"
    return Stored(path.parent / _one_file(data_file) if data_file else path, offset, order, encoding)


def _nrrd_fields(head: bytes) -> tuple[dict[str, str], int]:
    """Return the fields, and the length of the header with the empty line that ends it."""
    if not head.startswith(b"NRRD"):
        message = f"begins with {head[:4]!r}, not with NRRD"
        raise ValueError(message)
    end = re.search(rb"\r?\n\r?\n", head)
    lines = head[: end.start() if end else len(head)].decode("utf-8", "replace").splitlines()[1:]
    pairs = [line.partition(":") for line in lines if ":=" not in line and not line.startswith("#")]
    # "data file" and "datafile" are one field: so for all names of two words.
    return {key.lower().replace(" ", ""): value.strip() for key, _, value in pairs}, end.end() if end else len(head)


def _nrrd_spacing(fields: dict[str, str]) -> list[float]:
    if "spacedirections" in fields:
        vectors = re.findall(r"\(([^)]*)\)", fields["spacedirections"])
        return [math.hypot(*(float(part) for part in vector.split(","))) for vector in vectors]
    return [float(part) for part in fields.get("spacings", "").split()]


def _read_meta(path: Path, head: bytes) -> Header:
    fields, length = _meta_fields(head)
    sizes = [int(size) for size in fields["dimsize"].split()]
    channels = int(fields.get("elementnumberofchannels", "1"))
    kind = fields["elementtype"].lower().removeprefix("met_")
    code = _type_code("longlong" if kind == "long_long" else "ulonglong" if kind == "ulong_long" else kind)
    spacing = [float(part) for part in fields.get("elementspacing", fields.get("elementsize", "")).split()]
    scale = um_per_unit(fields.get("distanceunits"))
    sizes = [channels, *sizes] if channels != 1 else sizes
    return Header(sizes, code, spacing, scale, _meta_stored(path, fields, length))


def _meta_stored(path: Path, fields: dict[str, str], length: int) -> Stored:
    data_file = _one_file(fields["elementdatafile"])
    encoding = "gzip" if _is_true(fields.get("compresseddata")) else "raw"
    encoding = encoding if _is_true(fields.get("binarydata", "True")) else "text"
    skip = int(fields.get("headersize", "0"))
    if skip < -1 or (skip and encoding != "raw"):
        message = f"HeaderSize {skip} before voxels that are not raw is not supported: save as raw"
        raise ValueError(message)
    local = data_file.upper() == "LOCAL"
    big = _is_true(fields.get("binarydatabyteordermsb", fields.get("elementbyteordermsb")))
    offset = -1 if skip < 0 else skip + (length if local else 0)
    return Stored(path if local else path.parent / data_file, offset, ">" if big else "<", encoding)


def _meta_fields(head: bytes) -> tuple[dict[str, str], int]:
    """Return the fields up to the one that says where the voxels are, and the length of the header."""
    fields: dict[str, str] = {}
    position = 0
    while "elementdatafile" not in fields and position < len(head):
        end = head.find(b"\n", position)
        end = len(head) if end < 0 else end
        key, _, value = head[position:end].decode("utf-8", "replace").partition("=")
        fields[key.strip().lower()] = value.strip()
        position = end + 1
    return fields, position


def _read_nifti(path: Path) -> Header:
    compressed = path.name.lower().endswith(".gz")
    most = max(NIFTI_LENGTHS)
    if compressed:
        head = inflate_head(path, most)
    else:
        with path.open("rb") as handle:
            head = handle.read(most)
    orders: tuple[ByteOrder, ByteOrder] = ("<", ">")
    for order in orders:
        version = NIFTI_LENGTHS.get(struct.unpack_from(f"{order}i", head)[0])
        if version:
            return _nifti(path, head.ljust(most, b"\0"), order, version, compressed=compressed)
    message = f"begins with {head[:4]!r}, not with the length of a NIfTI header"
    raise ValueError(message)


def _nifti(path: Path, head: bytes, order: ByteOrder, version: int, *, compressed: bool) -> Header:
    if version == 1:
        dims, kind = struct.unpack_from(f"{order}8h", head, 40), struct.unpack_from(f"{order}h", head, 70)[0]
        edges, units = struct.unpack_from(f"{order}8f", head, 76), head[123]
        offset, slope, intercept = struct.unpack_from(f"{order}3f", head, 108)
    else:
        dims, kind = struct.unpack_from(f"{order}8q", head, 16), struct.unpack_from(f"{order}h", head, 12)[0]
        edges, units = struct.unpack_from(f"{order}8d", head, 104), struct.unpack_from(f"{order}i", head, 500)[0]
        offset, slope, intercept = struct.unpack_from(f"{order}q2d", head, 168)
    if kind not in NIFTI_TYPES or not 0 < dims[0] < len(dims) or offset < 0:
        message = f"{dims[0]} axes, type {kind}, voxels from byte {offset}"
        raise ValueError(message)
    begin = int(offset)
    stored = Stored(path, 0, order, "gzip", begin) if compressed else Stored(path, begin, order)
    scale = um_per_unit(NIFTI_UNITS.get(units & LENGTH_UNIT_BITS))
    listed = slice(1, dims[0] + 1)
    scaling = (slope, intercept) if slope else (1.0, 0.0)  # a slope of 0 means: not scaled
    return Header(list(dims[listed]), NIFTI_TYPES[kind], list(edges[listed]), scale, stored, *scaling)


def _type_code(name: str) -> str:
    plain = name.strip().replace("unsigned ", "u").replace("signed ", "").replace(" ", "")
    if plain not in TYPES:
        message = f"voxels of type {name}, not plain numbers"
        raise ValueError(message)
    return TYPES[plain]


def _is_true(text: str | None) -> bool:
    return (text or "").lower() in {"true", "1", "t"}


def _one_file(name: str) -> str:
    if name.upper().startswith("LIST") or "%" in name:
        message = f"voxels in a list of files ({name}) are not supported: save as one file, or give a folder of slices"
        raise ValueError(message)
    return name
