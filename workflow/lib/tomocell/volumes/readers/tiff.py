"""Multipage TIFF, BigTIFF, ImageJ stacks and OME-TIFF in one file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tomocell.errors import BadInput, Fault
from tomocell.volumes.readers._checks import reading, refuse_dataset
from tomocell.volumes.readers._flat import FlatVolume, Place
from tomocell.volumes.readers._ifd import scan_pages
from tomocell.volumes.readers._tiff_pages import PagesVolume, Plane, check_alike, voxel_type
from tomocell.volumes.readers._units import believable_um, um_per_unit

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.volumes.readers._ifd import Page
    from tomocell.volumes.volume import Volume, VoxelSize

FORMAT = "multipage TIFF or BigTIFF (.tif, .tiff, .btf)"
SUFFIXES = (".tif", ".tiff", ".btf")


def accepts(path: Path) -> bool:
    """Whether ``path`` is a file named like a TIFF."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def open_source(path: Path, dataset: str | None = None) -> Volume:
    """Open a TIFF stack; one image counts as a volume of one plane.

    The voxel size is taken from ImageJ or OME metadata that state all three lengths with a unit. Plain resolution
    tags know no length along z and hold the printing defaults of the writer more often than not: left alone.

    Raises:
        BadInput: If the file is truncated, its pages differ, it is a colour image, or it has channels or time points.
    """
    refuse_dataset(path, dataset, "a TIFF")
    pages = scan_pages(path)
    planes = [Plane(path, page, f"{path}, page {number}") for number, page in enumerate(pages, 1)]
    pixels = check_alike(planes)
    dtype = voxel_type(pixels, str(path))
    notes = _read_notes(path)
    count = _plane_count(path, notes, pages)
    size_um = _voxel_size(notes)
    stored = dtype.newbyteorder(pixels.order)
    plane_bytes = math.prod(pixels.shape) * dtype.itemsize
    start = pages[0].start
    if start is not None and (len(pages) == 1 or _in_one_piece(pages, plane_bytes)):
        return FlatVolume(path, (count, *pixels.shape), Place(path, start, stored), size_um)
    return PagesVolume(path, planes, size_um)


def _in_one_piece(pages: list[Page], plane_bytes: int) -> bool:
    first = pages[0].start or 0
    return all(page.start == first + number * plane_bytes for number, page in enumerate(pages))


def _read_notes(path: Path) -> dict[str, Any]:
    """Return what the first page says about the stack: the lengths of its axes, and voxel size with unit."""
    import tifffile

    with reading(path, "a TIFF file"), tifffile.TiffFile(path) as tif:
        page = tif.pages.first
        if tif.imagej_metadata:
            resolution = [page.tags[name].value for name in ("YResolution", "XResolution") if name in page.tags]
            return _imagej_notes(tif.imagej_metadata, resolution)
        if tif.ome_metadata:
            return _ome_notes(tif.ome_metadata)
        if tif.shaped_metadata and (shape := tif.shaped_metadata[0].get("shape")):
            return {"axes": _leading(shape, (page.imagelength, page.imagewidth))}
    return {}


def _imagej_notes(metadata: dict[str, Any], resolution: list[tuple[int, int]]) -> dict[str, Any]:
    axes = {name: int(metadata.get(name, 1)) for name in ("frames", "slices", "channels")}
    if math.prod(axes.values()) == 1:
        axes = {"images": int(metadata["images"])} if "images" in metadata else {}
    edges = [denominator / numerator for numerator, denominator in resolution if numerator]
    return {"axes": axes, "edges": [metadata.get("spacing"), *edges], "units": [metadata.get("unit")] * 3}


def _ome_notes(xml: str) -> dict[str, Any]:
    import tifffile

    images = tifffile.xml2dict(xml)["OME"]["Image"]
    images = images if isinstance(images, list) else [images]
    pixels = images[0]["Pixels"]
    axes = {"images": len(images), **{name: int(pixels[f"Size{name}"]) for name in ("T", "C", "Z")}}
    edges = [pixels.get(f"PhysicalSize{name}") for name in ("Z", "Y", "X")]
    units = [pixels.get(f"PhysicalSize{name}Unit", "um") for name in ("Z", "Y", "X")]  # um is the default of OME
    return {"axes": axes, "edges": edges, "units": units}


def _leading(shape: list[int], image: tuple[int, int]) -> dict[str, int]:
    """Return the axes before rows and columns; trailing axes of length one are tifffile's own."""
    kept = [int(length) for length in shape]
    while len(kept) > len(image) and tuple(kept[-2:]) != image and kept[-1] == 1:
        kept.pop()
    return {f"axis {number}": length for number, length in enumerate(kept[:-2])}


def _plane_count(path: Path, notes: dict[str, Any], pages: list[Page]) -> int:
    """Return the number of planes, from the pages and what the file says of itself."""
    axes: dict[str, int] = {name: length for name, length in notes.get("axes", {}).items() if length != 1}
    if len(axes) > 1:
        expected = "one axis besides rows and columns"
        raise BadInput(Fault(str(path), f"axes {axes}", expected, "export one channel of one time point"))
    promised = math.prod(axes.values())
    # Stacks beyond 4 GiB are written by ImageJ as one page, the other planes behind it without pages of their own.
    behind_first = len(pages) == 1 and pages[0].start is not None
    if promised != len(pages) and not behind_first and notes.get("axes"):
        remedy = "the file is truncated or one of several parts: copy it again, or export one whole stack"
        raise BadInput(Fault(str(path), f"{len(pages)} pages", f"{promised}, as its description says", remedy))
    return promised if behind_first and notes.get("axes") else len(pages)


def _voxel_size(notes: dict[str, Any]) -> VoxelSize | None:
    edges = notes.get("edges", [])
    scales = [um_per_unit(unit) for unit in notes.get("units", [])]
    return believable_um(edges, scales)
