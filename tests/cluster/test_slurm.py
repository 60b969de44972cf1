"""The cluster path on a real SLURM: jobs, ranks, lost nodes, cancelled jobs and time limits."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from cluster.conftest import Run, start_workflow
from support import tiny_training

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cluster.slurm_cluster import SlurmCluster

    Workflow = Callable[..., Run]

pytestmark = pytest.mark.cluster

# The rule of a training: one text for a laptop, for one node and for several; the profile alone tells them apart.
TRAIN = """
rule train:
    output: "reduced.json"
    resources: nodes=1, devices=1, gres="", cpus_per_task=lambda wildcards, threads: threads
    shell:
        "scontrol show job $SLURM_JOB_ID > job.txt;"
        "python -m tomocell.training.launch --nodes {resources.nodes} --devices {resources.devices}"
        " --cpus {resources.cpus_per_task} --gres '{resources.gres}' -- allreduce {output}"
"""

# Counts to six and writes every step into a file that is no output, as a trainer keeps its checkpoints; the first
# attempt never comes further than three.
COUNTER = """
import sys, time
from pathlib import Path

checkpoint, output = Path(sys.argv[1]), Path(sys.argv[2])
resumed = len(checkpoint.read_text()) if checkpoint.exists() else 0
for step in range(resumed, 6):
    with checkpoint.open("a") as file:
        file.write(str(step))
    while not resumed and step == 2:
        time.sleep(0.1)
output.write_text(f"resumed after {resumed}: {checkpoint.read_text()}")
"""
COUNTING = """
rule all:
    input: "annotate.txt", "measure.txt", "learned/models/tiny/model.json"
rule learn:
    output: "learned/models/tiny/model.json"
    resources: slurm_extra="--nodelist=n2"
    shell:
        "PYTHONPATH=$PYTHONPATH:TESTS TINY_TRAINING_WAIT_AT=0,3,learn.waiting "
        "python -m tomocell.training.launch -- support.tiny_training learned 2>> learn.log"
rule annotate:
    output: "annotate.txt"
    resources: slurm_extra="--nodelist=n2"
    shell: "python counter.py annotate.checkpoint {output}"
rule measure:
    output: "measure.txt"
    resources: slurm_extra="--nodelist=n2"
    shell: "python counter.py measure.checkpoint {output}"
"""
RESUMED = "resumed after 3: 012345"


@pytest.fixture(scope="module", autouse=True)
def interrupted(slurm: SlurmCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Jobs on n2 that wait to be interrupted while the others are tested: SLURM counts time limits in minutes."""
    folder = tmp_path_factory.mktemp("interrupted")
    (folder / "counter.py").write_text(COUNTER)
    tiny_training.prepare(folder / "learned", tiny_training.settings())
    shutil.copytree(folder / "learned", folder / "undisturbed")
    rules = COUNTING.replace("TESTS", str(Path(__file__).parents[1]))
    limits = ("annotate:runtime=1", "learn:runtime=20", "measure:runtime=20")
    run = start_workflow(slurm, folder, rules, "--set-resources", *limits)
    yield run
    run.end()


def test_a_profile_job_gets_one_task_and_one_rank_per_device(workflow: Workflow) -> None:
    run = workflow(
        """
rule all:
    input: "a.txt", "reduced.json"
rule convert:
    output: "a.txt"
    shell: "echo {resources.mem_mb} > {output}"
"""
        + TRAIN
    )
    run.finish()
    assert (run.folder / "a.txt").read_text() == "16000\n"
    assert json.loads((run.folder / "reduced.json").read_text()) == {"total": 1 + 2 + 4 + 8, "nodes": ["n1"] * 4}
    job = (run.folder / "job.txt").read_text()
    assert "NumNodes=1 NumCPUs=32 NumTasks=1 CPUs/Task=32" in job
    assert "TresPerNode=gres:gpu:4" in job
    assert "Partition=batch" in job
    assert "Requeue=1" in job


def test_ranks_of_two_nodes_reduce(workflow: Workflow) -> None:
    run = workflow(
        TRAIN,
        *("--retries", "0", "--set-resources", "train:nodes=2", "train:tasks=2", "train:tasks_per_gpu=0"),
        *("train:mpi=srun", "train:cpus_per_task=4", "train:gres=gpu:2", "train:devices=1", "train:mem_mb=8000"),
    )
    run.finish()
    assert json.loads((run.folder / "reduced.json").read_text()) == {"total": 1 + 2, "nodes": ["n1", "n2"]}
    assert "NumNodes=2 NumCPUs=8 NumTasks=2 CPUs/Task=4" in (run.folder / "job.txt").read_text()


def test_a_cancelled_job_goes_on_from_its_checkpoint(slurm: SlurmCluster, interrupted: Run) -> None:
    interrupted.wait_for("measure.checkpoint", "012")
    slurm.run("scancel", str(interrupted.slurm_job("measure")))
    interrupted.wait_for("measure.txt", RESUMED)
    assert "'CANCELLED'" in interrupted.log()


def test_a_training_stopped_within_an_epoch_ends_as_if_it_had_not_been(slurm: SlurmCluster, interrupted: Run) -> None:
    """SLURM cancels a job as it ends one that is out of time: SIGTERM, KillWait, SIGKILL."""
    interrupted.wait_for("learn.waiting", "waiting")
    slurm.run("scancel", str(interrupted.slurm_job("learn")))
    interrupted.wait_for("learned/models/tiny/model.json", "{")
    assert "epoch 0, batch 4: SIGTERM; the same command goes on" in (interrupted.folder / "learn.log").read_text()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    tiny_training.run(interrupted.folder / "undisturbed", tiny_training.settings())
    torch.set_num_threads(threads)
    learned, undisturbed = (
        interrupted.folder / name / "models/tiny/model.safetensors" for name in ("learned", "undisturbed")
    )
    assert learned.read_bytes() == undisturbed.read_bytes()


def test_a_job_of_a_lost_node_is_run_again(slurm: SlurmCluster, workflow: Workflow) -> None:
    blocks = 10
    run = workflow(
        f"""
rule all:
    input: "sum.txt"
rule convert:
    output: "volume.bin"
    shell:
        "echo $SLURMD_NODENAME >> nodes.txt; for i in $(seq {blocks}); do"
        "   head -c 100000 /dev/zero | tr '\\\\000' \\"x\\" >> {{output}}; sleep 0.3; done"
rule measure:
    input: "volume.bin"
    output: "sum.txt"
    shell: "sha256sum < {{input}} > {{output}}"
"""
    )
    run.wait_for("nodes.txt", "n1\n")
    run.wait_for("volume.bin", "x")
    slurm.kill_node("n1")
    try:
        run.finish()
    finally:
        slurm.revive_node("n1")
    assert (run.folder / "nodes.txt").read_text() == "n1\nn2\n"
    assert (run.folder / "sum.txt").read_text().split()[0] == hashlib.sha256(b"x" * 100000 * blocks).hexdigest()


def test_a_job_out_of_time_goes_on_from_its_checkpoint(interrupted: Run) -> None:
    interrupted.finish()
    assert (interrupted.folder / "annotate.txt").read_text() == RESUMED
    assert "'TIMEOUT'" in interrupted.log()
