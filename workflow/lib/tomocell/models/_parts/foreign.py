"""Networks of the user's own: TorchScript and ONNX, behind the same call as ours."""

from __future__ import annotations

import re
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from tomocell.errors import BadInput, Fault
from tomocell.models._parts.any_size import AnySize

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from tomocell.models.saved import ModelCard

# A TorchScript archive is a program of torch's own operators, interpreted, without Python or pickle; among those
# operators are a few that touch files. No network needs them, so archives that name them are not opened.
FILE_OPERATORS = re.compile(r"\b(?:torch|ops\.aten)\.(save|from_file|_save|load)\(")


def load_foreign(path: Path, card: ModelCard) -> nn.Module:
    """Return the network of ``path``, TorchScript or ONNX, tried once on a patch of zeros.

    Raises:
        BadInput: If the file is missing, broken or touches files, if its runtime is not installed, or if what it
            returns are no logits of the card's classes.
    """
    if not path.is_file():
        raise BadInput(Fault(str(path), "no file", "the network of the card beside it", "put the file there"))
    inner = _torchscript(path) if card.format == "torchscript" else OnnxNetwork(path)
    network = AnySize(inner, card.multiple, least=1).eval()
    _try_once(network, path, card)
    return network


class OnnxNetwork(nn.Module):
    """An ONNX network on the CPU, or on a GPU where its runtime has one; its first input and output count."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        runtime = _onnx_runtime(path)
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        providers = [name for name in wanted if name in runtime.get_available_providers()]
        try:
            self._session = runtime.InferenceSession(str(path), providers=providers)
        except Exception as error:  # the runtime's own errors share no class
            raise _broken(path, error, "an ONNX network") from error
        self._input = self._session.get_inputs()[0].name

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, on the device of ``x``."""
        outputs = self._session.run(None, {self._input: x.float().cpu().numpy()})
        return torch.from_numpy(outputs[0]).to(x.device)


def _onnx_runtime(path: Path) -> Any:  # noqa: ANN401
    try:
        import onnxruntime
    except ImportError as error:
        remedy = "install it: pip install onnxruntime (or onnxruntime-gpu); or save the network as TorchScript"
        raise BadInput(Fault(str(path), "no package onnxruntime", "the runtime of ONNX networks", remedy)) from error
    return onnxruntime


def _torchscript(path: Path) -> nn.Module:
    _refuse_file_operators(path)
    with warnings.catch_warnings():
        # torch recommends torch.export instead; archives of this kind are what users have.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            network: nn.Module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
        except (RuntimeError, ValueError) as error:
            raise _broken(path, error, "a TorchScript archive (torch.jit.save)") from error
    return network


def _refuse_file_operators(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            sources = [name for name in archive.namelist() if "/code/" in name and name.endswith(".py")]
            hits = [hit for name in sources for hit in FILE_OPERATORS.findall(archive.read(name).decode())]
    except (zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise _broken(path, error, "a TorchScript archive (torch.jit.save)") from error
    if hits:
        found = f"a network that reads or writes files ({', '.join(sorted(set(hits)))})"
        raise BadInput(Fault(str(path), found, "a network", "do not use this file; nothing of it was run"))


def _try_once(network: nn.Module, path: Path, card: ModelCard) -> None:
    edges = tuple(min(edge, 64) for edge in card.patch_voxels)
    patch = torch.zeros(1, card.channels, *(-(-edge // card.multiple) * card.multiple for edge in edges))
    expected = f"logits (N, {len(card.classes)}, ...) of {len(card.classes)} classes for (N, {card.channels}, ...)"
    try:
        with torch.inference_mode():
            found = network(patch)
    except Exception as error:  # whatever a foreign network raises
        raise _broken(path, error, expected) from error
    if not isinstance(found, torch.Tensor) or found.shape != (1, len(card.classes), *patch.shape[2:]):
        shape = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
        remedy = "correct 'classes', 'planes', 'patch_voxels' or 'multiple' in the card, or save the bare network"
        raise BadInput(Fault(str(path), f"output {shape} for {tuple(patch.shape)}", expected, remedy))


def _broken(path: Path, error: Exception, expected: str) -> BadInput:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return BadInput(Fault(str(path), lines[-1] if lines else type(error).__name__, expected, "save it again"))
