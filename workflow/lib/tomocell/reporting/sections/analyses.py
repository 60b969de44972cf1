"""One chapter for each analysis of the study, whatever it measures: curves over time, distributions, all numbers."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tomocell.keys import is_uncertainty
from tomocell.reporting import whole_series
from tomocell.reporting.content import Details, Figure, Row, Section, number_table
from tomocell.reporting.curves import charts_over_time
from tomocell.reporting.distributions import charts_of_tables
from tomocell.reporting.numbers import describe
from tomocell.reporting.timeaxis import time_axis
from tomocell.settings import discovery
from tomocell.settings.digest import parse_module

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from tomocell.reporting.content import Block, Table
    from tomocell.reporting.sources import Source

PLACE = 50
PACKAGES = ("tomocell.analyses", "tomocell.series")
FIGURES = "tomocell.reporting.figures"
LONGEST_TITLE = 40
KEY_NUMBERS = {
    "capacity_ratio": "Capacity ratio", "dead_um3": "Dead lithium", "swelling_um": "Swelling",
    "void_area_percent": "Voids, of the face", "porosity": "Porosity", "tortuosity_z": "Tortuosity along z",
}  # fmt: skip


def build(source: Source) -> list[Section]:
    """Return a chapter for each analysis that left something."""
    chapters = (_chapter(source, name) for name in source.analyses)
    return [chapter for chapter in chapters if chapter is not None]


def _chapter(source: Source, name: str) -> Section | None:
    drawn, replaced = _own_figure(source, name)
    frame = source.over_time(name)
    curves, numbers = ([], []) if frame is None or frame.empty else _over_time(source, name, frame)
    generic: dict[str, Callable[[], list[Block]]] = {
        "scalars": lambda: whole_series.scalars(source, name),
        "curves": lambda: curves,
        "objects": lambda: _objects(source, name),
        "maps": lambda: whole_series.maps(source, name) if name in source.project.study.series else [],
    }
    shown = [block for kind, make in generic.items() if kind not in replaced for block in make()]
    blocks = [*drawn, *shown, *numbers]
    if not blocks:
        return None
    figures = () if frame is None else tuple(_figures(frame))
    title, lead = title_and_lead(describe(name).name, explanation(name))
    return Section(f"analysis-{name}", title, tuple(blocks), lead, figures)


def title_and_lead(name: str, text: str) -> tuple[str, str]:
    """Return "Faraday comparison" and "The lithium that ..." of "Faraday comparison: the lithium that ..."."""
    head, colon, rest = text.partition(": ")
    if not colon or len(head) > LONGEST_TITLE:
        return name, text
    return head, rest[:1].upper() + rest[1:]


def _own_figure(source: Source, name: str) -> tuple[tuple[Block, ...], frozenset[str]]:
    """Return what the analysis's own figure draws, and what it stands for; nothing where it draws nothing."""
    if name not in discovery.names_offering(FIGURES, "draw"):
        return (), frozenset()
    module = discovery.load(FIGURES, name, "draw")
    drawn = module.draw(source)
    return drawn, frozenset(module.REPLACES if drawn else ())


def _objects(source: Source, name: str) -> list[Block]:
    if name in source.project.study.series:
        return whole_series.objects(source, name)
    charts = charts_of_tables(source.objects(name))
    return [Row(charts)] if charts else []


def explanation(name: str) -> str:
    """Return the first line of the docstring of the module that offers the analysis; empty where there is none."""
    for package in PACKAGES:
        try:
            text = ast.get_docstring(parse_module(f"{package}.{name}")) or ""
        except ModuleNotFoundError:
            continue
        return text.partition("\n")[0].strip()
    return ""


def _over_time(source: Source, name: str, frame: pd.DataFrame) -> tuple[list[Block], list[Block]]:
    """Return the curves of a table over time, and its numbers."""
    if "timestep" not in frame:
        return [], [_plain_table(frame)]
    if len(frame) == 1:
        return [whole_series.numbers_table(frame.iloc[0].to_dict())], []
    charts = charts_over_time(describe(name).name, frame, time_axis(source.samples), source.colors)
    return [Row(charts)] if charts else [], [Details("All numbers", (_table(frame),))]


def _table(frame: pd.DataFrame) -> Table:
    keys = [
        key
        for key in frame.columns
        if key not in {"series", "timestep", "state"} and not is_uncertainty(key, frame.columns)
    ]
    return number_table(whole_series.CAPTION, frame, keys)


def _plain_table(frame: pd.DataFrame) -> Table:
    first, *keys = frame.columns
    return number_table(whole_series.CAPTION, frame, keys, first)


def _figures(frame: pd.DataFrame) -> list[Figure]:
    """Return the last timestep's value of the few numbers that a reader looks for first."""
    figures = []
    for key, name in KEY_NUMBERS.items():
        known = frame[frame[key].notna()] if key in frame else frame[:0]
        if len(known) and "timestep" in known:
            last = known.iloc[-1].to_dict()
            note = f"at {last['timestep']}" if len(frame) > 1 else ""
            figures.append(Figure(name, whole_series.with_uncertainty(last, key), note))
    return figures
