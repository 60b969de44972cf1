"""What every analysis returns: scalars with units in their names, perhaps a table, perhaps maps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tomocell.volumes.maps import Map

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Map", "Result", "Scalar"]

Scalar = float | int | str | bool | list[float] | None  # a list: plane by plane, for one volume alone


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
