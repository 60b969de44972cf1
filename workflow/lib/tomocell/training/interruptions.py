"""Checkpoints within a long epoch, and an orderly end before a scheduler's time limit.

A scheduler ends a job that is out of time by SIGTERM and, half a minute later, for good. A training that is told so, or
that knows when its time will be over, writes a checkpoint after the step it is at and ends; the same command goes on
there. No checkpoint is written between batches whose gradients are still being added up, nor while an epoch is judged.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lightning.pytorch.callbacks import Callback

from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

    import lightning

log = logging.getLogger(__name__)
SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
TRY_AGAIN = 75  # sysexits.h, EX_TEMPFAIL: nothing is wrong, the same command will go on
SECONDS = 60.0


class InterruptedTrainingError(Exception):
    """A training that ended before it was over; its checkpoint is written, and the same command goes on from it."""


@dataclass(frozen=True)
class TimeLimit:
    """When a training will be killed from outside.

    Attributes:
        minutes: From ``since`` on.
        margin_min: How long before that it ends by itself; 0: it does not.
        since: When the job began, on the clock of ``time.monotonic``.

    Raises:
        BadInput: If the margin leaves no time to train: every try would end where it began.
    """

    minutes: float = 0.0
    margin_min: float = 0.0
    since: float = 0.0

    def __post_init__(self) -> None:
        """Check that there is time to train."""
        if 0 < self.margin_min >= self.minutes:
            expected = f"less than the {self.minutes:g} min until it is killed"
            remedy = "lower margin_min, or raise runtime, of the profile"
            raise BadInput(Fault("--margin-min", f"{self.margin_min:g} min", expected, remedy))

    def is_near(self) -> bool:
        """Return whether it is time to end."""
        return self.margin_min > 0 and time.monotonic() - self.since >= (self.minutes - self.margin_min) * SECONDS


class Interruptions(Callback):  # type: ignore[misc]
    """Writes ``last`` every ``every_min`` minutes within an epoch, and before it ends a training that must end."""

    def __init__(self, last: Path, every_min: float, limit: TimeLimit) -> None:
        self._last, self._every_s, self._limit = last, every_min * SECONDS, limit
        self._saved = time.monotonic()
        self._signal = ""

    def on_train_start(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:  # noqa: ARG002
        """Listen to the scheduler; the trainer puts back the handlers that were there before."""
        self._saved = time.monotonic()
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                signal.signal(number, self._hear)

    def on_train_batch_start(
        self, trainer: lightning.Trainer, learner: lightning.LightningModule, batch: Any, index: int  # noqa: ANN401, ARG002
    ) -> None:  # fmt: skip
        """Keep what the batches before this one taught, if it is time to.

        Raises:
            InterruptedTrainingError: If the training must end.
        """
        if index % trainer.accumulate_grad_batches or not _any_rank(trainer, self._must_end() or self._is_due()):
            return
        if index:  # else the checkpoint of the last epoch says all
            trainer.save_checkpoint(self._last)
            self._saved = time.monotonic()
        if _any_rank(trainer, self._must_end()):
            msg = f"epoch {trainer.current_epoch}, batch {index}: {self._why()}; the same command goes on from here"
            raise InterruptedTrainingError(msg)

    def on_train_epoch_end(self, *_: Any) -> None:  # noqa: ANN401
        """Count from the epoch's own checkpoint, which is written now."""
        self._saved = time.monotonic()

    def _hear(self, number: int, _: FrameType | None) -> None:
        self._signal = signal.Signals(number).name

    def _is_due(self) -> bool:
        return time.monotonic() - self._saved >= self._every_s

    def _must_end(self) -> bool:
        return bool(self._signal) or self._limit.is_near()

    def _why(self) -> str:
        return self._signal or (f"{self._limit.minutes:g} min are nearly over" if self._limit.is_near() else "a rank")


def _any_rank(trainer: lightning.Trainer, here: bool) -> bool:  # noqa: FBT001 -- passed on
    return bool(trainer.strategy.reduce_boolean_decision(here, all=False))
