"""What wrong labels do to the numbers that an electrochemist reads: amounts, surfaces, thicknesses, tortuosity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.errors import BadInput
from tomocell.objects.crofton import TILES, surface_area_um2
from tomocell.settings import discovery

if TYPE_CHECKING:
    from tomocell.blocks import Limits
    from tomocell.evaluation.counts import Counts
    from tomocell.evaluation.pair import Pair
    from tomocell.evaluation.settings import EvaluateSettings
    from tomocell.volumes.volume import Volume, VoxelSize

PERCENT = 100.0
ANALYSES = "tomocell.analyses"
TORTUOSITY = "tortuosity"
Told = dict[str, float | None]


def physical_errors(counts: Counts, names: tuple[str, ...], size_um: VoxelSize) -> dict[str, Told]:
    """Return for each class what its amount and surface are in the truth and how far the labels are off.

    Errors are labels minus truth, over the judged voxels. ``share_error_points`` in percentage points (of the pore
    class it is the error of porosity, dp); ``volume_error_um3`` and ``volume_error_percent`` of the true volume;
    ``surface_per_volume`` is the class's boundary to others over the whole judged volume, 1/um, by Crofton's formula
    (its bias, that of flat walls above all, is in `tomocell.objects.crofton`; the volume's faces are no boundary);
    ``thickness_um`` is volume over the area seen along z, as in the analysis ``effective_thickness``, and
    ``thickness_mean_absolute_error_um`` the mean over columns along z of how far each is off, which errors of opposite
    sign cannot hide. Errors in per cent are null where the truth has none.
    """
    confusion = counts.confusion
    voxel_um3, total = math.prod(size_um), int(confusion.sum())
    areas = [surface_area_um2(crossings * TILES, size_um) for crossings in counts.crossings]
    face = counts.columns.shape[1] * counts.columns.shape[2]
    told = {}
    for code, name in enumerate(names):
        true, found = int(confusion[code].sum()), int(confusion[:, code].sum())
        surface = [float(area[code]) / (total * voxel_um3) if total else None for area in areas]
        off = int(np.abs(counts.columns[code]).sum(dtype=np.int64))
        told[name] = {
            "true_share_percent": PERCENT * true / total if total else None,
            "share_error_points": PERCENT * (found - true) / total if total else None,
            "true_um3": true * voxel_um3,
            "volume_error_um3": (found - true) * voxel_um3,
            "volume_error_percent": _percent(found, true),
            "true_surface_per_um": surface[0],
            "surface_error_per_um": None if surface[0] is None or surface[1] is None else surface[1] - surface[0],
            "surface_error_percent": _percent(surface[1], surface[0]),
            "true_thickness_um": true * size_um[0] / face,
            "thickness_error_um": (found - true) * size_um[0] / face,
            "thickness_mean_absolute_error_um": off * size_um[0] / face,
        }
    return told


def tortuosity_errors(pair: Pair, settings: EvaluateSettings, limits: Limits) -> tuple[dict[str, Any] | None, str]:
    """Return the scalars of the analysis ``tortuosity`` for the truth, and labels minus truth; or None and why.

    Directions are those of the analysis; what it cannot tell of either volume is left out.
    """
    if settings.tortuosity is None:
        return None, "left out by the settings"
    if TORTUOSITY not in discovery.names_offering(ANALYSES, "measure"):
        return None, "no analysis 'tortuosity' in this version"
    from tomocell.settings.plug_ins import settings_of_analysis

    module = discovery.load(ANALYSES, TORTUOSITY, "measure")
    try:
        own = settings_of_analysis(TORTUOSITY, settings.tortuosity, "evaluate")
        true, found = (module.measure(volume, own, limits).scalars for volume in _labelled(pair))
    except BadInput as error:
        return None, str(error)
    keys = [key for key, value in true.items() if _is_number(value) and _is_number(found.get(key))]
    return {key: {"true": true[key], "error": found[key] - true[key]} for key in keys}, ""


def _labelled(pair: Pair) -> tuple[Volume, Volume]:
    """Return truth and labels, each with classes and voxel size."""
    for volume in (pair.truth, pair.labels):
        volume.classes = pair.classes
        volume.voxel_size_um = pair.voxel_size_um
    return pair.truth, pair.labels


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _percent(found: float | None, true: float | None) -> float | None:
    return PERCENT * (found - true) / true if true and found is not None else None
