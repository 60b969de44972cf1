"""Two scans of 2e9 voxels through convert and register with a limit of 2 GB: time, memory, bytes, files, accuracy.

The scans are made on disk slice by slice (TIFF folders, 16 bit, noisy); the second is turned and moved by a known
motion. Every step is the command that a user types, in a process of its own.

    python benchmarks/scale.py --edge 1260 --memory-mb 2048 --folder /somewhere/with/30GB
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

LIBRARY = Path(__file__).resolve().parents[1] / "workflow" / "lib"
sys.path.insert(0, str(LIBRARY))

from soft_balls import SoftBalls  # noqa: E402

from tomocell.registration import transforms  # noqa: E402

SLAB = 16  # planes made at once
THREADS = 2
NOISE = 0.3
EDGE_UM = 1.33
GB = 1e9


@dataclass(frozen=True)
class Step:
    """What one command took.

    Attributes:
        name: Of the step.
        wall_s: Time by the clock.
        cpu_s: Of all threads.
        peak_mb: Largest resident size.
    """

    name: str
    wall_s: float
    cpu_s: float
    peak_mb: float


def true_motion(edge: int) -> np.ndarray:
    """Return the motion of the second scan, in voxels: 0.9 degrees and 14 voxels."""
    return transforms.rigid(np.deg2rad([0.6, -0.4, 0.5]), (6.4, -8.2, 9.1), np.full(3, (edge - 1) / 2))


def make_scan(folder: Path, scan: SoftBalls, edge: int) -> None:
    """Write a scan as a folder of slices."""
    folder.mkdir(parents=True)

    def write(first: int) -> None:
        last = min(first + SLAB, edge)
        slab = scan.render((slice(first, last), slice(0, edge), slice(0, edge)))
        for number, plane in enumerate(slab, start=first):
            tifffile.imwrite(folder / f"slice_{number:05d}.tif", plane)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(write, range(0, edge, SLAB)))


def run(name: str, *arguments: str) -> Step:
    """Run a command of the package; return what it took."""
    environment = os.environ | {"PYTHONPATH": str(LIBRARY), "OMP_WAIT_POLICY": "PASSIVE"}
    begin = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-m", "tomocell", *arguments], env=environment)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        message = f"{name} ended with {child.returncode}"
        raise SystemExit(message)
    return Step(name, time.perf_counter() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def size_of(folder: Path) -> tuple[float, int]:
    """Return the gigabytes and the number of files under a folder."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / GB, len(files)


def corner_error(record: Path, edge: int) -> float:
    """Return how far the farthest corner lies from where the truth takes it, in voxels."""
    found = np.array(json.loads(record.read_text())["matrix"])
    corners = np.array(np.meshgrid(*[(0, edge - 1)] * 3)).reshape(3, -1).T
    apart = transforms.apply(found, corners * EDGE_UM) / EDGE_UM - transforms.apply(true_motion(edge), corners)
    return float(np.linalg.norm(apart, axis=1).max())


def tell(step: Step, voxels: float, folder: Path) -> None:
    """Print a row of the table."""
    gigabytes, files = size_of(folder)
    rate = voxels / step.wall_s / 1e6
    cores = rate * step.wall_s / step.cpu_s
    print(
        f"{step.name:<18} {step.wall_s:8.0f} {step.cpu_s:8.0f} {rate:10.1f} {cores:10.1f} {step.peak_mb:9.0f} "
        f"{gigabytes:8.2f} {files:7d}",
        flush=True,
    )


def main() -> None:
    """Make the scans, run the commands, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edge", type=int, default=1260, help="voxels along each edge")
    parser.add_argument("--memory-mb", type=int, default=2048)
    parser.add_argument("--folder", type=Path, default=None, help="where to work; 11 bytes a voxel are needed")
    arguments = parser.parse_args()
    edge, voxels = arguments.edge, float(arguments.edge) ** 3
    work = Path(tempfile.mkdtemp(prefix="tomocell-scale-", dir=arguments.folder))
    common = ["--memory-mb", str(arguments.memory_mb), "--threads", str(THREADS)]
    head = ("step", "wall s", "CPU s", "Mvoxel/s", "per core", "peak MB", "GB out", "files")
    try:
        print(f"{edge}^3 = {voxels / 1e9:.2f}e9 voxels, 16 bit, limit {arguments.memory_mb} MB, {THREADS} threads")
        print("{:<18} {:>8} {:>8} {:>10} {:>10} {:>9} {:>8} {:>7}".format(*head), flush=True)
        scans = {"fixed": np.eye(4), "moving": true_motion(edge)}
        for seed, (name, matrix) in enumerate(scans.items()):
            raw = work / f"{name}-raw"
            begin = time.perf_counter()
            make_scan(raw, SoftBalls(matrix, NOISE, seed), edge)
            print(f"({name} made in {time.perf_counter() - begin:.0f} s: {size_of(raw)[0]:.2f} GB)", flush=True)
            size = ["--voxel-size-um", *[str(EDGE_UM)] * 3]
            tell(
                run(f"convert {name}", "convert", str(raw), "--out", str(work / name), *size, *common),
                voxels,
                work / name,
            )
            shutil.rmtree(raw)
        stores = [str(work / name / "volume.ome.zarr") for name in scans]
        step = run("register", "register", *stores, "--out", str(work / "registered"), *common)
        tell(step, voxels, work / "registered")
        print(
            f"farthest corner {corner_error(work / 'registered' / 'registration.json', edge):.4f} voxels off the truth"
        )
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
