"""Only labelled pixels count, and they count the same however they fall on ranks."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from tomocell.training.loss import IGNORED, confusion, summed_cross_entropy

WEIGHTS = torch.tensor([1.0, 3.0, 0.5])


def batch(seed: int, labelled: float) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(4, 3, 5, 6, generator=random)
    target = torch.randint(0, 3, (4, 5, 6), generator=random)
    target[torch.rand(target.shape, generator=random) > labelled] = IGNORED
    return logits, target


def test_the_ratio_is_torchs_weighted_mean() -> None:
    logits, target = batch(0, 0.3)
    loss, count = summed_cross_entropy(logits, target, WEIGHTS)
    torch.testing.assert_close(loss / count, functional.cross_entropy(logits, target, WEIGHTS, ignore_index=IGNORED))


def test_sums_of_shares_are_those_of_the_whole() -> None:
    logits, target = batch(0, 0.1)
    whole = summed_cross_entropy(logits, target, WEIGHTS)
    shares = [summed_cross_entropy(logits[part], target[part], WEIGHTS) for part in (slice(0, 1), slice(1, 4))]
    for index in (0, 1):
        torch.testing.assert_close(shares[0][index] + shares[1][index], whole[index])


def test_nothing_labelled_is_no_loss() -> None:
    logits, target = batch(0, 0.0)
    loss, count = summed_cross_entropy(logits, target, WEIGHTS)
    assert (float(loss), float(count)) == (0.0, 0.0)
    assert confusion(logits, target, 3).sum() == 0


def test_the_confusion_matrix_counts_true_by_row() -> None:
    target = torch.tensor([[[0, 1], [IGNORED, 1]]])
    guess = torch.tensor([[[0, 0], [2, 1]]])
    logits = functional.one_hot(guess, 3).permute(0, 3, 1, 2).float()
    assert confusion(logits, target, 3).tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize("labelled", [0.2, 1.0])
def test_it_matches_scikit_learn(labelled: float) -> None:
    from sklearn.metrics import confusion_matrix

    logits, target = batch(3, labelled)
    known = target != IGNORED
    expected = confusion_matrix(target[known], logits.argmax(1)[known], labels=[0, 1, 2])
    assert confusion(logits, target, 3).tolist() == expected.tolist()
