"""Colocalisation with lag: whether a class lies where another lay some scans before."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from tomocell.analyses.result import Result, Scalar
from tomocell.series._blocks import p_value, pearson
from tomocell.series._flattened import faults_of_maps, require_same_face, thickness_map
from tomocell.series.timeline import Outcome
from tomocell.settings.base import NAMES_CLASSES, Frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from tomocell.analyses.result import Map
    from tomocell.blocks import Limits
    from tomocell.errors import Fault
    from tomocell.series.timeline import Timeline
    from tomocell.settings.samples import Sample

NEEDS = ("occupancy",)
COLUMNS = (
    "class",
    "later_class",
    "timestep",
    "later_timestep",
    "lag",
    "lag_time_min",
    "pearson_coefficient",
    "p_value",
)


class Settings(Frozen):
    """Settings of colocalisation with lag; maps are flattened along z."""

    of: tuple[str, ...] = Field(
        min_length=1, description="Classes at the earlier scan.", json_schema_extra=NAMES_CLASSES
    )
    later: tuple[str, ...] = Field(
        min_length=1,
        description="Classes at the later scan; each is compared with each of 'of'.",
        json_schema_extra=NAMES_CLASSES,
    )
    longest_lag: int = Field(2, ge=0, description="Largest lag, in rows of the sheet.")
    block_um: float = Field(
        100, gt=0, description="Edge of the blocks of the face that change places for the p-value; wider than features."
    )
    permutations: int = Field(999, ge=19, description="Orders of the blocks that are tried for a p-value.")
    seed: int = Field(0, ge=0, description="Seed of the permutations.")


def check(samples: Sequence[Sample], measures: Mapping[str, Any], settings: Settings) -> list[Fault]:  # noqa: ARG001
    """Return what can be known to be wrong before the first job."""
    return faults_of_maps(measures, {"of": settings.of, "later": settings.later})


def follow(timeline: Timeline, settings: Settings, limits: Limits) -> Outcome:  # noqa: ARG001
    """Return the Pearson correlation of each class's thickness map with each later class's, lag by lag.

    Over time, at the earlier scan: ``pearson_<class>_<later class>_lag_<n>``. Table: a row for each pair of classes,
    scan and lag with ``pearson_coefficient`` and its two-sided ``p_value``; both null where a class is nowhere (or
    everywhere alike). A scan without records takes the pairs with it out of the table; lags count rows of the sheet.
    Scalars: ``mean_pearson_<class>_<later class>_lag_<n>`` over the scans, and ``strongest_lag_<class>_<later class>``,
    the lag at which that is largest in size; none where a class is nowhere.

    What stays in its place is alike at any lag: compare with lag 0 before reading a cause into a lag. Of many
    p-values some are small by chance, one in twenty below 0.05.

    Source: Huang et al. 2023, doi:10.1038/s41524-023-01039-y, for lag 0; p see ``tomocell.series._blocks``.

    Raises:
        BadInput: If occupancy made no map of a class.
    """
    import pandas as pd

    pairs = list(itertools.product(settings.of, settings.later))
    rows = [row for scans in _windows(timeline, settings) for pair in pairs for row in _compare(scans, pair, settings)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return Outcome(_over_time(timeline, table), Result(_scalars(table), table=table))


@dataclass(frozen=True)
class Scan:
    """A measured scan: how many rows of the sheet after another it stands, and its maps by class."""

    sample: Sample
    lag: int
    maps: Mapping[str, Map]


def _windows(timeline: Timeline, settings: Settings) -> Iterator[list[Scan]]:
    """Yield each measured scan with those up to the longest lag after it; each map is read once."""
    names = dict.fromkeys((*settings.of, *settings.later))
    held: dict[str, dict[str, Map]] = {}
    for start in range(len(timeline.samples)):
        span = timeline.samples[start : start + settings.longest_lag + 1]
        measured = [(lag, sample) for lag, sample in enumerate(span) if sample.timestep in timeline.records]
        held = {
            step: held.get(step) or {name: thickness_map(timeline, step, (name,)) for name in names}
            for step in (sample.timestep for _, sample in measured)
        }
        if measured and measured[0][0] == 0:
            yield [Scan(sample, lag, held[sample.timestep]) for lag, sample in measured]


def _compare(scans: Sequence[Scan], pair: tuple[str, str], settings: Settings) -> list[dict[str, Any]]:
    """Return a row for the first scan with each of the scans, itself included."""
    first = scans[0]
    a = first.maps[pair[0]]
    rows = []
    for scan in scans:
        b = scan.maps[pair[1]]
        require_same_face(a, b, f"{first.sample.timestep} and {scan.sample.timestep}")
        p = p_value(a.values, b.values, a.pixel_size_um, settings.block_um, settings.permutations, settings.seed)
        where = (*pair, first.sample.timestep, scan.sample.timestep, scan.lag, _since(first.sample, scan.sample))
        rows.append(dict(zip(COLUMNS, (*where, pearson(a.values, b.values), p), strict=True)))
    return rows


def _since(first: Sample, later: Sample) -> float:
    times = [math.nan if sample.time_min is None else sample.time_min for sample in (first, later)]
    return times[1] - times[0]


def _keys(table: pd.DataFrame) -> pd.Series:
    pairs = table["class"] + "_" + table["later_class"]
    return "pearson_" + pairs + "_lag_" + table["lag"].astype(str)


def _over_time(timeline: Timeline, table: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    rows = [{"timestep": sample.timestep, "time_min": sample.time_min} for sample in timeline.measured]
    found = table.assign(key=_keys(table)).pivot_table(
        index="timestep", columns="key", values="pearson_coefficient", dropna=False, sort=False
    )
    return pd.DataFrame(rows).merge(found.reset_index(), on="timestep", how="left")


def _scalars(table: pd.DataFrame) -> dict[str, Scalar]:
    """Return the mean over the scans of each pair and lag, and the lag at which that is largest in size."""
    scalars: dict[str, Scalar] = {}
    for pair, rows in table.assign(pair=table["class"] + "_" + table["later_class"]).groupby("pair", sort=False):
        means = rows.groupby("lag")["pearson_coefficient"].mean().dropna()
        scalars |= {f"mean_pearson_{pair}_lag_{lag}": float(mean) for lag, mean in means.items()}
        if len(means):
            scalars[f"strongest_lag_{pair}"] = int(means.index[int(means.abs().to_numpy().argmax())])
    return scalars
