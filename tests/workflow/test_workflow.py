from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from support.srun import write_srun
from support.stores import tree
from tomocell.volumes.store import open_store
from tomocell.volumes.volume import whole
from workflow.conftest_workflow import (
    CARD,
    MODEL,
    REPOSITORY,
    STUDY,
    House,
    build_house,
    write_ball,
    write_threshold_network,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.workflow


def test_the_contract_of_results(finished: House) -> None:
    step = finished.root / "results/ball/t00"
    record = json.loads((step / "porosity.json").read_text())
    phases = open_store(step / "phases.ome.zarr")
    share = float((phases.read(whole(phases.shape)) == phases.classes.value("pore")).mean())
    assert record["porosity"] == pytest.approx(share, abs=1e-12)
    assert share == pytest.approx(4 / 3 * np.pi * 6**3 / (20 * 24 * 28), rel=0.03)
    assert (step / "porosity.parquet").is_file()
    table = pd.read_csv(finished.root / "results/ball/porosity.csv")
    assert list(table["timestep"]) == ["t00", "t01"]
    assert "<html" in (finished.root / "results/ball/report.html").read_text()


def test_a_finished_study_has_nothing_to_do(finished: House) -> None:
    assert finished.planned() == {}


def test_a_changed_setting_reruns_what_reads_it(house: House) -> None:
    house.edit("small.yaml", "porosity: {pore: pore}", "porosity: {pore: solid}")
    assert house.planned() == {"measure": 2, "collect": 1, "report": 1}


def test_a_changed_analysis_reruns_itself_and_what_it_feeds(house: House) -> None:
    house.edit("workflow/lib/tomocell/analyses/porosity.py", "/ _voxels(volume.shape)", "/ _voxels(volume.shape) * 1.0")
    assert house.planned() == {"measure": 2, "collect": 1, "report": 1}
    house.run()
    assert house.planned() == {}


def test_a_comment_reruns_nothing(house: House) -> None:
    path = house.root / "workflow/lib/tomocell/analyses/porosity.py"
    path.write_text(path.read_text() + "\n# A remark.\n")
    assert house.planned() == {}


def test_a_changed_core_reruns_all_that_stands_on_it(house: House) -> None:
    house.edit("workflow/lib/tomocell/refinement/settings.py", "after: list[str] = []", "after: list[str] = list()")
    planned = house.planned()
    assert planned["refine"] == 2
    assert "convert" not in planned


def test_a_changed_comment_in_the_settings_of_a_row_reruns_only_that_row(house: House) -> None:
    sheet = house.root / "small.tsv"
    sheet.write_text("series\ttimestep\tpath\tmeasured_porosity\nball\tt00\tball.tif\t0.05\nball\tt01\tball.tif\t\n")
    assert house.planned()["threshold"] == 1


def test_a_broken_store_is_noticed_when_it_is_read(house: House) -> None:
    shard = next((house.root / "results/ball/t00/phases.ome.zarr/0").rglob("c/*/*/*"))
    shard.unlink()
    done = house.run("--forcerun", "measure", check=False)
    assert done.returncode
    logs = [path.read_text() for path in house.root.glob("results/logs/measure/ball.t00.*.log")]
    assert any(str(shard.relative_to(house.root)) in text for text in logs)


@pytest.mark.parametrize(
    ("sheet", "parts"),
    [
        ("ball\tt00\tnowhere.tif", ["ball t00", "nowhere.tif"]),
        ("ball\tt00\tball.tif\nball\tt00\tball.tif", ["ball t00", "given 2 times"]),
        ("../ball\tt00\tball.tif", ["row 2", "../ball", "letters, digits"]),
        ("../ball\tt 00\tnowhere.tif", ["../ball", "t 00"]),
    ],
)
def test_faults_are_told_before_the_first_job(house: House, sheet: str, parts: list[str]) -> None:
    (house.root / "small.tsv").write_text(f"series\ttimestep\tpath\n{sheet}\n")
    (house.root / "results/ball/t00/volume.manifest.json").unlink()
    before = sorted(house.root.glob("results/**/*"))
    done = house.run(check=False)
    assert done.returncode
    for part in parts:
        assert part in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert sorted(house.root.glob("results/**/*")) == before


def test_a_killed_run_goes_on_with_the_same_command(finished: House, house: House) -> None:
    shutil.rmtree(house.root / "results")
    driver = house.start()
    deadline = time.monotonic() + 120
    while not list(house.root.glob("results/ball/*/labels.manifest.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    assert not (house.root / "results/ball/report.html").exists(), "killed too late to show anything"
    house.run("--unlock")
    house.run("--rerun-incomplete")
    for kept in finished.root.glob("results/ball/**/*"):
        name = kept.relative_to(finished.root)
        if kept.is_file():
            assert (house.root / name).read_bytes() == kept.read_bytes(), name
    assert not list(house.root.glob("results/**/*.partial"))


def test_25_timesteps_are_planned(tmp_path) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    house = build_house(tmp_path / "house")
    write_ball(house.root / "ball.tif")
    (house.root / "small.yaml").write_text(STUDY)
    rows = "".join(f"ball\tt{index:03d}\tball.tif\n" for index in range(25))
    (house.root / "small.tsv").write_text(f"series\ttimestep\tpath\n{rows}")
    started = time.monotonic()
    planned = house.planned()
    assert planned == {"convert": 25, "threshold": 25, "refine": 25, "measure": 50, "collect": 2, "report": 1}
    assert time.monotonic() - started < 120, "a plan that takes minutes has opened volumes or grown a job per tile"


def test_the_report_of_snakemake_works(finished: House) -> None:
    finished.run("--report", "snakemake-report.zip")
    assert (finished.root / "snakemake-report.zip").stat().st_size > 1000


def test_a_new_analysis_is_one_new_file(house: House) -> None:
    """The worked example of CONTRIBUTING.md, taken from the page as it stands."""
    page = (REPOSITORY / "CONTRIBUTING.md").read_text()
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert code is not None
    (house.root / "workflow/lib/tomocell/analyses/column_height.py").write_text(code.group(1))
    house.edit("small.yaml", "measure:\n", "measure:\n  column_height: {of: [pore]}\n")
    assert house.planned() == {"measure": 2, "collect": 1, "report": 1}
    house.run()
    record = json.loads((house.root / "results/ball/t01/column_height.json").read_text())
    assert record["pore_height_um"] == pytest.approx(13 * 2.0, abs=2.0)
    assert "column height" in (house.root / "results/ball/report.html").read_text().lower()


def test_a_model_trained_elsewhere_labels_a_study(house: House) -> None:
    house.edit("small.yaml", "threshold: {dark: pore, bright: solid}", MODEL)
    done = house.run(check=False)
    assert done.returncode
    assert "results/models/mine/model.json" in done.stdout + done.stderr
    folder = house.root / "results/models/mine"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text(json.dumps(CARD))
    write_threshold_network(folder / "model.pt")
    assert house.planned() == {"infer": 2, "refine": 2, "measure": 4, "collect": 2, "report": 1}
    before = json.loads((house.root / "results/ball/t00/porosity.json").read_text())["porosity"]
    house.run()
    after = json.loads((house.root / "results/ball/t00/porosity.json").read_text())["porosity"]
    assert after == pytest.approx(before, abs=0.01)
    assert "torchscript" in (house.root / "results/ball/report.html").read_text()
    (folder / "model.json").write_text(json.dumps(CARD | {"classes": {"pore": 0, "fibre": 1}}))
    assert "fibre" in house.run(check=False).stderr


def test_nodes_of_a_job_change_no_byte_and_no_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = build_house(tmp_path / "house")
    write_deep_study(house.root)
    started = write_srun(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    target = "results/ball/t00/labels.manifest.json"
    made = []
    for nodes in (1, 2, 3):
        house.run("--forcerun", "infer", "--set-resources", f"infer:nodes={nodes}", "--", target)
        labels = house.root / "results/ball/t00"
        made.append({name: content for name, content in tree(labels).items() if name.startswith("labels")})
    assert started.read_text() == "2 tasks\n3 tasks\n"
    assert made[0] == made[1] == made[2]
    assert (open_store(labels / "labels.ome.zarr").read(whole((300, 16, 20))) == 1).any()
    several = ["infer:nodes=3", "infer:tasks=3", "infer:tasks_per_gpu=0", "infer:mpi=srun", "infer:gres=gpu:4"]
    profile = ("--profile", str(REPOSITORY / "profiles/slurm"), "--set-resources", *several)
    monkeypatch.setenv("TOMOCELL_ACCOUNT", "")
    assert house.planned(*profile, "--", target) == {}  # another profile makes nothing anew
    (house.root / target).unlink()
    told = house.run("--dry-run", *profile, "--", target).stdout
    assert re.findall(r"^rule (\w+):", told, re.MULTILINE) == ["infer"]
    resources = re.search(r"resources: (.*)", told)
    assert resources is not None
    assert {"nodes=3", "tasks=3", "mpi=srun", "gres=gpu:4"} <= set(resources[1].split(", "))


def write_deep_study(root: Path) -> None:
    """Write a study with a model and a volume that is three shards deep along the walk: slabs for three nodes."""
    tifffile.imwrite(root / "deep.tif", np.random.default_rng(0).integers(0, 255, (300, 16, 20), np.uint8))
    (root / "small.tsv").write_text("series\ttimestep\tpath\nball\tt00\tdeep.tif\n")
    (root / "small.yaml").write_text(STUDY.replace("threshold: {dark: pore, bright: solid}", MODEL))
    folder = root / "results/models/mine"
    folder.mkdir(parents=True)
    classes = {"classes": {"pore": 0, "solid": 1}, "patch_voxels": [16, 16]}
    normalisation = {"mean": 128.0, "sd": 70.0}
    (folder / "model.json").write_text(json.dumps({"format": "torchscript", "normalisation": normalisation} | classes))
    write_threshold_network(folder / "model.pt")


def test_weights_that_start_a_network_are_an_input_of_its_training(house: House) -> None:
    network = "{pretrained: {path: weights/resnext.pth%s}}"
    section = (
        "model: {name: net, architecture: resnext_unet, classes: [pore, solid], patch_voxels: [16, 16], "
        f"network: {network}}}"
    )
    house.edit("small.yaml", "threshold: {dark: pore, bright: solid}", section % "")
    (house.root / "small.tsv").write_text("series\ttimestep\tpath\tlabels\nball\tt00\tball.tif\tball.tif\n")
    (house.root / "results/ball/t00/volume.manifest.json").touch()
    done = house.run("--dry-run", check=False)
    assert done.returncode
    assert "weights/resnext.pth" in done.stdout + done.stderr
    assert "'url' and 'sha256'" in done.stdout + done.stderr
    given = ", url: 'http://127.0.0.1:9/resnext.pth', sha256: '01234567'"
    house.edit("small.yaml", "resnext.pth", f"resnext.pth{given}")
    assert {"weights": 1, "train": 1}.items() <= house.planned().items()
    house.run("--", "weights", check=False)
    assert "http://127.0.0.1:9/resnext.pth" in (house.root / "results/logs/weights/net.log").read_text()
    assert not (house.root / "weights/resnext.pth").exists()
    (house.root / "weights").mkdir(exist_ok=True)
    (house.root / "weights/resnext.pth").touch()
    assert "weights" not in house.planned()


def test_scans_are_registered_over_their_neighbours(tmp_path: Path) -> None:
    """The last but one timestep is the reference; the first is reached over the second, the others directly."""
    house = build_house(tmp_path / "house")
    grains = gaussian_filter(np.random.default_rng(3).normal(size=(60, 70, 66)), 1.6)
    voxels = np.rint(20000 + 4000 * grains / grains.std()).astype(np.uint16)
    for number in range(4):
        tifffile.imwrite(
            house.root / f"t{number}.tif", voxels[2 * number : 2 * number + 48, number : number + 56, 4:60]
        )
    rows = "".join(f"cell\tt{number}\tt{number}.tif\t{'true' if number == 2 else 'false'}\n" for number in range(4))
    (house.root / "small.tsv").write_text(f"series\ttimestep\tpath\treference\n{rows}")
    region = "roi_start_voxels: [8, 8, 8], roi_size_voxels: [32, 40, 40]"
    registration = f"registration: {{follow: neighbour, subvolume_count: 2, {region}}}\n"
    (house.root / "small.yaml").write_text(STUDY.replace("[2.0, 1.0, 1.0]", "[1.0, 1.0, 1.0]") + registration)
    records = [f"results/cell/t{number}/registration.json" for number in range(4)]
    house.run("--", *records)
    found = [json.loads((house.root / record).read_text()) for record in records]
    assert [bool(record["chain"]) for record in found] == [True, False, False, False]
    assert found[0]["chain"]["neighbour"].endswith("t1/volume.ome.zarr")
    for number, record in enumerate(found):
        shift = 2 - number
        assert record["translation_um"] == pytest.approx([2 * shift, shift, 0], abs=0.2)
    house.edit("small.yaml", "follow: neighbour", "follow: reference")
    assert house.planned("--", *records) == {"register": 4}
