"""How well inference uses its device, from the store on disk to the store on disk.

Voxels a second over the network's bound (the device's fastest matrix product in the same arithmetic, over the
network's arithmetic on all tiles), and the share of the time in which the network runs; goals on a GPU 0.6 and 0.9.
The batch is the one that inference finds by itself; compilation and a first batch are left out.

    python benchmarks/infer_device.py                      the GPU, 512^3, U-Net
    python benchmarks/infer_device.py --device cpu --edge 128 --channels 8 16
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import infer as shared

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

MATRIX = {"cuda": 8192, "cpu": 1536}
REPEATS = 5


def wait(device: torch.device) -> None:
    """Wait until the device is done."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


def fastest(device: torch.device, precision: torch.dtype) -> float:
    """Return operations a second of a large matrix product, the best of some."""
    import torch

    edge = MATRIX[device.type]
    left, right = (torch.randn(edge, edge, device=device, dtype=precision) for _ in range(2))
    times = []
    for _ in range(1 + REPEATS):
        wait(device)
        start = time.perf_counter()
        left @ right
        wait(device)
        times.append(time.perf_counter() - start)
    return 2 * edge**3 / min(times[1:])


def operations(network: nn.Module) -> int:
    """Return the arithmetic operations of one tile."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 1, shared.TILE, shared.TILE, shared.TILE))
    return int(counter.get_total_flops())


class Clock:
    """Adds up the time that the network runs on the device."""

    def __init__(self, device: torch.device) -> None:
        from tomocell.inference.forward import Forward

        self._device, self._logits = device, Forward._logits  # noqa: SLF001 (nothing else is the network alone)
        self._spans: list[tuple[Any, Any]] = []

        def timed(forward: Forward, given: Tensor) -> Tensor:
            start = self._mark()
            logits = self._logits(forward, given)
            self._spans.append((start, self._mark()))
            return logits

        Forward._logits = timed  # type: ignore[method-assign]  # noqa: SLF001

    def _mark(self) -> Any:  # noqa: ANN401
        import torch

        if self._device.type == "cpu":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def seconds(self) -> float:
        """Return the time since the last call, in seconds."""
        wait(self._device)
        spans, self._spans = self._spans, []
        if self._device.type == "cpu":
            return float(sum(stop - start for start, stop in spans))
        return float(sum(start.elapsed_time(stop) for start, stop in spans)) / 1000


def measure(folder: Path, device: torch.device, runs: int, threads: int) -> dict[str, float]:
    """Return medians over runs, after one that does not count."""
    import torch

    from tomocell.inference.forward import resolve_precision
    from tomocell.inference.tiles import lay_tiles
    from tomocell.models.saved import load_model
    from tomocell.volumes.store import open_store
    from tomocell.volumes.volume import whole

    torch.set_num_threads(threads)
    shape = open_store(folder / "volume.ome.zarr").shape
    tiles = lay_tiles(shape, (shared.TILE,) * 3, shared.OVERLAP).count(whole(shape))
    speed = fastest(device, resolve_precision("auto", device))
    needed = tiles * operations(load_model(folder / "model")[0])
    clock, wall, busy = Clock(device), [], []
    for _ in range(1 + runs):
        clock.seconds()
        start = time.perf_counter()
        shared.ours(folder, threads)
        wall.append(time.perf_counter() - start)
        busy.append(clock.seconds() / wall[-1])
    seconds = statistics.median(wall[1:])
    voxels = shape[0] * shape[1] * shape[2]
    return {
        "megavoxels a second": voxels / seconds / 1e6,
        "over the bound": needed / speed / seconds,
        "share of time busy": statistics.median(busy[1:]),
        "fastest, 1e12 operations a second": speed / 1e12,
        "tiles": tiles,
    }


def main() -> None:
    """Print what was found, and on what."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=sorted(MATRIX), default="cuda")
    parser.add_argument("--edge", type=int, default=512, help="voxels along each edge")
    parser.add_argument("--channels", type=int, nargs="+", default=[32, 64, 128, 256], help="of the 3D U-Net's levels")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    if arguments.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    else:
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")  # one process: its clock sees all
    import torch

    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error("no GPU here; --device cpu tries the script out")
    name = torch.cuda.get_device_name() if arguments.device == "cuda" else f"{arguments.threads} threads"
    print(name, "load", [round(load, 1) for load in os.getloadavg()])
    shared.NETWORKS["unet"] = tuple(arguments.channels)
    with tempfile.TemporaryDirectory(prefix="tomocell-infer-", dir=os.environ.get("TOMOCELL_BENCH_DIR")) as folder:
        shared.make_model(Path(folder) / "model", "unet")
        shared.make_volume(Path(folder) / "volume.ome.zarr", arguments.edge)
        found = measure(Path(folder), torch.device(arguments.device), arguments.runs, arguments.threads)
    print({key: round(value, 3) for key, value in found.items()})


if __name__ == "__main__":
    main()
