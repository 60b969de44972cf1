"""A model about to be led over a volume: what is made, under which key, and the shards that are missing."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from tomocell.blocks.plan import INTERPRETER_MB, MB, Limits
from tomocell.errors import BadInput, Fault
from tomocell.inference.bricks import brick_depth
from tomocell.inference.forward import resolve_precision
from tomocell.inference.joined import Target
from tomocell.inference.outputs import Outputs, outputs_of
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
from tomocell.models.saved import CARD, load_model
from tomocell.volumes.provenance import provenance
from tomocell.volumes.store import Layout

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import nn

    from tomocell.inference.parts import Parts
    from tomocell.models.saved import ModelCard, Normalisation
    from tomocell.models.settings import InferSettings
    from tomocell.volumes.volume import Region, Volume

log = logging.getLogger(__name__)
SPEED_ONLY = {"batch_size", "processes"}  # settings that change no label
Slab = tuple[int, int]  # planes along the walk: the first, and the one behind the last


@dataclass(frozen=True)
class Request:
    """What is asked for: ``grey`` to be labelled with the model in folder ``model`` into ``store``."""

    grey: Volume
    model: Path
    store: Path
    settings: InferSettings
    digest: str = ""


@dataclass(frozen=True)
class Run:
    """A request made ready.

    Attributes:
        request: What was asked for.
        target: What is written.
        lens: How the volume is looked at.
        network: Of the model.
        key: What shards of the same labels share; a key of its own for a volume without a checksum.
    """

    request: Request
    target: Target
    lens: Lens
    network: nn.Module
    key: str

    @property
    def outputs(self) -> Outputs:
        """What is made of the logits."""
        return outputs_of(self.lens.card, self.request.settings)

    def whole_slabs(self, parts: Parts, shares: int) -> list[tuple[Slab, ...]]:
        """Return, for each of ``shares``, the slabs of whole planes of shards of which some are missing."""
        shape, shelf = self.lens.source.shape, self.lens.shelf
        lots = missing_runs(shape, shelf, shape[1:], self.done(parts), shares)
        return [tuple((region[0].start, region[0].stop) for region in lot) for lot in lots]

    def done(self, parts: Parts, within: tuple[Slab, ...] | None = None) -> Callable[[Region], bool]:
        """Return what tells whether nothing of a region of the walk (``within`` slabs) is missing."""

        def done(region: Region) -> bool:
            if within is not None and not any(start <= region[0].start < stop for start, stop in within):
                return True
            native = self.lens.source.native(region)
            return all(parts.has(place_of(block, self.target.shard)) for block in shards_of(native, self.target.shard))

        return done


def prepare(request: Request, limits: Limits, normalisation: Normalisation | None = None) -> Run:
    """Return a run; the ``normalisation`` of a volume's own range can be told, so that it is not sought again.

    Raises:
        BadInput: If the model is broken, was trained at far another voxel size, or sees cubes where the settings' tiles
            are of planes.
    """
    network, card, _ = load_model(request.model)
    _require_tiles(request.settings, card)
    grey = request.grey
    parents: dict[str, Volume | Path] = {
        "grey": grey,
        "weights": request.model / card.weights_file,
        "card": request.model / CARD,
    }
    layout = Layout(grey.shape, np.dtype(np.uint8), grey.size, card.label_classes)
    target = Target(request.store, layout, provenance(request.settings, request.digest, parents))
    lens = _lens(request, target, card, limits, normalisation)
    return Run(request, target, lens, network, _key(request, target))


def _lens(
    request: Request, target: Target, card: ModelCard, limits: Limits, normalisation: Normalisation | None
) -> Lens:
    grey, settings, axis = request.grey, request.settings, walk_axis(card)
    if normalisation is None:
        own = settings.normalise == "volume" and not card.inputs
        normalisation = own_normalisation(grey, limits) if own else card.normalisation
    ratios = voxel_ratios(grey, card)
    if card.inputs and ratios != ALIKE:
        expected = f"{card.voxel_size_um} um: labels cannot be interpolated"
        raise BadInput(Fault(grey.name, grey.size, expected, "train at this voxel size"))
    return Lens(Turned(grey, axis), card, settings, normalisation, ratios, axis_first(target.shard, axis)[0])


def _key(request: Request, target: Target) -> str:
    origin = target.origin
    if "grey" not in origin.parents:
        return uuid.uuid4().hex[:16]
    decisive = {name: value for name, value in origin.settings.items() if name not in SPEED_ONLY}
    device = _devices()[0]
    precision = resolve_precision(request.settings.precision, torch.device(device))
    arithmetic = [device.split(":")[0], str(precision)]
    size = request.grey.size
    told = [decisive, origin.code_digest, origin.parents, target.shard, size, arithmetic, torch.__version__]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _devices() -> list[str]:
    return [f"cuda:{number}" for number in range(torch.cuda.device_count())] or ["cpu"]


def compute(run: Run, parts: Parts, limits: Limits, within: tuple[Slab, ...] | None = None) -> None:
    """Make the shards that are missing (of those ``within`` slabs), in this process, or in several.

    Raises:
        BadInput: If the volume cannot be read or holds voxels that are no numbers, or labels that the network does not
            know; or if nothing fits the memory.
    """
    if not run.whole_slabs(parts, 1):
        return
    lens, devices = run.lens, _devices()
    processes = lens.settings.processes or len(devices)
    budget = _budget(run, limits.memory_mb / processes, on_cpu=devices == ["cpu"])
    most = max(1, BATCH_VOXELS[devices[0].split(":")[0]] // math.prod(budget.tile))
    plan = plan_strips(budget, lens.settings.batch_size, most)
    lots = missing_runs(lens.source.shape, lens.shelf, plan.strip, run.done(parts, within), processes)
    shares = [
        Share(
            run.request.model,
            lens,
            plan.batch,
            run.target.shard,
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
        work_alone(shares[0], run.network)


def _budget(run: Run, memory_mb: float, *, on_cpu: bool) -> Budget:
    lens, network, outputs = run.lens, run.network, run.outputs
    sight = lens.sight
    voxels = math.prod(sight.grid.edges)
    through = 4 * voxels * (outputs.channels + TILES_ON_THE_WAY * sight.input_shape[0]) / MB
    inside = _activations_mb(network, lens, voxels) if on_cpu else 0.0
    weights = sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values()) / MB
    return Budget(
        lens.source.shape,
        sight.grid.edges,
        axis_first(run.target.shard, lens.source.axis),
        planes_held(sight.grid.edges[0], sight.reach, brick_depth(lens.source)),
        run.request.grey.dtype.itemsize + 1,  # and whether it is a number
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


def _require_tiles(settings: InferSettings, card: ModelCard) -> None:
    if len(settings.tile_voxels) != len(card.patch_voxels):
        expected = f"{len(card.patch_voxels)} edges, as the model's patch has: {card.patch_voxels}"
        remedy = f"set it, for instance tile_voxels={list(card.patch_voxels)}"
        raise BadInput(Fault("infer.tile_voxels", settings.tile_voxels, expected, remedy))
