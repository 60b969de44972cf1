"""Thickness maps of classes, as occupancy flattens them along the electrode's normal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.analyses.result import Map
from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tomocell.series.timeline import Timeline


def thickness_map(timeline: Timeline, timestep: str, names: Sequence[str]) -> Map:
    """Return the thickness of some classes together, um, float64; shape (rows, columns).

    Raises:
        BadInput: If occupancy made no map of a class.
    """
    maps = [_map(timeline, timestep, name) for name in names]
    return Map(np.sum([part.values.astype(np.float64) for part in maps], axis=0), maps[0].pixel_size_um, "um")


def require_same_face(one: Map, other: Map, where: str) -> None:
    """Check that two maps show one place.

    Raises:
        BadInput: If their shapes differ.
    """
    if one.values.shape != other.values.shape:
        remedy = "register the series to one region of interest"
        expected = f"{one.values.shape} (Y, X), as the earlier one"
        raise BadInput(Fault(f"maps of {where}", other.values.shape, expected, remedy))


def faults_of_maps(measures: Mapping[str, Any], named: Mapping[str, Sequence[str]]) -> list[Fault]:
    """Return a fault for each class that occupancy is not asked to flatten.

    Args:
        measures: The settings of the study's analyses, by name.
        named: By setting, the classes whose maps are read.
    """
    flattened = getattr(measures.get("occupancy"), "of", ())
    expected, remedy = "a class that occupancy flattens", "add it to measure.occupancy.of"
    return [
        Fault(setting, name, expected, remedy)
        for setting, names in named.items()
        for name in names
        if flattened and name not in flattened
    ]


def _map(timeline: Timeline, timestep: str, name: str) -> Map:
    key = (timestep, f"{name}_thickness_um")
    if key not in timeline.maps:
        remedy = "add the class to measure.occupancy.of"
        raise BadInput(Fault(f"maps of {timestep}", f"no {key[1]}", "a map of occupancy", remedy))
    return timeline.maps[key]
