"""When a training ends: epochs, patience, minutes. All ranks end together."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

from lightning.pytorch.callbacks import Callback, EarlyStopping

if TYPE_CHECKING:
    import lightning

    from tomocell.models.settings import TrainSettings

Reason = Literal["epochs", "patience", "time"]
SECONDS = 60.0


class Minutes(Callback):  # type: ignore[misc]
    """Ends a training after some minutes of training, those before a kill included as far as a checkpoint tells them.

    It ends within an epoch, too; that epoch is judged and counts.
    """

    def __init__(self, limit_min: float | None) -> None:
        self._limit_s = None if limit_min is None else limit_min * SECONDS
        self._before_s, self._since = 0.0, time.monotonic()
        self.ran_out = False

    def elapsed_s(self) -> float:
        """Return the seconds of training so far."""
        return self._before_s + time.monotonic() - self._since

    def on_train_start(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:
        """Count from here; train no further if the time was up when the checkpoint was written."""
        self._since = time.monotonic()
        if self.ran_out:
            trainer.should_stop = True

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any, **__: Any) -> None:  # noqa: ANN401
        """Look at the clock; if it is time for one rank, it is for all."""
        if self._limit_s is None:
            return
        self.ran_out = trainer.strategy.reduce_boolean_decision(self.elapsed_s() >= self._limit_s, all=False)
        if self.ran_out:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        # Seconds differ from run to run, and a checkpoint without a limit need not.
        return {} if self._limit_s is None else {"elapsed_s": self.elapsed_s(), "ran_out": self.ran_out}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what a checkpoint kept."""
        self._before_s, self.ran_out = state.get("elapsed_s", 0.0), state.get("ran_out", False)


class Patience(EarlyStopping):  # type: ignore[misc]
    """Ends a training after some epochs without better validation accuracy."""

    def on_train_start(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:
        """Train no further if patience had run out when the checkpoint was written."""
        if self.ran_out:
            trainer.should_stop = True

    @property
    def ran_out(self) -> bool:
        """Whether it did."""
        return bool(self.wait_count >= self.patience)


def stop_rules(train: TrainSettings) -> tuple[Patience, Minutes]:
    """Return the rules of patience and time."""
    return Patience("validation_accuracy", patience=train.patience_epochs, mode="max"), Minutes(train.time_min)


def reason(patience: Patience, minutes: Minutes) -> Reason:
    """Return why a training ended; where several rules agree, the first of time, patience, epochs."""
    if minutes.ran_out:
        return "time"
    return "patience" if patience.ran_out else "epochs"
