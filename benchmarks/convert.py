"""Conversion: a folder of TIFF slices to a sharded, multiscale store with checksums, beside dask and a plain copy.

Ours reads, checks, encodes, makes every level and every checksum. dask reads slices with tifffile and writes one zarr
v3 array, compressed, in plain chunks: no levels, no shards, no checksums. The copy is of the files as they are. Every
run is a process of its own, the methods taken in turn; medians, and ratios to ours. `s` is until the program has ended,
`on disk` until the system has also written everything to the disk. Imports are in, as a job pays for them.

    python benchmarks/convert.py --gigabytes 4 --runs 3
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

LIBRARY = Path(__file__).resolve().parents[1] / "workflow" / "lib"
sys.path.insert(0, str(LIBRARY))

if TYPE_CHECKING:
    from numpy.typing import NDArray

EDGE = 2048  # rows and columns of a slice
GRAIN = 64  # voxels across a grain
GREYS = (12000, 24000, 40000)  # pore, matrix, grain
NOISE = 1500
LESS_MB, MORE_MB = 512, 2048
CHUNK = 64


def make_slices(folder: Path, gigabytes: float) -> None:
    """Write 16-bit slices of grains of three materials under the noise of a detector, 12 to 13 bits of it."""
    import tifffile

    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(max(1, round(gigabytes * 1e9 / (2 * EDGE * EDGE)))):
        if number % GRAIN == 0:
            grey = _grains(random)
        noisy = grey + NOISE * random.standard_normal(grey.shape, dtype=np.float32)
        tifffile.imwrite(folder / f"slice_{number:05d}.tif", np.clip(noisy, 0, 65535).astype(np.uint16))


def _grains(random: np.random.Generator) -> NDArray[np.float32]:
    from scipy.ndimage import zoom

    field = zoom(random.standard_normal((EDGE // GRAIN, EDGE // GRAIN)), GRAIN, order=1)
    return np.choose(np.digitize(field, (-0.4, 0.5)), GREYS).astype(np.float32)


def ours(raw: Path, out: Path, memory_mb: int = MORE_MB) -> None:
    """Ours, with the memory that a job is given by default."""
    from tomocell.blocks import Limits
    from tomocell.stages.convert import convert
    from tomocell.volumes.settings import ConvertSettings

    convert(raw, out / "volume.ome.zarr", (1.0, 1.0, 1.0), ConvertSettings(), Limits(memory_mb, os.cpu_count() or 1))


def ours_512_mb(raw: Path, out: Path) -> None:
    """Ours, held to 512 MB."""
    ours(raw, out, LESS_MB)


def dask(raw: Path, out: Path) -> None:
    """The usual way: `dask.array` of lazily read slices, rechunked, `to_zarr`; zarr's default compressor (zstd)."""
    import dask.array as da
    import tifffile
    from dask import delayed

    files = sorted(raw.glob("*.tif"))
    first = tifffile.imread(files[0])
    planes = [da.from_delayed(delayed(tifffile.imread)(file), first.shape, first.dtype) for file in files]
    volume = da.stack(planes).rechunk((CHUNK, CHUNK, CHUNK))
    da.to_zarr(volume, str(out / "volume.zarr"), zarr_format=3)


def copy(raw: Path, out: Path) -> None:
    """Copy the files."""
    shutil.copytree(raw, out / "copy")


METHODS = {method.__name__: method for method in (ours, ours_512_mb, dask, copy)}


def run_once(name: str, raw: Path, out: Path) -> dict[str, float]:
    """Time one method in this process."""
    start = time.perf_counter()
    METHODS[name](raw, out)
    seconds = time.perf_counter() - start
    _flush(out)
    used = resource.getrusage(resource.RUSAGE_SELF)
    files = [path for path in out.rglob("*") if path.is_file()]
    return {
        "seconds": seconds,
        "on_disk": time.perf_counter() - start,
        "cpu": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
        "gb": sum(path.stat().st_size for path in files) / 1e9,
        "files": len(files),
    }


def _flush(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as handle:
                os.fsync(handle.fileno())


def in_process(name: str, raw: Path, folder: Path) -> dict[str, float]:
    """Run one method in a process of its own, the slices read before, so that each finds them in the cache."""
    for path in raw.iterdir():
        path.read_bytes()
    with tempfile.TemporaryDirectory(dir=folder) as out:
        command = [sys.executable, __file__, "--method", name, "--paths", str(raw), out]
        answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=3600)
        return dict(json.loads(answer.stdout.splitlines()[-1]))


def compare(raw: Path, folder: Path, names: list[str], runs: int) -> None:
    """Run the methods in turn and print medians and ratios to ours."""
    results: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(runs):
        for name in names:
            results[name].append(in_process(name, raw, folder))
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(
        f"{'method':<14}{'s':>8}{'ratio':>7}{'on disk':>9}{'ratio':>7}{'cpu s':>8}{'ratio':>7}"
        f"{'peak MB':>9}{'GB':>7}{'files':>8}"
    )
    clocks = ("seconds", "on_disk", "cpu")
    first = _medians(results[names[0]], clocks)
    for name, entries in results.items():
        own = _medians(entries, clocks)
        (seconds, ratio), (disk, ratio_disk), (cpu, ratio_cpu) = ((a, a / b) for a, b in zip(own, first, strict=True))
        peak, last = max(entry["peak_mb"] for entry in entries), entries[-1]
        print(
            f"{name:<14}{seconds:>8.2f}{ratio:>7.2f}{disk:>9.2f}{ratio_disk:>7.2f}{cpu:>8.2f}{ratio_cpu:>7.2f}"
            f"{peak:>9.0f}{last['gb']:>7.2f}{last['files']:>8.0f}"
        )


def _medians(entries: list[dict[str, float]], clocks: tuple[str, ...]) -> list[float]:
    return [statistics.median(entry[clock] for entry in entries) for clock in clocks]


def main() -> None:
    """Compare the methods, or run one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=4.0, help="size of the slices (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to write; three times the size must fit (default: /tmp)")
    parser.add_argument("--without", nargs="*", default=[], choices=list(METHODS), help="methods to leave out")
    parser.add_argument("--method", choices=list(METHODS), help=argparse.SUPPRESS)
    parser.add_argument("--paths", type=Path, nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.method:
        print(json.dumps(run_once(chosen.method, *chosen.paths)))
        return
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        # In a process of its own: a child's peak memory, as Linux tells it, begins with its parent's.
        raw = Path(folder, "slices")
        code = "import sys, pathlib, convert; convert.make_slices(pathlib.Path(sys.argv[1]), float(sys.argv[2]))"
        place = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        subprocess.run([sys.executable, "-c", code, raw, str(chosen.gigabytes)], check=True, env=place)
        compare(raw, Path(folder), [name for name in METHODS if name not in chosen.without], chosen.runs)


if __name__ == "__main__":
    main()
