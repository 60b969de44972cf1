"""What a timestep is called beside a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.reporting.numbers import format_value

if TYPE_CHECKING:
    from tomocell.reporting.sources import Source


def step_names(source: Source) -> tuple[str, ...]:
    """Return the name of each timestep with its time and state, where the sheet tells them."""
    names = []
    for sample in source.samples:
        time = None if sample.time_min is None else format_value(sample.time_min, unit="min")
        state = (sample.state or "").replace("_", " ")
        names.append(" · ".join(part for part in (sample.timestep, time, state) if part))
    return tuple(names)
