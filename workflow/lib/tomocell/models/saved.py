"""A model on disk: weights without pickle, and a page of JSON that says how to use them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tomocell.errors import BadInput, Fault
from tomocell.settings import discovery
from tomocell.settings.base import Frozen
from tomocell.settings.faults import faults_of
from tomocell.volumes.publish import atomic_file, write_text_atomically
from tomocell.volumes.volume import Classes, VoxelClass

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch import nn

WEIGHTS = "model.safetensors"
CARD = "model.json"


class Normalisation(Frozen):
    """Grey values enter the network as (grey - mean) / sd."""

    mean: float
    sd: float


class ClassCard(Frozen):
    """A class that the network tells apart."""

    name: str
    value: int
    color: str


class ModelCard(Frozen):
    """All that is needed to use the weights, and what they were made from."""

    name: str
    architecture: str
    network: dict[str, Any]
    classes: tuple[ClassCard, ...]
    plane_axis: str
    planes: int = 1
    patch_voxels: tuple[int, int] | tuple[int, int, int]
    voxel_size_um: tuple[float, float, float]
    normalisation: Normalisation
    metrics: dict[str, Any]
    training: dict[str, Any]

    @property
    def label_classes(self) -> Classes:
        """The classes, in the order of the outputs."""
        return Classes(tuple(VoxelClass(member.name, member.value, member.color) for member in self.classes))


def build_network(architecture: str, network: dict[str, Any], planes: int, classes: int) -> tuple[nn.Module, int]:
    """Return a network with fresh weights, and what rows and columns must be multiples of.

    Raises:
        BadInput: If there is no such architecture, or its settings are wrong.
    """
    module = discovery.load("tomocell.models", architecture, "build")
    try:
        settings = module.Settings.model_validate(network)
    except ValidationError as error:
        raise BadInput(*faults_of(error, f"network {architecture}", "see config/README.md")) from error
    return module.build(settings, planes, classes), module.stride(settings)


def save_model(folder: Path, card: ModelCard, weights: dict[str, torch.Tensor]) -> None:
    """Write weights and card; the card last, so that its presence means a whole model."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / CARD).unlink(missing_ok=True)
    with atomic_file(folder / WEIGHTS) as partial:
        save_file({name: tensor.contiguous() for name, tensor in sorted(weights.items())}, partial)
    write_text_atomically(folder / CARD, card.model_dump_json(indent=1) + "\n")


def read_card(folder: Path) -> ModelCard:
    """Read ``model.json``.

    Raises:
        BadInput: If it is missing or is no model card.
    """
    path = folder / CARD
    try:
        return ModelCard.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(Fault(str(path), "no file", "a trained model", "train it, or correct the folder")) from error
    except ValidationError as error:
        raise BadInput(*faults_of(error, str(path), "train the model again")) from error


def load_model(folder: Path) -> tuple[nn.Module, ModelCard, int]:
    """Return the network with its weights in evaluation mode, its card and its stride.

    Raises:
        BadInput: If files are missing or the weights are of another architecture.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    card = read_card(folder)
    network, stride = build_network(card.architecture, card.network, card.planes, len(card.classes))
    try:
        network.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, SafetensorError, RuntimeError) as error:
        value = str(error).splitlines()[0]
        expected = f"weights of a {card.architecture} with the settings in {CARD}"
        raise BadInput(Fault(str(folder / WEIGHTS), value, expected, "train the model again")) from error
    return network.eval(), card, stride
