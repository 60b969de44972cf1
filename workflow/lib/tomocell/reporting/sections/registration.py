"""Registration: where each scan lay, and how well it now agrees with the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tomocell.reporting import pictures
from tomocell.reporting.budgets import REGISTRATION_BYTES
from tomocell.reporting.content import (
    Chart,
    Details,
    Figure,
    Key,
    Pane,
    Row,
    Section,
    View,
    Viewer,
    number_table,
)
from tomocell.reporting.numbers import fixed, is_number
from tomocell.reporting.steps import step_names
from tomocell.reporting.svg import PALETTE, Line, draw
from tomocell.reporting.timeaxis import time_axis

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from tomocell.reporting.sources import Source
    from tomocell.reporting.timeaxis import TimeAxis

PLACE = 30
RECORD = "registration"
AXES = ("z", "y", "x")
CHARTS = {
    "Rotation": ("°", {f"About {axis}": f"rotation_{axis}_deg" for axis in AXES}),
    "Translation": ("µm", {f"Along {axis}": f"translation_{axis}_um" for axis in AXES}),
    "Correlation with the reference": ("", {"Before": "correlation_before", "After": "correlation_after"}),
    "Beside the rigid motion": ("voxels", {"Largest": "largest_residual_voxels", "Drift": "drift_voxels"}),
}
PICTURES = {"registration": "Before and after", "registration_residuals": "Deformation"}


def build(source: Source) -> list[Section]:
    """Return the chapter on registration."""
    records = source.records(RECORD)
    if not records:
        return []
    frame = parameters(records)
    axis = time_axis(source.samples)
    keys = [name for name in frame.columns if name != "timestep"]
    caption = "Rigid motion of each scan against the reference, merged from its sub-volumes"
    table = Details("Table of parameters", (number_table(caption, frame, keys),))
    drawn = tuple(_chart(title, frame, axis) for title in CHARTS if _has(title, frame)) if len(frame) > 1 else ()
    shown = _pictures(source)
    blocks = (*((Row(drawn),) if drawn else ()), *((shown,) if shown else ()), table)
    return [Section("registration", "Registration", blocks, _lead(records), tuple(_figures(frame, source)))]


def _lead(records: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what was done, and loudly which timesteps deform or did not register."""
    sentences = ["Each scan is moved rigidly into the frame of the reference timestep, with sub-voxel shifts."]
    corrected = sorted({str(record.get("correction") or "none") for record in records.values()} - {"none"})
    if corrected:
        sentences.append(f"A smooth correction was added ({', '.join(corrected)}).")
    for key, value, sentence in (
        ("deforms", True, "THE SAMPLE DEFORMS at {steps}: sub-volumes lie off the rigid motion (see Deformation)."),
        ("registered", False, "DID NOT REGISTER, and is left out of the tables: {steps}."),
    ):
        steps = [step for step, record in records.items() if record.get(key) is value]
        if steps:
            sentences.append(sentence.format(steps=", ".join(steps)))
    return " ".join(sentences)


def parameters(records: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row per timestep: rotations, translations, correlations, sub-volumes; only what the records tell."""
    import pandas as pd

    return pd.DataFrame([{"timestep": step, **_row(record)} for step, record in records.items()])


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, unit in (("rotation", "deg"), ("translation", "um")):
        for axis, value in zip(AXES, record.get(f"{name}_{unit}") or (), strict=False):
            row[f"{name}_{axis}_{unit}"] = value
    row |= {key: value for key, value in record.items() if is_number(value)}
    chain = record.get("chain")
    if isinstance(chain, dict) and is_number(chain.get("drift_voxels")):
        row["drift_voxels"] = chain["drift_voxels"]
    entries = record.get("subvolumes")
    if isinstance(entries, list):
        row["subvolumes"] = len(entries)
    return row


def _pictures(source: Source) -> Viewer | None:
    """Return checkerboards, differences and residual displacements of each timestep, where they are there."""
    paths = {
        (name, step): source.folder / step / "maps" / f"{name}.png" for name in PICTURES for step in source.timesteps
    }
    there = {key: path for key, path in paths.items() if path.is_file()}
    if not there:
        return None
    coded = pictures.fit(list(there.values()), pictures.recode, REGISTRATION_BYTES)
    frames = {key: pictures.frame(code) for key, code in zip(there, coded, strict=True)}
    views = tuple(
        View(label, (Pane("", tuple(frames.get((name, step)) for step in source.timesteps)),))
        for name, label in PICTURES.items()
    )
    return Viewer("registration-pictures", step_names(source), views)


def _has(title: str, frame: pd.DataFrame) -> bool:
    return any(key in frame for key in CHARTS[title][1].values())


def _chart(title: str, frame: pd.DataFrame, axis: TimeAxis) -> Chart:
    unit, columns = CHARTS[title]
    known = {name: key for name, key in columns.items() if key in frame}
    x = tuple(axis.positions[step] for step in frame["timestep"])
    lines = [Line(name, PALETTE[i], x, tuple(frame[key])) for i, (name, key) in enumerate(known.items())]
    drawing = draw(f"{title} over time", axis.labelled("", unit), lines)
    return Chart(title, drawing, tuple(Key(line.name, line.color) for line in lines))


def _figures(frame: pd.DataFrame, source: Source) -> list[Figure]:
    moved = frame[frame["timestep"] != source.project.sheet.reference(source.series)]
    if "correlation_after" not in moved or moved.empty:
        return []
    note = "mean"
    if "correlation_before" in moved:
        note = f"mean; {fixed(float(moved['correlation_before'].mean()), 3)} before"
    return [Figure("Correlation after registration", fixed(float(moved["correlation_after"].mean()), 3), note)]
