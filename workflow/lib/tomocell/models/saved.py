"""A model on disk: weights without pickle, and a page of JSON that says how to use them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from tomocell.errors import BadInput, Fault
from tomocell.settings import discovery
from tomocell.settings.base import Frozen
from tomocell.settings.faults import faults_of
from tomocell.settings.types import Count
from tomocell.volumes.publish import atomic_file, write_text_atomically
from tomocell.volumes.volume import DEFAULT_COLOR, Classes, VoxelClass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import ModuleType

    import torch
    from torch import nn

    from tomocell.models._parts.any_size import AnySize

Format = Literal["safetensors", "torchscript", "onnx"]
WEIGHTS = "model.safetensors"
CARD = "model.json"
FILES: dict[Format, str] = {"safetensors": WEIGHTS, "torchscript": "model.pt", "onnx": "model.onnx"}
INNER = "inner."  # files name weights as the network itself does, not as the wrapper around it


class Normalisation(Frozen):
    """Grey values enter the network as (grey - mean) / sd."""

    mean: float
    sd: float = Field(gt=0)


class ClassCard(Frozen):
    """A class that the network tells apart."""

    name: str
    value: int
    color: str = DEFAULT_COLOR


class ModelCard(Frozen):
    """All that is needed to use the weights, and what they were made from.

    A card may be written by hand for a network of one's own, as TorchScript (``model.pt``) or ONNX (``model.onnx``);
    what must stand in it then are ``format``, ``classes`` ({name: value}, in the order of the outputs),
    ``normalisation`` and ``patch_voxels``.
    """

    name: str = ""
    format: Format = "safetensors"
    architecture: str | None = None
    network: dict[str, Any] = {}
    classes: tuple[ClassCard, ...] = Field(min_length=2)
    plane_axis: Literal["z", "y", "x"] = "z"
    planes: int = Field(1, ge=1)
    patch_voxels: tuple[Count, Count] | tuple[Count, Count, Count]
    inputs: tuple[ClassCard, ...] = ()  # of a network that sees labels: one channel a class, one-hot
    multiple: int = Field(1, ge=1)  # what edges of the input must be multiples of, where no architecture tells
    voxel_size_um: tuple[float, float, float] | None = None
    normalisation: Normalisation
    metrics: dict[str, Any] = {}
    training: dict[str, Any] = {}

    @field_validator("classes", "inputs", mode="before")
    @classmethod
    def _named_values(cls, value: object) -> object:
        return [{"name": name, "value": number} for name, number in value.items()] if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _known_or_whole(self) -> Self:
        if (self.format == "safetensors") != (self.architecture is not None):
            msg = "expected 'architecture' for safetensors, and none for torchscript and onnx, which bring their own"
            raise ValueError(msg)
        if self.planes % 2 == 0:
            msg = f"expected an odd number of 'planes', the middle one being labelled; found {self.planes}"
            raise ValueError(msg)
        if self.inputs and self.planes != 1:
            msg = f"found 'inputs' and {self.planes} 'planes'; a network that sees labels sees one plane, or a cube"
            raise ValueError(msg)
        return self

    @property
    def sees_planes(self) -> bool:
        """Whether the network is of two dimensions."""
        return len(self.patch_voxels) == 2  # noqa: PLR2004

    @property
    def channels(self) -> int:
        """What the network sees of each voxel: neighbouring planes, or one channel a class of labels."""
        return len(self.inputs) or self.planes

    @property
    def label_classes(self) -> Classes:
        """The classes, in the order of the outputs."""
        return Classes(tuple(VoxelClass(member.name, member.value, member.color) for member in self.classes))

    @property
    def weights_file(self) -> str:
        """Name of the file beside the card."""
        return FILES[self.format]


def build_network(
    architecture: str, network: dict[str, Any], planes: int, classes: int, *, inputs: int = 0
) -> tuple[AnySize, int]:
    """Return a network with fresh weights that takes any size, and the multiple of edges that it takes unpadded.

    A network of labels has one channel for each of its ``inputs`` instead of planes.

    Raises:
        BadInput: If there is no such architecture, its settings are wrong, or planes are given to a 3D network.
    """
    from tomocell.models._parts.any_size import AnySize

    module, settings = _settled(architecture, network)
    if module.DIMENSIONS != 2 and planes != 1:  # noqa: PLR2004
        raise BadInput(Fault("model.planes", planes, f"1 for {architecture}, which sees cubes", "leave 'planes' out"))
    stride = int(module.stride(settings))
    return AnySize(module.build(settings, inputs or planes, classes), stride), stride


def start_network(architecture: str, network_settings: dict[str, Any], network: AnySize) -> None:
    """Put the weights that the settings name for a start into ``network``, if they name any.

    Raises:
        BadInput: If their file cannot be used.
    """
    module, settings = _settled(architecture, network_settings)
    if hasattr(module, "start"):
        module.start(network.inner, settings)


def save_model(folder: Path, card: ModelCard, weights: Mapping[str, torch.Tensor]) -> None:
    """Write weights and card; the card last, so that its presence means a whole model."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / CARD).unlink(missing_ok=True)
    named = {name.removeprefix(INNER): tensor.contiguous() for name, tensor in weights.items()}
    with atomic_file(folder / WEIGHTS) as partial:
        save_file(dict(sorted(named.items())), partial)
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
        raise BadInput(*faults_of(error, str(path), "train the model again, or correct the card")) from error


def load_model(folder: Path) -> tuple[nn.Module, ModelCard, int]:
    """Return the network with its weights in evaluation mode, its card and its stride.

    Raises:
        BadInput: If files are missing or the weights are of another architecture.
    """
    card = read_card(folder)
    if card.format != "safetensors":
        from tomocell.models._parts.foreign import load_foreign

        return load_foreign(folder / card.weights_file, card), card, card.multiple
    from tomocell.models._parts.weights import load_into, read_tensors

    network, stride = build_network(
        str(card.architecture), card.network, card.planes, len(card.classes), inputs=len(card.inputs)
    )
    expected = f"weights of a {card.architecture} with the settings in {CARD}"
    weights = folder / WEIGHTS
    load_into(network.inner, read_tensors(weights), str(weights), expected, "train the model again")
    return network.eval(), card, stride


def check_own_model(folder: Path, classes: Classes) -> ModelCard:
    """Return the card of a model that is not to be trained, if it tells the study's classes apart.

    Raises:
        BadInput: If it is missing, or its classes have other names or values than the study's.
    """
    card = read_card(folder)
    found = [(member.name, member.value) for member in card.classes]
    wanted = [(member.name, member.value) for member in classes]
    if sorted(found) != sorted(wanted):
        remedy = "name the same classes in the study, with the same values, or correct the card"
        raise BadInput(Fault(str(folder / CARD), found, f"the classes of the study's model: {wanted}", remedy))
    return card


def _settled(architecture: str, network: dict[str, Any]) -> tuple[ModuleType, Any]:
    module = discovery.load("tomocell.models", architecture, "build")
    try:
        return module, module.Settings.model_validate(network)
    except ValidationError as error:
        raise BadInput(*faults_of(error, f"network {architecture}", "see config/README.md")) from error
