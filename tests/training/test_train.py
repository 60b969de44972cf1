"""Training: it learns, it can be killed and goes on as if it had not been, and ranks together do what one would."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from support import tiny_training
from tomocell.errors import BadInput
from tomocell.models.saved import load_model, read_card
from tomocell.settings import digest
from tomocell.stages import train as stage
from tomocell.training.learner import Learner
from tomocell.training.modules import weights_digest
from tomocell.training.patches import RandomPatches
from tomocell.training.train import FINGERPRINT, fingerprint, forget_checkpoints
from tomocell.volumes.volume import Classes, VoxelClass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tomocell.models.settings import ModelSettings

MODEL = Path("models/tiny")
FILES = ("model.safetensors", "model.json", "history.csv")
PROGRAM = Path(tiny_training.__file__)
LEARN: dict[str, Any] = {"epochs": 4, "learning_rate": 0.05, "plateau_epochs": 1, "patience_epochs": 9}


def files(results: Path) -> list[bytes]:
    return [(results / MODEL / name).read_bytes() for name in FILES]


def history(results: Path) -> dict[str, list[float]]:
    with (results / MODEL / "history.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    return {key: [float(row[key]) for row in rows] for key in rows[0]}


def schedule(results: Path) -> dict[str, Any]:
    """Return what the schedule of the learning rate had seen when the last checkpoint was written."""
    state: dict[str, Any] = torch.load(results / MODEL / "checkpoints" / "last.ckpt", weights_only=True)["plateau"]
    return state


def run_but_for_the_end(results: Path, model: ModelSettings) -> None:
    """Train as if killed when the model was saved, but its checkpoints not yet removed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "forget_checkpoints", lambda _: None)
        tiny_training.run(results, model)
    assert (results / MODEL / "checkpoints" / "last.ckpt").is_file()


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module", autouse=True)
def single_thread() -> Iterator[None]:
    # Sums are rounded in another order by another number of threads.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("prepared")
    tiny_training.prepare(results, tiny_training.settings(**LEARN))
    return results


@pytest.fixture(scope="module")
def undisturbed(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("train") / "results"
    shutil.copytree(prepared, results)
    run_but_for_the_end(results, tiny_training.settings(**LEARN))
    return results


@pytest.fixture
def results(prepared: Path, tmp_path: Path) -> Path:
    shutil.copytree(prepared, tmp_path / "results")
    return tmp_path / "results"


def test_it_learns_an_easy_volume(results: Path) -> None:
    tiny_training.run(results, tiny_training.settings(epochs=2, learning_rate=0.02))
    losses = history(results)
    assert losses["train_loss"][1] < losses["train_loss"][0]
    card = read_card(results / MODEL)
    assert card.metrics["accuracy"] == pytest.approx(max(losses["validation_accuracy"]))
    assert card.metrics["accuracy"] > 0.9
    assert set(card.metrics["classes"]) == {"empty", "solid"}
    assert card.training["epochs"] == 2
    network, _, stride = load_model(results / MODEL)
    assert stride == 2
    assert not network.training


def test_the_seed_alone_decides_the_weights(undisturbed: Path, results: Path) -> None:
    np.random.default_rng().random()
    tiny_training.run(results, tiny_training.settings(**LEARN))
    assert files(results) == files(undisturbed)
    other = results.parent / "other"
    shutil.copytree(results, other)
    tiny_training.run(other, tiny_training.settings(**(LEARN | {"seed": 7, "epochs": 1})))
    assert history(other)["train_loss"][0] != history(undisturbed)["train_loss"][0]


class Killed(BaseException):
    pass


@pytest.mark.parametrize(
    ("which", "epoch", "when"),
    [("best", 0, "after"), ("last", 1, "before"), ("last", 2, "after"), ("last", 3, "after")],
)
def test_stopped_at_a_checkpoint_it_goes_on_as_if_not(
    undisturbed: Path, results: Path, which: str, epoch: int, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = ModelCheckpoint._save_checkpoint

    def stopping(self: ModelCheckpoint, trainer: Any, path: str) -> None:
        here = Path(path).stem == which and trainer.current_epoch == epoch
        if here and when == "before":
            raise Killed
        save(self, trainer, path)
        if here:
            raise Killed

    model = tiny_training.settings(**LEARN)
    with monkeypatch.context() as patch:
        patch.setattr(ModelCheckpoint, "_save_checkpoint", stopping)
        with pytest.raises(Killed):
            tiny_training.run(results, model)
    assert not (results / MODEL / "model.json").exists()
    run_but_for_the_end(results, model)
    assert files(results) == files(undisturbed)
    assert schedule(results) == schedule(undisturbed)


def test_killed_for_good_it_goes_on_as_if_not(undisturbed: Path, results: Path) -> None:
    last = results / MODEL / "checkpoints" / "last.ckpt"
    with subprocess.Popen([sys.executable, PROGRAM, results, "slow"], env=environment()) as process:
        for _ in range(2400):
            if last.is_file():
                break
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    assert last.is_file()
    assert not (results / MODEL / "model.json").exists()
    tiny_training.run(results, tiny_training.settings(**LEARN))
    assert files(results) == files(undisturbed)


def test_patience_that_ran_out_before_a_kill_has_still_run_out(results: Path) -> None:
    model = tiny_training.settings(epochs=9, learning_rate=1e-12, patience_epochs=1)
    run_but_for_the_end(results, model)
    first = files(results)
    assert len(history(results)["epoch"]) == 2
    for name in FILES:
        (results / MODEL / name).unlink()
    tiny_training.run(results, model)
    assert files(results) == first


def test_checkpoints_of_another_training_are_not_gone_on_from(results: Path) -> None:
    run_but_for_the_end(results, tiny_training.settings(**(LEARN | {"epochs": 1})))
    tiny_training.run(results, tiny_training.settings(epochs=1, seed=5))
    assert history(results)["epoch"] == [0.0]
    assert json.loads((results / MODEL / "model.json").read_text())["training"]["settings"]["seed"] == 5


def drawn(results: Path, model: ModelSettings) -> int:
    """Train; return from how many patches it learned."""
    count = 0
    draw = RandomPatches.__getitem__

    def counting(self: RandomPatches, index: int) -> Any:
        nonlocal count
        count += 1
        return draw(self, index)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RandomPatches, "__getitem__", counting)
        tiny_training.run(results, model)
    return count


def test_a_training_that_is_over_leaves_no_checkpoints_and_can_be_asked_for_again(results: Path) -> None:
    model = tiny_training.settings(epochs=1)
    once = drawn(results, model)
    assert once > 0
    assert not (results / MODEL / "checkpoints").exists()
    assert drawn(results, model) == once


def test_killed_when_the_model_was_saved_it_has_nothing_left_to_learn(undisturbed: Path, results: Path) -> None:
    model = tiny_training.settings(**LEARN)
    run_but_for_the_end(results, model)
    assert drawn(results, model) == 0
    assert files(results) == files(undisturbed)
    assert not (results / MODEL / "checkpoints").exists()


@pytest.mark.parametrize("left", ["best.ckpt", "last.ckpt"])
def test_killed_while_checkpoints_are_removed_it_trains_anew(
    undisturbed: Path, results: Path, left: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopping(folder: Path, **_: Any) -> None:
        for path in folder.iterdir():
            if path.name not in (left, FINGERPRINT):
                path.unlink()
        raise Killed

    model = tiny_training.settings(**LEARN)
    run_but_for_the_end(results, model)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", stopping)
        with pytest.raises(Killed):
            forget_checkpoints(results / MODEL / "checkpoints")
    tiny_training.run(results, model)
    assert files(results) == files(undisturbed)


def test_data_classes_settings_and_code_make_another_training(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tomocell.training.trainingset import read_training_set

    data, model = read_training_set(prepared / MODEL / "training_set.json"), tiny_training.settings(**LEARN)
    classes = tiny_training.CLASSES
    first, *rest = data.entries
    relabelled = first.model_copy(update={"annotations_checksum": "other"})
    rescanned = first.model_copy(update={"grey_checksum": "other"})
    renamed, revalued = (
        Classes((VoxelClass(*member, "#000000"), classes.members[1])) for member in (("void", 0), ("empty", 1))
    )
    marks = [
        fingerprint(data, model, classes),
        fingerprint(data.model_copy(update={"entries": (relabelled, *rest)}), model, classes),
        fingerprint(data.model_copy(update={"entries": (rescanned, *rest)}), model, classes),
        fingerprint(data, tiny_training.settings(**(LEARN | {"seed": 9})), classes),
        fingerprint(data, model, renamed),
        fingerprint(data, model, revalued),
    ]
    painted = Classes((VoxelClass("empty", 0, "#123456"), classes.members[1]))
    assert fingerprint(data, model, painted) == marks[0]
    monkeypatch.setattr(digest, "_fingerprint", lambda module: f"changed {module}")
    marks.append(fingerprint(data, model, classes))
    assert len(set(marks)) == len(marks)


def test_what_weights_depend_on_is_there_and_told_without_torch() -> None:
    code = (
        "import sys, tomocell.training.modules as m; print(m.weights_digest('residual_unet'), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout.split() == [weights_digest("residual_unet"), "False"]


def test_what_is_not_labelled_does_not_train_be_its_value_that_of_a_class(results: Path) -> None:
    from tomocell.training.patches import PlaneReader
    from tomocell.training.trainingset import read_training_set

    data = read_training_set(results / MODEL / "training_set.json").model_copy(update={"ignore_value": 0})
    _, target = PlaneReader(results, data, tiny_training.CLASSES).read(data.entries[0], data.entries[0].planes[0])
    assert set(np.unique(target)) == {-1, 1}


@pytest.mark.parametrize(
    ("train", "words"),
    [({"batch_size": 1000}, "24 patches.*at least one batch of 1000"), ({"learning_rate": 1e30}, "finite loss")],
    ids=["fewer patches than a batch", "a loss that is no number"],
)
def test_what_cannot_be_trained_is_named(results: Path, train: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        tiny_training.run(results, tiny_training.settings(**(LEARN | train)))
    assert not (results / MODEL / "model.json").exists()


def test_two_ranks_train_what_one_would(undisturbed: Path, results: Path) -> None:
    launch = [sys.executable, "-m", "tomocell.training.launch", "--devices=2", "--", "support.tiny_training", results]
    done = subprocess.run(launch, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (results / "weights.0").read_bytes() == (results / "weights.1").read_bytes()
    one, two = history(undisturbed), history(results)
    for key, values in one.items():
        assert two[key] == pytest.approx(values, rel=2e-3, abs=2e-3), key


def test_a_rank_with_nothing_to_judge_keeps_step(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tomocell.training.samples import Source
    from tomocell.training.trainingset import read_training_set

    training_set = read_training_set(results / MODEL / "training_set.json")
    source = Source.of(results, training_set, tiny_training.CLASSES, tiny_training.settings())
    monkeypatch.setattr(Learner, "_world", 100)
    judged = []
    for rank in range(100):
        monkeypatch.setattr(Learner, "_rank", rank)
        learner = Learner(None, source, training_set, tiny_training.settings(batch_size=100))  # type: ignore[arg-type]
        assert len(learner.val_dataloader()) == 1
        judged.append(learner._judges)
    assert sum(judged) == 12  # three planes of 12 x 28 in windows of 8 x 16
