"""How right the labels are: classes, surfaces and physical numbers beside the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tomocell.reporting.bars import Bar, draw_bars, draw_matrix
from tomocell.reporting.content import Cell, Chart, Details, Figure, Row, Section, Table
from tomocell.reporting.curves import charts_over_time, color_of
from tomocell.reporting.numbers import fixed, format_column, format_value
from tomocell.reporting.timeaxis import time_axis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tomocell.reporting.content import Block
    from tomocell.reporting.sources import Source

    Record = dict[str, Any]

PLACE = 65
RECORD = "evaluation"
PERCENT = 100.0
OF_VOXELS = {"precision": "Precision", "recall": "Recall", "iou": "IoU", "dice": "Dice (F1)"}
PHYSICAL = {
    "share_error_points": "Share (points)",
    "volume_error_um3": "Volume (µm³)",
    "volume_error_percent": "Volume (%)",
    "surface_error_percent": "Surface (%)",
    "thickness_error_um": "Thickness (µm)",
    "thickness_mean_absolute_error_um": "Thickness, each column (µm)",
}
LEAD = (
    "Labels held against a truth, voxel by voxel. Bars are IoU, with the 95 % interval that drawing blocks of the "
    "volume gives; in the matrix each row is a true class, and tells in % what its voxels were taken for."
)


def build(source: Source) -> list[Section]:
    """Return the chapter on evaluations; timesteps without a truth have none."""
    judged = {sample.timestep for sample in source.project.sheet.judged(source.series)}
    records = {step: record for step, record in source.records(RECORD).items() if step in judged}
    if not records:
        return []
    blocks: list[Block] = []
    if len(records) > 1:
        charts = _over_time(source, records)
        blocks += [Row(charts)] if charts else []
        blocks += [Details(f"Timestep {step}", tuple(_of_step(one, source.colors))) for step, one in records.items()]
    else:
        blocks += _of_step(next(iter(records.values())), source.colors)
    return [Section("evaluation", "Labels against the truth", tuple(blocks), LEAD, tuple(_figures(records)))]


def _over_time(source: Source, records: Mapping[str, Record]) -> tuple[Chart, ...]:
    import pandas as pd

    rows = [
        {"timestep": step, "accuracy_percent": _scaled(record["accuracy"])}
        | {f"{name}_iou_percent": _scaled(metrics["iou"]) for name, metrics in record["classes"].items()}
        for step, record in records.items()
    ]
    return charts_over_time("IoU", pd.DataFrame(rows), time_axis(source.samples), source.colors)


def _of_step(record: Record, colors: Mapping[str, str]) -> list[Block]:
    names = list(record["classes"])
    ends = (record.get("intervals") or {}).get("classes", {})
    bars = [
        Bar(name, color_of(name, index, colors), record["classes"][name]["iou"], *_interval(ends, name))
        for index, name in enumerate(names)
    ]
    matrix = draw_matrix("Confusion matrix, % of each true class", names, record["confusion"]["voxels"])
    charts = (
        Chart("IoU of each class", draw_bars("IoU of each class", bars)),
        Chart("True (rows), found (columns)", matrix),
    )
    blocks: list[Block] = [Row(charts), _voxel_table(record)]
    if record.get("physical"):
        blocks.append(_physical_table(record["physical"]))
    if record.get("calibration"):
        blocks.append(Details("Calibration", (_reliability(record["calibration"]),)))
    if record.get("reasons"):
        blocks.append(Details("What is not told, and why", (_reasons(record["reasons"]),)))
    return blocks


def _interval(ends: Mapping[str, Any], name: str) -> tuple[float | None, float | None]:
    found = ends.get(name, {}).get("iou", {})
    return found.get("low"), found.get("high")


def _voxel_table(record: Record) -> Table:
    """Return metrics of voxels and of surfaces, classes by metrics, the plain mean of classes last."""
    names = list(record["classes"])
    lines = [*record["classes"].values(), record["means"]["macro"]]
    columns = [(f"{title} (%)", [line[key] for line in lines], PERCENT) for key, title in OF_VOXELS.items()]
    surface = record.get("surface")
    if surface:
        found = [surface["classes"].get(name, {}) for name in names]
        columns.append(("Surface Dice (%)", [*(one.get("surface_dice") for one in found), None], PERCENT))
        columns.append(("HD95 (µm)", [*(one.get("hd95_um") for one in found), None], 1.0))
    caption = "How well each class is found"
    if surface:
        caption += f"; surfaces agree within {format_value(surface['tolerance_um'], unit='µm')}"
    return _table(caption, [*names, "mean"], columns)


def _physical_table(physical: Mapping[str, Mapping[str, Any]]) -> Table:
    columns = [(title, [told.get(key) for told in physical.values()], 1.0) for key, title in PHYSICAL.items()]
    return _table("Labels minus truth: what the errors do to measured numbers", list(physical), columns)


def _reliability(calibration: Mapping[str, Any]) -> Table:
    rows = [row for row in calibration["reliability"] if row["voxels"]]
    names = [f"{fixed(row['low'], 2)} to {fixed(row['high'], 2)}" for row in rows]
    columns = [
        ("Voxels", [row["voxels"] for row in rows], 1.0),
        ("Confidence (%)", [row["confidence"] for row in rows], PERCENT),
        ("Right (%)", [row["accuracy"] for row in rows], PERCENT),
    ]
    caption = f"Expected calibration error {fixed(PERCENT * (calibration['ece'] or 0.0), 2)} %"
    return _table(caption, names, columns, "Confidence")


def _reasons(reasons: Sequence[Mapping[str, str]]) -> Table:
    rows = tuple((Cell(entry["of"]), Cell(entry["reason"])) for entry in reasons)
    return Table("Null in the record", (Cell("Entry"), Cell("Reason")), rows)


def _table(
    caption: str, names: Sequence[str], columns: Sequence[tuple[str, list[Any], float]], first: str = "Class"
) -> Table:
    head = (Cell(first), *(Cell(title, is_number=True) for title, _, _ in columns))
    bodies = [
        format_column([None if value is None else value * scale for value in values]).cells
        for _, values, scale in columns
    ]
    rows = tuple(
        (Cell(name.replace("_", " ")), *(Cell(text, is_number=True) for text in cells))
        for name, cells in zip(names, zip(*bodies, strict=True), strict=True)
    )
    return Table(caption, head, rows)


def _figures(records: Mapping[str, Record]) -> list[Figure]:
    """Return the accuracy of the last timestep that has one."""
    known = {step: record for step, record in records.items() if record["accuracy"] is not None}
    if not known:
        return []
    step, record = list(known.items())[-1]
    ends = (record.get("intervals") or {}).get("accuracy")
    note = f"of labels at {step}"
    if ends:
        note = f"{fixed(PERCENT * ends['low'], 2)} to {fixed(PERCENT * ends['high'], 2)} % {note}"
    return [Figure("Accuracy", f"{fixed(PERCENT * record['accuracy'], 2)}\u00a0%", note)]


def _scaled(share: float | None) -> float | None:
    return None if share is None else PERCENT * share
