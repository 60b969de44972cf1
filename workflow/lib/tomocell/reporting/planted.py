"""What a phantom says its analyses ought to find, beside what they found: any analysis, any key.

``planted[analysis][key]`` of ``truth.json``, or of one of its timesteps, is the true value of ``key`` of
``<timestep>/<analysis>.json``, or of the row of that timestep in ``<analysis>.csv`` of the series.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from tomocell.keys import uncertainty_key
from tomocell.reporting.numbers import is_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tomocell.reporting.sources import Source

PLANTED = "planted"
# Twice the standard uncertainty covers 95 % of normal errors (GUM 6.2.2, table G.1).
COVERAGE = 2.0


class Pair(NamedTuple):
    """A value that was planted and measured; ``uncertainty`` is not a number where none is stated."""

    timestep: str
    analysis: str
    key: str
    measured: float
    uncertainty: float
    planted: float


def planted_pairs(source: Source, truth: Mapping[str, Any]) -> Iterator[Pair]:
    """Yield every planted value whose analysis the study makes and measured as a number.

    Raises:
        AttributeError, TypeError: If ``truth`` is not as a phantom writes it.
    """
    steps = {step: truth["timesteps"].get(step, {}).get(PLANTED, {}) for step in source.timesteps}
    for analysis in source.analyses:
        if not any(analysis in planted for planted in steps.values()):
            continue
        frame = source.over_time(analysis)
        if frame is None or "timestep" not in frame:
            continue
        measured = frame.set_index("timestep").to_dict("index")
        for step, planted in steps.items():
            for key, value in planted.get(analysis, {}).items():
                yield from _pair((step, analysis, key), measured.get(step, {}), value)


def is_within(pair: Pair) -> bool | None:
    """Tell whether a value lies within its expanded uncertainty; None where it states none.

    Counts of digits are exact: what agrees to rounding is within, whatever is stated.
    """
    difference = abs(pair.measured - pair.planted)
    if difference <= 1e-9 * abs(pair.planted):
        return True
    return None if math.isnan(pair.uncertainty) else difference <= COVERAGE * pair.uncertainty


def _pair(name: tuple[str, str, str], record: Mapping[Any, Any], planted: object) -> Iterator[Pair]:
    key = name[2]
    found, bound = record.get(key), record.get(uncertainty_key(key))
    if is_number(planted) and is_number(found):
        yield Pair(*name, float(found), float(bound) if is_number(bound) else math.nan, float(planted))
