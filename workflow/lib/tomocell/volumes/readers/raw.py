"""Raw voxels with a sidecar: ``scan.raw`` and ``scan.raw.json`` or ``scan.json``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError

from tomocell.errors import BadInput, Fault
from tomocell.settings.base import Frozen
from tomocell.volumes.readers._checks import byte_count, reading, refuse_dataset
from tomocell.volumes.readers._flat import FlatVolume, Place
from tomocell.volumes.readers._units import LARGEST_UM, SMALLEST_UM

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from tomocell.volumes.volume import Volume

FORMAT = "raw voxels with a .json sidecar (.raw, .bin)"
SUFFIXES = (".raw", ".bin")

Length = Annotated[int, Field(ge=1, strict=True)]
EdgeUm = Annotated[float, Field(ge=SMALLEST_UM, le=LARGEST_UM)]
TypeName = Literal[
    "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64"
]


class Sidecar(Frozen):
    """What a raw file cannot say itself."""

    shape: tuple[Length, Length, Length] = Field(
        description="Numbers of planes, rows and columns (Z, Y, X); x is fastest in the file."
    )
    dtype: TypeName = Field(description="Type of a voxel, as NumPy calls it: uint8, uint16, float32, ...")
    byte_order: Literal["little", "big"] = Field("little", description="Order of the bytes of a voxel: little or big.")
    voxel_size_um: tuple[EdgeUm, EdgeUm, EdgeUm] | None = Field(
        None, description="Edge lengths of a voxel along (Z, Y, X) in micrometres, between 0.1 nm and 1 cm."
    )
    offset_bytes: int = Field(0, ge=0, strict=True, description="Whole number of bytes before the first voxel.")

    def stored(self) -> np.dtype[np.generic]:
        """Return the type of a voxel with the byte order of the file."""
        return np.dtype(self.dtype).newbyteorder("<" if self.byte_order == "little" else ">")


def accepts(path: Path) -> bool:
    """Whether ``path`` is a file named like raw voxels."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def open_source(path: Path, dataset: str | None = None) -> Volume:
    """Open a raw file as its sidecar says.

    Raises:
        BadInput: If there is no sidecar, a key of it is wrong or unknown, or the file has another length.
    """
    refuse_dataset(path, dataset, "a raw file")
    sidecar_path = _find_sidecar(path)
    sidecar = read_sidecar(sidecar_path)
    expected = sidecar.offset_bytes + byte_count(sidecar.shape, sidecar.stored())
    found = path.stat().st_size
    if found != expected:
        wanted = f"{expected} bytes, as {sidecar_path.name} says"
        remedy = "correct the sidecar, or copy the file again if it is truncated"
        raise BadInput(Fault(str(path), f"{found} bytes", wanted, remedy))
    place = Place(path, sidecar.offset_bytes, sidecar.stored())
    return FlatVolume(path, sidecar.shape, place, sidecar.voxel_size_um)


def read_sidecar(path: Path) -> Sidecar:
    """Read a sidecar.

    Raises:
        BadInput: With every key that is wrong, missing or unknown.
    """
    with reading(path, "a JSON sidecar"):
        content = json.loads(path.read_text(encoding="utf-8"))
    try:
        return Sidecar.model_validate(content)
    except ValidationError as error:
        # A list with three wrong lengths is one fault of one key.
        problems = {problem["loc"][:1]: problem for problem in error.errors()}
        raise BadInput(*(_fault(path, content, problem) for problem in problems.values())) from error


def _fault(path: Path, content: Any, problem: ErrorDetails) -> Fault:  # noqa: ANN401 whatever the file holds
    known = ", ".join(Sidecar.model_fields)
    if not problem["loc"]:
        return Fault(str(path), content, f"an object with the keys {known}", "write it anew")
    key = str(problem["loc"][0])
    field = Sidecar.model_fields.get(key)
    if field is None or key not in content:
        value = f"the key {key}" if field is None else f"no {key}"
        return Fault(str(path), value, f"the keys {known}", "add or rename the key")
    return Fault(f"{path}, {key}", content[key], field.description or "", f"correct it: {problem['msg'].lower()}")


def _find_sidecar(path: Path) -> Path:
    candidates = [path.with_name(f"{path.name}.json"), path.with_suffix(".json")]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    remedy = 'write {"shape": [z, y, x], "dtype": "uint16", "byte_order": "little"} into it'
    header = next((other for other in (path.with_suffix(".mhd"), path.with_suffix(".nhdr")) if other.is_file()), None)
    if header:
        remedy = f"give {header.name} instead, or {remedy}"
    raise BadInput(Fault(str(path), "no sidecar", f"{candidates[0].name} or {candidates[1].name} beside it", remedy))
