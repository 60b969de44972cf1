"""Whether a model is as sure as it is right, where its probabilities are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import Block, Limits, Need, choose_core, cut, map_blocks
from tomocell.errors import BadInput, Fault
from tomocell.evaluation.pair import LEFT_OUT
from tomocell.volumes.views import BoxVolume

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from tomocell.evaluation.pair import Pair
    from tomocell.evaluation.settings import EvaluateSettings
    from tomocell.volumes.volume import Volume

    Ints = NDArray[np.int64]

CERTAIN = 255  # probability 1
LEVELS = CERTAIN + 1
BYTES_PER_VOXEL = 16.0


def probabilities_of(
    pair: Pair, volumes: Mapping[str, Volume], whole: Volume, settings: EvaluateSettings
) -> list[Volume]:
    """Return the part that is judged of each class's probabilities, in the order of the codes.

    Args:
        pair: What is judged.
        volumes: By class, uint8: 0 is probability 0, 255 is 1.
        whole: The volume that the pair is a part of.
        settings: Which part.

    Raises:
        BadInput: If a class has none, or they are of another shape or type.
    """
    faults = []
    for member in pair.classes:
        volume = volumes.get(member.name)
        where = f"probabilities of {member.name}"
        if volume is None:
            known = ", ".join(volumes) or "none"
            faults.append(Fault(where, f"classes {known}", "a volume for each class", "add it, or give no folder"))
        elif volume.dtype != np.uint8:
            faults.append(Fault(where, str(volume.dtype), "uint8, 255 for probability 1", "quantise them"))
        elif volume.shape != whole.shape:
            expected = f"{whole.shape}, the shape of {whole.name}"
            faults.append(Fault(where, volume.shape, expected, "infer on the same volume"))
    if faults:
        raise BadInput(*faults)
    start, shape = settings.crop_start_voxels, pair.truth.shape
    return [BoxVolume(volumes[member.name], start, shape) for member in pair.classes]


def count_confidences(pair: Pair, probabilities: Sequence[Volume], limits: Limits) -> Ints:
    """Return how many voxels were labelled with each confidence, and how many of them rightly, shape (256, 2).

    The confidence of a voxel is the largest of its probabilities, its label the first class that has it.
    """
    shape = pair.truth.shape

    def work(block: Block) -> Ints:
        true, _ = pair.read(block.core)
        best = probabilities[0].read(block.core)
        likeliest = np.zeros_like(best)
        for code, volume in enumerate(probabilities[1:], 1):
            other = volume.read(block.core)
            better = other > best
            likeliest[better] = code
            np.maximum(best, other, out=best)
        judged, right = true != LEFT_OUT, true == likeliest
        hits = np.bincount(best[judged & right], minlength=LEVELS)
        return np.stack([np.bincount(best[judged], minlength=LEVELS), hits], axis=1)

    total = np.zeros((LEVELS, 2), np.int64)
    blocks = cut(shape, choose_core(shape, Need(bytes_per_voxel=BYTES_PER_VOXEL), limits))
    for counts in map_blocks(work, blocks, limits.workers):
        total += counts
    return total


def calibration(counts: Ints, bins: int) -> dict[str, Any]:
    """Return the expected calibration error and the reliability table behind it.

    ``ece = sum_b n_b / n |accuracy_b - confidence_b|`` over bins of equal width; ``largest_error`` is the greatest of
    the differences. The last bin holds confidence 1 too. Probabilities are known to 1/255.
    Source: Guo et al. 2017, doi:10.48550/arXiv.1706.04599.

    Args:
        counts: Shape (256, 2): voxels of each confidence, and those labelled rightly.
        bins: How many.
    """
    levels = np.arange(LEVELS)
    place = np.minimum(levels * bins // CERTAIN, bins - 1)
    voxels, right, sums = (
        np.bincount(place, weights, minlength=bins).astype(np.int64)
        for weights in (counts[:, 0], counts[:, 1], counts[:, 0] * levels)
    )
    rows = [
        {
            "low": index / bins,
            "high": (index + 1) / bins,
            "voxels": int(voxels[index]),
            "confidence": sums[index] / voxels[index] / CERTAIN if voxels[index] else None,
            "accuracy": right[index] / voxels[index] if voxels[index] else None,
        }
        for index in range(bins)
    ]
    errors = np.abs(right - sums / CERTAIN)
    some = voxels > 0
    total = int(voxels.sum())
    return {
        "ece": float(errors.sum() / total) if total else None,
        "largest_error": float((errors[some] / voxels[some]).max()) if total else None,
        "reliability": rows,
    }
