"""The scans of the series: when, in which state, how large."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.reporting.content import Cell, Details, Figure, Section, Table
from tomocell.reporting.numbers import NOTHING, TIMES, describe, format_setting, format_value

if TYPE_CHECKING:
    from tomocell.reporting.content import Block
    from tomocell.reporting.sources import Source
    from tomocell.volumes.store import StoreVolume
    from tomocell.volumes.volume import VoxelSize

PLACE = 10
FOLD_BEYOND = 6
COLUMNS = ("time_min", "current_ma")


def build(source: Source) -> list[Section]:
    """Return the chapter on the scans."""
    stores = source.stores("registered", "volume")
    table = _table(source, stores)
    count = len(table.rows)
    block: Block = Details(f"All {count} timesteps", (table,)) if count > FOLD_BEYOND else table
    return [Section("scans", "Scans", (block,), figures=tuple(_figures(source, stores)))]


def _figures(source: Source, stores: dict[str, StoreVolume]) -> list[Figure]:
    figures = [Figure("Timesteps", str(len(source.samples)))]
    times = [sample.time_min for sample in source.samples if sample.time_min is not None]
    if len(times) > 1:
        figures.append(Figure("Duration", format_value(max(times) - min(times), unit="min")))
    figures.append(Figure("Voxel", _voxel(source.project.voxel_size_um(source.samples[0]))))
    if stores:
        first = next(iter(stores.values()))
        size_um = (format_value(edge * count) for edge, count in zip(first.size, first.shape, strict=True))
        note = f"voxels (Z, Y, X); {TIMES.join(size_um)}\u00a0µm"
        figures.append(Figure("Volume", TIMES.join(map(str, first.shape)), note))
    return figures


def _voxel(edges: VoxelSize) -> str:
    chosen = edges[:1] if len(set(edges)) == 1 else edges
    return f"{TIMES.join(format_setting(edge) for edge in chosen)}\u00a0µm"


def _table(source: Source, stores: dict[str, StoreVolume]) -> Table:
    samples = source.samples
    columns: list[tuple[Cell, list[Cell]]] = [
        (Cell("Timestep"), [Cell(sample.timestep) for sample in samples]),
        (Cell("State"), [Cell(sample.state or NOTHING) for sample in samples]),
    ]
    for key in COLUMNS:
        values = [getattr(sample, key) for sample in samples]
        cells = [Cell(format_setting(value), is_number=True) for value in values]
        columns.append((Cell(describe(key).label, is_number=True), cells))
    shapes = [stores[sample.timestep].shape if sample.timestep in stores else None for sample in samples]
    sizes = [NOTHING if shape is None else TIMES.join(map(str, shape)) for shape in shapes]
    columns.append((Cell("Voxels (Z, Y, X)", is_number=True), [Cell(text, is_number=True) for text in sizes]))
    kept = [column for column in columns if any(cell.text != NOTHING for cell in column[1])]
    rows = tuple(zip(*(cells for _, cells in kept), strict=True))
    caption = "Scans of this series; the reference is the frame that the others are registered to"
    return Table(
        caption if len(samples) > 1 else "The scan",
        tuple(head for head, _ in kept),
        rows,
    )
