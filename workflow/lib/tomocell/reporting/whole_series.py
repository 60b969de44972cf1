"""What a series analysis says of the whole series: scalars, maps, a table of objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tomocell.keys import is_uncertainty, uncertainty_key
from tomocell.reporting.budgets import SERIES_MAP_BYTES
from tomocell.reporting.content import Details, Pane, Row, View, Viewer, number_table, pairs_table
from tomocell.reporting.curves import INDEX_COLUMNS
from tomocell.reporting.distributions import charts_of_tables
from tomocell.reporting.mapviews import map_views
from tomocell.reporting.numbers import describe, format_value, is_number
from tomocell.reporting.sources import flatten
from tomocell.reporting.steps import step_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tomocell.reporting.content import Block, Table
    from tomocell.reporting.sources import Source

SHORT_TABLE = 40  # rows; a longer table is shown as histograms
OPEN_TABLE = 12  # rows that stand open
CAPTION = "Value ± standard uncertainty, where one is known"


def scalars(source: Source, name: str) -> list[Block]:
    """Return the numbers of the whole series as a table, where there are any."""
    flat = flatten({key: value for key, value in source.record_of_series(name).items() if key != "maps"})
    single = {key: value for key, value in flat.items() if not isinstance(value, list)}
    return [numbers_table(single)] if single else []


def numbers_table(record: Mapping[Any, Any]) -> Table:
    """Return the entries of a record as a table of two columns, each with unit and uncertainty."""
    keys = [key for key in record if key not in INDEX_COLUMNS and not is_uncertainty(key, record)]
    return pairs_table(CAPTION, {describe(key).name: with_uncertainty(record, key) for key in keys})


def with_uncertainty(record: Mapping[Any, Any], key: str) -> str:
    """Return one entry of a record as text."""
    value = record[key].item() if hasattr(record[key], "item") else record[key]
    bound = record.get(uncertainty_key(key))
    return format_value(value, bound if is_number(bound) else None, describe(key).unit)


def maps(source: Source, name: str) -> list[Block]:
    """Return the maps of a series analysis: those of one timestep each as a slider, the others side by side."""
    over_time, single = _sorted(source, source.maps_of_series(name))
    blocks: list[Block] = []
    budget = SERIES_MAP_BYTES // (2 if single and over_time else 1)
    if single:
        blocks.append(Viewer(f"{name}-maps", ("",), (View("", side_by_side(single, budget)),)))
    if over_time:
        shown = {step for found in over_time.values() for step in found}
        indices = [index for index, step in enumerate(source.timesteps) if step in shown]
        views = map_views(over_time, [source.timesteps[index] for index in indices], budget, {})
        blocks.append(Viewer(f"{name}-over-time", tuple(step_names(source)[index] for index in indices), views))
    return blocks


def side_by_side(paths: Mapping[str, Path], budget_bytes: int = SERIES_MAP_BYTES) -> tuple[Pane, ...]:
    """Return maps as panes, each in its own colour scale, all together within a budget."""
    views = map_views({name: {"": path} for name, path in paths.items()}, ("",), budget_bytes, {})
    return tuple(Pane(view.name, pane.frames, pane.is_pixelated, pane.bar) for view in views for pane in view.panes)


def objects(source: Source, name: str) -> list[Block]:
    """Return the table of a series analysis: as it is where it is short, else as histograms or profiles."""
    table = source.objects_of_series(name)
    if table is None or not len(table):
        return []
    if len(table) > SHORT_TABLE:
        charts = charts_of_tables({"Whole series": table})
        return [Row(charts)] if charts else []
    first, *keys = [key for key in table.columns if not is_uncertainty(key, table.columns)]
    shown = number_table(CAPTION, table, keys, first)
    return [shown if len(table) <= OPEN_TABLE else Details(f"Table of {len(table)} rows", (shown,))]


def _sorted(source: Source, paths: Mapping[str, Path]) -> tuple[dict[str, dict[str, Path]], dict[str, Path]]:
    """Return maps whose name names a timestep, by name without it and timestep, and the others."""
    over_time: dict[str, dict[str, Path]] = {}
    single: dict[str, Path] = {}
    for name, path in paths.items():
        step = step_of(name, source.timesteps)
        if step is None:
            single[name] = path
        else:
            over_time.setdefault(f"_{name}_".replace(f"_{step}_", "_", 1).strip("_"), {})[step] = path
    return over_time, single


def step_of(name: str, timesteps: Sequence[str]) -> str | None:
    """Return the timestep that the name of a map speaks of: the longest that stands in it as words."""
    return max((step for step in timesteps if f"_{step}_" in f"_{name}_"), key=len, default=None)
