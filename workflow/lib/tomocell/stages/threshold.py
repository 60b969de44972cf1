"""Threshold: phases without a network."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import Block, Limits, transform_volume
from tomocell.errors import BadInput, Fault
from tomocell.labelling.threshold import Apart, find_threshold, histogram, need, smoothed, thresholds_of
from tomocell.volumes.provenance import provenance
from tomocell.volumes.store import Layout, create_store, open_store

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.labelling.settings import ThresholdSettings
    from tomocell.volumes.store import StoreVolume
    from tomocell.volumes.volume import Classes, Volume

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

    With ``classified=``, a store of labels, the classes of ``settings.apart`` are taken from it: they are left out of
    the histogram and stand in the result as they are. Porosities are then those of the rest.

    The notes of the manifest tell the thresholds, how they were found, the porosity reached and, when calibrated, the
    band of thresholds within the error of the measurement.

    Raises:
        BadInput: If the volume has a single grey value, or what is apart leaves none of it.
    """
    volume = open_store(grey)
    apart = _open_apart(how.get("classified"), volume, settings)
    bounds = (volume.manifest.notes["least"], volume.manifest.notes["greatest"])
    found = histogram(volume, settings, bounds, limits, apart)
    notes = find_threshold(found, settings, how.get("measured_porosity"))
    if apart is not None:
        notes["apart_share"] = 1 - int(found.counts.sum()) / float(np.prod(volume.shape, dtype=float))
    values = np.array([classes.value(name) for name in settings.levels], np.uint8)
    thresholds = np.array(thresholds_of(notes))

    def kernel(voxels: NDArray[Any], block: Block) -> NDArray[np.uint8]:
        grey = smoothed(voxels, settings)[block.inner]
        labels = np.empty(grey.shape, np.uint8)
        for plane, of_plane in enumerate(grey):  # places among thresholds take 8 bytes a voxel
            labels[plane] = values[np.digitize(of_plane, thresholds)]
        if apart is not None:
            kept, is_apart = apart.read(block.core)
            labels[is_apart] = kept[is_apart]
        return labels

    layout = Layout(volume.shape, np.dtype(np.uint8), volume.size, classes)
    parents: dict[str, Volume | Path] = {"grey": volume}
    if apart is not None:
        parents["classified"] = apart.labels
    own = provenance(settings, how.get("digest", ""), parents)
    with create_store(store, layout, limits, own) as writer:
        writer.notes.update(notes)
        transform_volume(kernel, volume, writer, need(settings), limits)
    log.info("%s: %s", store, notes)


def _open_apart(classified: Path | None, volume: StoreVolume, settings: ThresholdSettings) -> Apart | None:
    if classified is None:
        return None
    labels = open_store(classified)
    if labels.shape != volume.shape:
        expected = f"{volume.shape}, the shape of {volume.name}"
        raise BadInput(Fault(labels.name, labels.shape, expected, "classify the volume that is segmented"))
    return Apart(labels, tuple(labels.classes.value(name) for name in settings.apart))
