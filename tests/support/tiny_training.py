"""A training that takes seconds: an easy volume, three annotated timesteps, a network of two levels.

Run as a program, it trains in each of the folders given (`python tiny_training.py FOLDER ...`), so that tests can kill
it and have several ranks.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from support.stores import LIMITS, make_store
from tomocell.labelling.settings import IGNORE, AnnotateSettings
from tomocell.models.settings import ModelSettings
from tomocell.stages.annotate import annotate
from tomocell.stages.training_set import assemble_training_set, write_training_set
from tomocell.volumes.volume import Classes, VoxelClass

if TYPE_CHECKING:
    from tomocell.training.interruptions import TimeLimit

CLASSES = Classes((VoxelClass("empty", 0, "#000000"), VoxelClass("solid", 3, "#ffffff")))
SHAPE = (12, 24, 28)
NETWORK = {"channels": [4, 8], "blocks_per_level": 1, "dropout": 0.0, "norm": "instance"}
TIMESTEPS = ("t0", "t1", "t2")
SIGNAL_AT = "TINY_TRAINING_SIGNAL_AT"  # epoch, batch, signal, rank
WAIT_AT = "TINY_TRAINING_WAIT_AT"  # epoch, batch, file to note it in


def settings(**train: object) -> ModelSettings:
    """Return the settings of the tiny model, with other ``train`` settings where told."""
    chosen = {"epochs": 3, "patches_per_plane": 4, "batch_size": 4, "learning_rate": 0.01, "plateau_epochs": 1} | train
    return ModelSettings.model_validate(
        {
            "name": "tiny",
            "network": NETWORK,
            "classes": CLASSES.names,
            "plane_axis": "y",
            "patch_voxels": [8, 16],
            "train": chosen,
            "infer": {"tile_voxels": [8, 16], "overlap": 0.25, "batch_size": 3},
        }
    )


def scan(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return grey values with clear contrast, and the labels that they were made from."""
    random = np.random.default_rng(seed)
    field = random.standard_normal(tuple(size // 4 for size in SHAPE)).repeat(4, 0).repeat(4, 1).repeat(4, 2)
    labels = np.where(field > 0, 3, 0).astype(np.uint8)
    grey = 100.0 + 20.0 * (labels == 3) + 4.0 * random.standard_normal(SHAPE)
    return grey.astype(np.uint16), labels


def prepare(results: Path, model: ModelSettings) -> None:
    """Write the stores and the training set into ``results``."""
    import tifffile

    keys = [("cell", name) for name in TIMESTEPS]
    for seed, key in enumerate(keys):
        folder = results / key[0] / key[1]
        grey, labels = scan(seed)
        make_store(folder / "volume.ome.zarr", grey)
        sparse = np.full(SHAPE, IGNORE, np.uint8)
        sparse[:, 5 + seed :: 8] = labels[:, 5 + seed :: 8]
        tifffile.imwrite(folder / "annotations.tif", sparse, photometric="minisblack")
        store = folder / "annotations.ome.zarr"
        annotate(folder / "annotations.tif", folder / "volume.ome.zarr", store, CLASSES, AnnotateSettings(), LIMITS)
    training_set = assemble_training_set(results, keys, "volume", model, IGNORE)
    write_training_set(results / "models" / model.name / "training_set.json", training_set)
    (results / "model_settings.json").write_text(model.model_dump_json())


def run(results: Path, model: ModelSettings, limit: TimeLimit | None = None) -> None:
    """Train, or go on training."""
    from tomocell.stages.train import train

    train(results, model, CLASSES, dict(model.network), limit)


def wait_at(epoch: int, batch: int, note: Path) -> None:
    """Let a training that has no checkpoint wait in a batch for a signal, with a note that it does."""
    from tomocell.training.learner import Learner

    step = Learner.training_step

    def waiting(self: Learner, data: Any, index: int) -> Any:
        if (self.current_epoch, index, self._within) == (epoch, batch, (0, 0)):
            note.write_text("waiting")
            signal.pause()
        return step(self, data, index)

    Learner.training_step = waiting  # type: ignore[method-assign]


def signal_at(epoch: int, batch: int, number: int, rank: int = 0) -> None:
    """Let a rank send itself a signal in a batch."""
    from tomocell.training.learner import Learner

    step = Learner.training_step

    def signalling(self: Learner, data: Any, index: int) -> Any:
        if (self.current_epoch, index, self._rank) == (epoch, batch, rank):
            os.kill(os.getpid(), number)
        return step(self, data, index)

    Learner.training_step = signalling  # type: ignore[method-assign]


def start(folders: list[Path], *, slow: bool) -> None:
    """Train as a process of its own, be it a rank of several; write what weights this rank ended with."""
    import torch

    from tomocell.stages import train as stage
    from tomocell.training.patches import RandomPatches

    torch.set_num_threads(1)
    draw, train_network = RandomPatches.__getitem__, stage.train_network
    if told := os.environ.get(SIGNAL_AT):
        signal_at(*(int(part) for part in told.split(",")))
    if told := os.environ.get(WAIT_AT):
        epoch, batch, note = told.split(",")
        wait_at(int(epoch), int(batch), Path(note))
    if slow:
        RandomPatches.__getitem__ = lambda self, index: (time.sleep(0.03), draw(self, index))[1]

    def noting(network: torch.nn.Module, results: Path, *rest: Any, **more: Any) -> Any:
        outcome = train_network(network, results, *rest, **more)
        content = b"".join(tensor.numpy().tobytes() for tensor in network.state_dict().values())
        (results / f"weights.{os.environ.get('RANK', '0')}").write_bytes(content)
        return outcome

    stage.train_network = noting
    for results in folders:
        run(results, ModelSettings.model_validate_json((results / "model_settings.json").read_text()))


if __name__ == "__main__":
    start([Path(name) for name in sys.argv[1:] if name != "slow"], slow=sys.argv[-1] == "slow")
