"""Tiled inference: ours against MONAI's inferer on the whole volume, and against the bare network on the same tiles.

Every run is a process of its own, the methods taken in turn; medians, and ratios to ours. All begin with a store on
disk; imports, the first compilation and loading of the network are left out of the times. `ours` ends with a store on
disk, `engine` and `monai` with labels in memory, `bare` with logits that nobody keeps. Peak memory is beyond that of a
process with all libraries and the network loaded. On a busy machine look at processor time.

    python benchmarks/infer.py --edge 256 --network tiny --runs 3
    python benchmarks/infer.py --flat 256 1024 2048 --plane 1000
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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

LIBRARY = Path(__file__).resolve().parents[1] / "workflow" / "lib"
sys.path.insert(0, str(LIBRARY))

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from tomocell.inference.engine import Engine

SIZE = (1.0, 1.0, 1.0)
CLASSES = 3
TILE = 96
OVERLAP = 0.25
METHODS = ("ours", "engine", "monai", "bare")
NETWORKS = {"tiny": (1,), "unet": (16, 32, 64)}  # a convolution of one voxel; a U-Net's channels
MEMORY_MB = int(os.environ.get("TOMOCELL_BENCH_MB", "4000"))  # limit of ours


def make_model(folder: Path, name: str) -> None:
    """Save a network that learned nothing: pointwise, or a 3D U-Net."""
    import torch

    from tomocell.models.saved import ClassCard, ModelCard, Normalisation, build_network, save_model

    torch.manual_seed(0)
    common: dict[str, Any] = {
        "classes": tuple(ClassCard(name=f"class{value}", value=value) for value in range(CLASSES)),
        "patch_voxels": (TILE, TILE, TILE),
        "voxel_size_um": SIZE,
        "normalisation": Normalisation(mean=128, sd=50),
    }
    if name == "tiny":
        folder.mkdir(parents=True)
        torch.jit.script(torch.nn.Conv3d(1, CLASSES, 1)).save(folder / "model.pt")
        (folder / "model.json").write_text(ModelCard(format="torchscript", **common).model_dump_json())
        return
    settings = {"channels": list(NETWORKS[name]), "norm": "batch"}
    network, _ = build_network("unet_3d", settings, 1, CLASSES)
    save_model(folder, ModelCard(architecture="unet_3d", network=settings, **common), network.state_dict())


def make_volume(path: Path, edge: int) -> None:
    """Write a store of noise, 8 bits."""
    from tomocell.blocks import Limits, cut
    from tomocell.volumes.store import Layout, create_store

    random = np.random.default_rng(0)
    layout = Layout((edge, edge, edge), np.dtype(np.uint8), SIZE)
    with create_store(path, layout, Limits()) as writer:
        for block in cut(layout.shape, writer.shard):
            shape = [part.stop - part.start for part in block.core]
            writer.write(block.core, random.integers(0, 256, shape, np.uint8))


def settings() -> Any:  # noqa: ANN401
    """Return how the model is applied."""
    from tomocell.models.settings import InferSettings

    return InferSettings(tile_voxels=(TILE, TILE, TILE), overlap=OVERLAP, blend="even")


def ours(folder: Path, threads: int) -> None:
    """From store to store."""
    from tomocell.blocks import Limits
    from tomocell.stages.infer import infer
    from tomocell.volumes.store import open_store

    infer(
        open_store(folder / "volume.ome.zarr"),
        folder / "model",
        folder / f"made{os.getpid()}" / "labels.ome.zarr",
        settings(),
        Limits(MEMORY_MB, threads),
    )


def _engine(folder: Path) -> Engine:
    import torch

    from tomocell.inference.prepare import Lens, make_engine
    from tomocell.inference.turned import Turned
    from tomocell.models.saved import load_model
    from tomocell.volumes.store import open_store

    network, card, _ = load_model(folder / "model")
    source = Turned(open_store(folder / "volume.ome.zarr"), 0)
    lens = Lens(source, card, settings(), card.normalisation, SIZE, 128)
    return make_engine(network, lens, 1, torch.device("cpu"))


def engine(folder: Path, _threads: int) -> None:
    """From the store to labels in memory, in one strip."""
    from tomocell.volumes.volume import whole

    made = _engine(folder)
    labels = np.empty(made.source.shape, np.uint8)

    def keep(region: Any, layers: NDArray[np.uint8]) -> None:  # noqa: ANN401
        labels[region] = layers[0]

    for _ in made.run(whole(made.source.shape), keep):
        pass


def _network(folder: Path) -> nn.Module:
    from tomocell.models.saved import load_model

    return load_model(folder / "model")[0]


def monai(folder: Path, _threads: int) -> None:
    """From the store to labels in memory."""
    import torch
    from monai.inferers import sliding_window_inference

    from tomocell.volumes.store import open_store
    from tomocell.volumes.volume import whole

    volume = open_store(folder / "volume.ome.zarr")
    grey = (volume.read(whole(volume.shape)).astype(np.float32) - np.float32(128)) / np.float32(50)
    with torch.inference_mode():
        given = torch.from_numpy(grey)[None, None]
        logits = sliding_window_inference(given, (TILE, TILE, TILE), 1, _network(folder), OVERLAP)
        logits[0].argmax(0).to(torch.uint8)


def bare(folder: Path, _threads: int) -> None:
    """Only the network, on as many tiles."""
    import torch

    from tomocell.inference.tiles import lay_tiles
    from tomocell.volumes.store import open_store
    from tomocell.volumes.volume import whole

    shape = open_store(folder / "volume.ome.zarr").shape
    network = _engine(folder).forward._network  # noqa: SLF001 (laid out in memory as ours)
    tile = torch.randn(1, 1, TILE, TILE, TILE)
    with torch.inference_mode():
        for _ in range(lay_tiles(shape, (TILE, TILE, TILE), OVERLAP).count(whole(shape))):
            network(tile)


def measure(method: str, folder: Path, threads: int) -> dict[str, float]:
    """Run a method in this process."""
    import monai.inferers  # noqa: F401 (what is loaded is not counted)
    import torch

    import tomocell.stages.infer  # noqa: F401
    from tomocell.inference.plan import measured_mb

    torch.set_num_threads(threads)
    _warm(folder)
    times: dict[str, float] = {}

    def run() -> None:
        start, used = time.perf_counter(), time.process_time()
        globals()[method](folder, threads)
        times.update(seconds=time.perf_counter() - start, cpu_s=time.process_time() - used)

    return {"peak_mb": measured_mb(run) or float("nan")} | times


def _warm(folder: Path) -> None:
    """Load the network, compile the loops."""
    import torch

    from tomocell.inference.kernels import add_tile, choose

    with torch.inference_mode():
        _network(folder)(torch.zeros(1, 1, 8, 8, 8))
    _engine(folder) if (folder / "volume.ome.zarr").exists() else None
    small = np.zeros((1, CLASSES, 2, 2), np.float32)
    part = np.array([[0, 0, 0], [1, 2, 2]])
    add_tile(small, np.zeros((CLASSES, 1, 2, 2), np.float32), np.ones((1, 2, 2), np.float32), (0, 0, 0), part)
    choose(small[0], np.arange(CLASSES, dtype=np.uint8), np.empty((2, 2), np.uint8))


def flat(folder: Path, planes: int, plane: int, threads: int) -> dict[str, float]:
    """Label a volume of ``planes`` that is made up as it is read, and return voxels, time and peak memory."""
    from tomocell.blocks import Limits
    from tomocell.inference.plan import measured_mb
    from tomocell.stages.infer import infer
    from tomocell.volumes.volume import Region, Volume

    pattern = np.random.default_rng(0).integers(0, 256, (64, plane, plane), np.uint8)

    class Endless(Volume):
        name, shape, dtype, voxel_size_um = "endless", (planes, plane, plane), np.dtype(np.uint8), SIZE
        grain = (64, 1, 1)

        def read(self, region: Region) -> NDArray[Any]:
            return pattern[(slice(None), *region[1:])][np.arange(region[0].start, region[0].stop) % 64]

    _warm(folder)
    start = time.perf_counter()
    limits = Limits(MEMORY_MB, threads)
    store = folder / f"flat{planes}" / "labels.ome.zarr"
    peak = measured_mb(lambda: infer(Endless(), folder / "model", store, settings(), limits))
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "voxels": planes * plane**2,
        "seconds": time.perf_counter() - start,
        "peak_mb": peak or float("nan"),
        "resident_mb": resident,
    }


def _child(folder: Path, *arguments: object) -> dict[str, float]:
    command = [sys.executable, __file__, "--folder", folder, *arguments]
    environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, env=environment)
    return dict(json.loads(done.stdout))


def compare(arguments: argparse.Namespace, folder: Path) -> None:
    """Print medians of all methods and their ratios to ours."""
    make_volume(folder / "volume.ome.zarr", arguments.edge)
    runs: dict[str, list[dict[str, float]]] = {method: [] for method in arguments.methods}
    for _ in range(arguments.runs):
        for method in arguments.methods:
            runs[method].append(_child(folder, "--method", method, "--threads", arguments.threads))
    medians = {
        method: {key: statistics.median(run[key] for run in some) for key in some[0]} for method, some in runs.items()
    }
    first = medians[arguments.methods[0]]
    for method, median in medians.items():
        ratios = {f"{key} over {arguments.methods[0]}": round(median[key] / first[key], 2) for key in median}
        print(method, {key: round(value, 2) for key, value in median.items()}, ratios)


def main() -> None:
    """Compare, or show that memory stays flat."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edge", type=int, default=256, help="voxels along each edge")
    parser.add_argument("--network", choices=NETWORKS, default="tiny")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--flat", type=int, nargs="+", default=[], help="planes of volumes, for the memory alone")
    parser.add_argument("--plane", type=int, default=1000, help="rows and columns of these planes")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--method", choices=METHODS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.method:
        print(json.dumps(measure(arguments.method, arguments.folder, arguments.threads)))
        return
    if arguments.folder:
        print(json.dumps(flat(arguments.folder, arguments.flat[0], arguments.plane, arguments.threads)))
        return
    print(platform.platform(), os.cpu_count(), "cores, load", [round(load, 1) for load in os.getloadavg()])
    with tempfile.TemporaryDirectory(prefix="tomocell-infer-", dir=os.environ.get("TOMOCELL_BENCH_DIR")) as name:
        make_model(Path(name) / "model", arguments.network)
        for planes in arguments.flat:
            print(_child(Path(name), "--flat", planes, "--plane", arguments.plane, "--threads", arguments.threads))
        if not arguments.flat:
            compare(arguments, Path(name))


if __name__ == "__main__":
    main()
