"""The demo's series through the real workflow on the real cluster: once undisturbed, once with a node lost."""

from __future__ import annotations

import json
import shutil
import time
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import yaml

from cluster.conftest import REPOSITORY, Run, start_workflow
from workflow.conftest_workflow import build_house

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cluster.slurm_cluster import SlurmCluster

pytestmark = [pytest.mark.cluster, pytest.mark.workflow]
PHANTOM = REPOSITORY / "data/lithium"
STEPS = ("t000", "t060", "t120", "t180", "t240")
OUTCOME = (
    *(f"results/lithium/{step}/registered.manifest.json" for step in STEPS),
    "results/models/lithium/model.safetensors",
    "results/lithium/class_volumes.csv",
)
# Two ranks on one node; the virtual nodes have pretended GPUs and two real cores between them.
RANKS = ("--set-resources", "train:nodes=1", "train:gres=gpu:2", "train:devices=2", "train:mem_mb=6000")
RESOURCES = (*RANKS, "infer:gres=gpu:1", "infer:nodes=1", "infer:mem_mb=4000")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the workflow with the demo's study, trained briefly."""
    if not (PHANTOM / "samples.tsv").is_file():
        pytest.skip("the demo's phantom is not there: run `make data`")
    house = build_house(tmp_path_factory.mktemp("cluster") / "house")
    shutil.copytree(PHANTOM, house.root / "data/lithium")
    study = yaml.safe_load((REPOSITORY / "config/lithium.yaml").read_text())
    study["samples"] = "data/lithium/samples.tsv"
    study["report"]["truth"] = "data/lithium/truth/truth.json"
    study["model"]["train"] |= {"epochs": 2, "patches_per_plane": 4}
    # Each job costs a real core several seconds of start-up here: one analysis stands for all.
    study |= {"measure": {"class_volumes": {}}, "series": {}}
    (house.root / "study.yaml").write_text(yaml.safe_dump(study))
    return house.root


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    started: list[Run] = []
    yield started
    for run in started:
        run.end()


def start(slurm: SlurmCluster, folder: Path, *arguments: str) -> Run:
    return start_workflow(slurm, folder, None, *RESOURCES, "--config", "study=study.yaml", "--", *arguments)


@pytest.mark.timeout(2400)
def test_the_series_goes_through_the_cluster_and_survives_a_lost_node(
    slurm: SlurmCluster, folder: Path, runs: list[Run]
) -> None:
    runs.append(start(slurm, folder, "results/lithium/report.html"))
    runs[-1].finish(1000)
    card = json.loads((folder / "results/models/lithium/model.json").read_text())
    assert card["training"]["ranks"] == 2
    assert len(pd.read_csv(folder / "results/models/lithium/history.csv")) == 2
    truth = pd.read_csv(folder / "results/lithium/truth.csv")
    moved = truth[truth["quantity"].str.contains("registration")]
    assert set(moved["timestep"]) == set(STEPS)
    assert moved["measured"].max() < 0.1
    whole = {name: (folder / name).read_bytes() for name in OUTCOME}

    shutil.move(folder / "results", folder / "undisturbed")
    runs.append(start(slurm, folder, "results/lithium/report.html"))
    node = _node_of_a_job(slurm, runs[-1])
    slurm.kill_node(node)
    try:
        runs[-1].finish(1000)
    finally:
        slurm.revive_node(node)
    for name, content in whole.items():
        assert (folder / name).read_bytes() == content, name
    assert not list((folder / "results").rglob("*.partial"))


def _node_of_a_job(slurm: SlurmCluster, run: Run) -> str:
    """Return the node of a running job of the workflow."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        nodes = slurm.run("squeue", "--noheader", "--states=RUNNING", "--format=%N").split()
        if nodes:
            return str(nodes[0])
        time.sleep(0.2)
    pytest.fail(f"no job started:\n{run.log()}")
