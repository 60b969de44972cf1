"""A volume shared out among the nodes of a SLURM job: slabs of whole shards, one lot a node."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tomocell.blocks.plan import INTERPRETER_MB, Limits
from tomocell.errors import BadInput, Fault
from tomocell.inference.parts import open_parts
from tomocell.inference.plan import LIBRARIES_MB
from tomocell.inference.run import Request, Slab, compute, prepare
from tomocell.joblog import logged
from tomocell.models.saved import Normalisation
from tomocell.models.settings import InferSettings
from tomocell.nodes import Team, on_every_node
from tomocell.settings.base import Frozen
from tomocell.volumes.store import StoreVolume, open_store

if TYPE_CHECKING:
    from tomocell.inference.parts import Parts
    from tomocell.inference.run import Run

log = logging.getLogger(__name__)
NUMBER = "SLURM_PROCID"
LATENCY_S, POLL_S = 90.0, 1.0  # until a file of another node shows on NFS, as the profiles have it


class Task(Frozen):
    """What each node is told; it takes its own of ``slabs`` by its number.

    ``key`` is the first node's, for the others to see that they make the same: of the same files and arithmetic.
    """

    grey: Path
    model: Path
    store: Path
    settings: InferSettings
    digest: str
    normalisation: Normalisation
    memory_mb: int
    workers: int
    key: str
    slabs: tuple[tuple[Slab, ...], ...]


def compute_on_nodes(run: Run, parts: Parts, limits: Limits, team: Team) -> None:
    """Have the missing shards made by all nodes of the job; returns when they show here.

    Raises:
        BadInput: If the volume is no store, or a node failed; finished shards are kept.
    """
    slabs = run.whole_slabs(parts, team.nodes)
    if not slabs:
        return
    if len(slabs) < team.nodes:
        log.warning("%d nodes, but slabs for %d: the volume is no deeper in shards", team.nodes, len(slabs))
    task = _task(run, limits, tuple(slabs))
    log.info("slabs of nodes: %s", ", ".join(map(str, slabs)))
    command = [*on_every_node(team), sys.executable, "-m", __name__, task.model_dump_json()]
    status = _run(command)
    if status:
        remedy = "see what they say in the log, and run it again: finished shards are kept"
        raise BadInput(Fault(f"inference on {team.nodes} nodes", f"status {status}", "all to end well", remedy))
    _wait_for_parts(run, parts)


def _run(command: list[str]) -> int:
    """Run a command, its lines going to the log as they come; return how it ended."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603
        for line in process.stdout or ():
            log.info("| %s", line.rstrip())
    return process.returncode


def _task(run: Run, limits: Limits, slabs: tuple[tuple[Slab, ...], ...]) -> Task:
    request = run.request
    if not isinstance(request.grey, StoreVolume):
        expected = "a store, which other nodes can open and know for the same"
        raise BadInput(Fault(request.grey.name, type(request.grey).__name__, expected, "tomocell convert it first"))
    return Task(
        grey=request.grey.path.resolve(),
        model=request.model.resolve(),
        store=request.store.resolve(),
        settings=request.settings,
        digest=request.digest,
        normalisation=run.lens.normalisation,
        memory_mb=limits.memory_mb - INTERPRETER_MB - LIBRARIES_MB,  # what the process that waits for them takes
        workers=limits.workers,
        key=run.key,
        slabs=slabs,
    )


def _wait_for_parts(run: Run, parts: Parts) -> None:
    until = time.monotonic() + LATENCY_S
    while run.whole_slabs(parts, 1) and time.monotonic() < until:
        time.sleep(POLL_S)


def compute_slabs(task: Task, number: int) -> None:
    """Make the shards of the slabs of node ``number``.

    Raises:
        BadInput: If this node would not make what the first one would; and as `compute`.
    """
    if number >= len(task.slabs):
        return
    request = Request(open_store(task.grey), task.model, task.store, task.settings, task.digest)
    limits = Limits(task.memory_mb, task.workers)
    run = prepare(request, limits, task.normalisation)
    if run.key != task.key:
        remedy = "ask for nodes with the same devices, and for gres where one has GPUs (nodes, gres of the profile)"
        expected = "the first node's device, precision, torch, volume and model"
        raise BadInput(Fault(f"node {number}", "another result", expected, remedy))
    compute(run, open_parts(task.store, task.key), limits, task.slabs[number])


def main() -> None:
    """Do what the command line tells, as the task that SLURM says this is."""
    with logged():
        compute_slabs(Task.model_validate_json(sys.argv[1]), int(os.environ[NUMBER]))


if __name__ == "__main__":
    main()
