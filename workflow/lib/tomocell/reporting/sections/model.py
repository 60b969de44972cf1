"""The network that segmented: what it is, what it learned from, how well it does on scans it never saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tomocell.reporting.content import Cell, Chart, Details, Figure, Key, Row, Section, Table, pairs_table
from tomocell.reporting.numbers import NOTHING, TIMES, describe, fixed, format_column, format_setting, format_value
from tomocell.reporting.sources import flatten, read_csv, read_record
from tomocell.reporting.svg import PALETTE, Axes, Line, draw

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from tomocell.reporting.content import Block
    from tomocell.reporting.sources import Source

PLACE = 40
CARD, HISTORY = "model.json", "history.csv"
METRICS = ("precision", "recall", "f1", "iou", "dice")
NAMES = {"f1": "F1", "iou": "IoU"}
CURVES = {"Loss": "loss", "Accuracy": "accuracy"}
CAPTIONS = {"entries": "Labelled planes that it learned from, or was judged on", "settings": "How it was trained"}
PERCENT = 100.0


def build(source: Source) -> list[Section]:
    """Return the chapter on the model."""
    folder = source.model_folder()
    if folder is None or not (folder / CARD).is_file():
        return []
    card = read_record(folder / CARD)
    metrics = card.get("metrics") or {}
    blocks: list[Block] = [pairs_table("The network", _facts(card))]
    blocks.extend(_metrics_tables(metrics))
    blocks.extend(_history(folder / HISTORY))
    blocks.extend(_training(card.get("training") or {}))
    lead = "The network that told the classes apart. Its figures are of scans that were held out of training."
    return [Section("model", "Model", tuple(blocks), lead, tuple(_figures(metrics)))]


def _facts(card: Mapping[str, Any]) -> dict[str, object]:
    facts: dict[str, object] = {
        "Name": card.get("name", NOTHING),
        "Architecture": str(card.get("architecture") or card.get("format") or NOTHING).replace("_", " "),
        "Classes": ", ".join(_class_names(card)) or NOTHING,
    }
    if card.get("patch_voxels"):
        facts["Patch (voxels)"] = TIMES.join(map(str, card["patch_voxels"]))
    if card.get("plane_axis"):
        facts["Planes seen"] = f"across {card['plane_axis']}"
    for key, value in flatten({"normalisation": card.get("normalisation") or {}}).items():
        facts[describe(key).name] = format_value(value)
    for key, value in (card.get("network") or {}).items():
        facts[describe(key).label] = format_setting(value)
    return facts


def _class_names(card: Mapping[str, Any]) -> list[str]:
    return [str(entry["name"] if isinstance(entry, dict) else entry) for entry in card.get("classes") or ()]


def class_metrics(metrics: Mapping[str, Any], name: str = "") -> dict[str, dict[str, dict[str, Any]]]:
    """Return, by name of the set judged on, the metrics of each class, wherever the card nests them."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for key, value in metrics.items():
        if isinstance(value, dict):
            by_class = {
                cls: entry for cls, entry in value.items() if isinstance(entry, dict) and set(METRICS) & set(entry)
            }
            if by_class:
                found[name] = by_class
            else:
                found.update(class_metrics(value, key))
    return found


def _metrics_tables(metrics: Mapping[str, Any]) -> list[Table]:
    return [_metrics_table(name, by_class) for name, by_class in class_metrics(metrics).items()]


def _metrics_table(name: str, by_class: Mapping[str, Mapping[str, Any]]) -> Table:
    keys = [key for key in METRICS if any(key in entry for entry in by_class.values())]
    head = (Cell("Class"), *(Cell(f"{NAMES.get(key, key.capitalize())} (%)", is_number=True) for key in keys))
    columns = [_percents([entry.get(key) for entry in by_class.values()]) for key in keys]
    rows = tuple(
        (Cell(cls.replace("_", " ")), *cells) for cls, cells in zip(by_class, zip(*columns, strict=True), strict=True)
    )
    caption = f"How well each class is found ({name})" if name else "How well each class is found"
    return Table(caption, head, rows)


def _percents(shares: list[float | None]) -> list[Cell]:
    values = [None if share is None else share * PERCENT for share in shares]
    return [Cell(text, is_number=True) for text in format_column(values).cells]


def _history(path: Path) -> list[Row]:
    if not path.is_file():
        return []
    frame = read_csv(path)
    charts = [_curve(title, word, frame) for title, word in CURVES.items() if _columns(frame, word)]
    return [Row(tuple(charts))] if charts and len(frame) > 1 else []


def _columns(frame: pd.DataFrame, word: str) -> list[str]:
    return [name for name in frame.columns if word in name and frame[name].dtype.kind in "iuf"]


def _curve(title: str, word: str, frame: pd.DataFrame) -> Chart:
    epochs = frame["epoch"] if "epoch" in frame else range(len(frame))
    x = tuple(float(epoch) for epoch in epochs)
    lines = [
        Line(describe(name).name, PALETTE[index], x, tuple(frame[name]), has_marks=len(frame) <= 40)  # noqa: PLR2004
        for index, name in enumerate(_columns(frame, word))
    ]
    drawing = draw(f"{title} over the epochs", Axes("Epoch"), lines)
    return Chart(title, drawing, tuple(Key(line.name, line.color) for line in lines))


def _training(training: Mapping[str, Any]) -> list[Block]:
    """Return the training set as a table of its planes, settings and outcome as pairs, folded away."""
    tables = [table for key, value in training.items() if (table := _training_table(key, value)) is not None]
    rest = {key: value for key, value in training.items() if not isinstance(value, dict | list)}
    if rest:
        tables.append(_settings_table("Outcome", rest))
    return [Details("Training set and settings", tuple(tables))] if tables else []


def _training_table(key: str, value: object) -> Table | None:
    caption = CAPTIONS.get(key, describe(key).name)
    if isinstance(value, dict):
        return _settings_table(caption, flatten(value))
    if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        return _entries(caption, value)
    return None


def _settings_table(caption: str, values: Mapping[str, Any]) -> Table:
    entries = {describe(key).label: format_setting(value) for key, value in values.items()}
    return pairs_table(caption, entries, ("Name", "Value"))


def _entries(caption: str, entries: list[dict[str, Any]]) -> Table:
    keys = [key for key in entries[0] if all(key in entry for entry in entries)]
    rows = tuple(tuple(Cell(_short(entry[key])) for key in keys) for entry in entries)
    return Table(caption, tuple(Cell(describe(key).label) for key in keys), rows)


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {format_value(entry)}" for key, entry in value.items())
    return format_setting(value)


def _figures(metrics: Mapping[str, Any]) -> list[Figure]:
    figures = []
    accuracy = flatten(dict(metrics)).get("accuracy")
    if isinstance(accuracy, float):
        figures.append(Figure("Model accuracy", f"{fixed(accuracy * PERCENT, 2)}\u00a0%", "held-out scan"))
    for by_class in class_metrics(metrics).values():
        scores = [entry["iou"] for entry in by_class.values() if entry.get("iou") is not None]
        if scores:
            mean = sum(scores) / len(scores) * PERCENT
            return [*figures, Figure("Mean IoU", f"{fixed(mean, 1)}\u00a0%", f"of {len(scores)} classes")]
    return figures
