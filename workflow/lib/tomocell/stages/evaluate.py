"""Evaluate: a label volume held against the truth, voxel by voxel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import Block, Limits, Need, reduce_volume
from tomocell.errors import BadInput, Fault
from tomocell.training.metrics import metrics_of
from tomocell.volumes.tables import write_json

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Volume

VALUES = 256


def evaluate(labels: Volume, truth: Volume, out: Path, ignore_value: int, limits: Limits) -> None:
    """Write accuracy and the metrics of each class over all voxels whose true value is not ``ignore_value``.

    Raises:
        BadInput: If the shapes differ, a volume is not of labels, or neither names its classes.
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
    pairs = count_pairs(labels, truth, ignore_value, limits)
    values = [member.value for member in classes if member.value != ignore_value]
    _require_declared(pairs, values, truth.name)
    names = tuple(member.name for member in classes if member.value != ignore_value)
    write_json(out, metrics_of(pairs[np.ix_(values, values)], names))


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


def _require_declared(pairs: NDArray[np.int64], values: list[int], name: str) -> None:
    found = set(np.flatnonzero(pairs.sum(axis=0) + pairs.sum(axis=1)).tolist())
    unknown = sorted(found - set(values))
    if unknown:
        raise BadInput(Fault(name, f"values {unknown}", f"declared classes: {values}", "name them with --classes"))
