"""Colocalisation: whether two classes lie over one another, seen along the electrode's normal."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from tomocell.analyses import _correlation
from tomocell.analyses._classes import project_classes, require_classes
from tomocell.analyses.result import Result, Scalar
from tomocell.settings.base import Frozen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tomocell.blocks import Limits
    from tomocell.volumes.volume import Volume, VoxelSize

    Floats = NDArray[np.float64]
    Pixels = tuple[int, int]

__all__ = ["Result", "Settings", "measure"]
LAG_SHARE = 16  # of the shorter edge of the face, if no range is given: 64 windows of shifts to compare with


class Settings(Frozen):
    """Settings of colocalisation; maps are flattened along z."""

    pairs: tuple[tuple[str, str], ...] = Field((), description="Pairs of classes; none: all but those with the first.")
    block_um: float | None = Field(
        None,
        gt=0,
        description="Edge of the blocks that are permuted and drawn; longer than the maps' features. null: 4 times the "
        "length along which the maps are like themselves, at most a quarter of the face. At least a 64th of it.",
    )
    permutations: int = Field(999, ge=99, le=100_000, description="Orders of the blocks for the p-value.")
    draws: int = Field(1000, ge=100, le=100_000, description="Draws of the blocks for the uncertainty.")
    seed: int = Field(0, ge=0, description="Seed of both.")
    most_lag_um: float | None = Field(
        None, ge=0, description="Longest in-plane lag that is looked at; null: a sixteenth of the face's shorter edge."
    )
    significance: float = Field(0.05, gt=0, lt=1, description="Lags with a larger p-value are not told.")

    @model_validator(mode="after")
    def _two_classes(self) -> Self:
        same = [one for one, other in self.pairs if one == other]
        if same:
            msg = f"pair of {same[0]} and {same[0]}; expected two classes"
            raise ValueError(msg)
        return self

    def classes_named(self) -> set[str]:
        """Return every class that these settings mention."""
        return {name for pair in self.pairs for name in pair}


def measure(volume: Volume, settings: Settings, limits: Limits) -> Result:
    """Return the likeness of pairs of thickness maps; keys end in the two classes, ``<a>_<b>``.

    ``pearson_<a>_<b>`` is Pearson's r over all columns (1 together, -1 apart), its ``..._uncertainty`` the standard
    error over draws of blocks, ``p_value_<a>_<b>`` two-sided, over permutations of blocks: the maps are smooth, and
    pixels are no independent observations. ``manders_<a>_in_<b>`` is the share of the lithium of a that lies over some
    b. ``lag_y_<a>_<b>_um`` and ``lag_x_<a>_<b>_um`` tell by how much b lies beside a where r is greatest, within
    ``most_lag_um``, with ``pearson_at_lag_<a>_<b>``: null unless ``p_value_at_lag_<a>_<b>`` is at most
    ``significance``. Null throughout where a class is absent or everywhere as thick. Table: one row a pair, besides
    ``block_y_um, block_x_um, blocks``.

    Bias: r of thin or noisy classes is too small; blocks shorter than the features make p too small.
    Source: Huang et al. 2023, doi:10.1038/s41524-023-01039-y (Pearson's r of flattened classes).

    Raises:
        BadInput: If the volume has no classes or no voxel size, or a class of ``pairs`` is not there.
    """
    import pandas as pd

    classes = require_classes(volume)
    for name in settings.classes_named():
        classes.value(name)
    size = volume.size
    maps = dict(zip(classes.names, project_classes(volume, 0, limits) * size[0], strict=True))
    pairs = settings.pairs or tuple(itertools.combinations(classes.names[1:], 2))
    rows = [{"one": a, "other": b, **_likeness(maps[a], maps[b], size, settings)} for a, b in pairs]
    scalars: dict[str, Scalar] = {}
    for row in rows:
        scalars |= _scalars(row)
    return Result(scalars, table=pd.DataFrame(rows))


def _likeness(one: Floats, other: Floats, size: VoxelSize, settings: Settings) -> dict[str, Any]:
    edges = _block_edges(one, other, size, settings)
    ones, others = (_correlation.cut_blocks(plane, edges) for plane in (one, other))
    r = _correlation.pearson(one, other)
    told = {"pearson": r, "pearson_uncertainty": None, "p_value": None}
    if r is not None:
        told["pearson_uncertainty"] = _correlation.bootstrap_error(ones, others, settings.draws, settings.seed)
        told["p_value"] = _correlation.permutation_p_value(ones, others, settings.permutations, settings.seed)
    return {
        **told,
        "manders_one_in_other": _correlation.manders(one, other),
        "manders_other_in_one": _correlation.manders(other, one),
        **_at_lag(one, other, size, settings),
        "block_y_um": edges[0] * size[1],
        "block_x_um": edges[1] * size[2],
        "blocks": len(ones),
    }


def _block_edges(one: Floats, other: Floats, size: VoxelSize, settings: Settings) -> Pixels:
    if settings.block_um is None:
        return _correlation.block_edge(one, other)
    rows, columns = (round(settings.block_um / edge) for edge in size[1:])
    return _correlation.fitting_edges((rows, columns), one.shape)


def _at_lag(one: Floats, other: Floats, size: VoxelSize, settings: Settings) -> dict[str, float | None]:
    lengths = [count * edge for count, edge in zip(one.shape, size[1:], strict=True)]
    reach_um = min(lengths) / LAG_SHARE if settings.most_lag_um is None else settings.most_lag_um
    rows, columns = (
        min(int(reach_um / edge), (count - 1) // 2) for edge, count in zip(size[1:], one.shape, strict=True)
    )
    found = _correlation.greatest_at_lag(one, other, (rows, columns))
    told: dict[str, float | None] = dict.fromkeys(("lag_y_um", "lag_x_um", "pearson_at_lag"))
    if found is not None and found.p_value <= settings.significance:
        told = {
            "lag_y_um": found.lag[0] * size[1],
            "lag_x_um": found.lag[1] * size[2],
            "pearson_at_lag": found.pearson,
        }
    return told | {"p_value_at_lag": None if found is None else found.p_value}


def _scalars(row: dict[str, Any]) -> dict[str, Scalar]:
    one, other = row["one"], row["other"]
    pair = f"{one}_{other}"
    return {
        f"pearson_{pair}": row["pearson"],
        f"pearson_{pair}_uncertainty": row["pearson_uncertainty"],
        f"p_value_{pair}": row["p_value"],
        f"manders_{one}_in_{other}": row["manders_one_in_other"],
        f"manders_{other}_in_{one}": row["manders_other_in_one"],
        f"lag_y_{pair}_um": row["lag_y_um"],
        f"lag_x_{pair}_um": row["lag_x_um"],
        f"pearson_at_lag_{pair}": row["pearson_at_lag"],
        f"p_value_at_lag_{pair}": row["p_value_at_lag"],
    }
