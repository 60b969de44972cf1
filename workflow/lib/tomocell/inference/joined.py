"""Finished shards put together: a store of labels, and one beside it for each further output."""

from __future__ import annotations

import contextlib
import shutil
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tomocell.blocks import Block, Limits, cut, run_blocks
from tomocell.errors import BadInput
from tomocell.inference.shares import place_of
from tomocell.volumes.manifest import MANIFEST_SUFFIX, STORE_SUFFIX, manifest_path, read_manifest, store_path
from tomocell.volumes.pyramid import plan_levels
from tomocell.volumes.store import StoreWriter, create_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.inference.outputs import Outputs
    from tomocell.inference.parts import Parts
    from tomocell.volumes.manifest import Provenance
    from tomocell.volumes.store import Layout
    from tomocell.volumes.volume import Shape

LABELS = f"labels{STORE_SUFFIX}"
BESIDE = "beside"  # note of a further output: the store of labels that it came with
VALUES, STEPS = 256, 255


@dataclass(frozen=True)
class Target:
    """What is written.

    Attributes:
        store: Of labels.
        layout: Of that store.
        origin: Of all stores.
    """

    store: Path
    layout: Layout
    origin: Provenance

    @property
    def shard(self) -> Shape:
        """Edges of a shard, (Z, Y, X)."""
        return plan_levels(self.layout.shape, self.layout.chunk, self.layout.shard)[0].shard

    def path(self, layer: str) -> Path:
        """Return where a further output lies: beside the labels; beside other labels than these, in their folder."""
        folder = self.store.parent
        if self.store.name != LABELS:
            folder /= self.store.name.removesuffix(STORE_SUFFIX)
        return folder / f"{layer}{STORE_SUFFIX}"


def publish(target: Target, outputs: Outputs, parts: Parts, limits: Limits) -> None:
    """Write all stores, labels last: a store of labels means that all is there.

    Further outputs of an earlier run that are no longer asked for are removed first, the labels beside them being that
    run's no more.
    """
    _remove_others(target, {target.path(layer) for layer in outputs.layers[1:]})
    for number, layer in reversed(list(enumerate(outputs.layers))):
        path = target.path(layer) if number else target.store
        path.parent.mkdir(parents=True, exist_ok=True)
        layout = replace(target.layout, classes=None) if number else target.layout
        with create_store(path, layout, limits, target.origin) as writer:
            sums = _Sums(outputs)
            _fill(writer, number, parts, sums, limits)
            writer.notes.update({BESIDE: target.store.name} if number else {"classes": sums.told()})


def _fill(writer: StoreWriter, number: int, parts: Parts, sums: _Sums, limits: Limits) -> None:
    layers = len(sums.layers)

    def write(block: Block) -> None:
        shape = [part.stop - part.start for part in block.core]
        voxels = parts.load(place_of(block.core, writer.shard), (layers, *shape))
        writer.write(block.core, voxels[number])
        if number == 0:
            sums.add(voxels)

    run_blocks(write, cut(writer.shape, writer.shard), limits.workers)


def _remove_others(target: Target, wanted: set[Path]) -> None:
    for path in set(_made_before(target)) - wanted:
        shutil.rmtree(path, ignore_errors=True)
        manifest_path(path).unlink(missing_ok=True)  # last: what it lists is known for ours until it is gone
        if path.parent != target.path("entropy").parent:
            with contextlib.suppress(OSError):  # others lie there
                path.parent.rmdir()


def _made_before(target: Target) -> Iterator[Path]:
    """Yield stores of further outputs whose own manifest says that they came with these labels."""
    folder = target.path("entropy").parent
    singles = [manifest_path(target.path(layer)) for layer in ("entropy", "spread")]
    for manifest in [*singles, *folder.glob(f"probabilities/*{MANIFEST_SUFFIX}")]:
        with contextlib.suppress(BadInput):  # no manifest, or none of a store
            path = store_path(manifest)
            if read_manifest(path).notes.get(BESIDE) == target.store.name:
                yield path


class _Sums:
    """Per class: how many voxels there are, and how sure the model is of them."""

    def __init__(self, outputs: Outputs) -> None:
        self.layers = outputs.layers
        self._outputs = outputs
        self._lock = threading.Lock()
        self._sums = np.zeros((len(outputs.layers), VALUES))

    def add(self, layers: NDArray[np.uint8]) -> None:
        """Add a shard."""
        flat = layers.reshape(len(layers), -1)
        found = np.stack([np.bincount(flat[0], weights, VALUES) for weights in (None, *flat[1:])])
        with self._lock:  # sums of whole numbers: their order does not matter
            self._sums += found

    def told(self) -> dict[str, dict[str, float]]:
        """Return voxels of each class, and the mean over them of its probability, of entropy and of spread."""
        told: dict[str, dict[str, float]] = {}
        for name, value in zip(self._outputs.names, self._outputs.values, strict=True):
            count = self._sums[0, value]
            told[name] = {"voxels": int(count)}
            for layer, kind in enumerate(self.layers):
                scale = STEPS * (2 if kind == "spread" else 1)
                key = "probability" if kind == f"probabilities/{name}" else kind
                if layer and count and "/" not in key:
                    told[name][key] = float(self._sums[layer, value] / count / scale)
        return told
