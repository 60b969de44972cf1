"""The test equipment itself: nodes die whole and come back, and nothing outlives the cluster."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster.slurm_cluster import CLUSTER_MARK, SlurmCluster, processes, unavailable_reason, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(unavailable_reason() is not None, reason=str(unavailable_reason())),
]

# A child in a session of its own, as some launchers make them, survives the end of its process group.
DETACHED = "echo $SLURMD_NODENAME > {file}; setsid sleep 1000 & sleep 1000"
OWNER = """
import sys, time
from pathlib import Path
from cluster.slurm_cluster import SlurmCluster
SlurmCluster(Path(sys.argv[1])).start()
print("started", flush=True)
time.sleep(1000)
"""


@pytest.fixture
def workdir() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="tomocell-slurm-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def alive(workdir: Path) -> list[int]:
    return [pid for pid, environ in processes() if environ.get(CLUSTER_MARK) == str(workdir)]


def submit_detached(cluster: SlurmCluster) -> None:
    file = cluster.workdir / "node"
    cluster.run("sbatch", f"--chdir={cluster.workdir}", "--requeue", "--wrap", DETACHED.format(file=file))
    wait_for(lambda: file.exists() and file.read_text() == "n1\n", "the job", 30)


def test_a_killed_node_takes_its_jobs_with_it_and_comes_back(workdir: Path) -> None:
    with SlurmCluster(workdir) as cluster:
        submit_detached(cluster)
        daemons = {daemon.pid for name, daemon in cluster.daemons.items() if name != "n1"}
        cluster.kill_node("n1")
        # slurmctld keeps a helper for its scripts.
        left = {pid for pid in alive(workdir) if os.getsid(pid) not in daemons}
        assert left == set()
        cluster.revive_node("n1")
        cluster.run("scancel", "--user=root")
        cluster.wait_idle()
    assert alive(workdir) == []


def test_nothing_outlives_a_cluster_stopped_with_jobs_on_it(workdir: Path) -> None:
    with SlurmCluster(workdir) as cluster:
        submit_detached(cluster)
        assert len(alive(workdir)) > len(cluster.daemons)
    assert alive(workdir) == []


def test_the_daemons_die_with_the_process_that_started_them(workdir: Path) -> None:
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen([sys.executable, "-c", OWNER, str(workdir)], env=environ, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"started\n"
        assert alive(workdir) != []
        owner.send_signal(signal.SIGKILL)
    wait_for(lambda: alive(workdir) == [], "the daemons to die", 10)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.slurm_cluster.BINARIES", ("sh", "no-such-daemon"))
    assert "no-such-daemon not found" in str(unavailable_reason())
    monkeypatch.setattr("cluster.slurm_cluster.BINARIES", ("sh",))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "root" in str(unavailable_reason())
