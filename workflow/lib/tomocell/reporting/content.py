"""What sections are made of: text, tables, charts, pictures over time. Plain data; the template turns it into HTML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from tomocell.keys import uncertainty_key
from tomocell.reporting.numbers import NOTHING, describe, format_column, is_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from markupsafe import Markup

WIDE = 1.7
Verdict = Literal["", "good", "bad"]


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Code:
    """Text as it stands in a file."""

    text: str
    kind: ClassVar[str] = "code"


@dataclass(frozen=True)
class Cell:
    """A cell of a table; a verdict colours it and is spoken too."""

    text: str
    verdict: Verdict = ""
    is_number: bool = False


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row is its header."""

    caption: str
    columns: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Key:
    """An entry of a legend."""

    name: str
    color: str


@dataclass(frozen=True)
class Chart:
    """A drawing with its caption, legend and note; a wide one takes the whole row."""

    title: str
    drawing: Markup
    legend: tuple[Key, ...] = ()
    note: str = ""
    is_wide: bool = False
    kind: ClassVar[str] = "chart"


@dataclass(frozen=True)
class Row:
    """Charts side by side, where the window is wide enough."""

    charts: tuple[Chart, ...]
    kind: ClassVar[str] = "charts"


@dataclass(frozen=True)
class ScaleBar:
    """A bar of a known length."""

    share_percent: float
    label: str


@dataclass(frozen=True)
class Frame:
    """A picture as a data URI, with its size in pixels (width, height) and, where known, its scale."""

    uri: str
    size: tuple[int, int]
    scale: ScaleBar | None = None


@dataclass(frozen=True)
class Pane:
    """One picture for each timestep, None where a timestep has none, and perhaps the bar of their colours."""

    title: str
    frames: tuple[Frame | None, ...]
    is_pixelated: bool = False
    bar: Markup | None = None


@dataclass(frozen=True)
class View:
    """Panes that are looked at together; wide ones stand one below the other."""

    name: str
    panes: tuple[Pane, ...]
    note: str = ""

    @property
    def is_wide(self) -> bool:
        """Whether its pictures are best shown one below the other."""
        sizes = [frame.size for pane in self.panes for frame in pane.frames if frame]
        return any(width > WIDE * height for width, height in sizes)


@dataclass(frozen=True)
class Viewer:
    """Pictures over time, turned by a slider; views are chosen by name."""

    name: str
    steps: tuple[str, ...]
    views: tuple[View, ...]
    legend: tuple[Key, ...] = ()
    kind: ClassVar[str] = "viewer"

    @property
    def start(self) -> int:
        """The step shown at first: the middle, where a cycle shows most."""
        return len(self.steps) // 2


@dataclass(frozen=True)
class Details:
    """Something that is folded away until it is asked for."""

    summary: str
    blocks: tuple[Block, ...]
    kind: ClassVar[str] = "details"


Block = Text | Code | Table | Row | Viewer | Details


@dataclass(frozen=True)
class Figure:
    """A key number for the head of the page."""

    name: str
    value: str
    note: str = ""
    verdict: Verdict = ""


@dataclass(frozen=True)
class Section:
    """A chapter of the page."""

    id: str
    title: str
    blocks: tuple[Block, ...]
    lead: str = ""
    figures: tuple[Figure, ...] = ()


def number_table(caption: str, frame: pd.DataFrame, keys: Sequence[str], first: str = "timestep") -> Table:
    """Return the columns ``keys`` of ``frame`` as a table, each with unit and uncertainty, ``first`` as row headers."""
    columns = [Cell(describe(first).label)]
    cells: list[list[Cell]] = [[Cell(str(entry)) for entry in frame[first]]]
    for key in keys:
        head, body = _column(frame, key)
        columns.append(head)
        cells.append(body)
    return Table(caption, tuple(columns), tuple(zip(*cells, strict=True)))


def _column(frame: pd.DataFrame, key: str) -> tuple[Cell, list[Cell]]:
    """Return the head and the cells of one column."""
    quantity = describe(key)
    values = [_plain(entry) for entry in frame[key]]
    numbers = [entry if is_number(entry) else None for entry in values]
    if any(entry is not None and number is None for entry, number in zip(values, numbers, strict=True)):
        return Cell(quantity.label), [Cell(NOTHING if entry is None else str(entry)) for entry in values]
    known = uncertainty_key(key) in frame
    bounds = [_number(entry) for entry in frame[uncertainty_key(key)]] if known else None
    column = format_column(numbers, bounds)
    unit = column.unit(quantity.unit)
    head = Cell(f"{quantity.name} ({unit})" if unit else quantity.name, is_number=True)
    return head, [Cell(text, is_number=True) for text in column.cells]


def pairs_table(caption: str, entries: Mapping[str, object], names: tuple[str, str] = ("Quantity", "Value")) -> Table:
    """Return keys and values as a table of two columns."""
    rows = tuple((Cell(name), Cell(str(value))) for name, value in entries.items())
    return Table(caption, (Cell(names[0]), Cell(names[1])), rows)


def _number(entry: object) -> float | None:
    value = _plain(entry)
    return value if is_number(value) else None


def _plain(entry: object) -> object:
    """Return a cell of a frame as a Python value; what is missing is None."""
    value = entry.item() if hasattr(entry, "item") else entry
    return None if value is None or value != value else value  # noqa: PLR0124 (only NaN differs from itself)
