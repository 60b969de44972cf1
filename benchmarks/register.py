"""Rigid fit of sub-volumes: ours against SimpleITK on all voxels, the same sub-volumes, starts and pyramid, in turn.

Accuracy is the mean distance of the sub-volume's corners from where the truth takes them.

    python benchmarks/register.py --count 8 --size 128 --noise 0.1 --threads 2
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "lib"))

from soft_balls import SoftBalls

from tomocell.registration import gauss_newton, simpleitk, transforms
from tomocell.registration.patch import Patch
from tomocell.registration.settings import FitSettings

ENGINES = {"ours": (gauss_newton, "gauss_newton"), "SimpleITK": (simpleitk, "simpleitk")}
EDGE_UM = 1.0
MARGIN = 12


def make_pair(number: int, size: int, noise: float) -> tuple[Patch, Patch, np.ndarray]:
    """Return a sub-volume of two scans, the second with a margin, and the motion between them."""
    rng = np.random.default_rng(number)
    place = np.array([200 * number, 0, 0])
    turn, shift = (vector / np.linalg.norm(vector) for vector in rng.standard_normal((2, 3)))
    truth = transforms.rigid(np.deg2rad(0.5) * turn, 2.0 * shift, place + (size - 1) / 2)
    scans = SoftBalls(np.eye(4), noise, 2 * number), SoftBalls(truth, noise, 2 * number + 1)
    patches = []
    for scan, margin in zip(scans, (0, MARGIN), strict=True):
        region = tuple(slice(int(start - margin), int(start + size + margin)) for start in place)
        voxels = scan.render(region).astype(np.float32)
        patches.append(Patch(voxels, (place - margin) * EDGE_UM, np.full(3, EDGE_UM)))
    return patches[0], patches[1], truth


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.1, 0.5])
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    warm = make_pair(99, 48, 0.1)
    gauss_newton.fit(warm[0], warm[1], np.eye(4), FitSettings(), arguments.threads)
    print(f"{arguments.count} sub-volumes of {arguments.size}^3, {arguments.threads} threads")
    print(
        f"{'noise':>6} {'engine':>10} {'wall s each':>12} {'CPU s each':>12} {'corner error, voxels (mean, worst)':>36}"
    )
    for noise in arguments.noise:
        wall: dict[str, list[float]] = {name: [] for name in ENGINES}
        cpu: dict[str, list[float]] = {name: [] for name in ENGINES}
        errors: dict[str, list[float]] = {name: [] for name in ENGINES}
        for number in range(arguments.count):
            fixed, moving, truth = make_pair(number, arguments.size, noise)
            for name, (engine, setting) in ENGINES.items():
                begin, begin_cpu = time.perf_counter(), time.process_time()
                found = engine.fit(fixed, moving, np.eye(4), FitSettings(engine=setting), arguments.threads)
                wall[name].append(time.perf_counter() - begin)
                cpu[name].append(time.process_time() - begin_cpu)
                apart = transforms.apply(found.matrix, fixed.corners_um) - transforms.apply(truth, fixed.corners_um)
                errors[name].append(float(np.linalg.norm(apart, axis=1).mean()))
        for name in ENGINES:
            told = f"{np.mean(errors[name]):.4f}, {np.max(errors[name]):.4f}"
            seconds = [statistics.median(spent[name]) for spent in (wall, cpu)]
            print(f"{noise:6.2f} {name:>10} {seconds[0]:12.3f} {seconds[1]:12.3f} {told:>36}")
        ratios = [statistics.median(spent["SimpleITK"]) / statistics.median(spent["ours"]) for spent in (wall, cpu)]
        print(f"{noise:6.2f} {'ratio':>10} {ratios[0]:12.1f} {ratios[1]:12.1f}")


if __name__ == "__main__":
    main()
