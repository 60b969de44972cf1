"""Classes that are nowhere: known only when all timesteps are refined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def absent_everywhere(notes: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the classes without a voxel at any timestep, from the notes of the phases' manifests.

    Timesteps whose notes do not tell ``voxels`` are passed over; where none does, no class is absent.
    """
    totals: dict[str, int] = {}
    for note in notes:
        for name, voxels in note.get("voxels", {}).items():
            totals[name] = totals.get(name, 0) + int(voxels)
    return tuple(name for name, voxels in totals.items() if voxels == 0)
