"""Evaluate: a label volume held against the truth, voxel by voxel, surface by surface, number by number."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tomocell.errors import BadInput, Fault
from tomocell.evaluation.calibration import calibration, count_confidences, probabilities_of
from tomocell.evaluation.counts import count
from tomocell.evaluation.metrics import intervals, voxel_metrics
from tomocell.evaluation.pair import pair_of
from tomocell.evaluation.physical import physical_errors, tortuosity_errors
from tomocell.evaluation.settings import EvaluateSettings
from tomocell.evaluation.surfaces import reach_of, surface_distances, surface_metrics
from tomocell.volumes.manifest import STORE_SUFFIX
from tomocell.volumes.readers import open_source
from tomocell.volumes.store import open_store
from tomocell.volumes.tables import write_json
from tomocell.volumes.views import BoxVolume

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tomocell.blocks import Limits
    from tomocell.evaluation.counts import Counts
    from tomocell.evaluation.pair import Pair
    from tomocell.volumes.store import StoreVolume
    from tomocell.volumes.volume import Classes, Volume

log = logging.getLogger(__name__)
NO_SIZE = "no voxel size: neither volume tells one"


@dataclass(frozen=True)
class How:
    """What else an evaluation may be told.

    Attributes:
        settings: What is told, and of which part.
        name: What the labels are called in tables beside others; by default as their file.
        probabilities: Probability of each class, uint8, by its name.
        digest: Of the code.
    """

    settings: EvaluateSettings = field(default_factory=EvaluateSettings)
    name: str = ""
    probabilities: Mapping[str, Volume] = field(default_factory=dict)
    digest: str = ""


def evaluate(
    labels: Volume, truth: Volume, out: Path, ignore_value: int, limits: Limits, how: How | None = None
) -> None:
    """Write ``out``: how right ``labels`` are over all voxels whose true value is not ``ignore_value``.

    Keys: ``name``, ``accuracy``, ``pixels``, ``classes``, ``class_accuracy``, ``means``, ``confusion`` (see
    `voxel_metrics`), ``intervals``, ``surface`` (`surface_metrics`), ``physical`` (`physical_errors`),
    ``tortuosity``, ``calibration``, ``reasons`` (why something is null), ``provenance``.

    Raises:
        BadInput: If the volumes cannot be compared, values occur that no class has, or every voxel is left out.
    """
    how = how or How()
    pair = pair_of(labels, truth, ignore_value, how.settings)
    given = probabilities_of(pair, how.probabilities, truth, how.settings) if how.probabilities else []
    counts = count(pair, how.settings.bootstrap_edge_voxels, limits)
    if not counts.confusion.any():
        remedy = "label some of the part that is judged, or give another ignore value"
        raise BadInput(Fault(truth.name, f"{ignore_value} everywhere", "voxels whose true class is known", remedy))
    record = {"name": how.name or labels.name} | voxel_record(counts, pair.classes.names, how.settings)
    record |= _sized(pair, counts, record["reasons"], limits, how.settings)
    record["calibration"] = None
    if given:
        record["calibration"] = calibration(count_confidences(pair, given, limits), how.settings.calibration_bins)
    else:
        record["reasons"].append({"of": "calibration", "reason": "no probabilities were given"})
    record["provenance"] = _provenance(labels, truth, ignore_value, how)
    write_json(out, record)
    log.info("%s against %s: accuracy %s over %s voxels", labels.name, truth.name, record["accuracy"], record["pixels"])


def open_truth(path: Path, classes: Classes, labels: StoreVolume | None = None) -> Volume:
    """Open a file of true labels, whose values are those of ``classes``.

    Of ``labels`` that a crop left, the truth of the whole is cropped alike.
    """
    truth = open_source(path)
    truth.classes = classes
    notes = labels.manifest.notes if labels is not None else {}
    start, end = (tuple(notes.get(f"crop_{side}_voxels", (0, 0, 0))) for side in ("start", "end"))
    if labels is None or truth.shape == labels.shape:
        return truth
    uncropped = tuple(map(sum, zip(start, labels.shape, end, strict=True)))
    return BoxVolume(truth, start, labels.shape) if truth.shape == uncropped else truth


def open_probabilities(stores: Iterable[Path]) -> dict[str, Volume]:
    """Open stores of probabilities, by the class that each one is named after."""
    return {path.name.removesuffix(STORE_SUFFIX): open_store(path) for path in stores}


def voxel_record(counts: Counts, names: tuple[str, ...], settings: EvaluateSettings) -> dict[str, Any]:
    """Return what the confusion matrix says, with its intervals."""
    record = voxel_metrics(counts.confusion, names, settings.background or names[0])
    record["intervals"], reasons = intervals(counts.cells, names, settings)
    record["reasons"] += reasons
    return record


def _sized(
    pair: Pair, counts: Counts, reasons: list[dict[str, str]], limits: Limits, settings: EvaluateSettings
) -> dict[str, Any]:
    """Return what needs a voxel size; ``reasons`` learns why something is not told."""
    size = pair.voxel_size_um
    if size is None:
        reasons.append({"of": "surface, physical, tortuosity", "reason": NO_SIZE})
        return {"surface": None, "physical": None, "tortuosity": None}
    tortuosity, reason = None, "voxels are left out"
    if int(counts.confusion.sum()) == _voxels(pair):
        tortuosity, reason = tortuosity_errors(pair, settings, limits)
    if reason:
        reasons.append({"of": "tortuosity", "reason": reason})
    return {
        "surface": _surface(pair, reasons, limits, settings),
        "physical": physical_errors(counts, pair.classes.names, size),
        "tortuosity": tortuosity,
    }


def _voxels(pair: Pair) -> int:
    z, y, x = pair.truth.shape
    return z * y * x


def _surface(
    pair: Pair, reasons: list[dict[str, str]], limits: Limits, settings: EvaluateSettings
) -> dict[str, Any] | None:
    size = pair.voxel_size_um
    if not settings.surfaces or size is None:
        reasons.append({"of": "surface", "reason": "left out by the settings"})
        return None
    reach = reach_of(size, settings)
    told: dict[str, Any] = {"tolerance_um": reach.tolerance_um, "cap_um": reach.cap_um, "classes": {}}
    distances = surface_distances(pair, reach, limits)
    for name, found in zip(pair.classes.names, distances, strict=True):
        metrics, reason = surface_metrics(found, reach)
        told["classes"][name] = metrics
        if reason:
            null = ", ".join(metric for metric, value in metrics.items() if value is None)
            reasons.append({"of": f"surface.classes.{name}: {null}", "reason": reason})
    return told


def _provenance(labels: Volume, truth: Volume, ignore_value: int, how: How) -> dict[str, Any]:
    return {
        "labels": labels.name,
        "truth": truth.name,
        "ignore_value": ignore_value,
        "settings": how.settings.model_dump(mode="json"),
        "code_digest": how.digest,
    }
