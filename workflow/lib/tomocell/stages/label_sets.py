"""Where labels come from: files drawn by hand, and planes corrected in rounds."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.errors import BadInput
from tomocell.labelling.checks import require_known
from tomocell.labelling.rounds import PAGE, PREDICTED, correction_faults, plane_name
from tomocell.volumes.manifest import file_digest
from tomocell.volumes.planes import axis_number
from tomocell.volumes.readers import open_source
from tomocell.volumes.volume import AXES, whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.labelling.rounds import Correction
    from tomocell.volumes.volume import Classes, Volume


@dataclass(frozen=True)
class CorrectedPlane:
    """A corrected plane, in memory as bytes: a plane of 3896 x 1707 voxels takes 7 MB.

    Attributes:
        axis: Axis across it, 0, 1, 2.
        index: Its place along that axis.
        labels: Shape (rows, columns).
        source: Its file.
    """

    axis: int
    index: int
    labels: NDArray[np.uint8]
    source: Correction


def open_corrections(
    corrections: Sequence[Correction], volume: Volume, allowed: set[int], classes: Classes
) -> list[CorrectedPlane]:
    """Read corrected planes, in the order of their rounds.

    Raises:
        BadInput: With each plane that is no plane of ``volume``; or the first that holds a value of no class.
    """
    faults = [fault for one in sorted(corrections) for fault in correction_faults(one, volume.shape)]
    if faults:
        raise BadInput(*faults)
    planes = []
    for one in sorted(corrections):
        labels = _read_plane(one.path)
        require_known(str(one.path), set(np.unique(labels).tolist()), allowed, classes)
        planes.append(CorrectedPlane(axis_number(one.axis), one.plane, labels.astype(np.uint8), one))
    return planes


def drawn_set(path: Path) -> dict[str, Any]:
    """Return the record of labels drawn before the first round, with the keys of those of a round."""
    unknown = dict.fromkeys(("axis", "planes", "models", "changed"))
    return {"round": 0, "by": "", "sha256": {path.name: _tree_digest(path)}} | unknown


def correction_sets(
    planes: Sequence[CorrectedPlane], classes: Classes, by: Mapping[int, str], ignore: int
) -> list[dict[str, Any]]:
    """Return a record for each round that corrected planes of this timestep.

    It tells the round's planes with the checksums of their files, who corrected them, the models whose predictions
    were corrected with the checksums of their weights, and how many pixels became each class; the last two only where
    what was exported still lies beside the corrections.
    """
    groups = itertools.groupby(planes, key=lambda plane: (plane.source.round, plane.source.axis))
    return [_set_of(number, axis, list(group), classes, by, ignore) for (number, axis), group in groups]


def _set_of(
    number: int, axis: str, planes: list[CorrectedPlane], classes: Classes, by: Mapping[int, str], ignore: int
) -> dict[str, Any]:
    folder = planes[0].source.path.parents[1]
    page = folder / PAGE
    told = json.loads(page.read_text(encoding="utf-8")) if page.is_file() else {}
    return {
        "round": number,
        "axis": axis,
        "planes": [plane.index for plane in planes],
        "sha256": {plane.source.path.name: file_digest(plane.source.path) for plane in planes},
        "by": by.get(number, ""),
        "models": told.get("models"),
        "changed": _changed(folder / PREDICTED, planes, classes, ignore),
    }


def _changed(predicted: Path, planes: list[CorrectedPlane], classes: Classes, ignore: int) -> dict[str, int] | None:
    """Return how many pixels that were predicted otherwise became each class; None where no prediction is there."""
    counts = np.zeros(256, np.int64)
    for plane in planes:
        path = predicted / plane_name(AXES[plane.axis], plane.index)
        if not path.is_file():
            return None
        before = _read_plane(path)
        became = plane.labels[(plane.labels != before) & (plane.labels != ignore)]
        counts += np.bincount(became, minlength=256)
    return {member.name: int(counts[member.value]) for member in classes}


def _read_plane(path: Path) -> NDArray[Any]:
    volume = open_source(path)
    plane: NDArray[Any] = volume.read(whole(volume.shape))[0]
    return plane


def _tree_digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of names and checksums of all files of a folder."""
    if path.is_file():
        return file_digest(path)
    files = sorted(found for found in path.rglob("*") if found.is_file())
    lines = [f"{found.relative_to(path).as_posix()} {file_digest(found)}" for found in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
