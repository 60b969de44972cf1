"""Start a module once for each device: on this machine, on a node of a cluster, or on several nodes.

    python -m tomocell.training.launch --devices 4 -- tomocell train config.yaml

The same line works on a laptop, inside a one-task SLURM step and, with `--nodes 2`, in a batch script that holds two
nodes. It exists because the other ways of starting fail silently or loudly under SLURM: plain python in a one-task
step trains a single rank on a fraction of the samples without an error, and one task for each device collides with
the ranks that Lightning starts. So there is one task per node, and torchrun starts the ranks inside it.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tomocell.errors import BadInput, Fault
from tomocell.nodes import Team, on_every_node

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

HOST_SUFFIX = "TOMOCELL_HOST_SUFFIX"
WORLD_SIZE = "TOMOCELL_WORLD_SIZE"
# Below the ports that the kernel hands out by itself (32768 and up), so that nothing takes it by chance.
FIRST_PORT, PORTS = 20000, 10000


@dataclass(frozen=True)
class Launch:
    """What is to be started, and on how much.

    Attributes:
        target: A module and its arguments, as they would follow `python -m`.
        devices: Ranks on each node.
        nodes: Nodes to use.
        cpus: CPUs of each node's task, where srun has to be told.
        gres: Generic resources of each node ("gpu:4"), where srun has to be told.
        host_suffix: Letters that turn a node's name into that of its fast network ("i" at JSC).
    """

    target: tuple[str, ...]
    devices: int = 1
    nodes: int = 1
    cpus: int | None = None
    gres: str | None = None
    host_suffix: str = ""


@dataclass(frozen=True)
class Step:
    """The SLURM step that this process is a task of.

    Attributes:
        job_id: Number of the job; it tells rendezvous of different jobs apart and gives the port.
        nodes: How many nodes the step has.
        tasks: How many tasks the step has.
        node: Index of this node in the step, from 0.
        name: Name of this node.
        node_list: All nodes of the step in SLURM's short form ("n[1-2]").
        launched_from: Address of the node where srun was called, if known.
    """

    job_id: int
    nodes: int
    tasks: int
    node: int
    name: str
    node_list: str
    launched_from: str | None


def current_step(environ: Mapping[str, str]) -> Step | None:
    """Return the step that srun described in the environment, or None outside of one (in a batch script, too)."""
    if "SLURM_STEP_NUM_NODES" not in environ:
        return None
    return Step(
        job_id=int(environ["SLURM_JOB_ID"]),
        nodes=int(environ["SLURM_STEP_NUM_NODES"]),
        tasks=int(environ["SLURM_STEP_NUM_TASKS"]),
        node=int(environ["SLURM_NODEID"]),
        name=environ["SLURMD_NODENAME"],
        node_list=environ["SLURM_STEP_NODELIST"],
        launched_from=environ.get("SLURM_LAUNCH_NODE_IPADDR"),
    )


def command(
    launch: Launch, step: Step | None, hosts: Callable[[str], Sequence[str]], resolves: Callable[[str], bool]
) -> list[str]:
    """Return the command that this process has to become.

    Args:
        launch: What to start.
        step: The step this process is a task of, if any.
        hosts: Writes a short list of nodes out ("n[1-2]" to n1, n2).
        resolves: Whether a host's name has an address here.

    Raises:
        BadInput: There are no devices or nodes or nothing to start, or the step has another number of nodes than
            asked for, or more than one task on a node.
    """
    faults = [*_launch_faults(launch), *(_step_faults(launch, step) if step else ())]
    if faults:
        raise BadInput(*faults)
    if launch.nodes == 1:
        return _on_one_node(launch)
    if step is None:
        return _on_every_node(launch)
    return _torchrun(launch, *_rendezvous(launch, step, _head(launch, step, hosts(step.node_list)[0], resolves)))


def check_world(asked: int, environ: Mapping[str, str]) -> None:
    """Check that as many ranks run as were asked for; for the started module to call before it trains.

    Raises:
        BadInput: The world has another size, as when a module that wants several ranks was not started by this
            launcher.
    """
    found = int(environ.get("WORLD_SIZE", "1"))
    if found != asked:
        remedy = "start it by `python -m tomocell.training.launch --devices N -- ...`, in one task per node"
        raise BadInput(Fault("number of ranks (WORLD_SIZE)", found, f"{asked}, as asked for", remedy))


def environment(launch: Launch, environ: Mapping[str, str], cpus: int) -> dict[str, str]:
    """Return the environment for the ranks: the cores shared among them, and the size of the world to check."""
    share = {} if launch.devices == 1 else {"OMP_NUM_THREADS": str(max(1, cpus // launch.devices))}
    # Snakemake sets OMP_NUM_THREADS to the threads of the whole job; several ranks must share them.
    return {**environ, **share, WORLD_SIZE: str(launch.nodes * launch.devices)}


def _launch_faults(launch: Launch) -> list[Fault]:
    counts = {"--devices": launch.devices, "--nodes": launch.nodes}
    faults = [Fault(name, n, "at least 1", "give a positive number") for name, n in counts.items() if n < 1]
    if not launch.target:
        faults.append(Fault("launch", "nothing to start", "a module", "write it after `--`"))
    return faults


def _step_faults(launch: Launch, step: Step) -> list[Fault]:
    where = f"step of SLURM job {step.job_id}"
    faults = []
    if step.tasks != step.nodes:
        remedy = "start the step with --ntasks-per-node=1; the ranks are started inside the task"
        faults.append(Fault(where, f"{step.tasks} tasks on {step.nodes} nodes", "one task on each node", remedy))
    if step.nodes != launch.nodes:
        remedy = "make --nodes of the launcher and of the step agree"
        faults.append(Fault(where, f"{step.nodes} nodes", f"{launch.nodes}, as asked for by --nodes", remedy))
    return faults


def _on_one_node(launch: Launch) -> list[str]:
    if launch.devices == 1:
        # No second process to find: torchrun would only cost another import of torch.
        return [sys.executable, "-m", *launch.target]
    return _torchrun(launch, "--standalone")


def _torchrun(launch: Launch, *options: str) -> list[str]:
    torchrun = [sys.executable, "-m", "torch.distributed.run"]
    return [*torchrun, *options, f"--nproc-per-node={launch.devices}", "-m", *launch.target]


def _rendezvous(launch: Launch, step: Step, head: str) -> list[str]:
    port = FIRST_PORT + step.job_id % PORTS
    options = [
        f"--nnodes={launch.nodes}",
        f"--rdzv-id={step.job_id}",
        "--rdzv-backend=c10d",
        f"--rdzv-endpoint={head}:{port}",
        # Told, not guessed: torch guesses by comparing names, which fails with a suffix and with virtual nodes.
        f"--rdzv-conf=is_host={int(step.node == 0)}",
    ]
    if launch.host_suffix:
        # The ranks meet once more, at the address that the agents publish; it must be the fast network's as well.
        options.append(f"--local-addr={step.name}{launch.host_suffix}")
    return options


def _head(launch: Launch, step: Step, first: str, resolves: Callable[[str], bool]) -> str:
    name = first + launch.host_suffix
    if launch.host_suffix or step.launched_from is None or resolves(name):
        return name
    # Nodes known to SLURM alone, by NodeAddr: the batch script runs on the first node, and srun was called there.
    return step.launched_from


def _on_every_node(launch: Launch) -> list[str]:
    again = [sys.executable, "-m", "tomocell.training.launch", f"--nodes={launch.nodes}", f"--devices={launch.devices}"]
    suffix = [f"--host-suffix={launch.host_suffix}"] if launch.host_suffix else []
    team = Team(launch.nodes, launch.cpus, launch.gres)
    return [*on_every_node(team), *again, *suffix, "--", *launch.target]


def _hosts(node_list: str) -> list[str]:
    shown = subprocess.run(["scontrol", "show", "hostnames", node_list], check=True, capture_output=True, text=True)  # noqa: S603, S607 -- the site's own scontrol
    return shown.stdout.split()


def _resolves(name: str) -> bool:
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        return False
    return True


def parse(arguments: Sequence[str], environ: Mapping[str, str]) -> Launch:
    """Return what the command line asks for; the host suffix comes from TOMOCELL_HOST_SUFFIX where not given."""
    parser = argparse.ArgumentParser(prog="python -m tomocell.training.launch", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--devices", type=int, default=1, help="ranks on each node")
    parser.add_argument("--nodes", type=int, default=1, help="nodes; more than one needs a SLURM job that holds them")
    parser.add_argument("--cpus", type=int, help="CPUs of each node's task, where srun has to be told")
    parser.add_argument("--gres", help='generic resources of each node ("gpu:4"), where srun has to be told')
    suffix = environ.get(HOST_SUFFIX, "")
    parser.add_argument("--host-suffix", default=suffix, help='node name to fast network name ("i" at JSC)')
    parser.add_argument("target", nargs="*", metavar="-- MODULE [ARGUMENT ...]", help="as after `python -m`")
    options = parser.parse_args(arguments)
    return Launch(**{**vars(options), "target": tuple(options.target)})


def main() -> None:
    """Become the command; signals and the exit status are then the command's own."""
    launch = parse(sys.argv[1:], os.environ)
    try:
        argv = command(launch, current_step(os.environ), _hosts, _resolves)
    except BadInput as error:
        sys.exit(str(error))
    os.execvpe(argv[0], argv, environment(launch, os.environ, len(os.sched_getaffinity(0))))  # noqa: S606 -- no shell wanted


if __name__ == "__main__":
    main()
