"""One volume over two real nodes: srun starts a task on each, and the labels are those of one node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster.conftest import Run, start_workflow
from support.stores import tree
from workflow.conftest_workflow import build_house
from workflow.test_workflow import write_deep_study

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.slurm_cluster import SlurmCluster

pytestmark = [pytest.mark.cluster, pytest.mark.workflow]
STEP = "results/ball/t00"
ONE = ("infer:nodes=1", "infer:gres=gpu:1", "infer:mem_mb=4000")
TWO = ("infer:nodes=2", "infer:tasks=2", "infer:tasks_per_gpu=0", "infer:mpi=srun", "infer:cpus_per_task=2", *ONE[1:])


@pytest.mark.timeout(2400)
def test_two_nodes_share_a_volume(slurm: SlurmCluster, tmp_path: Path) -> None:
    folder = build_house(tmp_path / "house").root
    write_deep_study(folder)
    made = []
    for resources in (ONE, TWO):
        run = start(slurm, folder, resources)
        try:
            run.finish(1000)
        finally:
            run.end()
        made.append({name: content for name, content in tree(folder / STEP).items() if name.startswith("labels")})
    assert made[0] == made[1]
    log = (folder / "results/logs/infer/ball.t00.log").read_text()
    assert "slabs of nodes: ((0, 256),), ((256, 300),)" in log
    assert log.count("| ") >= 2  # each task said something


def start(slurm: SlurmCluster, folder: Path, resources: tuple[str, ...]) -> Run:
    threads = ("--set-threads", "infer=2", "convert=2")
    target = f"{STEP}/labels.manifest.json"
    return start_workflow(
        slurm,
        folder,
        None,
        *("--set-resources", *resources, "convert:mem_mb=2000", *threads, "--forcerun", "infer"),
        *("--config", "study=small.yaml", "--", target),
    )
