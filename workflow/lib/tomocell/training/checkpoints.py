"""Checkpoints that are whole or not there, written beside the one that they replace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from tomocell.volumes.publish import atomic_file


class WholeFiles(TorchCheckpointIO):  # type: ignore[misc]
    """Writes into the folder of checkpoints, to the disk, and then renames.

    The trainer's own way goes through the folder of temporary files: from there a file is copied where that is another
    disk, and a kill in the middle of it leaves half of the one checkpoint that there is.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:  # noqa: ANN401, ARG002
        """Write ``checkpoint`` to ``path``, which holds either all of it or what it held before."""
        with atomic_file(Path(path)) as partial:
            torch.save(checkpoint, partial)
