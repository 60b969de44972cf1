"""A pixel classifier on disk: arrays without pickle, and a page of JSON that says how to use them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tomocell.errors import BadInput, Fault
from tomocell.labelling import features
from tomocell.labelling.forest import Forest, forest_of
from tomocell.labelling.settings import ClassifierSettings
from tomocell.models.saved import ClassCard
from tomocell.settings.base import Frozen
from tomocell.settings.faults import faults_of
from tomocell.volumes.publish import atomic_file, write_text_atomically
from tomocell.volumes.volume import Classes, VoxelClass

if TYPE_CHECKING:
    from pathlib import Path

TREES = "classifier.safetensors"
CARD = "classifier.json"


class ForestCard(Frozen):
    """All that is needed to use a classifier, and what it was grown from."""

    name: str
    settings: ClassifierSettings
    features: tuple[str, ...]
    classes: tuple[ClassCard, ...]
    voxel_size_um: tuple[float, float, float]
    training: dict[str, Any]

    @property
    def label_classes(self) -> Classes:
        """The classes, in the order of the outputs."""
        return Classes(tuple(VoxelClass(member.name, member.value, member.color) for member in self.classes))


def save_forest(folder: Path, card: ForestCard, forest: Forest) -> None:
    """Write trees and card; the card last, so that its presence means a whole classifier."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / CARD).unlink(missing_ok=True)
    with atomic_file(folder / TREES) as partial:
        save_file(forest.arrays(), partial)
    write_text_atomically(folder / CARD, card.model_dump_json(indent=1) + "\n")


def load_forest(folder: Path) -> tuple[Forest, ForestCard]:
    """Return a classifier and its card.

    Raises:
        BadInput: If files are missing, or are none of a classifier of this version.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        card = ForestCard.model_validate_json((folder / CARD).read_text(encoding="utf-8"))
        arrays = load_file(folder / TREES)
    except ValidationError as error:
        raise BadInput(*faults_of(error, str(folder / CARD), "train the classifier again")) from error
    except (OSError, SafetensorError) as error:
        expected, remedy = "a trained classifier", "train it, or correct the folder"
        raise BadInput(Fault(str(folder), str(error).splitlines()[0], expected, remedy)) from error
    known = features.names(card.settings)
    if known != card.features:
        expected = f"the features {', '.join(known)}"
        raise BadInput(Fault(str(folder / CARD), list(card.features), expected, "train the classifier again"))
    return forest_of(arrays, len(known), len(card.classes), str(folder / TREES)), card
