"""How the step size changes from epoch to epoch.

Stepped and kept by the learner: the trainer would step a schedule after the checkpoint of the epoch is written, so that
a resumed training would miss a step.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

from torch.optim.lr_scheduler import ReduceLROnPlateau

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch.optim import Optimizer

    from tomocell.models.settings import TrainSettings


class Schedule(Protocol):
    """A schedule that can be asked where it is, and put there again."""

    def step(self, loss: float, epoch: int) -> None:
        """Set the step size for the epoch after ``epoch``, which ended with this validation loss."""

    def state_dict(self) -> dict[str, Any]:
        """Return where it is, as a checkpoint can hold it."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Be where ``state_dict`` told."""


class Plateau:
    """The step shrinks by a factor when the validation loss has stood still for some epochs."""

    def __init__(self, optimizer: Optimizer, train: TrainSettings) -> None:
        self._inner = ReduceLROnPlateau(
            optimizer, factor=train.plateau_factor, patience=train.plateau_epochs, min_lr=train.least_learning_rate
        )

    def step(self, loss: float, epoch: int) -> None:  # noqa: ARG002 -- the loss alone decides
        """See ``Schedule``."""
        self._inner.step(loss)

    def state_dict(self) -> dict[str, Any]:
        """See ``Schedule``."""
        state: dict[str, Any] = self._inner.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``Schedule``."""
        self._inner.load_state_dict(state)


class Cosine:
    """The step falls from the first to the least along half a cosine over all epochs."""

    def __init__(self, optimizer: Optimizer, train: TrainSettings) -> None:
        self._optimizer, self._train = optimizer, train

    def step(self, loss: float, epoch: int) -> None:  # noqa: ARG002 -- the epoch alone decides
        """See ``Schedule``."""
        for group in self._optimizer.param_groups:
            group["lr"] = cosine(self._train, epoch + 1)

    def state_dict(self) -> dict[str, Any]:
        """See ``Schedule``; the optimizer keeps the step size."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``Schedule``."""


class Constant:
    """The step stays."""

    def __init__(self, optimizer: Optimizer, train: TrainSettings) -> None:
        pass

    def step(self, loss: float, epoch: int) -> None:
        """See ``Schedule``."""

    def state_dict(self) -> dict[str, Any]:
        """See ``Schedule``."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``Schedule``."""


KINDS: dict[str, Callable[[Optimizer, TrainSettings], Schedule]] = {
    "plateau": Plateau,
    "cosine": Cosine,
    "constant": Constant,
}


def schedule_of(optimizer: Optimizer, train: TrainSettings) -> Schedule:
    """Return the schedule that a training names."""
    return KINDS[train.schedule](optimizer, train)


def cosine(train: TrainSettings, epoch: int) -> float:
    """Return the step size of an epoch: the first of the first epoch, the least after the last one."""
    share = 0.5 * (1 + math.cos(math.pi * min(epoch / train.epochs, 1.0)))
    return train.least_learning_rate + (train.learning_rate - train.least_learning_rate) * share
