"""A folder of TIFF slices, one image a file, in the order of their numbers."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from tomocell.errors import BadInput, Fault
from tomocell.volumes.readers._checks import listing, reading, refuse_dataset
from tomocell.volumes.readers._ifd import scan_pages
from tomocell.volumes.readers._tiff_pages import PagesVolume, Plane

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.volumes.volume import Volume

FORMAT = "folder of TIFF slices (.tif, .tiff)"
SUFFIXES = (".tif", ".tiff")
DIGITS = re.compile(r"(\d+)")


def accepts(path: Path) -> bool:
    """Whether ``path`` is a folder with a TIFF in it."""
    return path.is_dir() and any(_is_slice(entry) for entry in path.iterdir())


def open_source(path: Path, dataset: str | None = None) -> Volume:
    """Open a folder of slices; other files in it, and hidden ones, are left alone. The voxel size is not known.

    Raises:
        BadInput: If numbers are missing or double, extensions or names are mixed, or a slice is truncated, holds
            several pages, or is of another shape or type than the first.
    """
    refuse_dataset(path, dataset, "a folder of slices")
    with reading(path, "a folder that can be listed"):
        slices = [entry for entry in path.iterdir() if _is_slice(entry)]
    _check_extensions(path, slices)
    return PagesVolume(path, [_plane(entry) for entry in _in_order(path, slices)])


def _is_slice(path: Path) -> bool:
    # Hidden: macOS leaves a "._name.tif" beside each "name.tif" on foreign file systems.
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _check_extensions(folder: Path, slices: list[Path]) -> None:
    counts = Counter(path.suffix.lower() for path in slices)
    if len(counts) > 1:
        found = ", ".join(f"{count} {suffix}" for suffix, count in sorted(counts.items()))
        raise BadInput(Fault(str(folder), found, "slices with one extension", "keep one set of slices in the folder"))


def _in_order(folder: Path, slices: list[Path]) -> list[Path]:
    """Return the slices sorted by the one number of their names that changes."""
    if len(slices) == 1:
        return slices
    numbers = _numbers(folder, slices)
    changing = [column for column in zip(*numbers, strict=True) if len(set(column)) > 1]
    if len(changing) != 1:
        found = f"{len(changing)} numbers that change from name to name"
        expected = "one number that counts the slices, as in slice_0001.tif"
        raise BadInput(Fault(str(folder), found, expected, "keep one numbered set of slices in the folder"))
    _check_double(folder, changing[0], slices)
    _check_gaps(folder, changing[0])
    return [path for _, path in sorted(zip(changing[0], slices, strict=True))]


def _numbers(folder: Path, slices: list[Path]) -> list[list[int]]:
    """Return the numbers in each name, after checking that the rest of the names is the same."""
    parts = [DIGITS.split(path.stem) for path in slices]
    texts = Counter(tuple(part[::2]) for part in parts)
    if len(texts) > 1:
        found = ", ".join(f"{count} like {'#'.join(text)}" for text, count in texts.most_common(3))
        raise BadInput(Fault(str(folder), found, "names that differ by a number only", "move the others elsewhere"))
    return [[int(number) for number in part[1::2]] for part in parts]


def _check_double(folder: Path, numbers: tuple[int, ...], slices: list[Path]) -> None:
    names = defaultdict(list)
    for number, path in zip(numbers, slices, strict=True):
        names[number].append(path.name)
    double = [" and ".join(sorted(same)) for same in names.values() if len(same) > 1]
    if double:
        found = f"the same number in {listing(sorted(double))}"
        raise BadInput(Fault(str(folder), found, "each number once", "remove one of them"))


def _check_gaps(folder: Path, numbers: tuple[int, ...]) -> None:
    ordered = sorted(numbers)
    gaps = [(low + 1, high - 1) for low, high in pairwise(ordered) if high > low + 1]
    if gaps:
        missing = listing([str(low) if low == high else f"{low}-{high}" for low, high in gaps])
        found = f"{len(ordered)} slices, without number {missing}"
        expected = f"every number from {ordered[0]} to {ordered[-1]}"
        raise BadInput(Fault(str(folder), found, expected, "add the missing slices, or number the slices anew"))


def _plane(path: Path) -> Plane:
    pages = scan_pages(path)
    if len(pages) > 1:
        remedy = "give the multipage file itself, or export one image a file"
        raise BadInput(Fault(str(path), f"{len(pages)} pages", "one page a slice", remedy))
    return Plane(path, pages[0], str(path))
