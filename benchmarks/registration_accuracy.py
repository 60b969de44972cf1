"""How exact the registration is: known motions of real volumes, and of the lithium phantom while its lithium changes.

Real volumes are moved at full resolution and halved, with fresh noise in both scans: what is measured is the
registration, not the interpolation that made the data. Errors are those of the merged motion: displacement of the
middle, angle, and the farthest corner of the scan.

    python benchmarks/registration_accuracy.py --data ../shared/data --phantom data/lithium
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "lib"))

from scipy.ndimage import affine_transform

from tomocell.registration import transforms
from tomocell.registration.register import register
from tomocell.registration.settings import RegisterSettings
from tomocell.volumes.readers import open_source
from tomocell.volumes.volume import ArrayVolume, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tomocell.registration.record import Registration

VOLUMES = {"soc": "soc/grey.tif", "battery": "battery_21700/cell.tif"}
CEMENT = "qim3d/qim3d/examples/cement_128x128x128.tif"
MOTIONS = ((1.0, 4.0), (3.0, 30.0))  # degrees, voxels
NOISE = 0.1  # of the standard deviation of the grey values
SEEDS = 3
FLAG = RegisterSettings(on_failure="flag")


def moved(fine: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Move a volume of half the voxel size; its voxel i lies at (i - 1/2) / 2 of the coarse frame."""
    to_coarse, to_fine = np.diag([0.5, 0.5, 0.5, 1.0]), np.diag([2.0, 2.0, 2.0, 1.0])
    to_coarse[:3, 3], to_fine[:3, 3] = -0.25, 0.5
    back = to_fine @ transforms.invert(motion) @ to_coarse
    return affine_transform(fine, back[:3, :3], back[:3, 3], order=3, mode="nearest")


def halved(voxels: np.ndarray) -> np.ndarray:
    """Return the means over 2 x 2 x 2 voxels."""
    z, y, x = (size // 2 for size in voxels.shape)
    return voxels[: 2 * z, : 2 * y, : 2 * x].reshape(z, 2, y, 2, x, 2).mean(axis=(1, 3, 5))


def random_motion(angle_deg: float, shift: float, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return a rotation about the middle and a shift, both of given size, in random directions.

    A flat scan is moved less across: 30 voxels along 50 planes would leave little in common.
    """
    rng = np.random.default_rng([seed, 7])
    turn, step = rng.standard_normal((2, 3))
    turn, step = (vector / np.linalg.norm(vector) for vector in (turn, step * np.array(shape) / max(shape)))
    return transforms.rigid(np.deg2rad(angle_deg) * turn, shift * step, (np.array(shape) - 1) / 2)


def real_pairs(path: Path, angle: float, shift: float) -> Iterator[tuple[ArrayVolume, ArrayVolume, np.ndarray]]:
    """Yield pairs of scans and the motion between them."""
    source = open_source(path)
    fine = source.read(whole(source.shape)).astype(np.float32)
    shape = tuple(size // 2 for size in fine.shape)
    noise = NOISE * float(fine.std())
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        truth = random_motion(angle, shift, shape, seed)
        scans = [halved(part) + noise * rng.standard_normal(shape) for part in (fine, moved(fine, truth))]
        first, second = (ArrayVolume(scan.astype(np.float32), (1.0, 1.0, 1.0)) for scan in scans)
        yield first, second, truth


def errors(found: Registration, truth: np.ndarray, shape: tuple[int, ...], size: tuple[float, ...]) -> list[float]:
    """Return the errors of the middle (voxels), of the angle (degrees) and of the farthest corner (voxels)."""
    matrix, edge = np.array(found.matrix), min(size)
    middle = (np.array(shape) - 1) / 2 * size
    corners = np.array(np.meshgrid(*[(0, count - 1) for count in shape])).reshape(3, -1).T * size
    apart = np.linalg.norm(transforms.apply(matrix, corners) - transforms.apply(truth, corners), axis=1)
    centre = np.linalg.norm(transforms.apply(matrix, middle) - transforms.apply(truth, middle))
    return [centre / edge, transforms.angle_deg(transforms.invert(truth) @ matrix), apart.max() / edge]


def tell(name: str, rows: list[list[float]], registered: int, seconds: float) -> None:
    """Print a row of the table."""
    table = np.array(rows)
    centre, angle, corner = np.median(table[:, 0]), np.median(table[:, 1]), table[:, 2].max()
    told = f"{registered}/{len(rows)}"
    print(f"{name:<44} {told:>10} {centre:10.4f} {angle:10.4f} {corner:10.4f} {seconds / len(rows):8.1f}")


def on_real(name: str, path: Path) -> None:
    """Print the rows of a real volume."""
    for angle, shift in MOTIONS:
        begin, rows, registered = time.perf_counter(), [], 0
        for fixed, moving, truth in real_pairs(path, angle, shift):
            found = register(fixed, moving, FLAG, threads=2)
            rows.append(errors(found, truth, fixed.shape, fixed.size))
            registered += found.registered
        label = f"{name} {tuple(fixed.shape)}, {angle:g} deg, {shift:g} voxels"
        tell(label, rows, registered, time.perf_counter() - begin)


def on_phantom(folder: Path, label: str, **settings: object) -> None:
    """Print the row of the lithium phantom: each timestep against the last."""
    truth = json.loads((folder / "truth" / "truth.json").read_text())
    rows = [line.split("\t") for line in (folder / "samples.tsv").read_text().splitlines()]
    scans = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    size = tuple(truth["voxel_size_um"])
    opened = {row["timestep"]: open_source(folder / row["path"], row.get("dataset") or None) for row in scans}
    for volume in opened.values():
        volume.voxel_size_um = size
    fixed = opened[scans[-1]["timestep"]]
    found_rows, registered, begin = [], 0, time.perf_counter()
    for row in scans[:-1]:
        planted = np.array(truth["timesteps"][row["timestep"]]["rigid"]["matrix"])
        found = register(fixed, opened[row["timestep"]], RegisterSettings(on_failure="flag", **settings), threads=2)
        found_rows.append(errors(found, planted, fixed.shape, size))
        registered += found.registered
    tell(f"lithium phantom, {label}", found_rows, registered, time.perf_counter() - begin)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--phantom", type=Path, default=Path("data/lithium"))
    parser.add_argument("--cement", type=Path, default=Path("data") / CEMENT)
    parser.add_argument("--only", nargs="+", default=[*VOLUMES, "cement", "phantom"], help="rows of the table")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    print(f"{'':<44} {'registered':>10} {'middle':>10} {'angle deg':>10} {'corner':>10} {'s each':>8}")
    paths = {name: arguments.data / path for name, path in VOLUMES.items()} | {"cement": arguments.cement}
    for name, path in paths.items():
        if name not in arguments.only:
            continue
        if path.exists():
            on_real(name, path)
        else:
            print(f"{name}: {path} is not at hand")
    if "phantom" in arguments.only and (arguments.phantom / "truth" / "truth.json").exists():
        centres = [(48, y, x) for y in (32, 72, 112) for x in (32, 72, 112)]
        on_phantom(arguments.phantom, "sub-volumes chosen")
        on_phantom(arguments.phantom, "given", subvolume_size_voxels=(28, 48, 48), subvolume_centres_voxels=centres)


if __name__ == "__main__":
    main()
