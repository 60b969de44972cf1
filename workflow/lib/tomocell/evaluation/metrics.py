"""What a confusion matrix says: means over classes, reasons for what cannot be told, intervals by drawing blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.training.metrics import metrics_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from tomocell.evaluation.settings import EvaluateSettings

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Reasons = list[dict[str, str]]

METRICS = ("precision", "recall", "f1", "iou", "dice")
DRAWS_AT_ONCE = 64
PERCENTILES = (2.5, 97.5)


def voxel_metrics(confusion: Ints, names: tuple[str, ...], background: str) -> dict[str, Any]:
    """Return accuracy, the metrics of each class, their means, the confusion matrix, and reasons for what is null.

    ``accuracy`` is the share of voxels labelled right; ``class_accuracy`` of a class that of voxels rightly of it or
    rightly not of it. ``means``: ``macro`` is the plain mean over the classes that occur in the truth, ``micro`` that
    of all voxels' true and false positives pooled (there precision, recall, F1 and Dice equal accuracy),
    ``foreground`` the plain mean without the background class.

    Args:
        confusion: Shape (classes, classes), rows true, columns found, voxels.
        names: Of the classes.
        background: The class that ``foreground`` leaves out.
    """
    found = metrics_of(confusion, names)
    occurring = [name for name, voxels in zip(names, confusion.sum(axis=1), strict=True) if voxels]
    means = {
        "macro": _mean(found["classes"], occurring),
        "micro": _micro(confusion),
        "foreground": _mean(found["classes"], [name for name in occurring if name != background]),
    }
    return {
        **found,
        "class_accuracy": _class_accuracies(confusion, names),
        "means": means,
        "confusion": {"classes": list(names), "voxels": confusion.tolist()},
        "reasons": list(_reasons(found, confusion, names)),
    }


def _mean(classes: dict[str, dict[str, float | None]], names: Sequence[str]) -> dict[str, float | None]:
    means: dict[str, float | None] = {}
    for metric in METRICS:
        values = [value for name in names if (value := classes[name][metric]) is not None]
        means[metric] = float(np.mean(values)) if values else None
    return means


def _micro(confusion: Ints) -> dict[str, float | None]:
    total, hits = int(confusion.sum()), int(np.trace(confusion))
    if not total:
        return dict.fromkeys(METRICS)
    pooled: dict[str, float | None] = dict.fromkeys(METRICS, hits / total)
    return pooled | {"iou": hits / (2 * total - hits)}


def _class_accuracies(confusion: Ints, names: tuple[str, ...]) -> dict[str, float | None]:
    total = int(confusion.sum())
    involved = confusion.sum(axis=0) + confusion.sum(axis=1)
    wrong = involved - 2 * np.diag(confusion)
    return {
        name: 1 - int(miss) / total if count else None for name, miss, count in zip(names, wrong, involved, strict=True)
    }


def _reasons(found: dict[str, Any], confusion: Ints, names: tuple[str, ...]) -> Iterator[dict[str, str]]:
    if not confusion.any():
        yield {"of": "accuracy", "reason": "every voxel of the truth is left out"}
    for index, name in enumerate(names):
        missing = [where for where, axis in (("truth", 1), ("labels", 0)) if not confusion.sum(axis=axis)[index]]
        null = [metric for metric, value in found["classes"][name].items() if value is None]
        if null:
            reason = f"no voxel of {name} in {' or '.join(missing)}"
            yield {"of": f"classes.{name}: {', '.join(null)}", "reason": reason}


def intervals(cells: Ints, names: tuple[str, ...], settings: EvaluateSettings) -> tuple[dict[str, Any] | None, Reasons]:
    """Return 95 % intervals of accuracy and of each class's IoU and Dice, by drawing blocks with replacement.

    ``low`` and ``high`` are the percentiles 2.5 and 97.5 over draws of as many blocks as there are: how far the figures
    would spread over other parts of the same material. They are too narrow where blocks are smaller than the
    structure, and coarse where there are few. A draw that lacks a class has no say in its interval.
    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13; doi:10.1007/978-1-4899-4541-9.

    Args:
        cells: Shape (blocks, classes, classes), the confusion matrix of each block.
        names: Of the classes.
        settings: Edge of the blocks, draws, seed.
    """
    count = len(cells)
    if count < 2:  # noqa: PLR2004
        return None, [{"of": "intervals", "reason": f"{count} blocks with judged voxels; expected two at least"}]
    drawn = _draw(cells, settings)
    hits = np.diagonal(drawn, axis1=1, axis2=2)
    both = drawn.sum(axis=1) + drawn.sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy, iou, dice = hits.sum(axis=1) / drawn.sum(axis=(1, 2)), hits / (both - hits), 2 * hits / both
    classes = {name: {"iou": _ends(iou[:, index]), "dice": _ends(dice[:, index])} for index, name in enumerate(names)}
    return {"blocks": count, "accuracy": _ends(accuracy), "classes": classes}, []


def _draw(cells: Ints, settings: EvaluateSettings) -> Ints:
    """Return the confusion matrix of each draw; draws are made in lots, so that memory stays bounded."""
    random = np.random.default_rng(settings.bootstrap_seed)
    count, flat = len(cells), cells.reshape(len(cells), -1)
    drawn = np.empty((settings.bootstrap_draws, flat.shape[1]), np.int64)
    for start in range(0, len(drawn), DRAWS_AT_ONCE):
        lot = drawn[start : start + DRAWS_AT_ONCE]
        lot[:] = random.multinomial(count, np.full(count, 1 / count), len(lot)) @ flat
    return drawn.reshape(-1, *cells.shape[1:])


def _ends(values: Floats) -> dict[str, float | None]:
    known = values[np.isfinite(values)]
    if not len(known):
        return {"low": None, "high": None}
    low, high = np.percentile(known, PERCENTILES)
    return {"low": float(low), "high": float(high)}
