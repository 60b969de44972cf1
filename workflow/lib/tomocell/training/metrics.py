"""What a confusion matrix says of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def metrics_of(confusion: NDArray[np.int64], names: tuple[str, ...]) -> dict[str, Any]:
    """Return accuracy, and precision, recall, F1, IoU and Dice of each class; null where a class never occurs.

    Args:
        confusion: Shape (classes, classes), rows true, columns predicted, pixels.
        names: Of the classes.
    """
    total = int(confusion.sum())
    accuracy = float(np.trace(confusion)) / total if total else None
    return {
        "accuracy": accuracy,
        "pixels": total,
        "classes": {name: _of_class(confusion, index) for index, name in enumerate(names)},
    }


def _of_class(confusion: NDArray[np.int64], index: int) -> dict[str, float | None]:
    hits = int(confusion[index, index])
    predicted, true = int(confusion[:, index].sum()), int(confusion[index].sum())
    f1 = _ratio(2 * hits, predicted + true)
    return {
        "precision": _ratio(hits, predicted),
        "recall": _ratio(hits, true),
        "f1": f1,
        "iou": _ratio(hits, predicted + true - hits),
        "dice": f1,
    }


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
