"""Against the truth: for phantoms, what was measured beside what was planted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tomocell.reporting.content import Cell, Chart, Details, Figure, Key, Row, Section, Table
from tomocell.reporting.curves import color_of
from tomocell.reporting.numbers import MINUS, NOTHING, describe, fixed, format_value, is_number
from tomocell.reporting.planted import COVERAGE
from tomocell.reporting.sections._planted import over_uncertainty, planted_blocks, planted_of, verdict_of, with_bound
from tomocell.reporting.svg import Guide, Line, draw
from tomocell.reporting.timeaxis import time_axis
from tomocell.reporting.truth import (
    AMOUNT_TOLERANCE_PERCENT,
    REGISTRATION,
    REGISTRATION_TOLERANCE_VOXELS,
    RESIDUE_PERCENT,
    THICKNESS,
    VOLUME,
    compare_with_truth,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    import pandas as pd
    from markupsafe import Markup

    from tomocell.reporting.content import Block, Verdict
    from tomocell.reporting.sources import Source
    from tomocell.reporting.svg import Axes

PLACE = 70
TITLES = {VOLUME: "Class volumes", THICKNESS: "Effective thicknesses"}
TOLERANCE = {
    "percent": f"{AMOUNT_TOLERANCE_PERCENT:g} % of what was planted",
    "uncertainty": f"{COVERAGE:g} times their stated uncertainty u of what was planted",
}
LEAD = (
    "This series is a phantom. Amounts within {amounts} and registrations within "
    f"{REGISTRATION_TOLERANCE_VOXELS:g} voxel are marked as good. A residue, less than {RESIDUE_PERCENT:g} % of "
    "the most that its class had in the series, is shown without a mark, unless it is off by more than that."
)
LEAD_PLANTED = (
    f" All else that was planted is held to {COVERAGE:g} u: 95 % of right values with normal errors lie within, "
    "and one of twenty does not."
)


def build(source: Source) -> list[Section]:
    """Return the chapter of the comparison."""
    frame = compare_with_truth(source.project, source.series, source.results)
    if frame is None:
        return []
    shown = _distinct(frame)
    blocks: list[Block] = []
    charts = _charts(source, shown) if len(set(frame["timestep"])) > 1 else ()
    if charts:
        blocks.append(Row(charts))
    blocks += [_overview(title, rows) for title, rows in _by_quantity(shown)]
    moved = frame[frame["quantity"] == REGISTRATION]
    if len(moved):
        blocks.append(_registration_table(moved))
    full = tuple(_full_table(title, rows) for title, rows in _by_quantity(frame))
    if full:
        blocks.append(Details("Measured, planted, difference", full))
    blocks += planted_blocks(planted_of(frame))
    within = source.project.study.report.truth_within
    lead = LEAD.format(amounts=TOLERANCE[within]) + (LEAD_PLANTED if len(planted_of(frame)) else "")
    figures = _figures(shown, TOLERANCE[within].removesuffix(" of what was planted"))
    return [Section("truth", "Against the truth", tuple(blocks), lead, tuple(figures))]


def _distinct(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out thicknesses of classes whose volume is there: the same ratio, for a thickness is volume over area."""
    volumes = set(frame[frame["quantity"] == VOLUME]["name"])
    return frame[(frame["quantity"] != THICKNESS) | ~frame["name"].isin(volumes)]


def _by_quantity(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    parts = [(title, frame[frame["quantity"] == quantity]) for quantity, title in TITLES.items()]
    return [(title, rows) for title, rows in parts if len(rows)]


def _charts(source: Source, frame: pd.DataFrame) -> tuple[Chart, ...]:
    axis = time_axis(source.samples)
    charts = []
    level = AMOUNT_TOLERANCE_PERCENT
    guides = (Guide(level, f"+{level:g} %"), Guide(-level, f"{MINUS}{level:g} %"))
    for title, rows in _by_quantity(frame):
        lines = _lines(rows, "difference_percent", axis.positions, source.colors)
        if lines:
            axes = axis.labelled(f"Measured {MINUS} planted", "%")
            charts.append(_chart(f"{title}: difference", draw(title, _with_guides(axes, guides), lines), lines))
    lines = _lines(frame[frame["quantity"] == REGISTRATION], "measured", axis.positions, {})
    if lines:
        limit = (Guide(REGISTRATION_TOLERANCE_VOXELS, f"{REGISTRATION_TOLERANCE_VOXELS:g} voxel"),)
        axes = _with_guides(axis.labelled("", "voxel"), limit)
        charts.append(_chart("Registration error at the corners", draw("Registration error", axes, lines), lines))
    return tuple(charts)


def _lines(rows: pd.DataFrame, column: str, positions: dict[str, float], colors: dict[str, str]) -> list[Line]:
    """Return a line for each name in ``rows``; nothing planted is a gap."""
    lines = []
    for index, (name, part) in enumerate(rows[rows["timestep"].isin(list(positions))].groupby("name", sort=False)):
        y = tuple(float(value) if is_number(float(value)) else None for value in part[column])
        x = tuple(positions[step] for step in part["timestep"])
        lines.append(Line(describe(str(name)).name, color_of(str(name), index, colors), x, y))
    return lines


def _with_guides(axes: Axes, guides: tuple[Guide, ...]) -> Axes:
    return replace(axes, guides=guides)


def _chart(title: str, drawing: Markup, lines: list[Line]) -> Chart:
    return Chart(title, drawing, tuple(Key(line.name, line.color) for line in lines))


def _overview(title: str, rows: pd.DataFrame) -> Table:
    """Return differences in per cent, timesteps by classes."""
    names = list(dict.fromkeys(rows["name"]))
    head = (Cell("Timestep"), *(Cell(describe(name).name, is_number=True) for name in names))
    body = []
    for step, part in rows.groupby("timestep", sort=False):
        by_name = part.set_index("name").to_dict("index")
        cells = (_difference(by_name[name]) if name in by_name else Cell(NOTHING) for name in names)
        body.append((Cell(str(step)), *cells))
    return Table(f"{title}: measured {MINUS} planted, in % of the planted", head, tuple(body))


def _difference(row: Mapping[Hashable, Any]) -> Cell:
    percent = row["difference_percent"]
    text = f"{'+' if percent > 0 else ''}{fixed(percent, 1)}" if is_number(percent) else "none"
    return Cell(text, verdict_of(row), is_number=True)


def _registration_table(rows: pd.DataFrame) -> Table:
    """Return mean and worst error of each timestep."""
    head = (Cell("Timestep"), Cell("Mean (voxel)", is_number=True), Cell("Worst (voxel)", is_number=True))
    body = []
    for step, part in rows.groupby("timestep", sort=False):
        by_name = part.set_index("name").to_dict("index")
        cells = (_error(by_name[name]) for name in ("mean", "worst"))
        body.append((Cell(str(step)), *cells))
    caption = "Registration error over the 8 corners of the region of interest"
    return Table(caption, head, tuple(body))


def _error(row: Mapping[Hashable, Any]) -> Cell:
    return Cell(fixed(row["measured"], 3), verdict_of(row), is_number=True)


def _full_table(title: str, rows: pd.DataFrame) -> Table:
    unit = "µm³" if rows["quantity"].iloc[0] == VOLUME else "µm"
    measured = [with_bound(row) for row in rows.to_dict("records")]
    planted = [format_value(float(value)) for value in rows["planted"]]
    head = (
        Cell("Timestep"), Cell("Class"), Cell(f"Measured ({unit})", is_number=True),
        Cell(f"Planted ({unit})", is_number=True), Cell("Difference (%)", is_number=True),
        Cell("Difference (u)", is_number=True),
    )  # fmt: skip
    body = tuple(
        (Cell(row["timestep"]), Cell(describe(row["name"]).name), Cell(text, is_number=True),
         Cell(goal, is_number=True), _difference(row), over_uncertainty(row))
        for row, text, goal in zip(rows.to_dict("records"), measured, planted, strict=True)
    )  # fmt: skip
    return Table(title, head, body)


def _figures(frame: pd.DataFrame, tolerance: str) -> list[Figure]:
    figures = []
    planted = planted_of(frame)
    for rows, note in (
        (frame[frame["quantity"].isin(TITLES)], f"amounts within {tolerance}"),
        (planted, f"of all else within {COVERAGE:g} u"),
    ):
        judged = rows[rows["is_within"].notna()]
        if len(rows):
            good = int(judged["is_within"].astype(bool).sum())
            figures.append(Figure("Against the truth", f"{good} of {len(judged)}", note, _verdict(good == len(judged))))
    worst = frame[(frame["quantity"] == REGISTRATION) & (frame["name"] == "worst")]["measured"]
    if len(worst):
        error = float(worst.max())
        verdict = _verdict(error <= REGISTRATION_TOLERANCE_VOXELS)
        figures.append(Figure("Worst registration error", f"{fixed(error, 3)}\u00a0voxel", "at a corner", verdict))
    return figures


def _verdict(passes: bool) -> Verdict:  # noqa: FBT001
    return "good" if passes else "bad"
