"""What a series analysis is given, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from tomocell.analyses.result import Map, Result
    from tomocell.settings.samples import Sample
    from tomocell.volumes.volume import Volume

Record = Mapping[str, Any]
Key = TypeVar("Key")
Value = TypeVar("Value")


class Lazy(Mapping[Key, Value]):
    """A mapping whose values are read when they are asked for, and kept by nobody."""

    def __init__(self, keys: tuple[Key, ...], read: Callable[[Key], Value]) -> None:
        self._keys = dict.fromkeys(keys)
        self._read = read

    def __getitem__(self, key: Key) -> Value:
        if key not in self._keys:
            raise KeyError(key)
        return self._read(key)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


@dataclass(frozen=True)
class Timeline:
    """A series, as far as it has been measured; in tests, plain dictionaries.

    Attributes:
        samples: The rows of the series in order of time, those included that have no records.
        records: By timestep and analysis, the scalars of each analysis of ``NEEDS``; timesteps that were flagged as
            not registered have none.
        tables: By (timestep, analysis), the table of an analysis of ``NEEDS`` that makes one.
        maps: By (timestep, name), the maps that those records list.
        volumes: By (timestep, kind), the stores of ``READS``.
        followed: By name, the tables over time of ``AFTER`` and ``after``, one row per timestep.
        files: By name as ``files`` gives it, where the file lies.
    """

    samples: tuple[Sample, ...]
    records: Mapping[str, Mapping[str, Record]]
    tables: Mapping[tuple[str, str], pd.DataFrame] = field(default_factory=dict)
    maps: Mapping[tuple[str, str], Map] = field(default_factory=dict)
    volumes: Mapping[tuple[str, str], Volume] = field(default_factory=dict)
    followed: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)

    @property
    def measured(self) -> tuple[Sample, ...]:
        """The rows that have records, in order of time."""
        return tuple(sample for sample in self.samples if sample.timestep in self.records)


@dataclass(frozen=True)
class Outcome:
    """What a series analysis found.

    Attributes:
        over_time: One row per timestep, with ``timestep`` and ``time_min`` first; ``x_uncertainty_um`` is the
            standard uncertainty of ``x_um``.
        result: What holds of the whole series: scalars, maps, and a table with one row per object or position.
    """

    over_time: pd.DataFrame
    result: Result
