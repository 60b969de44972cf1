"""Object table: one streaming pass against cc3d + regionprops, a mesh for each object, and the published way.

Every run is a process of its own (so that its peak memory is its own), the methods taken in turn; medians, and ratios
to ours. Imports and the first compilation are left out of the times, reading the store is in. On a busy machine look
at processor time.

    python benchmarks/objects.py --shape 648 740 840 --objects 1000 --runs 3
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

LIBRARY = Path(__file__).resolve().parents[1] / "workflow" / "lib"
sys.path.insert(0, str(LIBRARY))

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = (1.0, 1.0, 1.0)
BUBBLE = 1
SAMPLE = int(os.environ.get("TOMOCELL_BENCH_SAMPLE", "20"))  # bubbles that the published way is timed on
PROPERTIES = ("label", "area", "centroid", "bbox", "equivalent_diameter_area", "inertia_tensor_eigvals")
Rows = tuple[int, int, float, float]  # objects, voxels, total area, seconds that the rest would have taken
MEMORY_MB = 500


def make_volume(path: Path, shape: tuple[int, int, int], objects: int) -> None:
    """Write a store of balls, 4 to 20 voxels in radius, anywhere."""
    from tomocell.blocks import Limits, cut
    from tomocell.volumes.store import Layout, create_store
    from tomocell.volumes.volume import Classes, VoxelClass

    random = np.random.default_rng(0)
    balls = np.column_stack([random.random((objects, 3)) * shape, random.uniform(4, 20, objects)])
    classes = Classes((VoxelClass("electrolyte", 0), VoxelClass("bubble", BUBBLE)))
    with create_store(path, Layout(shape, np.dtype(np.uint8), SIZE, classes), Limits()) as writer:
        for block in cut(shape, writer.shard):
            low, high = (np.array([getattr(part, end) for part in block.core]) for end in ("start", "stop"))
            voxels = np.zeros(high - low, np.uint8)
            for *centre, radius in balls:
                _paint(voxels, np.array(centre) - low, radius)
            writer.write(block.core, voxels)


def _paint(voxels: NDArray[np.uint8], centre: NDArray[np.float64], radius: float) -> None:
    low = np.maximum(np.ceil(centre - radius), 0).astype(int)
    high = np.minimum(np.floor(centre + radius) + 1, voxels.shape).astype(int)
    if np.any(low >= high):
        return
    z, y, x = np.ogrid[tuple(map(slice, low, high))]
    inside = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 <= radius**2
    voxels[tuple(map(slice, low, high))][inside] = BUBBLE


def _read(path: Path) -> NDArray[np.uint8]:
    from tomocell.volumes.store import open_store
    from tomocell.volumes.volume import whole

    volume = open_store(path)
    return volume.read(whole(volume.shape))


def streaming(path: Path, workers: int = 1) -> Rows:
    """Ours."""
    from tomocell.blocks import Limits
    from tomocell.objects.table import object_table
    from tomocell.volumes.store import open_store

    table = object_table(open_store(path), BUBBLE, Limits(MEMORY_MB, workers))
    return len(table), int(table["volume_voxels"].sum()), float(table["surface_area_um2"].sum()), 0.0


def streaming_2(path: Path) -> Rows:
    """Ours, two workers."""
    return streaming(path, 2)


def cc3d_regionprops(path: Path) -> Rows:
    """Label with cc3d, measure with scikit-image; no areas."""
    import cc3d
    from skimage.measure import regionprops_table

    labels = cc3d.connected_components(_read(path) == BUBBLE, connectivity=26)
    table = regionprops_table(labels, properties=PROPERTIES)
    return len(table["label"]), int(table["area"].sum()), float("nan"), 0.0


def cc3d_regionprops_meshes(path: Path) -> Rows:
    """The same, and a mesh of each object in its bounding box for the area."""
    import cc3d
    from skimage.measure import regionprops, regionprops_table

    labels = cc3d.connected_components(_read(path) == BUBBLE, connectivity=26)
    table = regionprops_table(labels, properties=PROPERTIES)
    area = sum(_mesh_area(entry.image) for entry in regionprops(labels))
    return len(table["label"]), int(table["area"].sum()), area, 0.0


def skimage_meshes(path: Path) -> Rows:
    """Label and measure with scikit-image, and mesh each object in its bounding box."""
    from skimage.measure import label, regionprops

    objects = regionprops(label(_read(path) == BUBBLE, connectivity=3))
    area = 0.0
    for entry in objects:
        _ = entry.centroid, entry.inertia_tensor_eigvals, entry.equivalent_diameter_area
        area += _mesh_area(entry.image)
    return len(objects), int(sum(entry.area for entry in objects)), area, 0.0


def published(path: Path) -> Rows:
    """Label, then mesh each bubble on a mask of the whole volume; some of them, and the time scaled to all."""
    from skimage.measure import label

    labels, count = label(_read(path) == BUBBLE, connectivity=3, return_num=True)
    area, voxels = 0.0, 0
    measured = min(count, SAMPLE)
    start = time.process_time()
    for number in range(1, measured + 1):
        mask = labels == number
        voxels += int(mask.sum())
        area += _mesh_area(mask)
    scaled = (time.process_time() - start) / max(measured, 1) * (count - measured)
    return count, voxels, area, scaled


def _mesh_area(mask: NDArray[np.bool_]) -> float:
    from skimage.measure import marching_cubes, mesh_surface_area

    vertices, faces, _, _ = marching_cubes(np.pad(mask, 1), 0.5)
    return float(mesh_surface_area(vertices, faces))


METHODS = {
    method.__name__: method
    for method in (streaming, streaming_2, cc3d_regionprops, cc3d_regionprops_meshes, skimage_meshes, published)
}


def run_once(name: str, path: Path, small: Path) -> dict[str, Any]:
    """Time one method in this process, warmed up on a small volume."""
    METHODS[name](small)
    start, start_cpu = time.perf_counter(), time.process_time()
    count, voxels, area, rest = METHODS[name](path)
    seconds, cpu = time.perf_counter() - start + rest, time.process_time() - start_cpu + rest
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "cpu": cpu, "peak_mb": peak_mb, "count": count, "voxels": voxels, "area": area}


def in_process(name: str, path: Path, small: Path) -> dict[str, Any]:
    """Run one method in a process of its own."""
    command = [sys.executable, __file__, "--method", name, "--paths", str(path), str(small)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=3600)
    return dict(json.loads(answer.stdout.splitlines()[-1]))


def compare(path: Path, small: Path, names: list[str], runs: int) -> None:
    """Run the methods in turn and print medians and ratios to ours."""
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(runs):
        for name in names:
            results[name].append(in_process(name, path, small))
    medians = {
        name: [statistics.median(entry[clock] for entry in entries) for clock in ("seconds", "cpu")]
        for name, entries in results.items()
    }
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {platform.platform()}")
    print(
        f"{'method':<24}{'s':>9}{'ratio':>8}{'cpu s':>9}{'ratio':>8}"
        f"{'peak MB':>9}{'objects':>9}{'voxels':>11}{'area um2':>12}"
    )
    for name, entries in results.items():
        seconds, cpu = medians[name]
        ratio, ratio_cpu = (both / ours for both, ours in zip(medians[name], medians["streaming"], strict=True))
        peak, last = max(entry["peak_mb"] for entry in entries), entries[-1]
        print(
            f"{name:<24}{seconds:>9.2f}{ratio:>8.1f}{cpu:>9.2f}{ratio_cpu:>8.1f}{peak:>9.0f}"
            f"{last['count']:>9}{last['voxels']:>11}{last['area']:>12.0f}"
        )


def main() -> None:
    """Compare the methods, or run one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", type=int, nargs=3, default=(256, 384, 384), help="voxels along z y x")
    parser.add_argument("--objects", type=int, default=300)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--without", nargs="*", default=[], choices=list(METHODS), help="methods to leave out")
    parser.add_argument("--method", choices=list(METHODS), help=argparse.SUPPRESS)
    parser.add_argument("--paths", type=Path, nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.method:
        print(json.dumps(run_once(chosen.method, *chosen.paths)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path, small = Path(folder, "volume.ome.zarr"), Path(folder, "small.ome.zarr")
        # In a process of their own: a child's peak memory, as Linux tells it, begins with its parent's.
        with get_context("spawn").Pool(1) as pool:
            pool.apply(make_volume, (path, tuple(chosen.shape), chosen.objects))
            pool.apply(make_volume, (small, (32, 64, 64), 3))
        compare(path, small, [name for name in METHODS if name not in chosen.without], chosen.runs)


if __name__ == "__main__":
    main()
