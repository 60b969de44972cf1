"""Maps on disk: a TIFF with its physical scale, and a PNG beside it for the eye."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.volumes.publish import atomic_file, write_bytes_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

UM_PER_CM = 1e4
PNG_DPI = 120


@dataclass(frozen=True)
class Map:
    """A picture with numbers.

    Attributes:
        values: Shape (rows, columns).
        pixel_size_um: Edge of a pixel along (rows, columns), micrometres.
        unit: Unit of the values; empty for a share.
    """

    values: NDArray[Any]
    pixel_size_um: tuple[float, float]
    unit: str


def write_map(path: Path, name: str, content: Map) -> None:
    """Write ``path`` (TIFF, float32, ImageJ metadata with unit um) and the same as a picture with a colour bar."""
    import tifffile

    rows_um, columns_um = content.pixel_size_um
    with atomic_file(path) as partial:
        tifffile.imwrite(
            partial,
            np.ascontiguousarray(content.values, dtype=np.float32),
            imagej=True,
            resolution=(1 / columns_um, 1 / rows_um),
            metadata={"unit": "um", "axes": "YX", "Labels": [f"{name} [{content.unit or '1'}]"]},
        )
    write_bytes_atomically(path.with_suffix(".png"), _picture(name, content))


def read_map(path: Path) -> Map:
    """Read a map that ``write_map`` wrote; values as float32.

    Raises:
        BadInput: If the file is no such map.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            label = str(dict(file.imagej_metadata or {})["Labels"])  # tifffile gives a single one bare
            pixel_um = [_pixel_um(file.pages.first, f"{axis}Resolution") for axis in "YX"]
            return Map(file.asarray(), (pixel_um[0], pixel_um[1]), label.rpartition("[")[2].rstrip("]").strip("1"))
    except (OSError, KeyError, IndexError, tifffile.TiffFileError) as error:
        remedy = "delete the record beside it and run again"
        raise BadInput(Fault(str(path), repr(error), "a map with its scale, as analyses write it", remedy)) from error


def _pixel_um(page: Any, tag: str) -> float:  # noqa: ANN401
    pixels, micrometres = page.tags[tag].value
    return float(micrometres / pixels)


def _picture(name: str, content: Map) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows, columns = content.values.shape
    height_um, width_um = rows * content.pixel_size_um[0], columns * content.pixel_size_um[1]
    figure = Figure(figsize=(4.2, 1.0 + 3.2 * min(height_um / width_um, 2.0)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    image = axes.imshow(content.values, extent=(0, width_um, height_um, 0), cmap="viridis", interpolation="nearest")
    axes.set(xlabel="µm", ylabel="µm", title=name.replace("_", " "))
    figure.colorbar(image, ax=axes, label=content.unit.replace("um", "µm") or "share")
    buffer = io.BytesIO()
    # No time stamp, no version: the same map gives the same bytes.
    figure.savefig(buffer, format="png", dpi=PNG_DPI, metadata={"Software": None})
    return buffer.getvalue()
