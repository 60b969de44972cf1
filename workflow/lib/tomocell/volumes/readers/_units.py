"""Lengths as files tell them, in micrometres, and when not to believe them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tomocell.volumes.volume import AXES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tomocell.volumes.volume import VoxelSize

UM_PER_UNIT = {
    **dict.fromkeys(("m", "meter", "metre", "meters", "metres"), 1e6),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e4),
    **dict.fromkeys(("mm", "millimeter", "millimetre", "millimeters", "millimetres"), 1e3),
    **dict.fromkeys(("um", "micron", "microns", "micrometer", "micrometre", "micrometers", "micrometres"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometre", "nanometers", "nanometres"), 1e-3),
    **dict.fromkeys(("pm", "picometer", "picometre"), 1e-6),
    **dict.fromkeys(("angstrom", "angstroem", "\u00e5", "\u212b"), 1e-4),
}
# From an atom's width to a centimetre: what any tomograph resolves. Outside it a unit was mistaken.
SMALLEST_UM = 1e-4
LARGEST_UM = 1e4


def um_per_unit(unit: object) -> float | None:
    """Return the micrometres in a length called ``unit``; None if it is no length, or a doubtful one.

    Inches are left out: ImageJ and image editors write them for 72 dots an inch where nothing was measured.
    """
    if not isinstance(unit, str):
        return None
    plain = unit.strip().lower().replace("\\u00b5", "u").replace("\u00b5", "u").replace("\u03bc", "u")
    return UM_PER_UNIT.get(plain)


def believable_um(edges: Sequence[Any], scales: Sequence[float | None]) -> VoxelSize | None:
    """Return the edges along (Z, Y, X), times micrometres per unit, as a voxel size.

    None unless all three are numbers with a known unit and lie between 0.1 nm and 1 cm.
    """
    if len(edges) != len(AXES) or len(scales) != len(AXES) or None in scales:
        return None
    try:
        z, y, x = (float(edge) * (scale or 0.0) for edge, scale in zip(edges, scales, strict=True))
    except (TypeError, ValueError):
        return None
    # Not-a-number and infinity fail the comparison, too.
    return (z, y, x) if all(SMALLEST_UM <= size <= LARGEST_UM for size in (z, y, x)) else None
