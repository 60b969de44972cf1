"""Tables of objects or positions as charts: histograms of sizes, or profiles, at up to three timesteps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tomocell.reporting.content import Chart, Key
from tomocell.reporting.numbers import describe
from tomocell.reporting.svg import PALETTE, Axes, Line, draw

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

PREFERRED = ("equivalent_diameter_um", "diameter_um", "volume_um3", "area_um2", "sphericity")
NOT_SIZES = ("label", "centroid", "position", "box", "index", "timestep")
MOST_HISTOGRAMS = 3
MOST_BINS, FEWEST_BINS = 40, 8
FEWEST_OBJECTS = 5
WIDE_RANGE = 30.0  # a spread beyond this reads better on a logarithmic axis


def charts_of_tables(tables: Mapping[str, pd.DataFrame]) -> tuple[Chart, ...]:
    """Return charts of the tables of a series: its first, middle and last timestep."""
    filled = {step: table for step, table in tables.items() if len(table)}
    chosen = _spread(filled)
    if not chosen:
        return ()
    sample = next(iter(chosen.values()))
    group = _group_column(sample)
    if group:
        names = dict.fromkeys(str(name) for table in chosen.values() for name in table[group])
        return tuple(chart for name in names for chart in _profiles(_only(chosen, group, name), f"{group} {name}"))
    return _profiles(chosen, "") if _is_profile(sample) else _histograms(chosen)


def _spread(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    steps = list(tables)
    indices = sorted({0, len(steps) // 2, len(steps) - 1}) if steps else []
    return {steps[index]: tables[steps[index]] for index in indices}


def _group_column(table: pd.DataFrame) -> str | None:
    """Return the column of words that splits a table of positions, such as ``axis``."""
    words = [name for name in table.columns if table[name].dtype.kind not in "iufb"]
    if len(words) != 1:
        return None
    parts = [part.drop(columns=words[0]) for _, part in table.groupby(words[0], sort=False)]
    return words[0] if all(_is_profile(part) for part in parts) else None


def _only(tables: Mapping[str, pd.DataFrame], group: str, name: str) -> dict[str, pd.DataFrame]:
    parts = {step: table[table[group].astype(str) == name].drop(columns=group) for step, table in tables.items()}
    return {step: part for step, part in parts.items() if len(part)}


def _is_profile(table: pd.DataFrame) -> bool:
    """Tell whether the first column is a position along which the others vary, rather than one object a row."""
    first = table.iloc[:, 0]
    return (
        first.dtype.kind == "f"
        and bool(first.is_monotonic_increasing and first.is_unique)
        and all(table[name].dtype.kind in "iuf" for name in table.columns)
        and table.shape[1] > 1
    )


def _profiles(tables: Mapping[str, pd.DataFrame], name: str) -> tuple[Chart, ...]:
    sample = next(iter(tables.values()))
    return tuple(_profile(tables, sample.columns[0], key, name) for key in sample.columns[1:])


def _profile(tables: Mapping[str, pd.DataFrame], x_key: str, key: str, name: str) -> Chart:
    quantity = describe(key)
    title = f"{quantity.name}, {name}" if name else quantity.name
    lines = [
        Line(step, PALETTE[index], tuple(table[x_key]), tuple(table[key]), has_marks=False)
        for index, (step, table) in enumerate(tables.items())
        if key in table
    ]
    return _chart(title, Axes(describe(x_key).label, "", quantity.unit), lines)


def _histograms(tables: Mapping[str, pd.DataFrame]) -> tuple[Chart, ...]:
    charts = (_histogram(tables, key) for key in _sizes(next(iter(tables.values()))))
    return tuple(chart for chart in charts if chart is not None)


def _sizes(table: pd.DataFrame) -> list[str]:
    numbers = [key for key in table.columns if table[key].dtype.kind in "iuf"]
    sizes = [key for key in numbers if not key.startswith(NOT_SIZES) and len(key) > 1]
    preferred = [key for key in PREFERRED if key in sizes]
    return [*preferred, *(key for key in sizes if key not in preferred)][:MOST_HISTOGRAMS]


def _histogram(tables: Mapping[str, pd.DataFrame], key: str) -> Chart | None:
    columns = {step: _finite(table[key]) for step, table in tables.items() if key in table}
    together = np.concatenate(list(columns.values()))
    if len(together) < FEWEST_OBJECTS or together.min() == together.max():
        return None
    is_log = bool(together.min() > 0 and together.max() > WIDE_RANGE * together.min())
    edges = _edges(together, is_log=is_log)
    lines = [_steps(step, values, edges, PALETTE[index]) for index, (step, values) in enumerate(columns.items())]
    quantity = describe(key)
    return _chart(quantity.name, Axes(quantity.label, "Objects per bin", is_log=is_log), lines)


def _finite(column: pd.Series) -> NDArray[np.float64]:
    values = column.to_numpy(np.float64, na_value=np.nan)
    finite: NDArray[np.float64] = values[np.isfinite(values)]
    return finite


def _edges(values: NDArray[np.float64], *, is_log: bool) -> NDArray[np.float64]:
    count = int(np.clip(np.sqrt(len(values)), FEWEST_BINS, MOST_BINS))
    if is_log:
        return np.geomspace(values.min(), values.max(), count + 1)
    return np.linspace(values.min(), values.max(), count + 1)


def _steps(step: str, values: NDArray[np.float64], edges: NDArray[np.float64], color: str) -> Line:
    counts = np.histogram(values, edges)[0]
    x = np.repeat(edges, 2)
    y = np.concatenate([[0], np.repeat(counts, 2), [0]])
    name = f"{step} ({len(values)} objects)"
    return Line(name, color, tuple(x.tolist()), tuple(y.tolist()), has_marks=False)


def _chart(title: str, axes: Axes, lines: list[Line]) -> Chart:
    return Chart(title, draw(title, axes, lines), tuple(Key(line.name, line.color) for line in lines))
