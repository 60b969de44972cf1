"""View: three middle planes in one picture, with their scale."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.volumes.planes import read_plane
from tomocell.volumes.publish import write_bytes_atomically
from tomocell.volumes.volume import AXES, Volume

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

log = logging.getLogger(__name__)


def view(volume: Volume, out: Path) -> None:
    """Write the middle planes across z, y and x to ``out``, a PNG with axes in um."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    for axis, axes in enumerate(figure.subplots(1, 3)):
        rows, columns = (other for other in range(3) if other != axis)
        plane = read_plane(volume, axis, volume.shape[axis] // 2)
        extent = (0, volume.shape[columns] * volume.size[columns], volume.shape[rows] * volume.size[rows], 0)
        axes.imshow(plane, cmap=_colors(volume), interpolation="nearest", extent=extent, **_range(volume, plane))
        axes.set(xlabel=f"{AXES[columns]} / µm", ylabel=f"{AXES[rows]} / µm", title=f"middle plane across {AXES[axis]}")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    write_bytes_atomically(out, buffer.getvalue())
    log.info("%s", out)


def _colors(volume: Volume) -> Any:  # noqa: ANN401
    if not volume.classes:
        return "gray"
    from matplotlib.colors import ListedColormap

    colors = ["#000000"] * (max(member.value for member in volume.classes) + 1)
    for member in volume.classes:
        colors[member.value] = member.color
    return ListedColormap(colors)


def _range(volume: Volume, plane: NDArray[Any]) -> dict[str, float]:
    if volume.classes:
        return {"vmin": -0.5, "vmax": max(member.value for member in volume.classes) + 0.5}
    low, high = np.percentile(plane, (0.5, 99.5))
    return {"vmin": float(low), "vmax": float(high)}
