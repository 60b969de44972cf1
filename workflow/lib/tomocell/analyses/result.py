"""What every analysis returns: scalars with units in their names, perhaps a table, perhaps maps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

Scalar = float | int | str | bool | list[float] | None  # a list: plane by plane, for one volume alone


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


@dataclass(frozen=True)
class Result:
    """The outcome of an analysis.

    Attributes:
        scalars: By name; the unit ends the name. ``x_uncertainty_um`` is the standard uncertainty of ``x_um``.
        table: One row per object or position, if there is one.
        maps: By name; the unit ends the name.
    """

    scalars: dict[str, Scalar]
    table: pd.DataFrame | None = None
    maps: dict[str, Map] = field(default_factory=dict)
