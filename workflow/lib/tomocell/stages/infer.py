"""Infer: a trained model turns grey values, or labels, into labels."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tomocell.inference.joined import publish
from tomocell.inference.on_nodes import compute_on_nodes
from tomocell.inference.parts import open_parts
from tomocell.inference.run import Request, compute, prepare
from tomocell.nodes import ALONE, Team

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.blocks import Limits
    from tomocell.models.settings import InferSettings
    from tomocell.volumes.volume import Volume

log = logging.getLogger(__name__)


def infer(  # noqa: PLR0913
    grey: Volume,
    model: Path,
    store: Path,
    settings: InferSettings,
    limits: Limits,
    *,
    digest: str = "",
    team: Team = ALONE,
) -> None:
    """Label ``grey`` with the model in folder ``model`` into ``store``; further outputs are stores beside it.

    Shards are kept beside the store as they are finished, and put together when all are there: after a kill only
    those that are missing are computed, if the volume is a store of ours, by which it is known to be the same. The
    nodes of ``team`` share them out in slabs; ``limits`` are those of one node.

    Raises:
        BadInput: If the model is broken, was trained at far another voxel size, sees cubes where the settings' tiles
            are of planes, or other labels than the volume has; if the volume cannot be read or holds voxels that are
            no numbers; or if nothing fits the memory.
    """
    run = prepare(Request(grey, model, store, settings, digest), limits)
    parts = open_parts(store, run.key)
    if team.nodes > 1:
        compute_on_nodes(run, parts, limits, team)
    compute(run, parts, limits)
    publish(run.target, run.outputs, parts, limits)
    parts.remove()
    log.info("%s -> %s with %s", grey.name, store, model)
