"""Training from the store beside the same loop on tensors in memory, interleaved, and what a step's data costs.

Both train a residual U-Net on the same samples in the same order: ours reads the store through the bounded cache,
cuts, augments and collates; the peer has all batches ready in memory. A share of 1 means that data cost nothing. In the
first epoch the cache is empty, later it holds what fits into it.
Times are by the clock and of the processor (over all threads); on a busy machine only the latter says much. Threads
that wait sleep (OMP_WAIT_POLICY), as in the workflow's jobs: the augmentation's would else slow down the network's.

    python benchmarks/train.py --runs 5 --threads 2
    python benchmarks/train.py --cube            # a network of cubes
    python benchmarks/train.py --device cuda     # also: how busy the device is
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow" / "lib"), str(ROOT / "tests")]
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import torch

CHANNELS = [32, 64, 128, 256, 512, 512, 512]
CLASSES = ("empty", "solid")
GREY_SD = 20


def main() -> None:
    """Print the table."""
    options = parse()
    import torch

    torch.set_num_threads(options.threads)
    folder = Path(tempfile.mkdtemp(prefix="bench-train-"))
    try:
        network = "unet_3d" if options.cube else f"residual_unet of {options.levels} levels"
        print(f"{platform.processor() or platform.machine()}, {options.threads} threads, {network}, ", end="")
        print(f"{options.batches} batches of {options.batch}, median of {options.runs} interleaved runs")
        compare(folder, options)
    finally:
        shutil.rmtree(folder)


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edge", type=int, default=128, help="edge of a patch (default: %(default)s)")
    parser.add_argument("--volume", type=int, default=256, help="edge of the volume (default: %(default)s)")
    parser.add_argument("--levels", type=int, default=5, help="levels of the published 7 (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=8, help="samples of a batch (default: %(default)s)")
    parser.add_argument("--batches", type=int, default=6, help="batches of a run (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each (default: %(default)s)")
    parser.add_argument("--cache-mb", type=int, default=1024, help="memory for what was read (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads (default: %(default)s)")
    parser.add_argument("--affine", action="store_true", help="with affine augmentation, rings and streaks")
    parser.add_argument("--cube", action="store_true", help="cubes of half the edge")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    return parser.parse_args()


def compare(folder: Path, options: argparse.Namespace) -> None:
    """Print what each of the runs took."""
    import torch

    from tomocell.models.saved import build_network

    model = settings(options)
    ours = stream(folder, model, options)
    kept = [tuple(part.to(options.device) for part in batch) for batch in ours(first=True)]
    network = build_network(model.architecture, model.network, 1, len(CLASSES))[0].to(options.device).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    train(kept[:1], network, optimizer, model)
    loops: dict[str, Callable[[], object]] = {
        "in memory": lambda: train(kept, network, optimizer, model),
        "store, first epoch": lambda: train(ours(first=True), network, optimizer, model),
        "store, later": lambda: train(ours(first=False), network, optimizer, model),
        "data alone, first epoch": lambda: list(ours(first=True)),
        "data alone, later": lambda: list(ours(first=False)),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in loops}
    for _ in range(options.runs):
        for name, loop in loops.items():
            times[name].append(timed(loop))
    print("| loop | clock (s) | processor (s) | in memory / this, clock | processor |\n|---|---|---|---|---|")
    middle = {name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in times.items()}
    for name, (clock, processor) in middle.items():
        ratios = [base / found for base, found in zip(middle["in memory"], (clock, processor), strict=True)]
        print(f"| {name} | {clock:.2f} | {processor:.2f} | {ratios[0]:.3f} | {ratios[1]:.3f} |")


def settings(options: argparse.Namespace) -> Any:  # noqa: ANN401
    """Return the settings of the model."""
    from tomocell.models.settings import ModelSettings

    edge = options.edge // 2 if options.cube else options.edge
    edges = [edge] * (3 if options.cube else 2)
    augment = {"affine": {}, "rings": {}, "streaks": {}} if options.affine else {}
    network = {"channels": [16, 32, 64]} if options.cube else {"channels": CHANNELS[: options.levels]}
    return ModelSettings.model_validate(
        {
            "name": "bench",
            "architecture": "unet_3d" if options.cube else "residual_unet",
            "network": network,
            "classes": CLASSES,
            "plane_axis": "y",
            "patch_voxels": edges,
            "sampling": {"cache_mb": options.cache_mb},
            "train": {"batch_size": options.batch, "patches_per_plane": 4, "augment": augment},
            "infer": {"tile_voxels": edges},
        }
    )


def stream(folder: Path, model: Any, options: argparse.Namespace) -> Any:  # noqa: ANN401
    """Return a function that gives the batches of an epoch, made from a store as a training makes them."""
    import numpy as np
    import tifffile

    from support.stores import LIMITS, make_store
    from tomocell.labelling.settings import IGNORE, AnnotateSettings
    from tomocell.stages.annotate import annotate
    from tomocell.stages.training_set import assemble_training_set
    from tomocell.training.learner import _loader
    from tomocell.training.samples import Source
    from tomocell.training.shards import EveryRankItsShare
    from tomocell.volumes.volume import Classes, VoxelClass

    classes = Classes((VoxelClass("empty", 0, "#000000"), VoxelClass("solid", 3, "#ffffff")))
    random, shape = np.random.default_rng(0), (options.volume,) * 3
    coarse = random.standard_normal([size // 8 for size in shape])
    labels = np.where(coarse.repeat(8, 0).repeat(8, 1).repeat(8, 2) > 0, 3, 0).astype(np.uint8)
    grey = 100 + GREY_SD * (labels == 3) + GREY_SD * random.standard_normal(shape, dtype=np.float32)
    scan = folder / "cell" / "t0"
    make_store(scan / "volume.ome.zarr", grey.astype(np.uint16))
    sparse = np.full(shape, IGNORE, np.uint8)
    sparse[:, ::8] = labels[:, ::8]
    tifffile.imwrite(scan / "labels.tif", sparse, photometric="minisblack")
    store = scan / "annotations.ome.zarr"
    annotate(scan / "labels.tif", scan / "volume.ome.zarr", store, classes, AnnotateSettings(), LIMITS)
    found = assemble_training_set(folder, [("cell", "t0")], "volume", model, IGNORE)

    kept = Source.of(folder, found, classes, model)

    def batches(*, first: bool) -> Iterable[Any]:
        source = Source.of(folder, found, classes, model) if first else kept
        samples = source.random(found.part("train"), 0)
        share = EveryRankItsShare(options.batch * options.batches, options.batch, 0, 1)
        return _loader(samples, batch_sampler=share)

    return batches


def train(batches: Iterable[Any], network: Any, optimizer: torch.optim.Optimizer, model: Any) -> None:  # noqa: ANN401
    """Take a step for each batch."""
    import torch

    from tomocell.training.loss import Loss

    loss, weights = Loss.of(model), torch.ones(len(CLASSES), device=next(network.parameters()).device)
    for batch in batches:
        grey, target = (part.to(weights.device, non_blocking=True) for part in batch)
        optimizer.zero_grad()
        loss.value(loss.sums(network.training_outputs(grey), target, weights), weights).backward()
        optimizer.step()
    if weights.is_cuda:
        torch.cuda.synchronize()


def timed(work: Any) -> tuple[float, float]:  # noqa: ANN401
    """Return the seconds that ``work`` took by the clock, and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


if __name__ == "__main__":
    main()
