"""What inference makes of the averaged logits: labels, and, if asked for, how sure they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.inference.kernels import STEPS, choose, shares

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.inference.rolling import Final
    from tomocell.models.saved import ModelCard
    from tomocell.models.settings import InferSettings


@dataclass(frozen=True)
class Outputs:
    """The layers of uint8 that are made of each voxel, labels first.

    Attributes:
        names: Of the classes.
        values: Label of each class, uint8, in the order of the network's outputs.
        probabilities: Whether the probability of each class is wanted: round(255 p) of the softmax.
        entropy: Whether the entropy over the logarithm of the number of classes is wanted, times 255.
        spread: Whether the spread over flips and dropout samples is wanted: 510 times the standard deviation of the
            probability of the class where it is largest.
    """

    names: tuple[str, ...]
    values: NDArray[np.uint8]
    probabilities: bool
    entropy: bool
    spread: bool

    @property
    def channels(self) -> int:
        """Channels that are averaged over tiles: logits, and the spread."""
        return len(self.values) + self.spread

    @property
    def needs_means(self) -> bool:
        """Whether anything but labels is wanted; labels can be had from sums."""
        return self.probabilities or self.entropy or self.spread

    @property
    def layers(self) -> tuple[str, ...]:
        """Path of the store of each layer, without suffix."""
        shares = tuple(f"probabilities/{name}" for name in self.names) if self.probabilities else ()
        return ("labels", *shares, *(("entropy",) if self.entropy else ()), *(("spread",) if self.spread else ()))


def outputs_of(card: ModelCard, settings: InferSettings) -> Outputs:
    """Return what ``settings`` ask of the model of ``card``."""
    return Outputs(
        tuple(member.name for member in card.classes),
        np.array([member.value for member in card.classes], np.uint8),
        settings.probabilities,
        settings.entropy,
        settings.flips or settings.dropout_samples > 0,
    )


def describe(outputs: Outputs, final: Final, out: NDArray[np.uint8]) -> None:
    """Fill ``out`` (layers, rows, X) with what a final piece says.

    Raises:
        BadInput: If logits are no numbers.
    """
    wrong = choose(final.total, outputs.values, out[0])
    if wrong:
        remedy = "see whether the model's weights are whole; set infer.precision to float32"
        raise BadInput(Fault("the network's output", f"{wrong} voxels that are no numbers", "logits", remedy))
    if final.cover is None:
        return
    classes, layer, cover = len(outputs.values), 1, final.cover[:, 0]
    if outputs.probabilities or outputs.entropy:
        made = np.empty((classes + 1, *cover.shape), np.uint8)
        shares(final.total, cover, classes, made)
        wanted = made[slice(0 if outputs.probabilities else classes, classes + outputs.entropy)]
        out[layer : layer + len(wanted)] = wanted
        layer += len(wanted)
    if outputs.spread:
        # A standard deviation of numbers from 0 to 1 is at most a half.
        out[layer] = np.rint(np.clip(2 * final.total[:, classes] / cover, 0, 1) * STEPS)
