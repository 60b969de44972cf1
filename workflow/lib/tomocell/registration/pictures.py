"""Pictures of a registration: checkerboards and differences before and after, and what is left at the sub-volumes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.registration import transforms
from tomocell.registration.deformation import NONE
from tomocell.registration.patch import Pyramid
from tomocell.registration.resample import Frame, resample_region
from tomocell.volumes.publish import write_bytes_atomically
from tomocell.volumes.volume import Volume

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from tomocell.registration.place import Placed
    from tomocell.registration.record import Registration
    from tomocell.volumes.volume import Region

    Array = NDArray[np.float64]

LONGEST_EDGE = 512  # pixels of a section
FIELDS = 6  # of the checkerboard along the longer edge
GREY_SHARES = (0.5, 99.5)  # percentiles that black and white stand for
DPI = 110
ARROW_SHARE = 0.12  # of the picture's width, for the longest arrow
SECTIONS = ((1, "z", "x"), (0, "y", "x"))  # the axis that is cut, rows, columns


@dataclass(frozen=True)
class Section:
    """A plane through the middle of the region of interest.

    Attributes:
        axes: Names of rows and columns.
        extent_um: Its height and width.
        fixed: Grey values of the reference, float, NaN where there are none.
        before: Of the moving scan as it lies.
        after: Of the moving scan after its motion.
    """

    axes: tuple[str, str]
    extent_um: tuple[float, float]
    fixed: Array
    before: Array
    after: Array


def write_pictures(folder: Path, fixed: Volume, moving: Volume, placed: Placed) -> None:
    """Write ``registration.png`` and ``registration_residuals.png`` into a folder."""
    views = [section(fixed, moving, placed, cut) for cut in SECTIONS]
    write_bytes_atomically(folder / "registration.png", _encoded(_draw_sections(views)))
    write_bytes_atomically(folder / "registration_residuals.png", _encoded(_draw_residuals(placed.found)))


def section(fixed: Volume, moving: Volume, placed: Placed, cut: tuple[int, str, str]) -> Section:
    """Return a plane of both scans, from their stored copies where the plane is large."""
    axis, *names = cut
    level, region = _pixels(placed.region, axis, can_reduce=all(isinstance(scan, Pyramid) for scan in (fixed, moving)))
    sources = ((fixed, placed.found.level_matrix), (moving, placed.found.level_matrix), (moving, placed.found.matrix))
    planes = []
    voxel_um = np.array(fixed.size) * 2**level
    for number, (scan, matrix) in enumerate(sources):
        deformed = placed if number == len(sources) - 1 else None
        planes.append(_plane(scan, np.array(matrix), region, voxel_um, deformed).squeeze(axis))
    height_um, width_um = np.array(planes[0].shape) * np.delete(voxel_um, axis)
    return Section((names[0], names[1]), (float(height_um), float(width_um)), *planes)


def _pixels(roi: Region, axis: int, *, can_reduce: bool) -> tuple[int, Region]:
    """Return the level of the stored copies, and the middle plane of a region in its voxels."""
    longest = max(part.stop - part.start for n, part in enumerate(roi) if n != axis)
    level = max(0, int(np.ceil(np.log2(longest / LONGEST_EDGE)))) if can_reduce else 0
    parts = []
    for n, part in enumerate(roi):
        first, last = part.start >> level, max(part.stop >> level, (part.start >> level) + 1)
        if n == axis:
            middle = (first + last) // 2
            first, last = middle, middle + 1
        spare = max(0, last - first - LONGEST_EDGE) // 2
        parts.append(slice(first + spare, last - spare))
    return level, (parts[0], parts[1], parts[2])


def _plane(scan: Volume, matrix: Array, region: Region, voxel_um: Array, placed: Placed | None) -> Array:
    """Return a region of the frame in voxels of ``voxel_um``, from a stored copy of a scan; NaN beyond the scan."""
    level = int(np.log2(np.max(voxel_um / np.array(scan.size))).round())
    source = scan.coarser(level) if isinstance(scan, Pyramid) else scan
    # Voxel 0 of a reduced copy lies in the middle of those that it stands for.
    of_frame, of_scan = (_aside((np.array(size) - np.array(scan.size)) / 2) for size in (voxel_um, source.size))
    z, y, x = voxel_um.tolist()
    deformation = placed.deformation if placed is not None else NONE
    grid = transforms.invert(of_scan) @ matrix @ of_frame
    return resample_region(
        _Real(source), grid, region, Frame((z, y, x), "linear", float("nan")), deformation
    ).voxels.astype(np.float64)


def _aside(shift_um: Array) -> Array:
    return transforms.rigid(np.zeros(3), shift_um)


class _Real(Volume):
    """A scan in float, so that beyond it there can be NaN."""

    def __init__(self, scan: Volume) -> None:
        self.name, self.shape, self.voxel_size_um = scan.name, scan.shape, scan.voxel_size_um
        self.dtype, self.classes, self._scan = np.dtype(np.float32), scan.classes, scan

    def read(self, region: Region) -> NDArray[np.float32]:
        """Return the voxels of a region."""
        return self._scan.read(region).astype(np.float32)


def checkerboard(one: Array, other: Array) -> Array:
    """Return fields of one picture and of the other in turn."""
    edge = max(1, -(-max(one.shape) // FIELDS))
    rows, columns = np.indices(one.shape) // edge
    return np.where((rows + columns) % 2 == 0, one, other)


def matched(one: Array, other: Array) -> Array:
    """Return a picture with the mean and spread of another: two scans may differ in brightness."""
    known = np.isfinite(one) & np.isfinite(other)
    if not known.any() or np.std(other[known]) == 0:
        return other
    return np.asarray((other - other[known].mean()) / other[known].std() * one[known].std() + one[known].mean())


def _draw_sections(views: list[Section]) -> Figure:
    from matplotlib.figure import Figure

    heights = [0.6 + 2.5 * min(1.3, view.extent_um[0] / view.extent_um[1]) for view in views]  # inches
    figure = Figure(figsize=(12, sum(heights)), layout="constrained")
    grid = figure.subplots(len(views), 4, squeeze=False, height_ratios=heights)
    for row, view in zip(grid, views, strict=True):
        before, after = matched(view.fixed, view.before), matched(view.fixed, view.after)
        low, high = _greys(view.fixed)
        spread = high - low
        boards = [("before", checkerboard(view.fixed, before)), ("after", checkerboard(view.fixed, after))]
        for axes, (when, board) in zip(row[:2], boards, strict=True):
            _show(axes, view, board, f"{_plane_name(view)}: checkerboard {when}", ("gray", low, high))
        for axes, (when, other) in zip(row[2:], (("before", before), ("after", after)), strict=True):
            title = f"{_plane_name(view)}: difference {when}"
            _show(axes, view, other - view.fixed, title, ("RdBu_r", -spread / 2, spread / 2))
    return figure


def _plane_name(view: Section) -> str:
    return "-".join(view.axes)


def _greys(picture: Array) -> tuple[float, float]:
    known = picture[np.isfinite(picture)]
    low, high = np.percentile(known, GREY_SHARES) if known.size else (0.0, 1.0)
    return float(low), float(high) if high > low else float(low) + 1.0


def _show(axes: Axes, view: Section, picture: Array, title: str, scale: tuple[str, float, float]) -> None:
    height, width = view.extent_um
    colors, low, high = scale
    axes.imshow(picture, cmap=colors, vmin=low, vmax=high, extent=(0, width, height, 0), interpolation="nearest")
    axes.set_title(title, fontsize=9)
    axes.set_xlabel(f"{view.axes[1]} (µm)", fontsize=8)
    axes.set_ylabel(f"{view.axes[0]} (µm)", fontsize=8)
    axes.tick_params(labelsize=7)


def _draw_residuals(found: Registration) -> Figure:
    """Return arrows at the sub-volumes' centres, in two views, with the length of the longest."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), layout="constrained")
    table = found.table()
    names = "zyx"
    for place, (rows, columns) in enumerate(((0, 2), (1, 2))):
        axes = figure.add_subplot(1, 2, place + 1)
        axes.set(xlabel=f"{names[columns]} (µm)", ylabel=f"{names[rows]} (µm)")
        for kept, color, label in ((True, "#2b6cb0", "kept"), (False, "#c05621", "left out")):
            part = table[table["kept"] == kept] if len(table) else table
            if len(part):
                where = [part[f"centre_{names[n]}_um"] for n in (columns, rows)]
                arrows = [part[f"residual_{names[n]}_um"] for n in (columns, rows)]
                axes.scatter(where[0], where[1], s=12, color=color, label=label)
                axes.quiver(*where, *arrows, color=color, angles="xy", scale=_arrow_scale(found), scale_units="width")
        axes.invert_yaxis()
        axes.margins(0.25)
        if len(table):
            axes.legend(fontsize=7, loc="upper right")
    worst, edge = found.largest_residual_voxels, min(found.voxel_size_um)
    figure.suptitle(
        f"Displacement beside the rigid motion; longest {worst:.2f} voxels ({worst * edge:.2f} µm)", fontsize=10
    )
    return figure


def _arrow_scale(found: Registration) -> float:
    longest = max((float(np.linalg.norm(part.residual_um)) for part in found.subvolumes), default=0.0)
    return (longest or 1.0) / ARROW_SHARE


def _encoded(figure: Figure) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    # No time stamp, no version: the same registration gives the same bytes.
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
