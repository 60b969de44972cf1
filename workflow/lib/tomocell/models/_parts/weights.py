"""Weights from files: tensors only, never code, and every name that does not fit is told."""

from __future__ import annotations

import itertools
import pickle
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

WRAPPERS = ("state_dict", "model_state_dict", "model", "network")  # where trainers put weights in their checkpoints
COUNTERS = "num_batches_tracked"  # files of before 2018 have none, and nothing here depends on them
NAMED = 4  # names in a message


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, or of a checkpoint or state_dict as torch saves them, on the CPU.

    A pickled checkpoint can hold code that runs when it is read. It is read by torch's restricted reader
    (``weights_only``), which knows tensors and plain containers and calls nothing else.

    Raises:
        BadInput: If the file is missing, broken, holds code, or holds no tensors.
    """
    if not path.is_file():
        raise BadInput(Fault(str(path), "no file", "a file of weights", "correct the path, or put the file there"))
    return _read_safetensors(path) if path.suffix == ".safetensors" else _tensors_of(path, _read_pickled(path))


def load_into(network: nn.Module, tensors: Mapping[str, Tensor], where: str, expected: str, remedy: str) -> None:
    """Put ``tensors`` into ``network``, each where its name says.

    Raises:
        BadInput: If a name is missing or unknown, or a shape differs; each kind is a fault that names them.
    """
    own = network.state_dict()
    wanted = {name: tensor for name, tensor in own.items() if name in tensors or not name.endswith(COUNTERS)}
    differing = [
        f"{name} {tuple(tensors[name].shape)}, not {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in tensors and tensors[name].shape != tensor.shape
    ]
    kinds = {
        "without": [name for name in wanted if name not in tensors],
        "with, beyond its weights,": [name for name in tensors if name not in own],
        "with other shapes:": differing,
    }
    faults = [Fault(where, f"{kind} {_some(names)}", expected, remedy) for kind, names in kinds.items() if names]
    if faults:
        raise BadInput(*faults)
    network.load_state_dict({**own, **tensors})


def without_prefix(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Return the tensors of the network that ``own`` is of, by its own names, where a trainer put a prefix before all.

    Whatever stands outside of that prefix (weights of a loss, of another network) is left out. Where no prefix leads
    to every name, the tensors come back as they are.
    """
    first = next(iter(own))
    for prefix in sorted(name.removesuffix(first) for name in tensors if name.endswith(first)):
        if all(prefix + name in tensors or name.endswith(COUNTERS) for name in own):
            return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    return tensors


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise BadInput(Fault(str(path), _first_line(error), "a safetensors file", "copy or make it again")) from error
    return tensors


def _read_pickled(path: Path) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other pickle protocols; what cannot be read is an error all the same
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        remedy = "save its state_dict alone: torch.save(network.state_dict(), ...), or as safetensors"
        found = f"code or objects that are no tensors ({_refused(error)})"
        raise BadInput(Fault(str(path), found, "tensors alone; nothing of it was run", remedy)) from error
    except Exception as error:  # a broken file makes torch raise almost anything
        expected = "a checkpoint or state_dict as torch.save writes it"
        raise BadInput(Fault(str(path), _first_line(error), expected, "copy or make it again")) from error


def _tensors_of(path: Path, content: object) -> dict[str, Tensor]:
    if isinstance(content, Mapping):
        content = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), content)
    if not isinstance(content, Mapping) or not content or not all(map(_is_named_tensor, content.items())):
        found = f"{type(content).__name__} without tensors" if not content else _odd_entry(content)
        raise BadInput(Fault(str(path), found, "tensors by name (a state_dict)", "save network.state_dict()"))
    return dict(content)


def _is_named_tensor(item: tuple[object, object]) -> bool:
    return isinstance(item[0], str) and isinstance(item[1], torch.Tensor)


def _odd_entry(content: object) -> str:
    if not isinstance(content, Mapping):
        return type(content).__name__
    name, value = next(item for item in content.items() if not _is_named_tensor(item))
    return f"{type(value).__name__} under {name!r}"


def _refused(error: Exception) -> str:
    """Return what the restricted reader met; its message names it behind the word GLOBAL."""
    words = str(error).split()
    return next((after for word, after in itertools.pairwise(words) if word == "GLOBAL"), "unknown")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _some(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
