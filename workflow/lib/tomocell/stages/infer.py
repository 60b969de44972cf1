"""Infer: a trained model turns grey values, or labels, into labels."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from tomocell.blocks import Block, Limits, cut, run_blocks
from tomocell.blocks.plan import INTERPRETER_MB, MB
from tomocell.errors import BadInput, Fault
from tomocell.inference.bricks import brick_depth
from tomocell.inference.forward import resolve_precision
from tomocell.inference.outputs import outputs_of
from tomocell.inference.parts import open_parts
from tomocell.inference.plan import (
    BATCH_VOXELS,
    CUBE_BYTES,
    LIBRARIES_MB,
    TILES_ON_THE_WAY,
    Budget,
    measured_mb,
    missing_runs,
    plan_strips,
    planes_held,
)
from tomocell.inference.prepare import Lens, make_engine, walk_axis
from tomocell.inference.rolling import carried
from tomocell.inference.scale import ALIKE, own_normalisation, voxel_ratios
from tomocell.inference.shares import Share, place_of, shards_of, work_alone, work_together
from tomocell.inference.turned import Turned, axis_first
from tomocell.models.saved import CARD, load_model, read_card
from tomocell.stages.provenance import provenance
from tomocell.volumes.manifest import STORE_SUFFIX
from tomocell.volumes.pyramid import plan_levels
from tomocell.volumes.store import Layout, StoreWriter, create_store

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from tomocell.inference.outputs import Outputs
    from tomocell.inference.parts import Parts
    from tomocell.models.saved import ModelCard
    from tomocell.models.settings import InferSettings
    from tomocell.volumes.manifest import Provenance
    from tomocell.volumes.volume import Classes, Region, Shape, Volume

log = logging.getLogger(__name__)
SPEED_ONLY = {"batch_size", "processes"}  # settings that change no label
VALUES, STEPS = 256, 255


def infer(grey: Volume, model: Path, store: Path, settings: InferSettings, limits: Limits, *, digest: str = "") -> None:
    """Label ``grey`` with the model in folder ``model`` into ``store``; further outputs are stores beside it.

    Shards are kept beside the store as they are finished, and put together when all are there: after a kill only
    those that are missing are computed, if the volume is a store of ours, by which it is known to be the same.

    Raises:
        BadInput: If the model is broken, was trained at far another voxel size, sees cubes where the settings' tiles
            are of planes, or other labels than the volume has; if the volume cannot be read or holds voxels that are
            no numbers; or if nothing fits the memory.
    """
    network, card, _ = load_model(model)
    _require_tiles(settings, card)
    job = _job(grey, model, store, settings, digest)
    parts = open_parts(store, _key(job, settings))
    _compute(job, _lens(job, card, settings, limits), network, parts, limits)
    _publish(job, outputs_of(card, settings), card.label_classes, parts, limits)
    parts.remove()
    log.info("%s -> %s with %s", grey.name, store, model)


@dataclass(frozen=True)
class _Job:
    grey: Volume
    model: Path
    store: Path
    origin: Provenance
    shard: Shape


def _job(grey: Volume, model: Path, store: Path, settings: InferSettings, digest: str) -> _Job:
    card = read_card(model)
    parents: dict[str, Volume | Path] = {"grey": grey, "weights": model / card.weights_file, "card": model / CARD}
    layout = _layout(grey, card.label_classes)
    shard = plan_levels(layout.shape, layout.chunk, layout.shard)[0].shard
    return _Job(grey, model, store, provenance(settings, digest, parents), shard)


def _layout(grey: Volume, classes: Classes | None) -> Layout:
    return Layout(grey.shape, np.dtype(np.uint8), grey.size, classes)


def _lens(job: _Job, card: ModelCard, settings: InferSettings, limits: Limits) -> Lens:
    axis = walk_axis(card)
    own = settings.normalise == "volume" and not card.inputs
    normalisation = own_normalisation(job.grey, limits) if own else card.normalisation
    ratios = voxel_ratios(job.grey, card)
    if card.inputs and ratios != ALIKE:
        expected = f"{card.voxel_size_um} um: labels cannot be interpolated"
        raise BadInput(Fault(job.grey.name, job.grey.size, expected, "train at this voxel size"))
    return Lens(Turned(job.grey, axis), card, settings, normalisation, ratios, axis_first(job.shard, axis)[0])


def _key(job: _Job, settings: InferSettings) -> str:
    """Return what shards of the same labels share; a key of its own for a volume without a checksum."""
    origin = job.origin
    if "grey" not in origin.parents:
        return uuid.uuid4().hex[:16]
    decisive = {name: value for name, value in origin.settings.items() if name not in SPEED_ONLY}
    device = _devices()[0]
    arithmetic = [device.split(":")[0], str(resolve_precision(settings.precision, torch.device(device)))]
    told = [decisive, origin.code_digest, origin.parents, job.shard, job.grey.size, arithmetic, torch.__version__]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _devices() -> list[str]:
    return [f"cuda:{number}" for number in range(torch.cuda.device_count())] or ["cpu"]


def _compute(job: _Job, lens: Lens, network: nn.Module, parts: Parts, limits: Limits) -> None:
    """Make the shards that are missing, in this process, or in several."""
    devices = _devices()
    processes = lens.settings.processes or len(devices)
    budget = _budget(job, lens, network, limits.memory_mb / processes, on_cpu=devices == ["cpu"])
    most = max(1, BATCH_VOXELS[devices[0].split(":")[0]] // math.prod(budget.tile))
    plan = plan_strips(budget, lens.settings.batch_size, most)

    def done(region: Region) -> bool:
        native = lens.source.native(region)
        return all(parts.has(place_of(block, job.shard)) for block in shards_of(native, job.shard))

    lots = missing_runs(lens.source.shape, lens.shelf, plan.strip, done, processes)
    shares = [
        Share(
            job.model,
            lens,
            plan.batch,
            job.shard,
            tuple(lot),
            parts,
            devices[number % len(devices)],
            max(1, limits.workers // processes),
        )
        for number, lot in enumerate(lots)
    ]
    log.info("strips of %d x %d pixels, %d tiles at once, processes: %d", *plan.strip, plan.batch, len(shares))
    if len(shares) > 1:
        work_together(shares)
    elif shares:
        work_alone(shares[0], network)


def _budget(job: _Job, lens: Lens, network: nn.Module, memory_mb: float, *, on_cpu: bool) -> Budget:
    sight, outputs = lens.sight, outputs_of(lens.card, lens.settings)
    voxels = math.prod(sight.grid.edges)
    through = 4 * voxels * (outputs.channels + TILES_ON_THE_WAY * sight.input_shape[0]) / MB
    inside = _activations_mb(network, lens, voxels) if on_cpu else 0.0
    weights = sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values()) / MB
    return Budget(
        lens.source.shape,
        sight.grid.edges,
        axis_first(job.shard, lens.source.axis),
        planes_held(sight.grid.edges[0], sight.reach, brick_depth(lens.source)),
        job.grey.dtype.itemsize + 1,  # and whether it is a number
        4 * (outputs.channels + outputs.needs_means),
        carried(sight.grid.starts[0], sight.grid.edges[0]),
        len(outputs.layers),
        through + inside,
        memory_mb,
        INTERPRETER_MB + LIBRARIES_MB + weights + 4 * voxels * (1 + outputs.needs_means) / MB,
    )


def _activations_mb(network: nn.Module, lens: Lens, voxels: int) -> float:
    """Return what a tile takes inside the network, by a trial."""
    engine = make_engine(network, lens, 1, torch.device("cpu"))
    tile = np.zeros((1, *engine.sight.input_shape), np.float32)
    found = measured_mb(lambda: engine.forward(tile, [(0, 0, 0)]))
    return voxels * CUBE_BYTES / MB if found is None else found


def _publish(job: _Job, outputs: Outputs, classes: Classes, parts: Parts, limits: Limits) -> None:
    """Put the shards together, labels last: a store of labels means that all is there."""
    for number, name in reversed(list(enumerate(outputs.layers))):
        path = job.store.parent / f"{name}{STORE_SUFFIX}" if number else job.store
        path.parent.mkdir(parents=True, exist_ok=True)
        sums = _Sums(outputs)
        with create_store(path, _layout(job.grey, None if number else classes), limits, job.origin) as writer:

            def write(block: Block, number: int = number, writer: StoreWriter = writer, sums: _Sums = sums) -> None:
                shape = [part.stop - part.start for part in block.core]
                layers = parts.load(place_of(block.core, job.shard), (len(outputs.layers), *shape))
                writer.write(block.core, layers[number])
                if number == 0:
                    sums.add(layers)

            run_blocks(write, cut(job.grey.shape, job.shard), limits.workers)
            if number == 0:
                writer.notes.update(classes=sums.told())


class _Sums:
    """Per class: how many voxels there are, and how sure the model is of them."""

    def __init__(self, outputs: Outputs) -> None:
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
            for layer, kind in enumerate(self._outputs.layers):
                scale = STEPS * (2 if kind == "spread" else 1)
                key = "probability" if kind == f"probabilities/{name}" else kind
                if layer and count and "/" not in key:
                    told[name][key] = float(self._sums[layer, value] / count / scale)
        return told


def _require_tiles(settings: InferSettings, card: ModelCard) -> None:
    if len(settings.tile_voxels) != len(card.patch_voxels):
        expected = f"{len(card.patch_voxels)} edges, as the model's patch has: {card.patch_voxels}"
        remedy = f"set it, for instance tile_voxels={list(card.patch_voxels)}"
        raise BadInput(Fault("infer.tile_voxels", settings.tile_voxels, expected, remedy))
