"""The configuration of the test cluster."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# The first is the default, as the generic profile asks for none; the others are those of the sites with a profile.
PARTITIONS = ("batch", "booster", "develbooster", "gpus", "develgpus")
GPUS_PER_NODE = 4
# Claims, not cores: large enough for every request of the profiles, so that these run here unchanged.
CPUS_PER_NODE = 48
MEMORY_MB_PER_NODE = 512_000
SLURMD_TIMEOUT_S = 10


def slurm_conf(workdir: Path, nodes: tuple[str, ...], min_job_age_s: int) -> str:
    """The text of slurm.conf for virtual nodes of this host, on ports that are free now."""
    host = socket.gethostname().split(".")[0]
    controller, *ports = free_ports(1 + len(nodes))
    bind = "CommunicationParameters=NoInAddrAny,NoCtldInAddrAny" if host_is_loopback() else ""
    node_lines = [
        f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={CPUS_PER_NODE}"
        f" RealMemory={MEMORY_MB_PER_NODE} Gres=gpu:{GPUS_PER_NODE} Feature=gpu"
        # The first node with room gets the job, so that a test knows where its job will be.
        f" Weight={weight} State=UNKNOWN"
        for weight, (name, port) in enumerate(zip(nodes, ports, strict=True), start=1)
    ]
    partitions = [
        f"PartitionName={name} Nodes=ALL Default={'YES' if name == PARTITIONS[0] else 'NO'} MaxTime=1440 State=UP"
        for name in PARTITIONS
    ]
    return "\n".join([*_daemon_lines(workdir, min_job_age_s, host, controller), bind, *node_lines, *partitions, ""])


def _daemon_lines(workdir: Path, min_job_age_s: int, host: str, port: int) -> list[str]:
    return [
        "ClusterName=tomocell",
        f"SlurmctldHost={host}(127.0.0.1)",
        f"SlurmctldPort={port}",
        "SlurmUser=root",
        "SlurmdUser=root",
        # A requeued job waits until its old credential has expired: two minutes by default.
        f"AuthInfo=socket={workdir}/run/munge.socket,cred_expire=15",
        f"StateSaveLocation={workdir}/state",
        f"SlurmdSpoolDir={workdir}/spool/%n",
        f"SlurmctldPidFile={workdir}/run/slurmctld.pid",
        f"SlurmdPidFile={workdir}/run/slurmd-%n.pid",
        f"SlurmctldLogFile={workdir}/log/slurmctld.log",
        f"SlurmdLogFile={workdir}/log/slurmd-%n.log",
        "SlurmdParameters=config_overrides",
        "ProctrackType=proctrack/pgid",
        "TaskPlugin=task/none",
        "MpiDefault=none",
        "JobAcctGatherType=jobacct_gather/none",
        "AccountingStorageType=accounting_storage/none",
        "GresTypes=gpu",
        "SelectType=select/cons_tres",
        "SelectTypeParameters=CR_CPU_Memory",
        "SchedulerType=sched/backfill",
        "SchedulerParameters=bf_interval=1,sched_interval=1,sched_min_interval=0,batch_sched_delay=0",
        "ReturnToService=2",
        "JobRequeue=1",
        f"SlurmdTimeout={SLURMD_TIMEOUT_S}",
        f"MinJobAge={min_job_age_s}",
        "KillWait=5",
        "InactiveLimit=0",
    ]


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on now."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def host_is_loopback() -> bool:
    """Whether this host's name resolves to the loopback, so that SLURM can bind to it alone."""
    try:
        return ipaddress.ip_address(socket.gethostbyname(socket.gethostname())).is_loopback
    except OSError:
        return False
