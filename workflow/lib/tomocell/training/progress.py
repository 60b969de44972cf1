"""What can be seen of a training while it runs: a table that grows by a row an epoch, the log, TensorBoard."""

from __future__ import annotations

import importlib.util
import logging
from typing import TYPE_CHECKING, Any

import pandas as pd
from lightning.pytorch.callbacks import Callback

from tomocell.errors import BadInput, Fault
from tomocell.volumes.tables import write_csv

if TYPE_CHECKING:
    from pathlib import Path

    import lightning

log = logging.getLogger(__name__)
HISTORY = "history.csv"


class LiveHistory(Callback):  # type: ignore[misc]
    """Writes the history of a training after each epoch, on the first rank."""

    def __init__(self, folder: Path, tensorboard: Path | None) -> None:
        self._folder, self._tensorboard = folder, tensorboard

    def on_train_epoch_end(self, trainer: lightning.Trainer, learner: Any) -> None:  # noqa: ANN401
        """Write the table, a line of the log, and the curves if they are wanted."""
        if not trainer.is_global_zero or not learner.history:
            return
        write_csv(self._folder / HISTORY, pd.DataFrame(learner.history))
        row = learner.history[-1]
        words = ", ".join(f"{key.replace('_', ' ')} {value:.4g}" for key, value in row.items() if key != "epoch")
        log.info("epoch %d of at most %d: %s", int(row["epoch"]) + 1, trainer.max_epochs, words)
        if self._tensorboard is not None:
            write_curves(self._tensorboard, row)


def write_curves(folder: Path, row: dict[str, float]) -> None:
    """Append a row of history to the curves that TensorBoard shows from ``folder``."""
    from torch.utils.tensorboard.writer import SummaryWriter

    # Opened for each row: a training that is killed and gone on with then leaves whole files.
    with SummaryWriter(folder, filename_suffix=f".{int(row['epoch'])}") as writer:
        for key, value in row.items():
            if key != "epoch":
                writer.add_scalar(key, value, int(row["epoch"]))


def check_tensorboard(*, wanted: bool) -> None:
    """Check that TensorBoard is there if it is wanted.

    Raises:
        BadInput: If it is not.
    """
    if wanted and importlib.util.find_spec("tensorboard") is None:
        remedy = "install tensorboard into the environment of the training, or set model.tensorboard: false"
        raise BadInput(Fault("model.tensorboard", "true, but there is no tensorboard here", "tensorboard", remedy))
