"""A person who corrects predicted planes, simulated: where the truth is known, it takes the prediction's place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.volumes.volume import Volume


def correct(folder: Path, truth: Volume) -> list[Path]:
    """Write the true labels of every plane that was exported to ``folder`` into ``folder/corrected``.

    Args:
        folder: Of one timestep of one round, as it was exported: it holds ``round.json``.
        truth: True labels on the grid of the volume that is segmented, with the values of the study.

    Returns:
        The files written.

    Raises:
        BadInput: If nothing was exported there.
    """
    from tomocell.labelling.rounds import CORRECTED, PAGE, plane_name
    from tomocell.volumes.plane_files import write_plane
    from tomocell.volumes.planes import axis_number, read_plane

    page = folder / PAGE
    if not page.is_file():
        raise BadInput(Fault(str(page), "no file", "planes that were exported", "ask for 'corrections' first"))
    told = json.loads(page.read_text(encoding="utf-8"))
    axis = axis_number(told["axis"])
    pixel_um = [edge for other, edge in enumerate(told["voxel_size_um"]) if other != axis]
    (folder / CORRECTED).mkdir(exist_ok=True)
    paths = [folder / CORRECTED / plane_name(told["axis"], plane) for plane in told["planes"]]
    for path, plane in zip(paths, told["planes"], strict=True):
        write_plane(path, read_plane(truth, axis, plane), pixel_um)
    return paths
