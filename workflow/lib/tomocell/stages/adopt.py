"""Adopt: a model trained elsewhere becomes a model of ours, a folder that ``infer`` and a study can use."""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING

from tomocell.models.saved import CARD, build_network, save_model
from tomocell.volumes.publish import atomic_file, write_text_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.models.saved import ModelCard

log = logging.getLogger(__name__)


def adopt(checkpoint: Path, card: ModelCard, folder: Path) -> None:
    """Write ``folder`` with the weights, or the network, of ``checkpoint`` and its card.

    A checkpoint of a known architecture is read without running code in it, is compared name by name, and is saved as
    safetensors; a TorchScript or ONNX network is tried on a patch and copied.

    Raises:
        BadInput: If the checkpoint holds code, is of another architecture, or does not do what the card says.
    """
    if card.architecture is not None:
        _adopt_weights(checkpoint, card, folder)
    else:
        _adopt_network(checkpoint, card, folder)
    log.info("%s -> %s", checkpoint, folder)


def _adopt_weights(checkpoint: Path, card: ModelCard, folder: Path) -> None:
    from tomocell.models._parts.weights import load_into, read_tensors, without_prefix

    network, _ = build_network(str(card.architecture), card.network, card.planes, len(card.classes))
    tensors = without_prefix(read_tensors(checkpoint), network.inner.state_dict())
    expected = f"weights of a {card.architecture} with {len(card.classes)} classes and these settings"
    load_into(network.inner, tensors, str(checkpoint), expected, "correct --architecture, --set, --classes or --planes")
    save_model(folder, card, network.state_dict())


def _adopt_network(checkpoint: Path, card: ModelCard, folder: Path) -> None:
    from tomocell.models._parts.foreign import load_foreign

    load_foreign(checkpoint, card)
    (folder / CARD).unlink(missing_ok=True)
    with atomic_file(folder / card.weights_file) as partial:
        shutil.copyfile(checkpoint, partial)
    write_text_atomically(folder / CARD, card.model_dump_json(indent=1) + "\n")
