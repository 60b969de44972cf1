"""A training stopped within an epoch, by a kill or in order, ends with the weights of one that was not."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from support import tiny_training
from tomocell.cli import main
from tomocell.errors import BadInput
from tomocell.models.settings import ModelSettings
from tomocell.stages import train as stage
from tomocell.training.interruptions import TRY_AGAIN, InterruptedTrainingError, TimeLimit
from tomocell.training.learner import Learner

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = Path("models/tiny")
LAST = MODEL / "checkpoints" / "last.ckpt"
FILES = ("model.safetensors", "model.json", "history.csv")
# All that has a state of its own within an epoch: draws, dropout, statistics of batches, averages, gradients added up.
LEARN: dict[str, Any] = {"epochs": 2, "learning_rate": 0.02, "ema_decay": 0.5, "augment": {"affine": {}, "streaks": {}}}
NETWORK = tiny_training.NETWORK | {"norm": "batch", "dropout": 0.2}
BATCHES = 6  # of an epoch


def settings(*, every_batch: bool = False, norm: str = "batch", **train: Any) -> ModelSettings:
    model = tiny_training.settings(**(LEARN | train))
    own = {"network": NETWORK | {"norm": norm}, "checkpoint_min": 1e-9 if every_batch else 1e9}
    return model.model_copy(update=own)


def files(results: Path) -> list[bytes]:
    return [(results / MODEL / name).read_bytes() for name in FILES]


def within(results: Path) -> tuple[int, int]:
    """Return the epoch and how many of its batches had trained when the last checkpoint was written."""
    place: tuple[int, int] = torch.load(results / LAST, weights_only=True)["within"]
    return place


def history(results: Path) -> list[dict[str, float]]:
    with (results / MODEL / "history.csv").open() as handle:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(handle)]


@pytest.fixture(scope="module", autouse=True)
def single_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("prepared")
    tiny_training.prepare(results, settings())
    return results


@pytest.fixture(scope="module")
def undisturbed(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    results = tmp_path_factory.mktemp("undisturbed") / "results"
    shutil.copytree(prepared, results)
    tiny_training.run(results, settings())
    return files(results)


@pytest.fixture
def results(prepared: Path, tmp_path: Path) -> Path:
    shutil.copytree(prepared, tmp_path / "results")
    return tmp_path / "results"


def launch(results: Path, model: ModelSettings, signal_at: str, *, ranks: int = 1) -> int:
    (results / "model_settings.json").write_text(model.model_dump_json())
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tomocell.training.launch", f"--devices={ranks}", "--", "support.tiny_training"]
    told = {tiny_training.SIGNAL_AT: signal_at} if signal_at else {}
    done = subprocess.run([*command, results], env=environment | told, capture_output=True, text=True, check=False)
    if not signal_at:
        assert done.returncode == 0, done.stderr[-3000:]
    return done.returncode


def test_killed_within_an_epoch_it_goes_on_from_the_checkpoint_there(undisturbed: list[bytes], results: Path) -> None:
    assert launch(results, settings(every_batch=True), f"1,3,{int(signal.SIGKILL)},0") == -signal.SIGKILL
    assert within(results) == (1, 3)
    tiny_training.run(results, settings())
    assert files(results) == undisturbed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.parametrize("at", [(0, 0), (0, 4), (1, BATCHES - 1)])
def test_told_to_end_it_ends_at_a_checkpoint(
    undisturbed: list[bytes], results: Path, number: int, at: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        patch.setattr(Learner, "training_step", Learner.training_step)  # put back what the next line changes
        tiny_training.signal_at(*at, number)
        if at == (1, BATCHES - 1):  # the last batch of all: the epoch is judged, and that was it
            tiny_training.run(results, settings())
        else:
            with pytest.raises(InterruptedTrainingError, match=rf"epoch 0, batch {at[1] + 1}: SIG"):
                tiny_training.run(results, settings())
            assert within(results) == (0, at[1] + 1)
            assert not (results / MODEL / "model.json").exists()
    assert signal.getsignal(number) == before
    if at != (1, BATCHES - 1):
        tiny_training.run(results, settings())
    assert files(results) == undisturbed


def test_gradients_being_added_up_are_not_lost(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, other = settings(accumulate_batches=2), results.parent / "other"
    shutil.copytree(results, other)
    tiny_training.run(other, model)
    with monkeypatch.context() as patch:
        patch.setattr(Learner, "training_step", Learner.training_step)
        tiny_training.signal_at(1, 2, signal.SIGTERM)
        with pytest.raises(InterruptedTrainingError):
            tiny_training.run(results, model)
    assert within(results) == (1, 4)
    tiny_training.run(results, model)
    assert files(results) == files(other)


class AfterABatch(TimeLimit):
    """A limit that comes near when a batch has trained."""

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "asked", iter([False]))

    def is_near(self) -> bool:
        return next(self.asked, True)  # type: ignore[attr-defined]


def test_stopped_after_every_batch_it_arrives(undisturbed: list[bytes], results: Path) -> None:
    for batch in range(1, LEARN["epochs"] * BATCHES):
        place = rf"epoch {batch // BATCHES}, batch {batch % BATCHES}: .*the same command goes on"
        with pytest.raises(InterruptedTrainingError, match=place):
            tiny_training.run(results, settings(), AfterABatch())
    tiny_training.run(results, settings(), AfterABatch())
    assert files(results) == undisturbed


def test_time_is_near_its_limit_by_the_margin() -> None:
    now = time.monotonic()
    assert TimeLimit(60, 10, now - 50 * 60 - 1).is_near()
    assert not TimeLimit(60, 10, now - 49 * 60).is_near()
    assert not TimeLimit(60, 0, now - 1e6).is_near()


@pytest.mark.parametrize("minutes", [0, 5, 10])
def test_a_margin_that_leaves_no_time_to_train_is_refused(minutes: float) -> None:
    with pytest.raises(BadInput, match=rf"10 min.*less than the {minutes} min") as caught:
        TimeLimit(minutes, 10)
    assert len(caught.value.faults) == 1


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the second checkpoint within an epoch only the first bytes are written."""
    written, killed = torch.save, "killed"
    seen: list[Path] = []

    def half(checkpoint: Any, file: Any, *rest: Any, **more: Any) -> None:
        if Path(str(file)).name.startswith("last.ckpt") and len(seen) == 1:
            Path(file).write_bytes(b"half")
            raise RuntimeError(killed)
        written(checkpoint, file, *rest, **more)
        seen.append(Path(str(file)))

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(RuntimeError, match=killed):
        tiny_training.run(results, settings(every_batch=True))
    assert within(results) == (0, 1)
    assert [path.name for path in (results / LAST).parent.glob("last*")] == ["last.ckpt"]


def test_ranks_end_together_though_only_one_was_told(results: Path) -> None:
    """Instance normalisation: two ranks then train what one would; so do they when they go on."""
    other = results.parent / "other"
    shutil.copytree(results, other)
    model = settings(norm="instance").model_copy(update={"network": NETWORK | {"norm": "instance", "dropout": 0.0}})
    tiny_training.run(other, model)
    assert launch(results, model, f"1,1,{int(signal.SIGTERM)},1", ranks=2) != 0
    assert within(results) == (1, 2)
    launch(results, model, "", ranks=2)
    assert (results / "weights.0").read_bytes() == (results / "weights.1").read_bytes()
    for one, two in zip(history(other), history(results), strict=True):
        assert two == pytest.approx(one, rel=2e-3, abs=2e-3)


def test_the_command_ends_with_a_status_that_asks_for_another_try(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        msg = "told to end"
        raise InterruptedTrainingError(msg)

    monkeypatch.setattr(stage, "train", interrupted)
    study = results.parent / "study.yaml"
    model = {"name": "tiny", "classes": ["empty", "solid"], "patch_voxels": [8, 16], "infer": {"tile_voxels": [8, 16]}}
    lines = {"study": "tiny", "samples": "x.tsv", "results": str(results), "scan": {"voxel_size_um": [1, 1, 1]}}
    lines |= {"classes": [{"name": "empty", "value": 0}, {"name": "solid", "value": 3}], "model": model, "measure": {}}
    study.write_text(str(lines))  # a mapping of YAML, too
    with pytest.raises(SystemExit) as ended:
        main(["train", str(study), "--limit-min", "60", "--margin-min", "5"])
    assert ended.value.code == TRY_AGAIN


@pytest.mark.parametrize("edges", [[16, 16], [16, 16, 16]])
def test_what_trains_makes_the_settings_of_a_training_again(edges: list[int]) -> None:
    given = {"name": "a", "classes": ["a", "b"], "patch_voxels": edges, "infer": {"tile_voxels": edges}}
    model = ModelSettings.model_validate(given | {"checkpoint_min": 3})
    assert ModelSettings.that_trains(model.what_trains).what_trains == model.what_trains
    assert "checkpoint_min" not in model.what_trains
