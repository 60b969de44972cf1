"""Many evaluations side by side: one row for each, whatever made the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

PERCENT = 100.0
OF_VOXELS = ("iou", "dice")
OF_SURFACES = ("surface_dice", "hd95_um")
PHYSICAL = ("share_error_points", "volume_error_percent", "surface_error_percent", "thickness_error_um")
SHARES = (*OF_VOXELS, "surface_dice")
DASH = "-"


def compare(records: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return a row for each record of an evaluation, the most accurate first.

    Columns: ``model``, ``voxels``, ``accuracy`` with its 95 % interval, ``macro_iou``, ``foreground_iou``, ``ece``, and
    for each class ``<class>_iou``, ``_dice``, ``_surface_dice``, ``_hd95_um`` and the errors of its amount and surface.

    Raises:
        BadInput: If a name is given twice, or the records do not judge the same number of voxels of the same classes.
    """
    import pandas as pd

    _require_comparable(records)
    frame = pd.DataFrame([dict(_row(record)) for record in records])
    return frame.sort_values("accuracy", ascending=False, kind="stable", ignore_index=True)


def to_markdown(frame: pd.DataFrame) -> str:
    """Return the table as Markdown: shares as per cent with two decimals, other numbers with four digits."""
    shown = frame.dropna(axis="columns", how="all")
    head = [_title(str(name)) for name in shown.columns]
    rows = [[_cell(str(name), value) for name, value in row.items()] for row in shown.to_dict("records")]
    rule = ["---", *["--:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows)) + "\n"


def _row(record: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "model", record["name"]
    yield "voxels", record["pixels"]
    yield "accuracy", record["accuracy"]
    ends = (record.get("intervals") or {}).get("accuracy") or {}
    yield "accuracy_low", ends.get("low")
    yield "accuracy_high", ends.get("high")
    for mean in ("macro", "foreground"):
        yield f"{mean}_iou", record["means"][mean]["iou"]
    yield "ece", (record.get("calibration") or {}).get("ece")
    surfaces = (record.get("surface") or {}).get("classes", {})
    for name, metrics in record["classes"].items():
        yield from ((f"{name}_{key}", metrics[key]) for key in OF_VOXELS)
        yield from ((f"{name}_{key}", surfaces.get(name, {}).get(key)) for key in OF_SURFACES)
        physical = (record.get("physical") or {}).get(name, {})
        yield from ((f"{name}_{key}", physical.get(key)) for key in PHYSICAL)


def _require_comparable(records: Sequence[dict[str, Any]]) -> None:
    names = [record["name"] for record in records]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(Fault("models", f"{', '.join(twice)} twice", "a name for each", "evaluate with --name"))
    first = records[0]
    for record in records[1:]:
        for key, what in (("pixels", record["pixels"]), ("classes", tuple(record["classes"]))):
            expected = first["pixels"] if key == "pixels" else tuple(first["classes"])
            if what != expected:
                where = f"{record['name']}, {key}"
                remedy = "compare evaluations against the same truth, of the same part"
                raise BadInput(Fault(where, what, f"{expected}, those of {first['name']}", remedy))


def _title(name: str) -> str:
    return f"{name.replace('_', ' ')} (%)" if _is_share(name) else name.replace("_", " ")


def _is_share(name: str) -> bool:
    return name.startswith("accuracy") or name == "ece" or name.endswith(SHARES)


def _cell(name: str, value: Any) -> str:  # noqa: ANN401
    if value is None or value != value:  # noqa: PLR0124 (only NaN differs from itself)
        return DASH
    if isinstance(value, str):
        return value.replace("|", "\\|")
    if _is_share(name):
        return f"{PERCENT * value:.2f}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
