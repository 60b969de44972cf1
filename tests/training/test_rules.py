"""Schedules, averaged weights, stop rules, accumulation, precision, progress, and a loss that is no number."""

from __future__ import annotations

import csv
import math
import pickle
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from support import tiny_training
from tomocell.errors import BadInput
from tomocell.models.saved import load_model, read_card
from tomocell.models.settings import TrainSettings
from tomocell.settings import digest
from tomocell.training import progress, stops
from tomocell.training import train as training
from tomocell.training.averaging import Average
from tomocell.training.loss import confusion
from tomocell.training.modules import weights_digest
from tomocell.training.patches import PlaneReader, RandomPatches
from tomocell.training.samples import Source
from tomocell.training.schedules import cosine, schedule_of
from tomocell.training.shards import EveryRankItsShare
from tomocell.training.trainingset import read_training_set

if TYPE_CHECKING:
    from tomocell.training.trainingset import Entry

MODEL = Path("models/tiny")
QUICK: dict[str, Any] = {"epochs": 3, "learning_rate": 0.02, "patches_per_plane": 2}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("rules")
    tiny_training.prepare(results, tiny_training.settings())
    return results


@pytest.fixture
def results(prepared: Path, tmp_path: Path) -> Path:
    shutil.copytree(prepared, tmp_path / "results")
    return tmp_path / "results"


def history(path: Path) -> list[dict[str, float]]:
    with path.open() as handle:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(handle)]


def rates(settings: dict[str, Any], losses: list[float]) -> list[float]:
    """Return the step size of each epoch and of the one after the last."""
    train = tiny_training.settings(**settings).train
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=train.learning_rate)
    schedule, found = schedule_of(optimizer, train), [train.learning_rate]
    for epoch, loss in enumerate(losses):
        again = schedule_of(optimizer, train)  # a killed training takes its schedule up from a checkpoint
        again.load_state_dict(schedule.state_dict())
        schedule = again
        schedule.step(loss, epoch)
        found.append(float(optimizer.param_groups[0]["lr"]))
    return found


def test_the_plateau_schedule_goes_from_1e_4_to_1e_6() -> None:
    defaults = TrainSettings.model_fields
    assert (defaults["learning_rate"].default, defaults["least_learning_rate"].default) == (1e-4, 1e-6)
    chosen = {"learning_rate": 1e-4, "plateau_epochs": 1, "plateau_factor": 0.1}
    assert rates(chosen, [1.0, 0.9, 0.9, 0.9, 0.8]) == pytest.approx([1e-4] * 4 + [1e-5] * 2)
    assert rates(chosen, [1.0] * 9)[-1] == pytest.approx(1e-6)


def test_the_cosine_goes_from_the_first_to_the_least() -> None:
    chosen = {"schedule": "cosine", "epochs": 4, "learning_rate": 1.0, "least_learning_rate": 0.2}
    half = math.sqrt(0.5)
    expected = [1.0, 0.6 + 0.4 * half, 0.6, 0.6 - 0.4 * half, 0.2]
    assert rates(chosen, [1.0] * 4) == pytest.approx(expected)
    assert cosine(tiny_training.settings(**chosen).train, 9) == pytest.approx(0.2)
    assert rates(chosen | {"schedule": "constant"}, [1.0] * 4) == [1.0] * 5


def test_the_average_follows_the_weights_and_steps_aside() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.BatchNorm1d(1))
    average, expected = Average(network, 0.5), None
    for step in (1, 2, 3, 4):
        with torch.no_grad():
            network[0].weight.fill_(float(step))
        decay = min(0.5, step / (step + 9))
        was = float(average.tensors["0.weight"])
        average.update(network, step)
        average.update(network, step)  # the batches of one step are one step
        expected = decay * was + (1 - decay) * step
        assert float(average.tensors["0.weight"]) == pytest.approx(expected)
    average.put_into(network)
    assert float(network[0].weight.detach()) == pytest.approx(expected)
    average.take_out(network)
    assert float(network[0].weight.detach()) == 4.0


def test_the_weights_kept_are_those_that_were_judged(results: Path) -> None:
    model = tiny_training.settings(**QUICK, ema_decay=0.9)
    tiny_training.run(results, model)
    network, card, _ = load_model(results / MODEL)
    training_set = read_training_set(results / MODEL / "training_set.json")
    source = Source.of(results, training_set, tiny_training.CLASSES, model)
    planes = source.whole(training_set.part("validation"))
    with torch.inference_mode():
        counts = sum(confusion(network(x[None]), y[None], 2) for x, y in (planes[i] for i in range(len(planes))))
    assert isinstance(counts, torch.Tensor)
    assert card.metrics["pixels"] == int(counts.sum())
    assert card.metrics["accuracy"] == int(counts.trace()) / int(counts.sum())
    assert card.metrics["accuracy"] == max(
        row["validation_accuracy"] for row in history(results / MODEL / "history.csv")
    )


def test_batches_accumulated_are_a_step_of_a_larger_batch(prepared: Path, tmp_path: Path) -> None:
    """Where each batch holds as many labels, the mean of their losses is the loss of all."""
    found = []
    for number, chosen in enumerate(({"batch_size": 8}, {"batch_size": 4, "accumulate_batches": 2})):
        results = tmp_path / str(number)
        shutil.copytree(prepared, results)
        tiny_training.run(results, tiny_training.settings(**(QUICK | chosen | {"epochs": 2, "patches_per_plane": 4})))
        found.append(history(results / MODEL / "history.csv"))
    for eight, fours in zip(*found, strict=True):
        assert eight == pytest.approx(fours, rel=1e-3)


@pytest.mark.parametrize(
    ("chosen", "epochs", "why"),
    [
        ({"epochs": 2}, 2, "epochs"),
        ({"epochs": 9, "learning_rate": 1e-12, "patience_epochs": 1}, 2, "patience"),
        ({"epochs": 9, "time_min": 1e-6}, 1, "time"),
    ],
)
def test_the_card_tells_which_rule_ended_the_training(
    results: Path, chosen: dict[str, Any], epochs: int, why: str
) -> None:
    tiny_training.run(results, tiny_training.settings(**(QUICK | chosen)))
    card = read_card(results / MODEL)
    assert (card.training["epochs"], card.training["stopped_by"]) == (epochs, why)
    assert card.training["precision"] == "32"
    assert 0 <= card.metrics["accuracy"] <= 1


def test_minutes_before_a_kill_count() -> None:
    first = stops.Minutes(10.0)
    first._before_s = 599.0
    second = stops.Minutes(10.0)
    second.load_state_dict(first.state_dict())
    assert 599.0 <= second.elapsed_s() < 620.0
    assert stops.Minutes(None).state_dict() == {}


GPUS = {(7, 0): "16-mixed", (7, 5): "16-mixed", (8, 0): "bf16-mixed", (9, 0): "bf16-mixed"}


@pytest.mark.parametrize(("capability", "expected"), GPUS.items())
def test_the_arithmetic_suits_the_gpu(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: str
) -> None:
    train = tiny_training.settings().train
    assert train.precision == "auto"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert training.precision_of(train) == "32"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert training.precision_of(train) == expected
    assert training.precision_of(train.model_copy(update={"precision": "32"})) == "32"


def test_bf16_trains(results: Path) -> None:
    tiny_training.run(results, tiny_training.settings(**(QUICK | {"epochs": 2}), precision="bf16-mixed"))
    assert read_card(results / MODEL).training["precision"] == "bf16-mixed"
    losses = [row["train_loss"] for row in history(results / MODEL / "history.csv")]
    assert losses[1] < losses[0]


def test_the_history_grows_while_it_trains_and_tensorboard_shows_it(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    live, lengths = results / MODEL / "checkpoints" / "history.csv", []
    curves = progress.write_curves

    def looking(folder: Path, row: dict[str, float]) -> None:
        lengths.append(len(history(live)))
        curves(folder, row)

    monkeypatch.setattr(progress, "write_curves", looking)
    tiny_training.run(results, tiny_training.settings(**QUICK).model_copy(update={"tensorboard": True}))
    assert lengths == [1, 2, 3]
    shown = EventAccumulator(str(results / "tensorboard" / "tiny"))
    shown.Reload()
    losses = [row["train_loss"] for row in history(results / MODEL / "history.csv")]
    assert [event.value for event in shown.Scalars("train_loss")] == pytest.approx(losses)


def test_tensorboard_that_is_not_there_is_told_before_anything_is_trained(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(BadInput, match=r"model.tensorboard"):
        tiny_training.run(results, tiny_training.settings().model_copy(update={"tensorboard": True}))
    assert not (results / MODEL / "checkpoints").exists()


def test_what_is_only_shown_makes_no_other_training() -> None:
    model = tiny_training.settings()
    shown = model.model_copy(update={"tensorboard": True})
    assert shown.what_trains == model.what_trains
    assert tiny_training.settings(loss="dice").what_trains != model.what_trains


@pytest.mark.parametrize("axis", ["y"])
def test_a_loss_that_is_no_number_names_its_sample(results: Path, axis: str, monkeypatch: pytest.MonkeyPatch) -> None:
    training_set = read_training_set(results / MODEL / "training_set.json")
    entry = training_set.part("train")[-1]
    load = PlaneReader._load

    def broken(self: PlaneReader, wanted: Entry, plane: int) -> Any:
        for number, (grey, target) in load(self, wanted, plane):
            if (wanted.timestep, number) == (entry.timestep, entry.planes[0]):
                grey[..., ::2, ::2] = np.nan
            yield number, (grey, target)

    monkeypatch.setattr(PlaneReader, "_load", broken)
    with pytest.raises(BadInput) as caught:
        tiny_training.run(results, tiny_training.settings(**QUICK))
    (fault,) = caught.value.faults
    assert fault.where.startswith(f"training, epoch 0, sample cell/{entry.timestep}, plane {axis} = {entry.planes[0]}")
    assert "corner at row" in fault.where
    assert "grey values" in fault.remedy
    assert not (results / MODEL / "model.json").exists()
    assert not (results / MODEL / "model.safetensors").exists()


def test_where_a_sample_lies_is_where_it_was_cut(results: Path) -> None:
    model = tiny_training.settings(augment={"flips": 0.0, "intensity": None})
    training_set = read_training_set(results / MODEL / "training_set.json")
    reader = PlaneReader(results, training_set, tiny_training.CLASSES)
    samples = RandomPatches(reader, training_set.part("train"), model, 1)
    for index in range(12):
        words = samples.where(index).replace(",", "").split()
        timestep, plane, row, column = words[0].split("/")[1], int(words[4]), int(words[8]), int(words[10])
        (entry,) = [entry for entry in training_set.entries if entry.timestep == timestep]
        grey, target = reader.read(entry, plane)
        np.testing.assert_array_equal(samples[index][0], grey[:, row : row + 8, column : column + 16])
        np.testing.assert_array_equal(samples[index][1], target[row : row + 8, column : column + 16])


def test_samples_are_the_same_in_any_order_and_other_ones_in_the_next_epoch(results: Path) -> None:
    model = tiny_training.settings(augment={"affine": {}, "rings": {}, "streaks": {}})
    training_set = read_training_set(results / MODEL / "training_set.json")
    source = Source.of(results, training_set, tiny_training.CLASSES, model)
    forth, back, later = (source.random(training_set.part("train"), epoch) for epoch in (0, 0, 1))
    found = {index: forth[index] for index in range(len(forth))}
    for index in reversed(range(len(back))):
        for one, two in zip(found[index], back[index], strict=True):
            assert torch.equal(one, two)
    assert not any(torch.equal(found[index][0], later[index][0]) for index in range(len(later)))


def test_fewer_samples_than_ranks_are_told() -> None:
    with pytest.raises(BadInput, match=r"3 patches.*at least one for each of 4 ranks"):
        EveryRankItsShare(3, 4, 0, 4)


class Code:
    def __reduce__(self) -> Any:
        return (print, ("run",))


@pytest.mark.parametrize("what", ["code", "garbage", "cut short"])
def test_a_checkpoint_that_cannot_be_trusted_is_refused(results: Path, what: str) -> None:
    model = tiny_training.settings(**QUICK)
    training_set = read_training_set(results / MODEL / "training_set.json")
    folder = results / MODEL / "checkpoints"
    folder.mkdir()
    mark = training.fingerprint(training_set, model, tiny_training.CLASSES)
    (folder / training.FINGERPRINT).write_text(mark)
    last = folder / "last.ckpt"
    if what == "code":
        last.write_bytes(pickle.dumps({"state_dict": Code()}))
    elif what == "garbage":
        last.write_bytes(b"no checkpoint")
    else:
        torch.save({"state_dict": torch.zeros(100)}, last)
        last.write_bytes(last.read_bytes()[:-200])
    with pytest.raises(BadInput, match=r"last.ckpt.*delete the folder of checkpoints"):
        tiny_training.run(results, model)


@pytest.mark.parametrize(
    ("module", "user"),
    [
        ("losses.dice", {"loss": "dice_cross_entropy"}),
        ("losses._voxels", {"loss": "focal"}),
        ("augmentations.rings", {"augment": {"rings": {}}}),
    ],
)
def test_only_the_loss_and_the_augmentations_in_use_train_anew(
    module: str, user: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [tiny_training.settings(**chosen) for chosen in (user, {"loss": "boundary"})]
    before = [weights_digest(model) for model in models]
    real = digest._fingerprint
    monkeypatch.setattr(digest, "_fingerprint", lambda name: real(name) + ("x" if name.endswith(module) else ""))
    used, other = (weights_digest(model) for model in models)
    assert used != before[0]
    assert (other != before[1]) == (module == "losses._voxels")  # which all losses share
