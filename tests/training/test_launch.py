"""The launcher's command lines: pure, so that every way of starting is tested without a cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tomocell.errors import BadInput
from tomocell.training.launch import Launch, Step, check_world, command, current_step, environment, parse

LIBRARY = Path(__file__).resolve().parents[2] / "workflow/lib"
TARGET = ("some.module", "--epochs", "3")
TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]


def step(**changes: object) -> Step:
    usual = {"job_id": 123456, "nodes": 2, "tasks": 2, "node": 0, "name": "n1", "node_list": "n[1-2]"}
    return Step(**{**usual, "launched_from": "10.0.0.1", **changes})


def built(launch: Launch, at: Step | None = None, *, resolves: bool = True) -> list[str]:
    return command(launch, at, lambda _: ["n1", "n2"], lambda _: resolves)


def option(argv: list[str], name: str) -> str:
    [value] = [word.split("=", 1)[1] for word in argv if word.startswith(f"{name}=")]
    return value


def test_one_device_needs_no_torchrun() -> None:
    assert built(Launch(TARGET)) == [sys.executable, "-m", *TARGET]


@pytest.mark.parametrize("at", [None, step(nodes=1, tasks=1, node_list="n1")])
def test_one_node_is_the_same_on_a_laptop_and_in_a_step(at: Step | None) -> None:
    expected = [*TORCHRUN, "--standalone", "--nproc-per-node=4", "-m", *TARGET]
    assert built(Launch(TARGET, devices=4), at) == expected


def test_all_nodes_meet_at_the_head_and_only_it_hosts() -> None:
    launch = Launch(TARGET, devices=4, nodes=2)
    head, other = (built(launch, step(node=node, name=f"n{node + 1}")) for node in (0, 1))
    assert option(head, "--rdzv-conf") == "is_host=1"
    assert option(other, "--rdzv-conf") == "is_host=0"
    for name in ("--rdzv-endpoint", "--rdzv-id", "--nnodes", "--nproc-per-node", "--rdzv-backend"):
        assert option(head, name) == option(other, name)
    assert option(head, "--rdzv-endpoint").startswith("n1:")
    assert head[-len(TARGET) - 1 :] == ["-m", *TARGET]


@pytest.mark.parametrize("job_id", [1, 9999, 10000, 2**32])
def test_the_port_is_legal_and_not_one_that_the_kernel_gives_away(job_id: int) -> None:
    port = int(option(built(Launch(TARGET, nodes=2), step(job_id=job_id)), "--rdzv-endpoint").rpartition(":")[2])
    assert 1024 < port < 32768


def test_jobs_of_neighbouring_numbers_do_not_share_a_port() -> None:
    ports = {option(built(Launch(TARGET, nodes=2), step(job_id=n)), "--rdzv-endpoint") for n in range(990, 1010)}
    assert len(ports) == 20


def test_a_suffix_leads_all_traffic_to_the_fast_network() -> None:
    argv = built(Launch(TARGET, nodes=2, host_suffix="i"), step(node=1, name="n2"), resolves=False)
    assert option(argv, "--rdzv-endpoint").startswith("n1i:")
    assert option(argv, "--local-addr") == "n2i"


def test_a_head_without_an_address_is_found_by_where_srun_was_called() -> None:
    argv = built(Launch(TARGET, nodes=2), step(node=1), resolves=False)
    assert option(argv, "--rdzv-endpoint").startswith("10.0.0.1:")


def test_a_batch_script_of_several_nodes_starts_one_launcher_on_each() -> None:
    asked = Launch(TARGET, devices=4, nodes=2, cpus=48, gres="gpu:4", host_suffix="i")
    argv = built(asked)
    assert argv[0] == "srun"
    again = argv.index(sys.executable)
    assert set(argv[1:again]) >= {
        "--nodes=2",
        "--ntasks=2",
        "--ntasks-per-node=1",
        "--cpus-per-task=48",
        "--gres=gpu:4",
    }
    assert {"--gpu-bind=none", "--cpu-bind=none"} <= set(argv[1:again])
    assert argv[again : again + 3] == [sys.executable, "-m", "tomocell.training.launch"]
    inner = parse(argv[again + 3 :], {})
    assert (inner.target, inner.devices, inner.nodes, inner.host_suffix) == (TARGET, 4, 2, "i")


@pytest.mark.parametrize(
    ("launch", "at", "told"),
    [
        (Launch(TARGET, devices=0), None, "--devices"),
        (Launch(TARGET, nodes=-1), None, "--nodes"),
        (Launch(()), None, "module"),
        (Launch(TARGET, devices=4), step(nodes=1, tasks=4), "4 tasks on 1 nodes"),
        (Launch(TARGET, devices=4), step(), "2 nodes"),
        (Launch(TARGET, nodes=3), step(), "3, as asked for"),
    ],
)
def test_what_cannot_be_started_is_refused(launch: Launch, at: Step | None, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        built(launch, at)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(BadInput) as caught:
        built(Launch((), devices=0, nodes=0))
    assert len(caught.value.faults) == 3


def test_a_step_is_read_from_the_environment_and_a_batch_script_is_none() -> None:
    batch = {"SLURM_JOB_ID": "7", "SLURM_NNODES": "2", "SLURM_NODEID": "0", "SLURMD_NODENAME": "n1"}
    assert current_step({}) is None
    assert current_step(batch) is None
    inside = {"SLURM_STEP_NUM_NODES": "2", "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NODELIST": "n[1-2]"}
    assert current_step(batch | inside) == step(job_id=7, launched_from=None)


def test_the_suffix_of_the_environment_yields_to_the_one_given() -> None:
    environ = {"TOMOCELL_HOST_SUFFIX": "i"}
    assert parse(["--", "m"], environ).host_suffix == "i"
    assert parse(["--host-suffix", "", "--", "m"], environ).host_suffix == ""


def test_ranks_share_the_cores_whatever_snakemake_set_for_the_whole_job() -> None:
    assert environment(Launch(TARGET, devices=4), {}, 48)["OMP_NUM_THREADS"] == "12"
    assert environment(Launch(TARGET, devices=4), {}, 2)["OMP_NUM_THREADS"] == "1"
    assert environment(Launch(TARGET, devices=4), {"OMP_NUM_THREADS": "48"}, 48)["OMP_NUM_THREADS"] == "12"
    assert "OMP_NUM_THREADS" not in environment(Launch(TARGET), {}, 48)
    assert environment(Launch(TARGET, devices=4, nodes=2), {}, 48)["TOMOCELL_WORLD_SIZE"] == "8"


def test_a_module_notices_that_it_runs_alone() -> None:
    check_world(1, {})
    check_world(4, {"WORLD_SIZE": "4"})
    with pytest.raises(BadInput, match="found 1; expected 4"):
        check_world(4, {})


def test_the_status_of_what_was_started_comes_back() -> None:
    (env := dict(os.environ))["PYTHONPATH"] = str(LIBRARY)
    launcher = [sys.executable, "-m", "tomocell.training.launch"]
    good = subprocess.run([*launcher, "--", "platform"], env=env, check=False, capture_output=True, timeout=60)
    bad = subprocess.run([*launcher, "--", "no_such_module"], env=env, check=False, capture_output=True, timeout=60)
    refused = subprocess.run(
        [*launcher, "--devices", "0", "--", "m"], env=env, check=False, capture_output=True, timeout=60
    )
    assert (good.returncode, bad.returncode, refused.returncode) == (0, 1, 1)
    assert b"--devices: found 0" in refused.stderr
