"""Rates: how fast a quantity changes per current period, with confidence intervals, in either half of the cycle.

Source: Huang et al. 2023, doi:10.1038/s41524-023-01039-y, Fig. 3c (stripping 0.93 um per period of charge).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from tomocell.analyses.result import Result, Scalar
from tomocell.electrochemistry.checks import by_series
from tomocell.errors import BadInput, Fault
from tomocell.keys import find_unit, uncertainty_key
from tomocell.series._fits import MODELS, UNKNOWN, Points
from tomocell.series.cycle import half_cycle
from tomocell.series.timeline import Outcome
from tomocell.settings.base import Frozen
from tomocell.settings.types import Identifier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from tomocell.blocks import Limits
    from tomocell.series._fits import Fit
    from tomocell.series.timeline import Timeline
    from tomocell.settings.samples import Sample

NEEDS = ()
AFTER = ("faraday",)


class Quantity(Frozen):
    """One fit."""

    analysis: str = Field(description="Analysis, of timesteps or of the series, that measures the quantity.")
    key: str = Field(description="Column of that table, such as stripping_side_um.")
    half: Literal["charge", "discharge"] = Field(description="Half of the first cycle.")
    model: Literal["linear", "slowing", "decay"] = Field(
        "linear",
        description="linear: a straight line; slowing: a rise or fall that slows down to a plateau, exponentially; "
        "decay: an exponential fall to nothing.",
    )
    name: Identifier | None = Field(None, description="What the fit is called; none: key, half and model.")

    @property
    def unit(self) -> str:
        """The unit in the key, such as ``ma_per_cm2``; empty for a pure number."""
        return "_".join(self._parts[1])

    @property
    def stem(self) -> str:
        """The key without its unit, and the half."""
        return "_".join([*self._parts[0], self.half])

    @property
    def title(self) -> str:
        """What the fit is called."""
        return self.name or f"{self.stem}_{self.model}"

    @property
    def _parts(self) -> tuple[list[str], list[str]]:
        parts = self.key.split("_")
        start, stop = find_unit(parts)
        return [*parts[:start], *parts[stop:]], parts[start:stop]


class Settings(Frozen):
    """Settings of the rates."""

    quantities: tuple[Quantity, ...] = Field(min_length=1, description="The fits.")

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        titles = [quantity.title for quantity in self.quantities]
        twice = sorted({title for title in titles if titles.count(title) > 1})
        if twice:
            msg = f"fits whose names differ: {', '.join(twice)} is given twice; set 'name'"
            raise ValueError(msg)
        return self


def after(settings: Settings) -> tuple[str, ...]:
    """Return the analyses whose tables over time are fitted."""
    return tuple(quantity.analysis for quantity in settings.quantities)


def check(samples: Sequence[Sample], measures: Mapping[str, Any], settings: Settings) -> list[Fault]:  # noqa: ARG001
    """Return the series that have no such half, as far as the sheet's currents tell; one scan alone is let pass."""
    faults: list[Fault] = []
    for rows in by_series(samples).values():
        currents = [row.current_ma for row in rows[1:]]
        if any(current is None for current in currents) or not currents:
            continue
        needs_discharge = any(quantity.half == "discharge" for quantity in settings.quantities)
        if needs_discharge or not any((current or 0) > 0 for current in currents):
            faults.extend(_no_half_cycle(rows))
    return faults


def follow(timeline: Timeline, settings: Settings, limits: Limits) -> Outcome:  # noqa: ARG001
    """Return the fits: a table with one row each, and over time what was fitted and what the fit says.

    Table: ``name, analysis, key, half, model, n`` (scans), ``rate_<unit>_per_period`` with
    ``rate_uncertainty_...`` (standard error), ``rate_low_...`` and ``rate_high_...`` (95 %), ``start_<unit>``,
    ``slowing_per_period`` with its interval, ``r_squared``, ``residual_sd_<unit>``. The rate is that at the first scan
    of the half cycle that has records; of a straight line it is that of every period. Of the series, the rates
    by ``<name>_rate_...``. Over time: ``<key>_<half>`` as measured and ``<name>_fit``, each with its unit.

    Periods are those of ``faraday``. Scans are weighted by their uncertainties where all have one. The interval is the
    wider of two: by the scatter about the curve, and by the scans' own uncertainties as independent (too wide where all
    scans share them). Without a scan to spare (two for a line) there is none, and with fewer no fit: null.

    Raises:
        BadInput: If a table has no such column, or it holds no numbers.
    """
    import pandas as pd

    charge = timeline.followed["faraday"]
    over_time = charge[["timestep", "time_min", "periods"]].set_index("timestep", drop=False)
    rows: list[dict[str, Any]] = []
    scalars: dict[str, Scalar] = {}
    for quantity in settings.quantities:
        data = _data(timeline, quantity)
        fit = MODELS[quantity.model](_points(data))
        rows.append(_row(quantity, fit, len(data)))
        rates = {key: value for key, value in _told(quantity, fit).items() if key.startswith("rate_")}
        scalars |= {f"{quantity.title}_{key}": value for key, value in rates.items()}
        over_time = over_time.assign(**_columns(quantity, fit, data))
    return Outcome(over_time.reset_index(drop=True), Result(scalars, pd.DataFrame(rows)))


def _no_half_cycle(rows: Sequence[Sample]) -> tuple[Fault, ...]:
    try:
        half_cycle(rows)
    except BadInput as error:
        return error.faults
    return ()


def _data(timeline: Timeline, quantity: Quantity) -> pd.DataFrame:
    """Return ``periods``, ``value`` and ``uncertainty`` of the scans of a half cycle, by timestep."""
    charge = timeline.followed["faraday"].set_index("timestep")
    table = timeline.followed[quantity.analysis].set_index("timestep")
    values = _column(table, quantity)
    data = charge.loc[_steps(charge, quantity.half), ["periods"]]
    data["value"] = values
    bound = uncertainty_key(quantity.key)
    data["uncertainty"] = table[bound] if bound in table else float("nan")
    data = data[data["value"].notna()]
    return data.assign(periods=data["periods"] - data["periods"].min())


def _column(table: pd.DataFrame, quantity: Quantity) -> pd.Series[float]:
    if quantity.key in table and table[quantity.key].dtype.kind in "iuf":
        return table[quantity.key]
    known = ", ".join(map(str, table.select_dtypes("number").columns))
    where = f"{quantity.analysis} over time"
    raise BadInput(Fault(where, quantity.key, f"a column of numbers: {known}", "correct 'key'"))


def _steps(charge: pd.DataFrame, half: str) -> list[str]:
    """Return the timesteps of the first half cycle of this direction, the scan at which it began included."""
    of_direction = charge[charge["direction"] == half]
    if not len(of_direction):
        return []
    since = of_direction["since"].iloc[0]
    belongs = (of_direction["since"] == since).to_numpy()
    steps = list(of_direction.index[belongs])
    return [since, *steps] if since in charge.index else steps


def _points(data: pd.DataFrame) -> Points:
    import numpy as np

    spread = data["uncertainty"].to_numpy(np.float64)
    is_known = bool(np.isfinite(spread).all() and (spread > 0).all())
    weights = 1 / spread if is_known else np.ones(len(data))
    return Points(data["periods"].to_numpy(np.float64), data["value"].to_numpy(np.float64), weights, is_known)


def _row(quantity: Quantity, fit: Fit | None, count: int) -> dict[str, Any]:
    told = {key: getattr(quantity, key) for key in ("analysis", "key", "half", "model")}
    return {"name": quantity.title, **told, "n": count, **_told(quantity, fit)}


def _told(quantity: Quantity, fit: Fit | None) -> dict[str, Scalar]:
    """Return the numbers of a fit by their keys, all null where there is none."""
    of_unit = f"_{quantity.unit}" if quantity.unit else ""
    endings = {"rate": f"{of_unit}_per_period", "start": of_unit, "slowing": "_per_period"}
    told: dict[str, Scalar] = {}
    for name, ending in endings.items():
        if name == "slowing" and quantity.model != "slowing":
            continue
        found = UNKNOWN if fit is None else fit.parameters[name]
        told[f"{name}{ending}"] = _finite(found.value)
        told[f"{name}_uncertainty{ending}"] = _finite(found.uncertainty)
        told[f"{name}_low{ending}"] = _finite(found.low)
        told[f"{name}_high{ending}"] = _finite(found.high)
    told["r_squared"] = None if fit is None else _finite(fit.r_squared)
    told[f"residual_sd{of_unit}"] = None if fit is None else _finite(fit.residual_sd)
    return told


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _columns(quantity: Quantity, fit: Fit | None, data: pd.DataFrame) -> dict[str, pd.Series[float]]:
    import pandas as pd

    of_unit = f"_{quantity.unit}" if quantity.unit else ""
    predicted = pd.Series(float("nan") if fit is None else fit.predicted, index=data.index, dtype=float)
    return {
        f"{quantity.stem}{of_unit}": data["value"],
        f"{quantity.stem}_uncertainty{of_unit}": data["uncertainty"],
        f"{quantity.title}_fit{of_unit}": predicted,
    }
