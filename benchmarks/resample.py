"""Resampling of a whole scan by a rigid motion, cubic: ours from store to store, block by block, against SimpleITK.

Each run is a process of its own, in turn; medians. SimpleITK reads the store into memory, resamples with a B-spline of
third order (prefilter included) and with its linear interpolator, and writes the same store.

    python benchmarks/resample.py --size 512 --runs 3
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

LIBRARY = Path(__file__).resolve().parents[1] / "workflow" / "lib"
sys.path.insert(0, str(LIBRARY))

from tomocell.registration import transforms  # noqa: E402

MEMORY_MB = 400
SHARD = (64, 128, 128)
THREADS = 2


def motion(shape: tuple[int, ...]) -> np.ndarray:
    """Return the motion that all of them resample by."""
    return transforms.rigid(np.deg2rad([1.0, -0.7, 0.5]), (2.3, -4.1, 3.7), (np.array(shape) - 1) / 2)


def make(path: Path, size: int) -> None:
    """Write a store of smooth noise."""
    from tomocell.blocks import Limits, cut
    from tomocell.volumes.store import Layout, create_store

    rng = np.random.default_rng(0)
    layout = Layout((size,) * 3, np.dtype(np.uint16), (1.0, 1.0, 1.0))
    with create_store(path, layout, Limits()) as writer:
        for block in cut(layout.shape, writer.shard):
            shape = [part.stop - part.start for part in block.core]
            coarse = rng.integers(10000, 40000, [-(-edge // 4) for edge in shape])
            fine = coarse.repeat(4, 0).repeat(4, 1).repeat(4, 2)[tuple(slice(0, edge) for edge in shape)]
            writer.write(block.core, fine.astype(np.uint16))


def ours(source: Path, out: Path, *, whole_memory: bool) -> None:
    """Resample blockwise, as the workflow does; or with memory for large blocks."""
    from tomocell.blocks import Limits, cut, run_blocks
    from tomocell.registration.place import place
    from tomocell.registration.record import Registration
    from tomocell.registration.settings import RegisterSettings
    from tomocell.volumes.store import Layout, create_store, open_store

    volume = open_store(source)
    limits = Limits(8 * MEMORY_MB if whole_memory else MEMORY_MB, THREADS)
    placed = place(Registration.of_reference(volume).levelled(motion(volume.shape)), volume, RegisterSettings())
    with create_store(out, Layout(volume.shape, volume.dtype, volume.size, shard=SHARD), limits) as writer:
        blocks = cut(volume.shape, placed.block_shape(volume, limits, writer.shard))
        run_blocks(
            lambda block: writer.write(block.core, placed.resample(volume, block.core).voxels), blocks, limits.workers
        )


def simpleitk(source: Path, out: Path, *, kind: str) -> None:
    """Resample in one piece."""
    import SimpleITK as sitk  # noqa: N813

    from tomocell.blocks import Limits
    from tomocell.volumes.store import Layout, create_store, open_store
    from tomocell.volumes.volume import whole

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(THREADS)
    volume = open_store(source)
    image = sitk.GetImageFromArray(volume.read(whole(volume.shape)))
    matrix, flip = motion(volume.shape), np.eye(3)[::-1]
    transform = sitk.AffineTransform(3)
    transform.SetMatrix((flip @ matrix[:3, :3] @ flip).ravel().tolist())
    transform.SetTranslation(matrix[:3, 3][::-1].tolist())
    moved = sitk.Resample(image, image, transform, sitk.sitkBSpline if kind == "cubic" else sitk.sitkLinear, 0.0)
    del image
    with create_store(out, Layout(volume.shape, volume.dtype, volume.size), Limits()) as writer:
        writer.write(whole(volume.shape), sitk.GetArrayViewFromImage(moved))


METHODS = {
    "ours, 400 MB": lambda source, out: ours(source, out, whole_memory=False),
    "ours, 3.2 GB": lambda source, out: ours(source, out, whole_memory=True),
    "SimpleITK B-spline": lambda source, out: simpleitk(source, out, kind="cubic"),
    "SimpleITK linear": lambda source, out: simpleitk(source, out, kind="linear"),
}


def once(name: str, source: Path, folder: Path) -> dict[str, float]:
    """Run a method in a process of its own; return its seconds and its peak memory in MB."""
    out = folder / "moved.ome.zarr"
    command = [sys.executable, __file__, "--method", name, "--source", str(source), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--method", help=argparse.SUPPRESS)
    parser.add_argument("--source", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.method:
        begin = time.perf_counter()
        METHODS[arguments.method](arguments.source, arguments.out)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": time.perf_counter() - begin, "mb": peak}))
        return
    with tempfile.TemporaryDirectory(prefix="tomocell-bench-") as name:
        folder = Path(name)
        source = folder / "scan.ome.zarr"
        make(source, arguments.size)
        once("ours, 400 MB", source, folder)  # compiles
        runs: dict[str, list[dict[str, float]]] = {method: [] for method in METHODS}
        for _ in range(arguments.runs):
            for method, found in runs.items():
                found.append(once(method, source, folder))
        print(f"{arguments.size}^3, 16 bit, {THREADS} threads, median of {arguments.runs}")
        for method, found in runs.items():
            seconds, mb = (statistics.median(run[key] for run in found) for key in ("seconds", "mb"))
            print(f"{method:>20} {seconds:8.2f} s {mb:8.0f} MB")


if __name__ == "__main__":
    main()
