"""What every reader checks and how it says so: types, axes, sizes, and library errors turned into `BadInput`."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np

    from tomocell.volumes.volume import Shape

NUMERIC_KINDS = "biuf"
LARGEST_ITEM_BYTES = 8  # no long double: its layout differs between machines
AXIS_COUNT = 3
LISTED = 12  # entries of a listing that a message shows before it only counts


@contextmanager
def reading(where: object, expected: str) -> Iterator[None]:
    """Turn whatever a file library raises inside the block into a `BadInput` that names the file.

    A broken file can make a parser raise nearly anything (struct, zlib, recursion, lookup and memory errors
    were seen), so every exception counts here; keep the block to calls of the library.
    """
    try:
        yield
    except BadInput:
        raise
    except Exception as error:
        text = str(error).strip() or type(error).__name__
        remedy = "check the file, copy it again from its source if it was cut short or altered"
        raise BadInput(Fault(str(where), text, expected, remedy)) from error


def numeric(dtype: np.dtype[Any], where: object) -> np.dtype[Any]:
    """Return ``dtype`` in the byte order of this machine.

    Raises:
        BadInput: If it is not a real number or a truth value of at most 64 bits.
    """
    if dtype.kind not in NUMERIC_KINDS or dtype.itemsize > LARGEST_ITEM_BYTES:
        expected = "integers, floats or booleans of 8 to 64 bits"
        raise BadInput(Fault(str(where), str(dtype), expected, "export the grey values or labels as plain numbers"))
    return dtype.newbyteorder("=")


def three_axes(shape: Sequence[int], where: object) -> Shape:
    """Return ``shape`` as (Z, Y, X), without leading axes of length one.

    Raises:
        BadInput: If other than three axes are left, or one of them is empty.
    """
    axes = [int(length) for length in shape]
    while len(axes) > AXIS_COUNT and axes[0] == 1:
        axes.pop(0)
    if len(axes) != AXIS_COUNT:
        remedy = "give one channel of one time point as a volume"
        raise BadInput(Fault(str(where), f"shape {tuple(shape)}", "three axes (Z, Y, X)", remedy))
    if min(axes) < 1:
        raise BadInput(Fault(str(where), f"shape {tuple(axes)}", "at least one voxel", "export the volume again"))
    return (axes[0], axes[1], axes[2])


def refuse_dataset(path: Path, dataset: str | None, form: str) -> None:
    """Refuse a dataset name for a format that holds one volume, rather than ignore it.

    Raises:
        BadInput: If ``dataset`` is given.
    """
    if dataset:
        expected = f"no dataset: {form} holds one volume"
        raise BadInput(Fault(f"{path}, dataset", dataset, expected, "leave the dataset empty"))


def check_bytes(path: Path, offset: int, size: int) -> None:
    """Check that ``path`` holds ``size`` bytes from ``offset`` on.

    Raises:
        BadInput: If the file is shorter, or not there.
    """
    with reading(path, "a readable file"):
        found = path.stat().st_size
    if found < offset + size:
        expected = f"at least {offset + size} bytes, as its header says"
        raise BadInput(Fault(str(path), f"{found} bytes", expected, "the file is truncated: copy it again"))


def name_one(path: Path, dataset: str | None, names: Sequence[str]) -> BadInput:
    """Return what to raise where ``dataset`` is none of ``names``, or is needed to choose among them."""
    found = dataset or f"{len(names)} arrays and no dataset"
    return BadInput(Fault(f"{path}, dataset", found, f"one of: {listing(names)}", "name one as the dataset"))


def check_text_end(path: Path) -> None:
    """Check that a text file ends with white space: else the last number may have lost digits, and nothing would tell.

    Raises:
        EOFError: If it does not.
    """
    with path.open("rb") as handle:
        handle.seek(-1, 2)
        if not handle.read(1).isspace():
            message = "the text ends in a number that may be cut: if it is whole, add a line end"
            raise EOFError(message)


def byte_count(shape: Sequence[int], dtype: np.dtype[Any]) -> int:
    """Return the bytes of a dense array, as a Python integer that cannot overflow."""
    return math.prod(int(length) for length in shape) * dtype.itemsize


def listing(names: Sequence[str]) -> str:
    """Return ``names`` joined for a message; a long list is cut and counted."""
    shown = ", ".join(names[:LISTED]) or "none"
    return shown if len(names) <= LISTED else f"{shown}, ... ({len(names)} in all)"
