"""Planes of a volume that are pages of TIFF files: checked against each other, read in part, decoded in part."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.volumes.readers._base import FileVolume, Lazy, extent
from tomocell.volumes.readers._checks import reading
from tomocell.volumes.readers._flat import fill_plane, opened, read_bytes, row_grain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.readers._ifd import Page, Pixels
    from tomocell.volumes.volume import Region, VoxelSize

Window = tuple[slice, slice]
SAMPLE_KINDS = {1: "u", 2: "i", 3: "f", 4: "u"}


class Plane(NamedTuple):
    """A page and where it is; ``label`` names it in messages."""

    path: Path
    page: Page
    label: str


class PagesVolume(FileVolume):
    """A volume whose planes are pages, in one TIFF or one a file."""

    def __init__(self, path: Path, planes: Sequence[Plane], voxel_size_um: VoxelSize | None = None) -> None:
        pixels = check_alike(planes)
        super().__init__(path, (len(planes), *pixels.shape), voxel_type(pixels, planes[0].label), voxel_size_um)
        self._planes = list(planes)
        packed = next((plane for plane in planes if plane.page.start is None), planes[0])
        plain = packed.page.start is not None
        segment = (1, row_grain(pixels.width, self.dtype.itemsize)) if plain else packed.page.packing.segment
        self.grain = (1, *segment)
        self._decoder = Lazy(partial(_make_decoder, packed.path, packed.page.directory))

    def _load(self, region: Region) -> NDArray[Any]:
        block = np.empty(extent(region), self.dtype)
        for out, plane in zip(block, self._planes[region[0]], strict=True):
            with reading(plane.label, "a page that can be decoded"), opened(plane.path) as descriptor:
                if plane.page.start is None:
                    self._decode(descriptor, plane.page, region[1:], out)
                else:
                    _copy(descriptor, plane.page, region[1:], out)
        return block

    def _decode(self, descriptor: int, page: Page, window: Window, out: NDArray[Any]) -> None:
        """Fill ``out`` from the strips or tiles that ``window`` touches."""
        decode = self._decoder.get()
        columns = math.ceil(page.pixels.width / page.packing.segment[1])
        for index, (offset, count) in enumerate(page.segments):
            corner = [n * part for n, part in zip(divmod(index, columns), page.packing.segment, strict=True)]
            if not _touches(corner, page.packing.segment, window):
                continue
            if count == 0:
                message = f"strip or tile {index + 1} of {len(page.segments)} was never written"
                raise ValueError(message)
            voxels = decode(read_bytes(descriptor, count, offset), index, jpegtables=page.jpeg_tables)[0]
            _paste(voxels[0, :, :, 0], corner, window, out)


def check_alike(planes: Sequence[Plane]) -> Pixels:
    """Return what the voxels of all planes are.

    Raises:
        BadInput: Naming the first plane of another shape or type than the first plane, and both.
    """
    first = planes[0]
    packed = next((plane for plane in planes if plane.page.start is None), None)
    for plane in planes:
        if plane.page.pixels != first.page.pixels:
            remedy = "a volume needs planes that are all alike: remove or export again the one that differs"
            raise BadInput(Fault(plane.label, _describe(plane), f"{_describe(first)}, as in {first.label}", remedy))
        if packed and plane.page.start is None and plane.page.packing != packed.page.packing:
            expected = f"the compression and strips of {packed.label}: {packed.page.packing}"
            raise BadInput(Fault(plane.label, str(plane.page.packing), expected, "save the planes in one way"))
    return first.page.pixels


def _describe(plane: Plane) -> str:
    return f"shape {plane.page.pixels.shape}, {plane.page.pixels.text}"


def voxel_type(pixels: Pixels, where: str) -> np.dtype[Any]:
    """Return the type of a voxel of a page, native byte order; packed integers get the next larger type.

    Raises:
        BadInput: If it is a colour image, has a depth of its own, or holds no plain numbers.
    """
    if pixels.samples != 1 or pixels.depth != 1:
        raise BadInput(Fault(where, pixels.text, "one grey value or label a voxel", "convert it to grey values"))
    kind = SAMPLE_KINDS.get(pixels.sample_format)
    size = next((size for size in (1, 2, 4, 8) if pixels.bits <= 8 * size), None)
    if kind is None or size is None or (kind != "u" and pixels.bits != 8 * size):
        raise BadInput(Fault(where, pixels.text, "8, 16 or 32 bit integers or floats", "export it in one of these"))
    if (kind, size) == ("f", 1):
        raise BadInput(Fault(where, pixels.text, "floats of 16 bits or more", "export it as 32 bit float"))
    return np.dtype(bool) if pixels.bits == 1 else np.dtype(f"{kind}{size}")


def _copy(descriptor: int, page: Page, window: Window, out: NDArray[Any]) -> None:
    stored = out.view(out.dtype.newbyteorder(page.pixels.order))
    fill_plane(descriptor, page.start or 0, page.pixels.width, window, stored)
    if not stored.dtype.isnative:
        out.byteswap(inplace=True)


def _touches(corner: Sequence[int], size: tuple[int, int], window: Window) -> bool:
    return all(
        start < part.stop and start + length > part.start
        for start, length, part in zip(corner, size, window, strict=True)
    )


def _paste(voxels: NDArray[Any], corner: Sequence[int], window: Window, out: NDArray[Any]) -> None:
    """Copy the part of a decoded segment at ``corner`` of the image that lies in ``window`` into ``out``."""
    if voxels.dtype != out.dtype:
        message = f"decoded to {voxels.dtype} where the tags promise {out.dtype}"
        raise TypeError(message)
    source, target = [], []
    for start, length, part in zip(corner, voxels.shape, window, strict=True):
        low, high = max(start, part.start), min(start + length, part.stop)
        source.append(slice(low - start, high - start))
        target.append(slice(low - part.start, high - part.start))
    out[tuple(target)] = voxels[tuple(source)]


def _make_decoder(path: Path, directory: int) -> Callable[..., Any]:
    """Return tifffile's function that decodes strips and tiles like those of the page at byte ``directory``."""
    import tifffile

    with tifffile.TiffFile(path) as tif:
        page = next(page for page in tif.pages if page.offset == directory)
        decode: Callable[..., Any] = page.aspage().keyframe.decode
        return decode
