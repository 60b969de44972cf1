"""How the charge between the scans is known: from the sheet's currents, or from a cycling curve."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from tomocell.settings.base import Frozen

MINUTES_PER = {"s": 1 / 60, "min": 1.0, "h": 60.0}
VOLTS_PER = {"mv": 1e-3, "v": 1.0}
MILLIAMPERES_PER = {"ua": 1e-3, "ma": 1.0, "a": 1e3}
UNITS = {"time": MINUTES_PER, "voltage": VOLTS_PER, "current": MILLIAMPERES_PER}
SERIES = "{series}"

Percent = Annotated[float, Field(ge=0, lt=100)]


class CurveColumns(Frozen):
    """Columns of the cycling curve; the last word of each name is its unit: time_min, time/s, Current (mA)."""

    time: str = Field("time_min", description="Column of the time, its name ending in s, min or h.")
    current: str = Field("current_ma", description="Column of the current, its name ending in uA, mA or A.")
    voltage: str | None = Field(
        "voltage_v", description="Column of the voltage, its name ending in mV or V; none: not read."
    )

    @field_validator("time", "current", "voltage")
    @classmethod
    def _ends_in_a_unit(cls, value: str | None, info: object) -> str | None:
        known = UNITS[info.field_name]  # type: ignore[attr-defined]
        if value is not None and unit_of(value) not in known:
            msg = f"a name that ends in its unit, one of {', '.join(known)} (in capitals or not)"
            raise ValueError(msg)
        return value

    def factors(self) -> dict[str, float]:
        """Return, by name of each column that is read, what its numbers are multiplied by to give min, mA and V."""
        named = {"time": self.time, "current": self.current, "voltage": self.voltage}
        return {column: UNITS[key][unit_of(column)] for key, column in named.items() if column is not None}


class ChargeSettings(Frozen):
    """Settings of the charge that passes between the scans."""

    current_min: float | None = Field(
        None, gt=0, description="Minutes of current in one period; none: their median in the curve."
    )
    periods_between_scans: int = Field(
        1, ge=1, description="Current periods between two scans, where there is no curve."
    )
    periods_since: dict[str, Annotated[int, Field(ge=0)]] = Field(
        {},
        description="Current periods since the scan before, of the timesteps where it is another number (or where the "
        "time in the sheet makes it look like one): {t180: 12}, or {cell/t180: 12} for one series.",
    )
    curve: str | None = Field(
        None,
        description="Cycling curve, a CSV file relative to the sample sheet; '{series}' in it stands for the series. "
        "Scans are matched to it by time_min. None: current_ma of the sheet times current_min.",
    )
    curve_columns: CurveColumns = Field(
        default_factory=CurveColumns, description="Columns of the curve; the last word of each name is its unit."
    )
    curve_offset_min: float = Field(0.0, description="Time of the curve when time_min of the sheet is 0.")
    curve_charging_is_negative: bool = Field(
        default=False, description="The curve's current is negative while charging; the sheet's never is."
    )
    rest_below_ma: float | None = Field(
        None, ge=0, description="A current at most this large is rest; none: 1 % of the largest in the curve."
    )
    current_uncertainty_percent: Percent = Field(
        0.0, description="Standard uncertainty of the current's calibration, which all scans share."
    )

    @model_validator(mode="after")
    def _charge_is_known(self) -> Self:
        if self.curve is None and self.current_min is None:
            msg = "'curve', or 'current_min', by which the sheet's currents become charges"
            raise ValueError(msg)
        return self

    def curve_of(self, series: str) -> str | None:
        """Return the name of the series' curve, where there is one."""
        return None if self.curve is None else self.curve.replace(SERIES, series)

    def periods(self, series: str, timestep: str) -> int:
        """Return the current periods between a scan and the one before, as told without a curve."""
        of_all = self.periods_since.get(timestep, self.periods_between_scans)
        return self.periods_since.get(f"{series}/{timestep}", of_all)

    def tells_periods(self, series: str, timestep: str) -> bool:
        """Tell whether ``periods_since`` names this timestep."""
        return timestep in self.periods_since or f"{series}/{timestep}" in self.periods_since


def unit_of(column: str) -> str:
    """Return the last word of a column's name in small letters: "ma" of ``current_ma``, ``I/mA``, ``Current (mA)``."""
    words = re.findall(r"[^\W\d_]+", column)
    return words[-1].lower().replace("\u00b5", "u").replace("\u03bc", "u") if words else ""
