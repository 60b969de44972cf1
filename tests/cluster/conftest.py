"""The cluster for the whole session, and the way workflows are sent through it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster.slurm_cluster import SlurmCluster, unavailable_reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
DRIVER = Path(__file__).with_name("impatient.py")
# All that differs from the profile: quick looks at jobs of seconds, and a disk that is not parallel.
QUICKLY = ("--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "5")


@pytest.fixture(scope="session")
def slurm() -> Iterator[SlurmCluster]:
    """A running cluster of two nodes with four pretended GPUs each; skips, with the reason, where there is none."""
    reason = unavailable_reason()
    if reason is None and importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        reason = "snakemake-executor-plugin-slurm is not installed"
    if reason is not None:
        pytest.skip(reason)
    # Not pytest's own folder: munge's socket must have a short path.
    workdir = Path(tempfile.mkdtemp(prefix="tomocell-slurm-"))
    with SlurmCluster(workdir) as cluster:
        yield cluster
    shutil.rmtree(workdir, ignore_errors=True)


@dataclass
class Run:
    """A Snakemake that drives jobs on the cluster from `folder`."""

    cluster: SlurmCluster
    folder: Path
    process: subprocess.Popen[bytes]

    def log(self) -> str:
        return (self.folder / "snakemake.log").read_text()

    def wait_for(self, name: str, begin: str, timeout_s: float = 120) -> None:
        """Wait until a file is there and begins so."""
        path, deadline = self.folder / name, time.monotonic() + timeout_s
        while not (path.exists() and path.read_text().startswith(begin)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{name} was not written:\n{self.log()}")
            time.sleep(0.1)

    def finish(self, timeout_s: float = 180) -> None:
        """Wait for the end; fails with the log where the workflow did."""
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.end()
            pytest.fail(f"the workflow did not end in {timeout_s:g} s:\n{self.log()}\n{self.cluster.run('squeue')}")
        if status:
            pytest.fail(f"the workflow ended with {status}:\n{self.log()}")

    def end(self) -> None:
        """End the driver, which cancels its jobs, whatever it is doing."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def slurm_job(self, rule: str) -> int:
        """Number of the job that was submitted first for a rule."""
        logs = self.folder / ".snakemake/slurm_logs" / f"rule_{rule}"
        return min(int(path.stem) for path in logs.glob("*.log"))


def start_workflow(cluster: SlurmCluster, folder: Path, snakefile: str | None, *arguments: str) -> Run:
    """Start Snakemake with the slurm profile in `folder`, on a Snakefile of the test's own or on the one named by
    the arguments (`--snakefile`)."""
    if snakefile is not None:
        (folder / "Snakefile").write_text(snakefile)
    environment = cluster.env | {
        # The interpreter of the tests is the `python` of the jobs, as it is in an activated environment.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{cluster.env['PATH']}",
        "TOMOCELL_ACCOUNT": "",
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "workflow/lib"), str(Path(__file__).parent)]),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    profile = ["--profile", str(REPOSITORY / "profiles/slurm")]
    with (folder / "snakemake.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(DRIVER), *profile, *QUICKLY, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    return Run(cluster, folder, process)


@pytest.fixture
def workflow(slurm: SlurmCluster, tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Starts `workflow(snakefile, *arguments)` in a folder of its own, and ends what a failed test leaves behind."""
    runs: list[Run] = []

    def start(snakefile: str, *arguments: str) -> Run:
        runs.append(start_workflow(slurm, tmp_path, snakefile, *arguments))
        return runs[-1]

    yield start
    for run in runs:
        run.end()
