"""Curves over time for any table: quantities of one unit and like size share a chart, classes keep their colours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tomocell.keys import is_uncertainty, uncertainty_key
from tomocell.reporting.content import Chart, Key
from tomocell.reporting.numbers import Quantity, describe, is_number
from tomocell.reporting.svg import PALETTE, Line, draw

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd

    from tomocell.reporting.timeaxis import TimeAxis

INDEX_COLUMNS = ("series", "timestep", "time_min", "current_time_min", "periods", "state")
FAMILIES = ("pearson", "manders", "p_value")  # pure numbers that are comparable: shares or correlations
CORRELATION, P_VALUE = "pearson", "p_value"
SIGNIFICANT = 0.05
OPEN_NOTE = f"Open marks: not significant (p of at least {SIGNIFICANT:g})."
COMPLEMENT_WORDS = ("bare", "unfilled")  # the published figures show these shares rather than the covered ones
LIKE_SIZE = 12.0  # curves whose peaks differ more would flatten the smaller one: they get charts of their own
MOST_LINES = 6
FITS = ("fit", "fitted")  # words of keys that hold a fitted curve: dashed, without marks
MOST_NAMES = 3  # in a title


def charts_over_time(title: str, frame: pd.DataFrame, axis: TimeAxis, colors: Mapping[str, str]) -> tuple[Chart, ...]:
    """Return charts of every number of ``frame`` (one row per timestep) that is not nought all the time."""
    rows = frame[frame["timestep"].isin(list(axis.positions))]
    grouped = groups(rows, colors)
    return tuple(_chart(title, _lines(rows, group, axis, colors), axis, group[0].unit) for group in grouped)


def number_keys(frame: pd.DataFrame) -> list[str]:
    """Return the columns that hold measured numbers: no index, no uncertainty."""
    keys = [key for key in frame.columns if key not in INDEX_COLUMNS and not is_uncertainty(key, frame.columns)]
    return [key for key in keys if frame[key].dtype.kind in "iuf"]


def groups(frame: pd.DataFrame, classes: Collection[str] = ()) -> list[list[Quantity]]:
    """Return quantities to draw together: of one unit, of like size, and all of single classes or all of several."""
    alike: dict[tuple[str, bool], list[Quantity]] = {}
    for key in _worth_drawing(frame):
        quantity = describe(key)
        alike.setdefault((_kind(quantity), _class_of(key, classes) is None), []).append(quantity)
    return [group for members in alike.values() for group in _of_like_size(members, frame)]


def _kind(quantity: Quantity) -> str:
    """Return what makes quantities comparable: a unit, and for pure numbers a family or only themselves."""
    words = [word for word in quantity.key.split("_") if word in COMPLEMENT_WORDS]
    return " ".join([quantity.unit or _family(quantity.key) or quantity.key, *words[:1]])


def _family(key: str) -> str | None:
    return next((name for name in FAMILIES if key.startswith(f"{name}_")), None)


def color_of(key: str, index: int, colors: Mapping[str, str]) -> str:
    """Return the colour of the class that a key speaks of, or one of the palette."""
    name = _class_of(key, colors)
    return PALETTE[index % len(PALETTE)] if name is None else colors[name]


def _class_of(key: str, classes: Collection[str]) -> str | None:
    """Return the class that a key speaks of; the longest name where several fit."""
    named = [name for name in classes if key == name or key.startswith(f"{name}_")]
    return max(named, key=len) if named else None


def _worth_drawing(frame: pd.DataFrame) -> list[str]:
    keys: list[str] = []
    for key in number_keys(frame):
        says_more = _is_wanted(key) or not any(_complements(frame, key, other) for other in keys)
        if _peak(frame, key) > 0 and says_more and not _is_marked(frame, key):
            keys.append(key)
    return keys


def _is_wanted(key: str) -> bool:
    return any(word in key.split("_") for word in COMPLEMENT_WORDS)


def _is_marked(frame: pd.DataFrame, key: str) -> bool:
    """Tell whether a p-value is told by the marks of its correlation."""
    return key in {_p_value_key(other) for other in frame.columns}


def _complements(frame: pd.DataFrame, key: str, other: str) -> bool:
    """Tell whether two shares always add up to 100 %: the second curve would say nothing new."""
    both = f"{describe(key).unit}{describe(other).unit}" == "%%"
    return both and bool(((frame[key] + frame[other] - 100).abs() < 1e-6).all())  # noqa: PLR2004


def _peak(frame: pd.DataFrame, key: str) -> float:
    return max((abs(float(value)) for value in frame[key] if is_number(float(value))), default=0.0)


def _of_like_size(members: Sequence[Quantity], frame: pd.DataFrame) -> list[list[Quantity]]:
    ordered = sorted(members, key=lambda member: -_peak(frame, member.key))
    grouped: list[list[Quantity]] = []
    for member in ordered:
        fits = grouped and (
            _family(member.key) or _peak(frame, grouped[-1][0].key) <= LIKE_SIZE * _peak(frame, member.key)
        )
        if fits and len(grouped[-1]) < MOST_LINES:
            grouped[-1].append(member)
        else:
            grouped.append([member])
    return [sorted(group, key=members.index) for group in grouped]


def _chart(title: str, lines: Sequence[Line], axis: TimeAxis, unit: str) -> Chart:
    names = [line.name for line in lines]
    # The legend tells many curves apart; a few are the better title.
    words = [word for word in COMPLEMENT_WORDS if all(word in line.name.lower().split() for line in lines)]
    title = (
        ": ".join([title, *words])
        if len(names) > MOST_NAMES
        else ", ".join([names[0], *(name.lower() for name in names[1:])])
    )
    legend = tuple(Key(line.name, line.color) for line in lines) if len(lines) > 1 else ()
    note = OPEN_NOTE if any(any(line.is_open) for line in lines) else ""
    return Chart(title, draw(f"{', '.join(names)} over time", axis.labelled("", unit), lines), legend, note)


def _lines(frame: pd.DataFrame, group: Sequence[Quantity], axis: TimeAxis, colors: Mapping[str, str]) -> list[Line]:
    return [_line(frame, member, axis, color_of(member.key, index, colors)) for index, member in enumerate(group)]


def _line(frame: pd.DataFrame, quantity: Quantity, axis: TimeAxis, color: str) -> Line:
    x = tuple(axis.positions[step] for step in frame["timestep"])
    bound = uncertainty_key(quantity.key)
    error = tuple(_number(value) for value in frame[bound]) if bound in frame else ()
    values = tuple(_number(value) for value in frame[quantity.key])
    is_fit = any(word in FITS for word in quantity.key.split("_"))
    opened = _open_marks(frame, quantity.key)
    return Line(quantity.name, color, x, values, error, is_dashed=is_fit, has_marks=not is_fit, is_open=opened)


def _p_value_key(key: str) -> str | None:
    """Return where the p-value of a correlation stands: ``pearson_a_b`` -> ``p_value_a_b``."""
    family, _, rest = key.partition("_")
    if family != CORRELATION:
        return None
    return P_VALUE if rest == "coefficient" else f"{P_VALUE}_{rest}"


def _open_marks(frame: pd.DataFrame, key: str) -> tuple[bool, ...]:
    p_value = _p_value_key(key)
    if p_value not in frame:
        return ()
    return tuple(bool(value >= SIGNIFICANT) for value in frame[p_value])


def _number(value: object) -> float | None:
    number = float(value)  # type: ignore[arg-type]
    return number if math.isfinite(number) else None
