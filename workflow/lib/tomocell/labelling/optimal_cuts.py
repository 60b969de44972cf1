"""The best cuts of a line of weighted values into groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]


def optimal_cuts(values: Numbers, weights: Numbers, groups: int) -> list[int]:
    """Return where to cut ascending ``values`` so that the variance between the groups is the largest.

    Dynamic programming over the number of groups. The best last cut moves up with the end of the line, so each
    level is solved by halving (n log n instead of n squared; the exact optimum, as in one-dimensional k-means,
    doi:10.32614/RJ-2011-015). Of several optima the first cut is the lowest that the halving meets.

    Args:
        values: Ascending, shape (n,), n at least ``groups``.
        weights: Above 0, shape (n,).
        groups: At least 2.

    Returns:
        The indices at which the second to the last group begin.
    """
    mean = float(values @ weights / weights.sum())  # sums of squares about the mean lose no digits
    mass = np.concatenate([[0.0], np.cumsum(weights)])
    moment = np.concatenate([[0.0], np.cumsum(weights * (values - mean))])
    best = np.full(len(mass), -np.inf)
    best[1:] = moment[1:] ** 2 / mass[1:]
    choices = []
    for group in range(2, groups + 1):
        best, choice = _add_group(best, mass, moment, group)
        choices.append(choice)
    return _walk_back(choices, len(values))


def _add_group(best: Numbers, mass: Numbers, moment: Numbers, group: int) -> tuple[Numbers, NDArray[np.int64]]:
    """Return the best score of the first ``end`` values in ``group`` groups, and the last cut, for every end."""
    count = len(mass)
    scores, choice = np.full(count, -np.inf), np.zeros(count, np.int64)
    waiting = [(group, count - 1, group - 1, count - 2)]
    while waiting:
        first, last, low, high = waiting.pop()
        end = (first + last) // 2
        cuts = np.arange(low, min(high, end - 1) + 1)
        trial = best[cuts] + (moment[end] - moment[cuts]) ** 2 / (mass[end] - mass[cuts])
        winner = int(np.argmax(trial))
        scores[end], choice[end] = trial[winner], cuts[winner]
        if first < end:
            waiting.append((first, end - 1, low, int(cuts[winner])))
        if end < last:
            waiting.append((end + 1, last, int(cuts[winner]), high))
    return scores, choice


def _walk_back(choices: list[NDArray[np.int64]], end: int) -> list[int]:
    cuts = []
    for choice in reversed(choices):
        end = int(choice[end])
        cuts.append(end)
    return cuts[::-1]
