"""Single planes on disk, for programs that people draw in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


def write_plane(path: Path, pixels: NDArray[Any], pixel_um: Sequence[float]) -> None:
    """Write one plane as TIFF with its pixel size (ImageJ metadata, um)."""
    import tifffile

    rows_um, columns_um = pixel_um
    tifffile.imwrite(
        path,
        np.ascontiguousarray(pixels),
        imagej=True,
        resolution=(1 / columns_um, 1 / rows_um),
        metadata={"unit": "um", "axes": "YX"},
    )
