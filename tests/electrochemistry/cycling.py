"""Cycling curves whose charge is known, and the rows of the sheet that go with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.electrochemistry.curve import Curve
from tomocell.electrochemistry.settings import ChargeSettings
from tomocell.settings.samples import Sample

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PERIOD_MIN, REST_MIN = 10.0, 20.0
HEADER = "time_min,voltage_v,current_ma"


def pulses(currents_ma: tuple[float, ...], step_min: float = 0.5) -> Curve:
    """Return a curve of periods of 10 min with 20 min of rest before and behind each, sampled evenly; jumps are exact.

    The voltage of a period is twice its current at its end, and one at its beginning.
    """
    time, current = [0.0], [0.0]
    for index, value in enumerate(currents_ma):
        start = REST_MIN + index * (PERIOD_MIN + REST_MIN)
        inside = np.linspace(start, start + PERIOD_MIN, round(PERIOD_MIN / step_min) + 1)
        time += [start, *inside, start + PERIOD_MIN]
        current += [0.0, *np.full(len(inside), value), 0.0]
    time.append(time[-1] + REST_MIN)
    current.append(0.0)
    return curve_of(np.array(time), np.array(current))


def curve_of(time: NDArray[np.float64], current: NDArray[np.float64], rest_below_ma: float = 0.01) -> Curve:
    voltage = np.sign(current) * (1 + np.linspace(0, 1, len(time)))
    return Curve(time, current, voltage, rest_below_ma)


def write_curve(path: Path, curve: Curve, header: str = HEADER) -> None:
    rows = zip(curve.time_min, curve.voltage_v, curve.current_ma, strict=True)
    path.write_text("\n".join([header, *(",".join(repr(float(cell)) for cell in row) for row in rows)]) + "\n")


def rows(*currents_ma: float | None, spacing_min: float = 30.0, **more: Any) -> list[Sample]:
    return [
        Sample(series="cell", timestep=f"t{index}", path="x", time_min=spacing_min * index, current_ma=current, **more)
        for index, current in enumerate(currents_ma)
    ]


BY_CURVE = ChargeSettings(curve="curve_{series}.csv")
BY_SHEET = ChargeSettings(current_min=PERIOD_MIN)
