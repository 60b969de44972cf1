"""A user's own network, and checkpoints trained elsewhere: they drop in, or are refused with the reason."""

from __future__ import annotations

import json
import pickle
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from support.stores import LIMITS, SIZE
from support.tiny_model import NETWORK
from tomocell import cli
from tomocell.errors import BadInput
from tomocell.models.saved import CARD, ModelCard, build_network, check_own_model, load_model, read_card, save_model
from tomocell.models.settings import InferSettings
from tomocell.stages.infer import infer
from tomocell.volumes.store import open_store
from tomocell.volumes.volume import ArrayVolume, Classes, whole

HAND: dict[str, Any] = {
    "format": "torchscript",
    "classes": {"pore": 0, "solid": 4},
    "normalisation": {"mean": 100.0, "sd": 10.0},
    "patch_voxels": [8, 8],
}
CLASSES = ["--classes", "pore=0,solid=4", "--mean", "100", "--sd", "10"]


class Bright(torch.nn.Module):
    """Solid is what is brighter than the mean."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        middle = x[:, x.shape[1] // 2].unsqueeze(1)
        return torch.cat([-middle, middle], 1)


class Fussy(Bright):
    """Takes multiples of 8 alone."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[2] % 8 or x.shape[3] % 8:
            raise ValueError("edges of 8")
        middle = x[:, x.shape[1] // 2].unsqueeze(1)
        return torch.cat([-middle, middle], 1)


class Leaky(torch.nn.Module):
    """Writes what it sees."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.save(x, "trace")
        return torch.cat([x, x], 1)


def write(folder: Path, network: torch.nn.Module, **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(network).save(str(folder / "model.pt"))
    (folder / CARD).write_text(json.dumps(HAND | changes))
    return folder


def volume() -> ArrayVolume:
    return ArrayVolume(np.random.default_rng(0).integers(80, 121, (5, 11, 13)).astype(np.uint8), SIZE)


@pytest.mark.parametrize("changes", [{}, {"planes": 3}, {"plane_axis": "x"}])
def test_a_torchscript_network_drops_in(tmp_path: Path, changes: dict[str, Any]) -> None:
    grey = volume()
    settings = InferSettings(tile_voxels=(8, 8))
    infer(grey, write(tmp_path / "mine", Bright(), **changes), tmp_path / "labels.ome.zarr", settings, LIMITS)
    labels = open_store(tmp_path / "labels.ome.zarr")
    voxels = grey.read(whole(grey.shape))
    np.testing.assert_array_equal(labels.read(whole(labels.shape)), np.where(voxels > 100, 4, 0))
    assert labels.classes.names == ("pore", "solid")
    assert set(labels.manifest.provenance.parents) == {"weights", "card"}


def test_edges_that_it_takes_are_told_by_the_card(tmp_path: Path) -> None:
    network, card, stride = load_model(write(tmp_path, Fussy(), multiple=8))
    assert (stride, card.planes, card.plane_axis) == (8, 1, "z")
    with torch.inference_mode():
        assert network(torch.zeros(2, 1, 9, 5)).shape == (2, 2, 9, 5)
    with pytest.raises(BadInput, match=r"edges of 8.*logits"):
        load_model(write(tmp_path, Fussy(), patch_voxels=[9, 9]))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": {"pore": 0, "fibre": 1, "solid": 2}}, r"output \(1, 2, 8, 8\).*3 classes"),
        ({"classes": {"pore": 0}}, "classes"),
        ({"normalisation": {"mean": 0, "sd": 0}}, "normalisation.sd"),
        ({"normalisation": {"mean": 0}}, "normalisation.sd"),
        ({"format": "pickle"}, "format"),
        ({"architecture": "unet"}, "architecture"),
        ({"format": "safetensors"}, "architecture"),
        ({"planes": 2}, "odd"),
        ({"plains": 1}, "plains"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=f"(?s){words}"):
        load_model(write(tmp_path, Bright(), **changes))


def test_a_network_that_writes_files_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=r"reads or writes files.*nothing of it was run"):
        load_model(write(tmp_path / "mine", Leaky()))
    assert not (tmp_path / "trace").exists()


def test_what_is_no_torchscript_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, Bright())
    whole_file = (folder / "model.pt").read_bytes()
    for content in (b"", b"text", whole_file[:-300]):
        (folder / "model.pt").write_bytes(content)
        with pytest.raises(BadInput, match=r"model\.pt.*TorchScript"):
            load_model(folder)
    torch.save({"a": torch.zeros(1)}, folder / "model.pt")
    with pytest.raises(BadInput, match=r"model\.pt.*TorchScript"):
        load_model(folder)
    (folder / "model.pt").unlink()
    with pytest.raises(BadInput, match="no file"):
        load_model(folder)


def test_without_its_runtime_onnx_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # as where it is not installed
    write(tmp_path, Bright(), format="onnx")
    (tmp_path / "model.onnx").touch()
    with pytest.raises(BadInput, match="pip install onnxruntime"):
        load_model(tmp_path)


def test_an_onnx_network_drops_in(tmp_path: Path) -> None:
    import onnx

    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [helper.make_node("Neg", ["x"], ["dark"]), helper.make_node("Concat", ["dark", "x"], ["y"], axis=1)]
    x = helper.make_tensor_value_info("x", kind, ["n", 1, "rows", "columns"])
    y = helper.make_tensor_value_info("y", kind, ["n", 2, "rows", "columns"])
    graph = helper.make_graph(nodes, "bright", [x], [y])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(made, tmp_path / "bright.onnx")
    cli.main(["adopt", str(tmp_path / "bright.onnx"), *CLASSES, "--out", str(tmp_path / "mine")])
    network, card, _ = load_model(tmp_path / "mine")
    grey = torch.randn(2, 1, 5, 7)
    assert card.format == "onnx"
    torch.testing.assert_close(network(grey), torch.cat([-grey, grey], 1))
    (tmp_path / "mine" / "model.onnx").write_bytes(b"text")
    with pytest.raises(BadInput, match=r"model\.onnx.*ONNX"):
        load_model(tmp_path / "mine")


def trained() -> dict[str, torch.Tensor]:
    torch.manual_seed(4)
    return build_network("residual_unet", NETWORK, 1, 2)[0].inner.state_dict()


SET = [f"--set={name}={value}" for name, value in NETWORK.items()]


def adopt(checkpoint: Path, out: Path, *more: str) -> ModelCard:
    cli.main(["adopt", str(checkpoint), "--architecture", "residual_unet", *SET, *CLASSES, *more, "--out", str(out)])
    return read_card(out)


@pytest.mark.parametrize("kind", ["plain", "lightning", "wrapped", "safetensors"])
def test_a_checkpoint_of_a_known_architecture_is_adopted(tmp_path: Path, kind: str) -> None:
    weights, path = trained(), tmp_path / f"theirs.{'safetensors' if kind == 'safetensors' else 'ckpt'}"
    if kind == "plain":
        torch.save(weights, path)
    elif kind == "safetensors":
        save_model(tmp_path, ModelCard.model_validate(HAND | {"format": kind, "architecture": "x"}), weights)
        (tmp_path / "model.safetensors").rename(path)
    elif kind == "lightning":
        content = {f"model.{name}": tensor for name, tensor in weights.items()} | {"loss.weight": torch.ones(2)}
        torch.save({"epoch": 3, "state_dict": content, "hyper_parameters": {"lr": 0.1}}, path)
    else:
        torch.save({"model_state_dict": {f"module.{name}": tensor for name, tensor in weights.items()}}, path)
    card = adopt(path, tmp_path / "mine", "--voxel-size-um", "1", "1", "2", "--patch-voxels", "16", "32")
    assert (card.name, card.patch_voxels, card.voxel_size_um) == ("mine", (16, 32), (1, 1, 2))
    assert card.label_classes.names == ("pore", "solid")
    found = load_model(tmp_path / "mine")[0].inner.state_dict()
    assert found.keys() == weights.keys()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in found.items())


class Evil:
    """Code in a checkpoint."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = tmp_path / "trace"
    torch.save({"state_dict": trained(), "hyper_parameters": Evil(trace)}, tmp_path / "evil.ckpt")
    (tmp_path / "raw.ckpt").write_bytes(pickle.dumps(Evil(trace)))
    for name in ("evil.ckpt", "raw.ckpt"):
        with pytest.raises(SystemExit):
            adopt(tmp_path / name, tmp_path / "mine")
        assert "code or objects that are no tensors" in capsys.readouterr().err
        assert not trace.exists()
        assert not (tmp_path / "mine").exists()
    with (tmp_path / "raw.ckpt").open("rb") as handle:
        pickle.load(handle)  # noqa: S301 -- else this test would prove nothing
    assert trace.exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--planes", "3"], r"with other shapes: model.0.conv.unit0.conv.weight \(4, 1, 3, 3\), not \(4, 3, 3, 3\)"),
        (["--set=channels=[4, 8, 8]"], "without|other shapes"),
        (["--architecture", "unet"], "blocks_per_level"),
        (["--classes", "pore=0,fibre=1,solid=4"], "with other shapes: model.2"),
        (["--sd", "0"], "normalisation.sd"),
    ],
)
def test_a_checkpoint_of_another_architecture_is_refused(
    tmp_path: Path, more: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(trained(), tmp_path / "theirs.pth")
    given = [argument for argument in SET if not (more[0].startswith("--set=channels") and "channels" in argument)]
    start = ["adopt", str(tmp_path / "theirs.pth"), "--architecture", "residual_unet", *given, *CLASSES]
    with pytest.raises(SystemExit) as ended:
        cli.main([*start, *more, "--out", str(tmp_path / "mine")])
    assert ended.value.code == 2
    assert re.search(words, capsys.readouterr().err)
    assert not (tmp_path / "mine" / CARD).exists()


def test_a_whole_network_is_adopted(tmp_path: Path) -> None:
    write(tmp_path / "theirs", Fussy())
    arguments = [*CLASSES, "--multiple", "8", "--out", str(tmp_path / "mine")]
    cli.main(["adopt", str(tmp_path / "theirs" / "model.pt"), *arguments])
    network, card, stride = load_model(tmp_path / "mine")
    assert (card.format, card.architecture, stride) == ("torchscript", None, 8)
    assert network(torch.zeros(1, 1, 3, 3)).shape == (1, 2, 3, 3)
    with pytest.raises(SystemExit):
        cli.main(["adopt", str(tmp_path / "theirs" / "model.pt"), "--set", "a=1", *arguments])


def test_a_study_and_its_own_model_name_the_same_classes(tmp_path: Path) -> None:
    write(tmp_path, Bright())
    assert check_own_model(tmp_path, Classes.from_text("solid=4,pore=0")).format == "torchscript"
    for other in ("solid=1,pore=0", "solid=4,void=0", "solid=4,pore=0,fibre=1"):
        with pytest.raises(BadInput, match=r"solid.*the classes of the study's model"):
            check_own_model(tmp_path, Classes.from_text(other))
