"""Test equipment: a real SLURM on this machine, with virtual nodes that can be killed and revived.

Nothing of it outlives `stop`: configuration, keys, state and logs lie in one folder, the daemons are children of
this process and die with it, and job processes are found by the environment that they inherited.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from cluster.slurm_conf import GPUS_PER_NODE, PARTITIONS, slurm_conf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NODES = ("n1", "n2")
# Both are inherited by all that runs on the cluster, which is how its processes are found when they must die.
CLUSTER_MARK = "TOMOCELL_TEST_CLUSTER"
NODE_MARKS = ("TOMOCELL_TEST_NODE", "SLURMD_NODENAME")
CLIENTS = ("sacct", "sacctmgr", "sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun", "sshare")
BINARIES = ("munged", "slurmctld", "slurmd", "setpriv", *CLIENTS)
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def search_path() -> str:
    """PATH, and where daemons lie that a user's PATH leaves out."""
    return f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"


def unavailable_reason() -> str | None:
    """Why a cluster cannot be started here, or None where it can."""
    missing = [name for name in BINARIES if shutil.which(name, path=search_path()) is None]
    if missing:
        return f"no SLURM here: {', '.join(missing)} not found (Debian: apt-get install slurm-wlm munge)"
    if os.geteuid() != 0:
        return "the test cluster's daemons start jobs and therefore need root"
    return None


def wait_for(done: Callable[[], bool], what: str, timeout_s: float, pause_s: float = 0.1) -> None:
    """Poll until `done`; TimeoutError names `what` was awaited."""
    deadline = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:g} s for {what}")
        time.sleep(pause_s)


@dataclass
class SlurmCluster:
    """munged, slurmctld and one slurmd per virtual node, all in `workdir`.

    Attributes:
        workdir: An empty folder; keep its path short, munge's socket lies in it (108 characters at most).
        nodes: Names of the virtual nodes.
        min_job_age_s: How long squeue remembers a finished job; the executor needs 120 or more.
    """

    workdir: Path
    nodes: tuple[str, ...] = NODES
    min_job_age_s: int = 300
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, init=False)

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything and wait until every node is idle; stops what it started where that fails."""
        self._lay_out()
        try:
            self._start_munged()
            self._spawn("slurmctld", ["slurmctld", "-D", "-i", "-f", str(self.conf)])
            wait_for(self._controller_answers, f"slurmctld, see {self.workdir}/log", 30)
            for name in self.nodes:
                self._start_slurmd(name)
            self.wait_idle()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Cancel all jobs and end every process of this cluster."""
        if "slurmctld" in self.daemons:
            with contextlib.suppress(RuntimeError, subprocess.SubprocessError):
                self.run("scancel", "--full", "--signal=KILL", "--user=root", timeout_s=10)
        for name in [*(n for n in self.daemons if n not in ("munged", "slurmctld")), "slurmctld", "munged"]:
            self._end(name)
        self._kill_all(
            lambda environ: environ.get(CLUSTER_MARK) == str(self.workdir) and not environ.keys().isdisjoint(NODE_MARKS)
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- nodes ---------------------------------------------------------------------------------------------------

    def kill_node(self, name: str) -> None:
        """Lose a node at once: its slurmd, the slurmstepds and every process of their jobs die by SIGKILL.

        A slurmd killed alone would leave its steps running, which is another test's matter.
        """
        self.daemons[name].kill()
        self.daemons.pop(name).wait()
        self._kill_all(lambda environ: self._is_of(environ, name))

    def revive_node(self, name: str) -> None:
        """Start a killed node again and wait until it takes jobs."""
        self._start_slurmd(name)
        wait_for(lambda: self.state(name) in {"idle", "mixed", "allocated"}, f"node {name} to come back", 60)

    def state(self, name: str) -> str:
        """The node's state as sinfo writes it, without the marks (`*` and so on)."""
        return self.run("sinfo", "-h", "-N", "-n", name, "-p", PARTITIONS[0], "-o", "%T").strip().rstrip("*~#!%$@^-")

    def wait_idle(self, timeout_s: float = 60) -> None:
        """Wait until every node is idle."""
        wait_for(
            lambda: all(self.state(n) == "idle" for n in self.nodes), f"idle nodes, see {self.workdir}/log", timeout_s
        )

    # -- use -----------------------------------------------------------------------------------------------------

    @property
    def conf(self) -> Path:
        """The file that SLURM_CONF names."""
        return self.workdir / "slurm.conf"

    @property
    def env(self) -> dict[str, str]:
        """The environment in which commands, and snakemake, talk to this cluster."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "SRUN_", "SBATCH_", "SNAKEMAKE_"))}
        path = f"{self.workdir}/bin:{search_path()}"
        return kept | {"SLURM_CONF": str(self.conf), "PATH": path, CLUSTER_MARK: str(self.workdir)}

    def run(self, *command: str, timeout_s: float = 30) -> str:
        """What a SLURM command prints."""
        done = subprocess.run(command, env=self.env, check=False, capture_output=True, text=True, timeout=timeout_s)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    # -- parts ---------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        for name in ("bin", "log", "run", "state", "dev", *(f"spool/{node}" for node in self.nodes)):
            (self.workdir / name).mkdir(parents=True, exist_ok=True)
        for index in range(GPUS_PER_NODE):
            (self.workdir / f"dev/fakegpu{index}").touch()
        self.conf.write_text(slurm_conf(self.workdir, self.nodes, self.min_job_age_s))
        (self.workdir / "gres.conf").write_text(
            f"NodeName={','.join(self.nodes)} Name=gpu File={self.workdir}/dev/fakegpu[0-{GPUS_PER_NODE - 1}]\n"
        )
        (self.workdir / "cgroup.conf").write_text("CgroupAutomount=no\n")
        self._wrap_clients()

    def _wrap_clients(self) -> None:
        """Commands that know where the configuration is.

        The executor takes every SLURM_* variable from the environment of its inner srun, SLURM_CONF with them; a
        site's configuration lies where SLURM looks anyway, this one's does not.
        """
        for name in CLIENTS:
            wrapper = self.workdir / "bin" / name
            real = shutil.which(name, path=search_path())
            wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={self.conf} exec {real} "$@"\n')
            wrapper.chmod(0o755)

    def _start_munged(self) -> None:
        key, run = self.workdir / "munge.key", self.workdir / "run"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        files = [f"--key-file={key}", f"--socket={run}/munge.socket", f"--pid-file={run}/munged.pid"]
        logs = [f"--log-file={self.workdir}/log/munged.log", f"--seed-file={run}/munged.seed"]
        self._spawn("munged", ["munged", "--foreground", "--force", *files, *logs])
        wait_for((run / "munge.socket").exists, f"munge's socket, see {self.workdir}/log/munged.out", 20)

    def _start_slurmd(self, name: str) -> None:
        self._spawn(name, ["slurmd", "-D", "-N", name, "-f", str(self.conf)], {NODE_MARKS[0]: name})

    def _spawn(self, name: str, command: list[str], extra: dict[str, str] | None = None) -> None:
        with (self.workdir / f"log/{name}.out").open("ab") as log:
            self.daemons[name] = subprocess.Popen(
                # The parent's death, however it comes, ends the daemon.
                ["setpriv", "--pdeathsig", "KILL", *command],
                env=self.env | (extra or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self.workdir,
            )

    def _controller_answers(self) -> bool:
        if self.daemons["slurmctld"].poll() is not None:
            raise RuntimeError(f"slurmctld ended at its start: see {self.workdir}/log")
        done = subprocess.run(
            ["scontrol", "ping"], env=self.env, check=False, capture_output=True, text=True, timeout=30
        )
        return " UP" in done.stdout

    def _end(self, name: str, grace_s: float = 10) -> None:
        daemon = self.daemons.pop(name, None)
        if daemon is None:
            return
        daemon.terminate()
        try:
            daemon.wait(grace_s)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def _is_of(self, environ: Mapping[str, str], node: str) -> bool:
        here = environ.get(CLUSTER_MARK) == str(self.workdir)
        return here and node in {environ.get(mark) for mark in NODE_MARKS}

    @staticmethod
    def _kill_all(belongs: Callable[[Mapping[str, str]], bool], timeout_s: float = 20) -> None:
        def none_left() -> bool:
            found = [pid for pid, environ in processes() if belongs(environ)]
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not found

        wait_for(none_left, "the node's processes to die", timeout_s, 0.02)


def processes() -> Iterator[tuple[int, dict[str, str]]]:
    """Every living process but this one, with the environment that it was started in."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            pairs = (entry / "environ").read_bytes().decode(errors="replace").split("\0")
            if pairs != [""]:
                yield int(entry.name), dict(pair.split("=", 1) for pair in pairs if "=" in pair)
