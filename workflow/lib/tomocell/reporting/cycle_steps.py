"""Timesteps that stand for a cycle: pristine, half cycle, full cycle."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from tomocell.errors import BadInput
from tomocell.series.cycle import full_cycle, half_cycle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tomocell.settings.samples import Sample


def cycle_steps(samples: Sequence[Sample]) -> dict[str, str]:
    """Return what the timesteps that stand for the cycle are called; of a series without one: first, middle, last."""
    last = len(samples) - 1
    middle = {last // 2: "Middle"} if last > 1 else {}
    named = {0: "First", **middle, last: "Last"} if last else {0: ""}
    with suppress(BadInput):  # a sheet that tells of no cycle
        named = {0: "Pristine", half_cycle(samples): "Half cycle", full_cycle(samples): "Full cycle"}
    return {samples[index].timestep: name for index, name in named.items()}
