"""Losses: values by hand, what is not labelled changes nothing, and ranks together make the loss of one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from support import tiny_training
from tomocell.errors import BadInput
from tomocell.settings import discovery
from tomocell.settings.base import Frozen
from tomocell.training.loss import IGNORED, Loss, confusion
from tomocell.training.losses.boundary import near_another_class

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

NAMES = discovery.names_offering("tomocell.training.losses", "sums")
WEIGHTS = torch.tensor([1.0, 3.0, 0.5])
EVEN = torch.ones(3)
SHAPES = [(4, 5, 6), (2, 3, 4, 5)]


def loss_of(name: str, **settings: Any) -> Loss:
    return Loss.of(tiny_training.settings(loss=name, loss_settings=settings))


def value(loss: Loss, logits: Tensor, target: Tensor, weights: Tensor = EVEN) -> Tensor:
    return loss.value(loss.sums([logits], target, weights), weights)


def batch(seed: int, labelled: float, shape: tuple[int, ...] = SHAPES[0]) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(shape[0], 3, *shape[1:], generator=random)
    target = torch.randint(0, 3, shape, generator=random)
    target[torch.rand(target.shape, generator=random) > labelled] = IGNORED
    return logits, target


def test_all_losses_of_the_papers_are_there() -> None:
    wanted = {"cross_entropy", "binary", "focal", "dice", "dice_cross_entropy", "focal_dice", "boundary"}
    assert wanted <= set(NAMES)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_not_labelled_changes_nothing(name: str, shape: tuple[int, ...]) -> None:
    logits, target = batch(0, 0.5, shape)
    other = logits + 5 * torch.randn(logits.shape) * (target == IGNORED).unsqueeze(1)
    one, two = (x.clone().requires_grad_() for x in (logits, other))
    losses = [value(loss_of(name), x, target, WEIGHTS) for x in (one, two)]
    torch.testing.assert_close(losses[0], losses[1])
    for loss in losses:
        loss.backward()
    assert one.grad is not None
    assert two.grad is not None
    torch.testing.assert_close(one.grad, two.grad)
    assert not one.grad.movedim(1, -1)[target == IGNORED].any()
    assert one.grad.movedim(1, -1)[target != IGNORED].any()


def test_nothing_labelled_is_no_loss(name: str) -> None:
    logits, target = batch(0, 0.0)
    logits.requires_grad_()
    loss = value(loss_of(name), logits, target, WEIGHTS)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_the_slope_is_that_of_the_loss(name: str) -> None:
    logits, target = batch(1, 0.7, (2, 2, 3))

    def of(x: Tensor) -> Tensor:
        # The losses compute in single precision, as trainings do.
        return value(loss_of(name), x, target, WEIGHTS).double()

    inputs = logits.double().requires_grad_()
    of(inputs).backward()
    step = 1e-2 * torch.randn(logits.shape, generator=torch.Generator().manual_seed(2)).double()
    with torch.no_grad():
        found = (of(inputs + step) - of(inputs - step)) / 2
    assert inputs.grad is not None
    torch.testing.assert_close((inputs.grad * step).sum(), found, rtol=2e-2, atol=2e-5)


def test_it_falls_as_the_true_class_wins(name: str) -> None:
    _, target = batch(2, 0.6)
    right = 2 * functional.one_hot(target.clamp(min=0), 3).movedim(-1, 1).float() - 1
    losses = [float(value(loss_of(name), sure * right, target)) for sure in (-2.0, 0.0, 1.0, 3.0, 20.0)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.01


def test_ranks_together_make_the_loss_and_the_slope_of_one(name: str) -> None:
    logits, target = batch(3, 0.3)
    loss = loss_of(name)
    whole = logits.clone().requires_grad_()
    value(loss, whole, target, WEIGHTS).backward()
    parts = [(slice(0, 1), logits[:1].clone()), (slice(1, 4), logits[1:].clone())]
    sums = [loss.sums([x], target[part], WEIGHTS) for part, x in parts]
    found, slopes = [], []
    for (part, x), _ in zip(parts, sums, strict=True):
        x.requires_grad_()
        own = loss.sums([x], target[part], WEIGHTS)
        of_rank = loss.over_ranks(own, WEIGHTS, lambda _: sums[0] + sums[1])
        of_rank.backward()
        found.append(of_rank.detach())
        slopes.append(x.grad)
    torch.testing.assert_close(found[0], value(loss, logits, target, WEIGHTS))
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(torch.cat([slope for slope in slopes if slope is not None]), whole.grad)


def test_outputs_of_deep_supervision_are_averaged(name: str) -> None:
    (first, target), (second, _) = batch(4, 0.5), batch(5, 0.5)
    loss = loss_of(name)
    both = loss.value(loss.sums([first, second], target, WEIGHTS), WEIGHTS)
    alone = [value(loss, logits, target, WEIGHTS) for logits in (first, second)]
    torch.testing.assert_close(both, (alone[0] + alone[1]) / 2)


def test_settings_are_told_and_strict(name: str) -> None:
    assert issubclass(loss_of(name).module.Settings, Frozen)
    with pytest.raises(BadInput, match=r"model.train.loss_settings.*gama"):
        loss_of(name, gama=2)
    with pytest.raises(ValidationError):
        loss_of(name).module.Settings.model_validate({"gama": 2})


def test_an_unknown_loss_is_told() -> None:
    with pytest.raises(BadInput, match=r"model.train.loss: found 'dise'.*focal_dice"):
        loss_of("dise")


# Two labelled voxels of class 0 and one of class 1, predicted with these probabilities; one voxel is not labelled.
P = torch.tensor([[0.8, 0.5, 0.4, 0.9], [0.2, 0.5, 0.6, 0.1]])
LOGITS = P.log().reshape(1, 2, 2, 2)
TARGET = torch.tensor([[[0, 0], [1, IGNORED]]])
TWO = torch.tensor([1.0, 3.0])
ENTROPY = (-math.log(0.8) - math.log(0.5) - 3 * math.log(0.6)) / 5
FOCAL = (-(0.2**2) * math.log(0.8) - 0.5**2 * math.log(0.5) - 3 * 0.4**2 * math.log(0.6)) / 5
# I = (1.3, 0.6), P = (1.7, 1.3), T = (2, 1)
DICE = ((1 - (2 * 1.3 + 1) / (1.7 + 2 + 1)) + 3 * (1 - (2 * 0.6 + 1) / (1.3 + 1 + 1))) / 4


def sigmoid_entropy(p_true: float, p_other: float) -> float:
    """Return the mean of both classes' cross-entropies; a sigmoid of log p is p / (1 + p)."""
    return (-math.log(p_true / (1 + p_true)) - math.log(1 / (1 + p_other))) / 2


BY_HAND: dict[str, Callable[[], float]] = {
    "cross_entropy": lambda: ENTROPY,
    "focal": lambda: FOCAL,
    "dice": lambda: DICE,
    "dice_cross_entropy": lambda: ENTROPY + DICE,
    "focal_dice": lambda: FOCAL + DICE,
    "binary": lambda: (sigmoid_entropy(0.8, 0.2) + sigmoid_entropy(0.5, 0.5) + 3 * sigmoid_entropy(0.6, 0.4)) / 5,
    "boundary": lambda: ENTROPY,  # every voxel is close to another class, and counts five times
}


def test_values_by_hand(name: str) -> None:
    assert float(value(loss_of(name), LOGITS, TARGET, TWO)) == pytest.approx(BY_HAND[name](), rel=1e-5)


def test_cross_entropy_is_torchs() -> None:
    logits, target = batch(0, 0.3)
    found = value(loss_of("cross_entropy"), logits, target, WEIGHTS)
    torch.testing.assert_close(found, functional.cross_entropy(logits, target, WEIGHTS, ignore_index=IGNORED))


def test_focal_and_dice_are_monais_where_all_is_labelled() -> None:
    from monai.losses.dice import DiceLoss
    from monai.losses.focal_loss import FocalLoss

    logits, target = batch(6, 1.0)
    dice = DiceLoss(to_onehot_y=True, softmax=True, batch=True, smooth_nr=1.0, smooth_dr=1.0)
    torch.testing.assert_close(value(loss_of("dice"), logits, target), dice(logits, target.unsqueeze(1)))
    focal = FocalLoss(to_onehot_y=True, use_softmax=True, gamma=2.0, reduction="sum")
    expected = focal(logits, target.unsqueeze(1)) / len(target)  # its sum is over patches, of means over their voxels
    torch.testing.assert_close(value(loss_of("focal"), logits, target), expected)


@pytest.mark.parametrize(("name", "settings"), [("focal", {"gamma": 0}), ("boundary", {"strength": 0})])
def test_at_its_limit_it_is_cross_entropy(name: str, settings: dict[str, Any]) -> None:
    logits, target = batch(7, 0.4)
    plain = value(loss_of("cross_entropy"), logits, target, WEIGHTS)
    torch.testing.assert_close(value(loss_of(name, **settings), logits, target, WEIGHTS), plain)


def test_what_is_close_to_another_class_is_found() -> None:
    target = torch.zeros(1, 3, 9, dtype=torch.int64)
    target[..., 4:] = 1
    target[..., 8] = IGNORED
    for reach in (1, 2):
        near = torch.zeros(3, 9)
        near[:, 4 - reach : 4 + reach] = 1
        assert torch.equal(near_another_class(target, 3, reach)[0], near)
    assert near_another_class(target.unsqueeze(1), 3, 1).sum() == 6


def test_the_boundary_counts_more() -> None:
    target = torch.tensor([[[0, 0, 0, 1, 1, 1]]])
    logits = torch.zeros(1, 2, 1, 6)
    logits[0, 0, 0, 3] = 2.0  # wrong at the boundary
    entropy = functional.cross_entropy(logits, target, reduction="none").flatten()
    weights = torch.tensor([1.0, 1.0, 5.0, 5.0, 1.0, 1.0])
    found = value(loss_of("boundary", strength=4, reach_voxels=1), logits, target, torch.ones(2))
    torch.testing.assert_close(found, (entropy * weights).sum() / weights.sum())


def test_the_confusion_matrix_counts_true_by_row() -> None:
    target = torch.tensor([[[0, 1], [IGNORED, 1]]])
    guess = torch.tensor([[[0, 0], [2, 1]]])
    logits = functional.one_hot(guess, 3).permute(0, 3, 1, 2).float()
    assert confusion(logits, target, 3).tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize("labelled", [0.0, 0.2, 1.0])
def test_the_confusion_matrix_is_scikit_learns(labelled: float) -> None:
    from sklearn.metrics import confusion_matrix

    logits, target = batch(3, labelled)
    known = target != IGNORED
    counted = confusion(logits, target, 3)
    if labelled:
        assert counted.tolist() == confusion_matrix(target[known], logits.argmax(1)[known], labels=[0, 1, 2]).tolist()
    else:
        assert not counted.any()
