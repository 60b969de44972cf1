"""How long the driver takes to plan: 25 timesteps through all stages, ten such series, and one job's start-up.

    python benchmarks/workflow.py [--repeats 3]

Goals (spec of the project): 25 timesteps <= 10 s, ten series <= 60 s, a job's start-up <= 3 s. Nothing is run.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
import yaml

REPOSITORY = Path(__file__).parents[1]
START_UP = "import tomocell.stages.convert, tomocell.settings.load"


def lay_out(folder: Path, series: int, timesteps: int) -> None:
    """Copy the workflow and write a study of many timesteps; every row has a scan of its own to look at."""
    for part in ("Snakefile", "workflow", "scripts", "envs"):
        source = REPOSITORY / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / part)
    tifffile.imwrite(folder / "scan.tif", np.zeros((8, 8, 8), np.uint16))
    study = yaml.safe_load((REPOSITORY / "config/lithium.yaml").read_text())
    study |= {"samples": "samples.tsv", "registration": {}}
    study["report"].pop("truth")
    study["model"]["train"].pop("validation")
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    rows = ["series\ttimestep\tpath\ttime_min\tcurrent_ma\tlabels"]
    for cell in range(series):
        for step in range(timesteps):
            scan = f"cell{cell}_{step:03d}.tif"
            os.link(folder / "scan.tif", folder / scan)
            rows.append(f"cell{cell}\tt{step:03d}\t{scan}\t{step * 10}\t0.75\t{scan if step % 5 == 0 else ''}")
    (folder / "samples.tsv").write_text("\n".join(rows) + "\n")


def plan_s(folder: Path) -> float:
    """Return the wall seconds of a dry run."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "all", "--config", "study=study.yaml"]
    started = time.monotonic()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - started


def start_up_s() -> float:
    """Return the wall seconds of an interpreter that imports what a job imports."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "workflow/lib")}
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", START_UP], env=environment, check=True)
    return time.monotonic() - started


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, median of {repeats}")
    for series, timesteps in ((1, 25), (10, 25)):
        with tempfile.TemporaryDirectory() as folder:
            lay_out(Path(folder), series, timesteps)
            seconds = statistics.median(plan_s(Path(folder)) for _ in range(repeats))
            print(f"dry run, {series} series of {timesteps} timesteps: {seconds:.1f} s")
    print(f"a job's start-up, imports: {statistics.median(start_up_s() for _ in range(repeats)):.2f} s")


if __name__ == "__main__":
    main()
