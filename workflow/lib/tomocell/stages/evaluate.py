"""Evaluate: a label volume held against the truth, voxel by voxel."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import Block, Limits, Need, reduce_volume
from tomocell.errors import BadInput, Fault
from tomocell.labelling.settings import IGNORED
from tomocell.training.metrics import metrics_of
from tomocell.volumes.tables import write_json

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Classes, Volume

log = logging.getLogger(__name__)
VALUES = 256


def evaluate(labels: Volume, truth: Volume, out: Path, ignore_value: int, limits: Limits) -> None:
    """Write accuracy and the metrics of each class over all voxels whose true value is not ``ignore_value``.

    Raises:
        BadInput: If the shapes differ, a volume is not of labels, neither names its classes, they mean different
            values by one name, or the ignore value is that of a class.
    """
    if labels.shape != truth.shape:
        raise BadInput(
            Fault(labels.name, labels.shape, f"{truth.shape}, the shape of {truth.name}", "crop or resample")
        )
    for volume in (labels, truth):
        if volume.dtype != np.uint8:
            raise BadInput(Fault(volume.name, str(volume.dtype), "labels as uint8", "give a label volume"))
    classes = truth.classes or labels.classes
    if not classes:
        raise BadInput(Fault(truth.name, "no classes", "named label values", "give --classes name=value,..."))
    _require_same_values(labels, truth)
    _require_no_class_ignored(classes, ignore_value, truth.name)
    pairs = count_pairs(labels, truth, ignore_value, limits)
    values = [member.value for member in classes if member.value != ignore_value]
    _require_declared(pairs, values, truth.name)
    names = tuple(member.name for member in classes if member.value != ignore_value)
    record = metrics_of(pairs[np.ix_(values, values)], names)
    write_json(out, record)
    log.info("%s against %s: accuracy %s over %s voxels", labels.name, truth.name, record["accuracy"], record["pixels"])


def count_pairs(labels: Volume, truth: Volume, ignore_value: int, limits: Limits) -> NDArray[np.int64]:
    """Return how often each true value (rows) was given each value (columns), shape (256, 256), block by block."""

    def kernel(voxels: NDArray[Any], block: Block) -> NDArray[np.int64]:
        true = truth.read(block.core)
        kept = true != ignore_value
        pairs = true[kept].astype(np.int64) * VALUES + voxels[kept]
        return np.bincount(pairs, minlength=VALUES * VALUES)

    total = np.zeros(VALUES * VALUES, np.int64)
    for _, counts in reduce_volume(kernel, labels, Need(bytes_per_voxel=24.0), limits):
        total += counts
    return total.reshape(VALUES, VALUES)


def _require_same_values(labels: Volume, truth: Volume) -> None:
    for member in labels.classes:
        if member.name in truth.classes and truth.classes.value(member.name) != member.value:
            expected = f"{truth.classes.value(member.name)}, its value in {truth.name}"
            remedy = "tell the classes of both with --classes, or renumber one of them"
            raise BadInput(Fault(f"{labels.name}, class {member.name}", member.value, expected, remedy))


def _require_no_class_ignored(classes: Classes, ignore_value: int, name: str) -> None:
    for member in classes:
        if member.value == ignore_value and member.name != IGNORED:
            value = f"ignore value {ignore_value}, which is class {member.name}"
            remedy = "give another --ignore-value; -1 ignores nothing"
            raise BadInput(Fault(name, value, "a value of no class", remedy))


def _require_declared(pairs: NDArray[np.int64], values: list[int], name: str) -> None:
    found = set(np.flatnonzero(pairs.sum(axis=0) + pairs.sum(axis=1)).tolist())
    unknown = sorted(found - set(values))
    if unknown:
        raise BadInput(Fault(name, f"values {unknown}", f"declared classes: {values}", "name them with --classes"))
