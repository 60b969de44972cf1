"""When the scans are taken and how much lithium has moved by then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tomocell.phantoms.cell.settings import CellSettings

CAPACITY_MAH_PER_G = 3860.0
DENSITY_G_PER_CM3 = 0.534
UM_PER_CM = 1e4
MIN_PER_H = 60.0


@dataclass(frozen=True)
class Timestep:
    """One scan.

    Attributes:
        index: Position in the series, from 0.
        name: ``t`` and the minutes of current so far.
        state: pristine, charge, half_cycle, discharge or full_cycle.
        time_min: Minutes of current so far.
        clock_min: Minutes since the first scan, rests included where there are any.
        current_ma: Current of the periods before this scan; negative on discharge.
        charged: Current periods of charge so far.
        discharged: Current periods of discharge so far.
    """

    index: int
    name: str
    state: str
    time_min: float
    clock_min: float
    current_ma: float
    charged: int
    discharged: int


def timesteps(settings: CellSettings) -> tuple[Timestep, ...]:
    """Return every scan of the cycle, pristine and full cycle included."""
    half, step = settings.periods_per_half_cycle, settings.periods_between_scans
    return tuple(_timestep(settings, index, done) for index, done in enumerate(range(0, 2 * half + 1, step)))


def reference(settings: CellSettings) -> Timestep:
    """Return the scan whose frame is the sample's."""
    return timesteps(settings)[settings.reference_index]


def charge_mah(settings: CellSettings, periods: int) -> float:
    """Return Q = I t of some current periods, mAh."""
    return settings.current_ma * settings.period_min / MIN_PER_H * periods


def faraday_um(settings: CellSettings, periods: int) -> float:
    """Return the thickness of the lithium that some periods move, spread over the active area: Q / (q rho A), um."""
    volume_cm3 = charge_mah(settings, periods) / CAPACITY_MAH_PER_G / DENSITY_G_PER_CM3
    return volume_cm3 / settings.active_area_cm2 * UM_PER_CM


def _timestep(settings: CellSettings, index: int, done: int) -> Timestep:
    half = settings.periods_per_half_cycle
    charged, discharged = min(done, half), max(done - half, 0)
    time_min = done * settings.period_min
    clock_min = done * (settings.period_min + settings.rest_min)
    current = 0.0 if done == 0 else settings.current_ma * (-1 if discharged else 1)
    name = f"t{time_min:03.0f}"
    return Timestep(index, name, _state(done, half), time_min, clock_min, current, charged, discharged)


def _state(done: int, half: int) -> str:
    exact = {0: "pristine", half: "half_cycle", 2 * half: "full_cycle"}
    return exact.get(done, "charge" if done < half else "discharge")
