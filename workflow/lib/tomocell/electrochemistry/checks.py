"""What can be known to be wrong of currents, times and cycling curves before the first job."""

from __future__ import annotations

from itertools import pairwise
from statistics import median_low
from typing import TYPE_CHECKING

import numpy as np

from tomocell.electrochemistry.charge import directions_between, no_current, no_time, row_of, times_in_curve
from tomocell.electrochemistry.curve_file import read_curve
from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tomocell.electrochemistry.curve import Curve
    from tomocell.electrochemistry.settings import ChargeSettings
    from tomocell.settings.samples import Sample

# Of the current up to a scan, by its state; half and full cycle are the ends of charge and discharge.
SIGNS = {"charge": 1, "charging": 1, "half_cycle": 1, "discharge": -1, "discharging": -1, "full_cycle": -1}
WORDS = {1: "a charge", -1: "a discharge", 0: "no charge"}
# Halfway, as a ratio, between a spacing and its double: one scan missing, or one too many.
IRREGULAR = 2**0.5
LEAST_FLIPPED = 2  # rows; one alone is a cell to correct


def sheet_faults(samples: Sequence[Sample], settings: ChargeSettings) -> list[Fault]:
    """Return what is wrong with the rows of all series, without a look at any curve."""
    faults = [*_unknown_timesteps(samples, settings), *_wrong_signs(samples)]
    for rows in by_series(samples).values():
        if settings.curve is not None:
            faults.extend(no_time(sample) for sample in rows if sample.time_min is None)
        else:
            faults.extend(no_current(sample) for sample in rows[1:] if sample.current_ma is None)
            faults.extend(_gaps(rows, settings))
    return faults


def curve_faults(samples: Sequence[Sample], settings: ChargeSettings, locate: Callable[[str], Path]) -> list[Fault]:
    """Return what is wrong with the curves of all series: the files, the times that they cover, their signs."""
    faults: list[Fault] = []
    for series, rows in by_series(samples).items():
        name = settings.curve_of(series)
        if name is not None and all(sample.time_min is not None for sample in rows):
            faults.extend(_of_curve(locate(name), rows, settings))
    return faults


def by_series(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """Return the rows of each series."""
    rows: dict[str, list[Sample]] = {}
    for sample in samples:
        rows.setdefault(sample.series, []).append(sample)
    return rows


def _of_curve(path: Path, rows: Sequence[Sample], settings: ChargeSettings) -> list[Fault]:
    try:
        curve = read_curve(path, settings)
    except BadInput as error:
        return list(error.faults)
    outside = _not_covered(path, rows, curve, settings)
    return outside or _upside_down(path, rows, curve, settings) or list(_contradictions(path, rows, curve, settings))


def _not_covered(path: Path, rows: Sequence[Sample], curve: Curve, settings: ChargeSettings) -> list[Fault]:
    """Return the scans before or behind the curve by more than the interval that it is mostly sampled at."""
    slack = float(np.median(np.diff(curve.time_min)))
    start, end = curve.time_min[0], curve.time_min[-1]
    at = times_in_curve(rows, settings)
    outside = [
        f"{row.timestep} at {time:g} min"
        for row, time in zip(rows, at, strict=True)
        if not start - slack <= time <= end + slack
    ]
    remedy = "give the whole curve (with a current of 0 where the cell rested), or correct curve_offset_min or time_min"
    expected = f"scans between {start:g} and {end:g} min, which the curve covers"
    return [Fault(str(path), ", ".join(outside), expected, remedy)] if outside else []


def _upside_down(path: Path, rows: Sequence[Sample], curve: Curve, settings: ChargeSettings) -> list[Fault]:
    """Return one fault, not one a row, where every current of the sheet has the sign that the curve's has not."""
    signs = directions_between(curve.charge_mah(times_in_curve(rows, settings)))
    products = [(row.current_ma or 0.0) * sign for row, sign in zip(rows[1:], signs, strict=True)]
    if len([product for product in products if product]) < LEAST_FLIPPED or any(product > 0 for product in products):
        return []
    remedy = f"set curve_charging_is_negative: {str(not settings.curve_charging_is_negative).lower()}"
    value = "a charge where the sheet discharges, and the contrary, throughout"
    return [Fault(str(path), value, "the signs of current_ma", remedy)]


def _contradictions(path: Path, rows: Sequence[Sample], curve: Curve, settings: ChargeSettings) -> Iterator[Fault]:
    """Yield the rows whose current has another sign than the curve's charge since the row before."""
    signs = directions_between(curve.charge_mah(times_in_curve(rows, settings)))
    for row, sign in zip(rows[1:], signs, strict=True):
        if row.current_ma is not None and np.sign(row.current_ma) != sign:
            expected = f"the sign of {path} since the scan before: {WORDS[sign]}"
            remedy = "correct the cell, time_min, curve_offset_min or curve_charging_is_negative"
            yield Fault(row_of(row, "current_ma"), row.current_ma, expected, remedy)


def _wrong_signs(samples: Sequence[Sample]) -> Iterator[Fault]:
    """Yield the rows whose current does not do what their state says."""
    for sample in samples:
        sign = SIGNS.get((sample.state or "").strip().lower(), 0)
        if sign * (sample.current_ma or 0) < 0:
            expected = f"a current {'above' if sign > 0 else 'below'} 0, as its state is {sample.state!r}"
            yield Fault(row_of(sample, "current_ma"), sample.current_ma, expected, "correct its sign, or the state")


def _gaps(rows: Sequence[Sample], settings: ChargeSettings) -> Iterator[Fault]:
    """Yield the rows whose time since the row before does not fit their number of current periods.

    A row that is missing would lose its charge without a word. Where no current flowed nothing can be lost.
    """
    spacings = {
        row.timestep: (row.time_min - before.time_min) / max(settings.periods(row.series, row.timestep), 1)
        for before, row in pairwise(rows)
        if row.time_min is not None and before.time_min is not None and row.current_ma
    }
    usual = median_low(spacings.values()) if spacings else 0.0
    for row in rows:
        if row.timestep not in spacings or settings.tells_periods(row.series, row.timestep):
            continue
        spacing = spacings[row.timestep]
        if not usual / IRREGULAR < spacing < usual * IRREGULAR:
            yield _gap(row, spacing, usual)


def _gap(row: Sample, spacing: float, usual: float) -> Fault:
    value = f"{spacing:g} min a current period since the row before"
    expected = f"about {usual:g} min, as elsewhere: a row may be missing or be one too many, and its charge with it"
    remedy = f"add the row, give a 'curve', or tell the periods: periods_since: {{{row.timestep}: ...}}"
    return Fault(row_of(row, "time_min"), value, expected, remedy)


def _unknown_timesteps(samples: Sequence[Sample], settings: ChargeSettings) -> Iterator[Fault]:
    known = {sample.timestep for sample in samples} | {f"{sample.series}/{sample.timestep}" for sample in samples}
    for name in settings.periods_since:
        if samples and name not in known:
            yield Fault("periods_since", name, "a timestep of the sample sheet", "correct the name")
