from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile

REPOSITORY = Path(__file__).parents[2]
PARTS = ("Snakefile", "workflow", "scripts", "envs")
STUDY = """
study: small
samples: small.tsv
scan: {voxel_size_um: [2.0, 1.0, 1.0]}
classes:
  - {name: pore, value: 0}
  - {name: solid, value: 1}
threshold: {dark: pore, bright: solid}
measure:
  porosity: {pore: pore}
  class_volumes: {}
"""
# A model trained elsewhere: it takes for solid what is brighter than the mean.
MODEL = "model: {name: mine, trained: true, classes: [pore, solid], plane_axis: z, patch_voxels: [16, 16]}"
CARD = {
    "format": "torchscript",
    "classes": {"pore": 0, "solid": 1},
    "normalisation": {"mean": 100.0, "sd": 20.0},
    "patch_voxels": [16, 16],
}


class House:
    """A copy of the workflow that a test may change, and the way to run it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *arguments: str, study: str = "small.yaml", check: bool = True) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "--config", f"study={study}", *arguments]
        done = subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        if check and done.returncode:
            pytest.fail(done.stdout + done.stderr)
        return done

    def start(self, *arguments: str, study: str = "small.yaml") -> subprocess.Popen[bytes]:
        """Start a driver in a process group of its own, to be killed."""
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "--config", f"study={study}", *arguments]
        return subprocess.Popen(
            command, cwd=self.root, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def planned(self, *arguments: str, study: str = "small.yaml") -> dict[str, int]:
        """Return how often each rule would run."""
        done = self.run("--dry-run", *arguments, study=study)
        if "Nothing to be done" in done.stdout + done.stderr:
            return {}
        lines = done.stdout.splitlines()
        start = next(index for index, line in enumerate(lines) if line.startswith("job  "))
        counts = {}
        for line in lines[start + 2 :]:
            if not line.strip():
                break
            name, count = line.split()
            counts[name] = int(count)
        counts.pop("total", None)
        counts.pop("all", None)
        return counts

    def edit(self, path: str, before: str, after: str) -> None:
        file = self.root / path
        text = file.read_text()
        assert before in text
        file.write_text(text.replace(before, after))


def build_house(root: Path) -> House:
    root.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root / part)
    return House(root)


def write_ball(path: Path, shape: tuple[int, int, int] = (20, 24, 28)) -> None:
    z, y, x = np.indices(shape)
    ball = (z - 10) ** 2 + (y - 12) ** 2 + (x - 14) ** 2 <= 36
    noise = np.random.default_rng(7).normal(0, 3, shape)
    tifffile.imwrite(path, (np.where(ball, 40, 160) + noise).astype(np.uint8))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house in which the small study ran; tests copy it before they change anything."""
    house = build_house(tmp_path_factory.mktemp("finished") / "house")
    write_ball(house.root / "ball.tif")
    (house.root / "small.yaml").write_text(STUDY)
    (house.root / "small.tsv").write_text("series\ttimestep\tpath\nball\tt00\tball.tif\nball\tt01\tball.tif\n")
    house.run()
    return house


@pytest.fixture
def house(finished: House, tmp_path: Path) -> House:
    shutil.copytree(finished.root, tmp_path / "house", copy_function=shutil.copy2)
    return House(tmp_path / "house")


def write_threshold_network(path: Path) -> None:
    import torch

    class Bright(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([-x, x], 1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(Bright()).save(str(path))
