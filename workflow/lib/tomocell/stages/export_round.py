"""Export: predicted planes go to a folder where a person corrects them."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.labelling.merge import merge_labels
from tomocell.labelling.rounds import CORRECTED, GREY, PAGE, PREDICTED, exported_planes, plane_name
from tomocell.volumes.manifest import file_digest, manifest_path
from tomocell.volumes.plane_files import write_plane
from tomocell.volumes.planes import axis_number, read_plane
from tomocell.volumes.publish import atomic_directory, write_text_atomically
from tomocell.volumes.store import StoreVolume, open_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.labelling.round_settings import RoundSettings
    from tomocell.volumes.volume import Classes

log = logging.getLogger(__name__)
HOW = (
    "Open a plane of 'labels' over the same plane of 'grey', correct it, and save it under its name in the folder "
    f"'{CORRECTED}' beside them, as 8-bit TIFF. Planes that you leave out are not used; pixels of the ignore value "
    "stay as they were labelled before. A round counts as corrected as soon as it holds one corrected plane: the next "
    "run trains on it."
)


@dataclass(frozen=True)
class Prediction:
    """What one network of a round predicted for a timestep.

    Attributes:
        labels: Store of its labels.
        weights: File of its weights.
        decided: Classes that it decides on.
    """

    labels: Path
    weights: Path
    decided: tuple[str, ...]


def export_round(  # noqa: PLR0913
    folder: Path,
    grey: Path,
    predictions: Mapping[str, Prediction],
    classes: Classes,
    settings: RoundSettings,
    number: int,
    *,
    priority: Sequence[str],
    ignore_value: int,
) -> None:
    """Write the planes of a round to ``folder``: ``labels/`` and ``grey/`` as TIFF, and ``round.json`` about them.

    Networks of several problems are merged: of the classes claimed at a voxel the first of ``priority`` stands. The
    TIFFs hold one plane each and its pixel size; napari, Dragonfly and Fiji read them. ``corrected/`` is made, never
    written to.

    Raises:
        BadInput: If a plane of the settings lies outside the volume.
    """
    volume = open_store(grey)
    axis = axis_number(settings.axis)
    planes = exported_planes(settings, volume.shape[axis], number)
    sets = {name: open_store(prediction.labels) for name, prediction in predictions.items()}
    decided = [[classes.value(name) for name in prediction.decided] for prediction in predictions.values()]
    order = [classes.value(name) for name in priority]

    def merged(plane: int) -> NDArray[np.uint8]:
        return merge_labels([read_plane(labels, axis, plane) for labels in sets.values()], decided, order, ignore_value)

    (folder / CORRECTED).mkdir(parents=True, exist_ok=True)
    pixel_um = tuple(edge for other, edge in enumerate(volume.size) if other != axis)
    with atomic_directory(folder / GREY) as partial:
        for plane in planes:
            write_plane(
                partial / plane_name(settings.axis, plane), _for_imagej(read_plane(volume, axis, plane)), pixel_um
            )
    with atomic_directory(folder / PREDICTED) as partial:
        for plane in planes:
            write_plane(partial / plane_name(settings.axis, plane), merged(plane), pixel_um)
    page = _page(folder, volume, predictions, classes, settings) | {"round": number, "ignore_value": ignore_value}
    write_text_atomically(folder / PAGE, json.dumps(page | {"planes": list(planes)}, indent=1) + "\n")
    log.info("%s: planes %s across %s wait to be corrected", folder, list(planes), settings.axis)


def _page(
    folder: Path,
    volume: StoreVolume,
    predictions: Mapping[str, Prediction],
    classes: Classes,
    settings: RoundSettings,
) -> dict[str, Any]:
    return {
        "how": HOW,
        "axis": settings.axis,
        "by": settings.by,
        "voxel_size_um": list(volume.size),
        "classes": [{"name": member.name, "value": member.value, "color": member.color} for member in classes],
        "models": {name: file_digest(prediction.weights) for name, prediction in predictions.items()},
        "grey": file_digest(manifest_path(volume.path)),
        "files": {path.name: file_digest(path) for path in sorted((folder / PREDICTED).glob("*.tif"))},
    }


def _for_imagej(grey: NDArray[Any]) -> NDArray[Any]:
    return grey if grey.dtype in (np.uint8, np.uint16, np.float32) else grey.astype(np.float32)
