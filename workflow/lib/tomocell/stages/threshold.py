"""Threshold: two phases without a network."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import Block, Limits, transform_volume
from tomocell.labelling.threshold import calibrate, histogram, need, otsu, share_below, smoothed
from tomocell.stages.provenance import provenance
from tomocell.volumes.store import Layout, create_store, open_store

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.labelling.settings import ThresholdSettings
    from tomocell.labelling.threshold import Histogram
    from tomocell.volumes.volume import Classes

log = logging.getLogger(__name__)


def segment_by_threshold(
    grey: Path,
    store: Path,
    classes: Classes,
    settings: ThresholdSettings,
    limits: Limits,
    **how: Any,  # noqa: ANN401
) -> None:
    """Label ``grey`` by threshold into ``store``; with ``measured_porosity=`` the threshold is calibrated to it.

    The notes of the manifest tell the threshold, how it was found, the porosity reached and, when calibrated, the
    band of thresholds within the error of the measurement.

    Raises:
        BadInput: If the volume has a single grey value.
    """
    volume = open_store(grey)
    bounds = (volume.manifest.notes["least"], volume.manifest.notes["greatest"])
    found = histogram(volume, settings, bounds, limits)
    notes = find_threshold(found, settings, how.get("measured_porosity"))
    dark, bright = (classes.value(name) for name in (settings.dark, settings.bright))

    def kernel(voxels: NDArray[Any], block: Block) -> NDArray[np.uint8]:
        is_bright = smoothed(voxels, settings)[block.inner] >= notes["threshold"]
        return np.where(is_bright, np.uint8(bright), np.uint8(dark))

    layout = Layout(volume.shape, np.dtype(np.uint8), volume.size, classes)
    own = provenance(settings, how.get("digest", ""), {"grey": volume})
    with create_store(store, layout, limits, own) as writer:
        writer.notes.update(notes)
        transform_volume(kernel, volume, writer, need(settings), limits)
    log.info("%s: %s", store, notes)


def find_threshold(found: Histogram, settings: ThresholdSettings, measured_porosity: float | None) -> dict[str, Any]:
    """Return the threshold, how it was found, and the porosity that it gives.

    A given value wins, then a measured porosity, then Otsu.
    """
    pores_are_dark = settings.porous in (None, settings.dark)
    if settings.value is not None:
        notes: dict[str, Any] = {"method": "given", "threshold": settings.value}
    elif measured_porosity is not None:
        notes = _calibrated(found, settings, measured_porosity, dark=pores_are_dark)
    else:
        notes = {"method": "otsu", "threshold": otsu(found)}
    below = share_below(found, notes["threshold"])
    notes["porosity"] = below if pores_are_dark else 1 - below
    return notes


def _calibrated(found: Histogram, settings: ThresholdSettings, porosity: float, *, dark: bool) -> dict[str, Any]:
    calibration = calibrate(found, porosity if dark else 1 - porosity, settings.porosity_error)
    return {
        "method": "calibrated",
        "threshold": calibration.threshold,
        "threshold_band": [calibration.lowest, calibration.highest],
        "measured_porosity": porosity,
    }
