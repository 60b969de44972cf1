"""Where a cycle turns: the scans that end its charge and its discharge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tomocell.settings.samples import Sample


def half_cycle(samples: Sequence[Sample]) -> int:
    """Return the index of the scan that ends the first charge: the last one before a negative current.

    Raises:
        BadInput: If the series has no charge, or its discharge never starts.
    """
    charging = [index for index, sample in enumerate(samples) if (sample.current_ma or 0) > 0]
    after = [index for index, sample in enumerate(samples) if (sample.current_ma or 0) < 0]
    turned = [index for index in after if charging and index > charging[0]]
    if not turned:
        found = "no charge (no current_ma above 0)" if not charging else "a charge and no discharge"
        expected = "rows of charge, then of discharge (current_ma below 0)"
        remedy = "fill current_ma with its sign, or leave out what compares with the half cycle"
        series = samples[0].series if samples else "the series"
        raise BadInput(Fault(f"sample sheet, {series}, current_ma", found, expected, remedy))
    return turned[0] - 1


def full_cycle(samples: Sequence[Sample]) -> int:
    """Return the index of the scan that ends the first discharge.

    Raises:
        BadInput: If the series has no charge, or its discharge never starts.
    """
    turn = half_cycle(samples)
    again = [index for index, sample in enumerate(samples) if index > turn and (sample.current_ma or 0) > 0]
    return again[0] - 1 if again else len(samples) - 1
