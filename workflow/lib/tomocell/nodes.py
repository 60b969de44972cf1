"""Several nodes of a SLURM job."""

from __future__ import annotations

from typing import NamedTuple


class Team(NamedTuple):
    """The nodes that a job holds.

    Attributes:
        nodes: How many.
        cpus: CPUs of each node's task; None where srun need not be told.
        gres: Generic resources of each node ("gpu:4"); none where srun need not be told.
    """

    nodes: int = 1
    cpus: int | None = None
    gres: str | None = None


ALONE = Team()


def on_every_node(team: Team) -> list[str]:
    """Return the srun that starts what follows it once on each node; where one fails, all are ended."""
    srun = ["srun", f"--nodes={team.nodes}", f"--ntasks={team.nodes}", "--ntasks-per-node=1"]
    if team.cpus is not None:
        srun.append(f"--cpus-per-task={team.cpus}")
    if team.gres:
        # Every task sees all devices of its node.
        srun += [f"--gres={team.gres}", "--gpu-bind=none"]
    return [*srun, "--cpu-bind=none", "--kill-on-bad-exit=1"]
