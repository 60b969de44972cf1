"""One chapter for each analysis of the study, whatever it measures: curves over time, distributions, all numbers."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from tomocell.reporting.content import Details, Figure, Row, Section, number_table, pairs_table
from tomocell.reporting.curves import INDEX_COLUMNS, charts_over_time
from tomocell.reporting.distributions import charts_of_tables
from tomocell.reporting.numbers import describe, format_value, is_number, is_uncertainty, uncertainty_key
from tomocell.reporting.timeaxis import time_axis
from tomocell.settings.digest import parse_module

if TYPE_CHECKING:
    import pandas as pd

    from tomocell.reporting.content import Block, Table
    from tomocell.reporting.sources import Source

PLACE = 50
PACKAGES = ("tomocell.analyses", "tomocell.series")
KEY_NUMBERS = {"capacity_ratio": "Capacity ratio", "porosity": "Porosity", "tortuosity_z": "Tortuosity along z"}


def build(source: Source) -> list[Section]:
    """Return a chapter for each analysis that left something."""
    chapters = (_chapter(source, name) for name in source.analyses)
    return [chapter for chapter in chapters if chapter is not None]


def _chapter(source: Source, name: str) -> Section | None:
    frame = source.over_time(name)
    blocks: list[Block] = []
    if frame is not None and len(frame):
        blocks.extend(_over_time(source, name, frame))
    charts = charts_of_tables(source.objects(name))
    if charts:
        blocks.insert(min(len(blocks), 1), Row(charts))
    if not blocks:
        return None
    figures = () if frame is None else tuple(_figures(frame))
    return Section(f"analysis-{name}", describe(name).name, tuple(blocks), explanation(name), figures)


def explanation(name: str) -> str:
    """Return the first line of the docstring of the module that offers the analysis; empty where there is none."""
    for package in PACKAGES:
        try:
            text = ast.get_docstring(parse_module(f"{package}.{name}")) or ""
        except ModuleNotFoundError:
            continue
        return text.partition("\n")[0].strip()
    return ""


def _over_time(source: Source, name: str, frame: pd.DataFrame) -> list[Block]:
    if "timestep" not in frame:
        return [_plain_table(frame)]
    if len(frame) == 1:
        return [_single(frame.iloc[0].to_dict())]
    charts = charts_over_time(describe(name).name, frame, time_axis(source.samples), source.colors)
    table = Details("All numbers", (_table(frame),))
    return [Row(charts), table] if charts else [table]


def _table(frame: pd.DataFrame) -> Table:
    keys = [
        key
        for key in frame.columns
        if key not in {"series", "timestep", "state"} and not is_uncertainty(key, frame.columns)
    ]
    return number_table("Value ± standard uncertainty, where one is known", frame, keys)


def _plain_table(frame: pd.DataFrame) -> Table:
    first, *keys = frame.columns
    return number_table("Value ± standard uncertainty, where one is known", frame, keys, first)


def _single(record: dict[Any, Any]) -> Table:
    keys = [key for key in record if key not in INDEX_COLUMNS and not is_uncertainty(key, record)]
    entries = {describe(key).name: _with_uncertainty(record, key) for key in keys}
    return pairs_table("Value ± standard uncertainty, where one is known", entries)


def _with_uncertainty(record: dict[Any, Any], key: str) -> str:
    value = record[key].item() if hasattr(record[key], "item") else record[key]
    bound = record.get(uncertainty_key(key))
    return format_value(value, bound if is_number(bound) else None, describe(key).unit)


def _figures(frame: pd.DataFrame) -> list[Figure]:
    """Return the last timestep's value of the few numbers that a reader looks for first."""
    figures = []
    for key, name in KEY_NUMBERS.items():
        known = frame[frame[key].notna()] if key in frame else frame[:0]
        if len(known) and "timestep" in known:
            last = known.iloc[-1].to_dict()
            note = f"at {last['timestep']}" if len(frame) > 1 else ""
            figures.append(Figure(name, _with_uncertainty(last, key), note))
    return figures
