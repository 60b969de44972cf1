"""ImageNet weights start an encoder: each where it belongs, for grey planes and for volumes."""

from __future__ import annotations

import hashlib
import math
import pickle
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file

from support.pretrained import FULL, SMALL, small_weights, torchvision_shapes
from tomocell.errors import BadInput
from tomocell.models import resnext_unet, resnext_unet_3d
from tomocell.models._pretrained_settings import Pretrained
from tomocell.models.saved import build_network, start_network
from tomocell.stages.weights import fetch_weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

SETTINGS: dict[str, Any] = {
    "blocks": SMALL[0],
    "base_channels": SMALL[1],
    "groups": SMALL[2],
    "group_width": SMALL[3],
    "decoder_channels": (8, 8, 4),
}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.save(small_weights(), tmp_path / "resnext.pth")
    return tmp_path / "resnext.pth"


def started(path: Path, planes: int = 1, architecture: str = "resnext_unet", **pretrained: str) -> nn.Module:
    settings = SETTINGS | {"pretrained": {"path": str(path), **pretrained}}
    network, _ = build_network(architecture, settings, planes, 2)
    start_network(architecture, settings, network)
    return network.eval().inner.get_submodule("encoder")


def test_the_encoder_has_torchvisions_names_and_shapes() -> None:
    with torch.device("meta"):
        encoder = resnext_unet.build(resnext_unet.Settings(), 3, 2).get_submodule("encoder")
    found = {name: tuple(tensor.shape) for name, tensor in encoder.state_dict().items()}
    theirs = torchvision_shapes(*FULL)
    kept = ("fc", "running", "num_batches")
    counted = sum(math.prod(shape) for name, shape in theirs.items() if not any(k in name for k in kept[1:]))
    assert counted == 88_791_336  # as torchvision tells: else this list would prove nothing
    assert found == {name: shape for name, shape in theirs.items() if not name.startswith("fc")}


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_three_planes_take_the_weights_as_they_are(tmp_path: Path, suffix: str) -> None:
    content, path = small_weights(), tmp_path / f"resnext.{suffix}"
    save_file(content, path) if suffix == "safetensors" else torch.save(content, path)
    found = started(path, planes=3).state_dict()
    assert all(torch.equal(tensor, content[name]) for name, tensor in found.items())


def test_a_checkpoint_without_counters_will_do(tmp_path: Path) -> None:
    content = {name: tensor for name, tensor in small_weights().items() if not name.endswith("num_batches_tracked")}
    torch.save({"state_dict": content}, tmp_path / "old.pth")
    assert torch.equal(started(tmp_path / "old.pth", 3).state_dict()["conv1.weight"], content["conv1.weight"])


@pytest.mark.parametrize("planes", [1, 5])
def test_grey_planes_give_what_a_grey_picture_gave(weights: Path, planes: int) -> None:
    grey = torch.randn(1, 1, 32, 48)
    with torch.inference_mode():
        theirs = started(weights, 3)(grey.expand(-1, 3, -1, -1))
        ours = started(weights, planes)(grey.expand(-1, planes, -1, -1))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_a_volume_of_equal_planes_gives_what_its_plane_gave(weights: Path) -> None:
    plane = torch.randn(1, 1, 16, 24)
    with torch.inference_mode():
        flat = started(weights)(plane)
        deep = started(weights, architecture="resnext_unet_3d")(plane[:, :, None].expand(-1, -1, 96, -1, -1))
    for a, b in zip(deep, flat, strict=True):
        # Away from the first and last planes, beyond which zeros are seen.
        torch.testing.assert_close(a[:, :, a.shape[2] // 2], b, rtol=1e-4, atol=1e-4)


def test_the_decoder_keeps_its_own_weights(weights: Path) -> None:
    torch.manual_seed(0)
    network, _ = build_network("resnext_unet", SETTINGS, 1, 2)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    settings = SETTINGS | {"pretrained": {"path": str(weights)}}
    start_network("resnext_unet", settings, network)
    same = {name for name, tensor in network.state_dict().items() if torch.equal(tensor, before[name])}
    assert {name for name in same if "encoder" not in name} == {name for name in before if "encoder" not in name}
    assert "inner.encoder.conv1.weight" not in same


def test_a_network_is_loaded_without_the_file_that_started_it(tmp_path: Path) -> None:
    build_network("resnext_unet_3d", SETTINGS | {"pretrained": {"path": str(tmp_path / "gone.pth")}}, 1, 2)
    assert hasattr(resnext_unet_3d, "start")


class Evil:
    """What a checkpoint may hold: code that runs when it is read."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


def faulty(tmp_path: Path) -> dict[str, tuple[Path, str]]:
    shapes = torchvision_shapes((1, 1), 8, 2, 2)
    torch.save({name: torch.zeros(shape) for name, shape in shapes.items()}, tmp_path / "other.pth")
    torch.save({"conv1.weight": torch.zeros(4, 3, 7, 7)}, tmp_path / "part.pth")
    torch.save(small_weights() | {"layer9.0.conv1.weight": torch.zeros(1)}, tmp_path / "more.pth")
    torch.save(small_weights() | {"epoch": Evil(tmp_path / "trace")}, tmp_path / "evil.pth")
    (tmp_path / "raw.pth").write_bytes(pickle.dumps(Evil(tmp_path / "trace")))
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"epoch": 3}, tmp_path / "words.pth")
    torch.save({}, tmp_path / "empty.pth")
    torch.save(small_weights(), tmp_path / "cut.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "cut.pth").read_bytes()[:-200])
    (tmp_path / "nothing.pth").touch()
    (tmp_path / "text.safetensors").write_text("<html>not found</html>")
    return {
        "other.pth": (tmp_path / "other.pth", r"with other shapes: .*conv1.weight \(8, 1, 7, 7\), not \(4, 1, 7, 7\)"),
        "part.pth": (tmp_path / "part.pth", r"without bn1.weight.* more"),
        "more.pth": (tmp_path / "more.pth", "beyond its weights, layer9.0.conv1.weight"),
        "evil.pth": (tmp_path / "evil.pth", "code or objects.*nothing of it was run.*state_dict"),
        "raw.pth": (tmp_path / "raw.pth", "code or objects.*nothing of it was run"),
        "list.pth": (tmp_path / "list.pth", "found 'list'.*tensors by name"),
        "words.pth": (tmp_path / "words.pth", "int under 'epoch'.*tensors by name"),
        "empty.pth": (tmp_path / "empty.pth", "without tensors"),
        "cut.pth": (tmp_path / "cut.pth", "cut.pth.*torch.save"),
        "nothing.pth": (tmp_path / "nothing.pth", "nothing.pth.*torch.save"),
        "text.safetensors": (tmp_path / "text.safetensors", "a safetensors file"),
        "none.pth": (tmp_path / "none.pth", "no file"),
    }


def test_files_that_cannot_start_it_are_refused(tmp_path: Path) -> None:
    for path, words in faulty(tmp_path).values():
        with pytest.raises(BadInput, match=f"(?s){words}"):
            started(path)
    assert not (tmp_path / "trace").exists()


def test_a_checksum_is_kept_to(weights: Path) -> None:
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    for right in (digest, digest[:8]):
        started(weights, sha256=right)
    with pytest.raises(BadInput, match=digest):
        started(weights, sha256="0" * 8)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"url": "https://example.org/x.pth"}, "sha256"),
        ({"url": "file:///etc/passwd", "sha256": "0" * 8}, "url"),
        ({"sha256": "ABC"}, "sha256"),
        ({"path": "weights; rm"}, "path"),
    ],
)
def test_settings_of_the_file_are_checked(wrong: dict[str, str], word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        Pretrained.model_validate({"path": "a.pth"} | wrong)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "web").mkdir()
    handler = partial(QuietHandler, directory=str(tmp_path / "web"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    """A server of files that keeps its mouth shut, and hangs up early on whoever asks for half."""

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        if not self.path.startswith("/half"):
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x" * 500)


def test_weights_are_fetched_and_checked(tmp_path: Path, weights: Path, server: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    content = weights.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    (tmp_path / "web" / "resnext.pth").write_bytes(content)
    path = tmp_path / "new" / "resnext.pth"
    good = Pretrained(path=str(path), url=f"{server}/resnext.pth", sha256=digest[:8])
    fetch_weights(good)
    assert path.read_bytes() == content
    path.unlink()
    for url, sha256, words in (
        (good.url, "0" * 8, digest),
        (f"{server}/nowhere.pth", digest, "404"),
        (f"{server}/half.pth", digest, "SHA-256|incomplete|Incomplete|IncompleteRead"),
        ("http://127.0.0.1:9/x.pth", digest, "a file to fetch"),
        (None, None, "no 'url'"),
    ):
        with pytest.raises(BadInput, match=words):
            fetch_weights(Pretrained(path=str(path), url=url, sha256=sha256))
        assert not list(path.parent.iterdir())
