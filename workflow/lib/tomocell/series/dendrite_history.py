"""Dendrites followed through time: where they are born, how they grow, merge, split and die."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from tomocell.analyses._classes import require_classes
from tomocell.analyses.result import Result, Scalar
from tomocell.series._lineage import BIRTH, DEATH, MERGE, SPLIT, Generation, descend, link_sites
from tomocell.series.timeline import Outcome
from tomocell.settings.base import NAMES_CLASSES, Frozen
from tomocell.volumes.volume import AXES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from tomocell.blocks import Limits
    from tomocell.objects.numbering import NumberedVolume
    from tomocell.series.timeline import Timeline
    from tomocell.settings.samples import Sample
    from tomocell.volumes.volume import Volume

    Ints = NDArray[np.int64]

NEEDS = ()
READS = ("phases",)
PERCENT = 100.0
MEASURED = ("label", "volume_um3", "centroid_z_um", "centroid_y_um", "centroid_x_um", "tip_z_um", "height_um")
CORNERS = ("low_y_um", "low_x_um", "high_y_um", "high_x_um")


class Settings(Frozen):
    """Settings of the history of dendrites."""

    of: str = Field("dendrite", description="Class whose objects are followed.", json_schema_extra=NAMES_CLASSES)
    least_voxels: int = Field(20, ge=1, description="Objects with fewer voxels are left out.")
    least_shared_voxels: int = Field(
        1, ge=1, description="Voxels that two objects of consecutive scans share to be one."
    )
    reach_um: float | None = Field(
        0,
        ge=0,
        description="Gap in the electrode's face across which an object that shares no voxel with any of the other "
        "scan is still linked to the nearest one like it; 0: their boxes touch, seen along z; null: voxels alone link. "
        "Lithium that grows under a dendrite may lift it off its own voxels between two scans.",
    )
    tips: Literal["low", "high"] = Field(
        "low",
        description="End of the z axis that the objects grow towards: 'low' from a plating electrode at the high end.",
    )


def follow(timeline: Timeline, settings: Settings, limits: Limits) -> Outcome:
    """Return how many objects there are, come and go at each timestep, and a row for each object at each timestep.

    Objects are 26-connected; those of consecutive measured scans that share voxels are linked, and of those that share
    none, pairs at one site (see ``tomocell.series._lineage``). Over time: ``count``, ``volume_um3`` and, from the
    second scan on, ``births``, ``deaths`` (objects of the scan before that nothing continues), ``merges`` (objects of
    several), ``splits`` (new tracks off an object that goes on) and ``persisting_percent``, the share of objects at a
    site where one was the scan before; its uncertainty takes objects as independent. Scalars sum over the series.

    Table: ``track``, ``timestep``, ``time_min``, ``label`` (as ``objects`` numbers them), volume, centroid (from the
    centre of the volume's first voxel), ``tip_z_um`` (the far face of the farthest voxel, from the same point),
    ``height_um`` (extent along z), ``event``, ``fate``, and ``parents`` and ``children`` as ``timestep:label`` with
    ``;`` between: the edges of the tree.

    Bias: two dendrites that touch are one object; one that is missed in a scan dies and is born again; those that
    merge while a film lifts them off their voxels count as one that goes on and others that die.

    Raises:
        BadInput: If scans differ in shape, or the class is not there.
    """
    import pandas as pd

    samples = timeline.measured
    objects, links = _trace(timeline, settings, limits)
    generations = descend([table["label"].to_numpy() for table in objects], links)
    rows = [
        _row(sample, table, generation, before)
        for sample, table, generation, before in zip(
            samples, objects, generations, [None, *generations[:-1]], strict=True
        )
    ]
    over_time = pd.DataFrame(rows)
    table = pd.concat(
        [_members(samples, index, objects[index], generations[index]) for index in range(len(samples))],
        ignore_index=True,
    )
    return Outcome(over_time, Result(_scalars(over_time, table), table=table))


def _trace(timeline: Timeline, settings: Settings, limits: Limits) -> tuple[list[pd.DataFrame], list[Ints]]:
    """Return the objects of each scan, and the links from each scan to the next; two scans are open at a time."""
    from tomocell.objects.overlap import shared_voxels

    objects: list[pd.DataFrame] = []
    links: list[Ints] = []
    before: NumberedVolume | None = None
    for sample in timeline.measured:
        volume = timeline.volumes[sample.timestep, "phases"]
        objects.append(_objects(volume, settings, limits))
        now = _numbered(volume, settings, limits)
        if before is not None:
            shared = shared_voxels(before, now, limits.workers)
            links.append(_links(shared, objects[-2], objects[-1], settings))
        before = now
    return objects, links


def _numbered(volume: Volume, settings: Settings, limits: Limits) -> NumberedVolume:
    from tomocell.objects.labelling import Target
    from tomocell.objects.numbering import number_volume
    from tomocell.objects.overlap import cut_for_overlap

    target = Target((require_classes(volume).value(settings.of),))
    return number_volume(volume, target, cut_for_overlap(volume, limits), limits.workers)


def _objects(volume: Volume, settings: Settings, limits: Limits) -> pd.DataFrame:
    from tomocell.objects.table import object_table

    table = object_table(volume, require_classes(volume).value(settings.of), limits)
    table = table[table["volume_voxels"] >= settings.least_voxels].reset_index(drop=True)
    for axis, edge_um in zip(AXES, volume.size, strict=True):
        table[f"low_{axis}_um"] = (table[f"{axis}_start"] - 0.5) * edge_um
        table[f"high_{axis}_um"] = (table[f"{axis}_stop"] - 0.5) * edge_um
    table["tip_z_um"] = table[f"{settings.tips}_z_um"]
    table["height_um"] = table["high_z_um"] - table["low_z_um"]
    return table[[*MEASURED, *CORNERS]]


def _links(shared: Ints, before: pd.DataFrame, after: pd.DataFrame, settings: Settings) -> Ints:
    kept = (
        (shared[:, 2] >= settings.least_shared_voxels)
        & np.isin(shared[:, 0], before["label"])
        & np.isin(shared[:, 1], after["label"])
    )
    if settings.reach_um is None:
        return shared[kept]
    boxes = [(table["label"].to_numpy(), table[list(CORNERS)].to_numpy(float)) for table in (before, after)]
    return link_sites(shared[kept], boxes, settings.reach_um)


def _row(sample: Sample, table: pd.DataFrame, now: Generation, before: Generation | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "timestep": sample.timestep,
        "time_min": sample.time_min,
        "count": len(table),
        "volume_um3": float(table["volume_um3"].sum()),
    }
    if before is None:
        return row
    events = [member.event for member in now.values()]
    row["births"], row["merges"], row["splits"] = (events.count(event) for event in (BIRTH, MERGE, SPLIT))
    row["deaths"] = sum(member.fate == DEATH for member in before.values())
    row["persisting_percent"] = (1 - row["births"] / len(table)) * PERCENT if len(table) else math.nan
    row["persisting_uncertainty_percent"] = _share_error(row["births"], len(table)) * PERCENT
    return row


def _share_error(found: int, count: int) -> float:
    """Return the standard uncertainty of a share of independent objects: of Jeffreys' posterior, so never 0."""
    a, b = found + 0.5, count - found + 0.5
    return math.sqrt(a * b / (a + b + 1)) / (a + b) if count else math.nan


def _members(samples: Sequence[Sample], index: int, table: pd.DataFrame, generation: Generation) -> pd.DataFrame:
    """Return the rows of one scan's objects."""
    members = [generation[label] for label in table["label"].tolist()]
    sample = samples[index]
    before, after = (samples[place].timestep if 0 <= place < len(samples) else "" for place in (index - 1, index + 1))
    found = table[list(MEASURED)].copy()
    found.insert(0, "track", np.array([member.track for member in members], np.int64))  # where there are none, too
    found.insert(1, "timestep", sample.timestep)
    found.insert(2, "time_min", math.nan if sample.time_min is None else sample.time_min)
    found["event"] = [member.event for member in members]
    found["fate"] = [member.fate for member in members]
    found["parents"] = [";".join(f"{before}:{label}" for label in member.parents) for member in members]
    found["children"] = [";".join(f"{after}:{label}" for label in member.children) for member in members]
    return found


def _scalars(over_time: pd.DataFrame, table: pd.DataFrame) -> dict[str, Scalar]:
    """Return the sums over the series; what needs two scans is null where there is one."""
    scalars: dict[str, Scalar] = {"tracks": int(table["track"].nunique())}
    followed = over_time.iloc[1:]
    for event in ("births", "deaths", "merges", "splits"):
        scalars[event] = int(followed[event].sum()) if len(followed) else None
    count = int(followed["count"].sum())
    scalars["persisting_percent"] = PERCENT * (1 - followed["births"].sum() / count) if count else None
    times = table.groupby("track")["time_min"]
    scalars["longest_life_time_min"] = float((times.max() - times.min()).max()) if len(table) else None
    return scalars
