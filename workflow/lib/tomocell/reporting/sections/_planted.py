"""Tables of what a phantom planted by analysis: a line a quantity, and every timestep on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tomocell.reporting.content import Cell, Details, Table
from tomocell.reporting.numbers import NOTHING, describe, fixed, format_value, is_number
from tomocell.reporting.truth import REGISTRATION, THICKNESS, VOLUME

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    import pandas as pd

    from tomocell.reporting.content import Block, Verdict


def planted_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that were planted by analysis."""
    return frame[~frame["quantity"].isin([VOLUME, THICKNESS, REGISTRATION])]


def planted_blocks(rows: pd.DataFrame) -> list[Block]:
    """Return a table with a line a quantity, and one of all timesteps for each analysis, folded away."""
    if not len(rows):
        return []
    parts = [(describe(str(name)).name, part) for name, part in rows.groupby("quantity", sort=False)]
    full = tuple(_full_table(title, part) for title, part in parts)
    return [_overview(rows), Details("Planted by analysis, timestep by timestep", full)]


def with_bound(row: Mapping[Hashable, Any]) -> str:
    """Return a measured value with its uncertainty, where one is stated."""
    bound = row["uncertainty"]
    return format_value(row["measured"], bound if is_number(bound) else None)


def over_uncertainty(row: Mapping[Hashable, Any]) -> Cell:
    """Return the difference in units of the stated uncertainty."""
    ratio = row["difference_over_uncertainty"]
    text = f"{'+' if ratio > 0 else ''}{fixed(ratio, 1)}" if is_number(ratio) else NOTHING
    return Cell(text, is_number=True)


def verdict_of(row: Mapping[Hashable, Any]) -> Verdict:
    """Return no verdict for what is not judged."""
    if row["is_within"] is None or row["is_within"] != row["is_within"]:
        return ""
    return "good" if row["is_within"] else "bad"


def _overview(rows: pd.DataFrame) -> Table:
    """Return, a quantity a line, how many timesteps lie within their uncertainty, and the farthest of them."""
    names = ("Mean difference (u)", "Largest difference (u)", "Within 2 u")
    head = (Cell("Analysis"), Cell("Quantity"), *(Cell(name, is_number=True) for name in names))
    body = []
    for (analysis, key), part in rows.groupby(["quantity", "name"], sort=False):
        ratios = part["difference_over_uncertainty"].dropna()
        judged = part[part["is_within"].notna()]
        good = int(judged["is_within"].astype(bool).sum())
        verdict: Verdict = "" if not len(judged) else "good" if good == len(judged) else "bad"
        figures = (ratios.mean(), ratios.abs().max()) if len(ratios) else (None, None)
        cells = (Cell(NOTHING if value is None else fixed(value, 1), is_number=True) for value in figures)
        count = Cell(f"{good} of {len(judged)}", verdict, is_number=True)
        body.append((Cell(describe(str(analysis)).name), Cell(describe(str(key)).label), *cells, count))
    return Table("Planted by analysis: measured and planted, difference in stated uncertainties u", head, tuple(body))


def _full_table(title: str, rows: pd.DataFrame) -> Table:
    names = ("Measured", "Planted", "Difference", "Difference (u)")
    head = (Cell("Timestep"), Cell("Quantity"), *(Cell(name, is_number=True) for name in names))
    return Table(title, head, tuple(_full_row(row) for row in rows.to_dict("records")))


def _full_row(row: Mapping[Hashable, Any]) -> tuple[Cell, ...]:
    return (
        Cell(row["timestep"]),
        Cell(describe(row["name"]).label),
        Cell(with_bound(row), is_number=True),
        Cell(format_value(float(row["planted"])), is_number=True),
        Cell(format_value(row["measured"] - row["planted"]), verdict_of(row), is_number=True),
        over_uncertainty(row),
    )
