"""Networks at their papers' settings, or tiny: parameters, time a voxel, peak memory, what other arithmetic changes.

Every network is a process of its own (so that its peak memory is its own). Weights are random: labels that tie within
bfloat16's rounding are told as they fall, so the share of equal labels is a lower bound of a trained network's. Times
are of the processor, over all threads: on a busy machine the clock says little.

    python benchmarks/networks.py --edge 256 --cube 64 --runs 3 --threads 2
    python benchmarks/networks.py --tiny
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

LIBRARY = Path(__file__).resolve().parents[1] / "workflow" / "lib"
sys.path.insert(0, str(LIBRARY))

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

CLASSES = 4
HEAD = ("network", "parameters (M)", "kFLOP/voxel", "ns/voxel fp32", "channels-last", "bf16", "equal cl", "equal bf16")
HEAD += ("peak MB",)


def main() -> None:
    """Print the table."""
    options = parse()
    if options.one:
        print(json.dumps(measure(options.one, options)))
        return
    from tomocell.settings import discovery

    print(f"{platform.processor() or platform.machine()}, {options.threads} threads, median of {options.runs}")
    print("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD))
    for name in discovery.names_offering("tomocell.models", "build"):
        command = [sys.executable, __file__, *sys.argv[1:], "--one", name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        print("| " + " | ".join([name, *json.loads(done.stdout)]) + " |", flush=True)


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edge", type=int, default=256, help="edge of a patch (default: %(default)s)")
    parser.add_argument("--cube", type=int, default=64, help="edge of a cube (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="forward passes, after one to warm up")
    parser.add_argument("--threads", type=int, default=2, help="threads (default: %(default)s)")
    parser.add_argument("--tiny", action="store_true", help="settings of each network for trying it out")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(name: str, options: argparse.Namespace) -> list[str]:
    """Return a row of the table."""
    import torch

    from tomocell.models.saved import build_network

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    module: Any = importlib.import_module(f"tomocell.models.{name}")
    settings = module.TINY if options.tiny else module.Settings()
    network = build_network(name, settings.model_dump(mode="json"), 1, CLASSES)[0].eval()
    flat = module.DIMENSIONS == 2
    x = torch.randn(1, 1, *([options.edge] * 2 if flat else [options.cube] * 3))
    before = peak_mb()
    with torch.inference_mode():
        plain, logits = timed(lambda: network(x), options.runs)
        peak = peak_mb() - before
        work = operations(lambda: network(x))
        with torch.autocast("cpu", torch.bfloat16):
            rounded, coarse = timed(lambda: network(x), options.runs)
        layout = torch.channels_last if flat else torch.channels_last_3d
        network.to(memory_format=layout)
        ordered, other = timed(lambda: network(x.to(memory_format=layout)), options.runs)
    voxels = x.numel()
    count = sum(weight.numel() for weight in network.parameters())
    times = [f"{seconds / voxels * 1e9:.0f}" for seconds in (plain, ordered, rounded)]
    return [
        f"{count / 1e6:.2f}",
        f"{work / voxels / 1e3:.0f}",
        *times,
        equal(logits, other),
        equal(logits, coarse),
        f"{peak:.0f}",
    ]


def timed(forward: Callable[[], torch.Tensor], runs: int) -> tuple[float, torch.Tensor]:
    """Return the median processor time of a pass in seconds, and what it returns."""
    logits = forward()
    seconds = []
    for _ in range(runs):
        start = time.process_time()
        logits = forward()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds), logits


def operations(forward: Callable[[], torch.Tensor]) -> int:
    """Return the floating-point operations of a pass, multiplications and additions of products."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        forward()
    return int(counter.get_total_flops())


def equal(one: torch.Tensor, other: torch.Tensor) -> str:
    """Return the share of voxels whose label is the same, in per cent."""
    return f"{100 * (one.argmax(1) == other.argmax(1)).float().mean().item():.2f} %"


def peak_mb() -> float:
    """Return the largest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
