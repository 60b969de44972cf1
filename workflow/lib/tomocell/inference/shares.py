"""A volume shared out among processes, one a GPU: each works off its own shelves and reads its own halo."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np
import torch

from tomocell.blocks import cut
from tomocell.blocks.progress import show_progress
from tomocell.errors import BadInput, Fault
from tomocell.inference.prepare import make_engine
from tomocell.inference.turned import axis_back
from tomocell.models.saved import load_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.synchronize import Event
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from tomocell.inference.engine import Engine
    from tomocell.inference.parts import Parts
    from tomocell.inference.prepare import Lens
    from tomocell.volumes.volume import Region, Shape

POLL_S = 1.0
M_MMAP_THRESHOLD = -3  # malloc.h
_stop: list[Event] = []


@dataclass(frozen=True)
class Share:
    """What one process works off.

    Attributes:
        model: Folder of the model.
        lens: How the volume is looked at.
        batch: Tiles at once, at first.
        shard: Of the store, (Z, Y, X).
        regions: What is to be done, the walk's axis first.
        parts: Where finished shards go.
        device: Torch's name of the device.
        threads: Of torch.
    """

    model: Path
    lens: Lens
    batch: int
    shard: Shape
    regions: tuple[Region, ...]
    parts: Parts
    device: str
    threads: int


def work_alone(share: Share, network: nn.Module) -> None:
    """Work a share off in this process."""
    engine = _engine(share, network)
    total = sum(len(engine.sight.grid.reaching(0, region[0])) for region in share.regions)
    for _ in show_progress(_work(share, engine), total):
        pass


def work_together(shares: list[Share]) -> None:
    """Work shares off, each in a process of its own.

    Raises:
        BadInput: If one meets bad input, or is killed; the others stop after the layer of tiles that they are at, and
            what is finished is kept.
    """
    context = get_context("spawn")
    stop = context.Event()
    with ProcessPoolExecutor(len(shares), context, initializer=_begin, initargs=(stop, os.getpid())) as pool:
        futures = [pool.submit(_work_as_child, share) for share in shares]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            stop.set()  # those that are done do not mind
            for future in futures:
                future.result()
        except BrokenProcessPool as error:
            remedy = "raise mem_mb or lower infer.processes, and run it again: finished shards are kept"
            expected = "all processes of inference to end well"
            raise BadInput(Fault("infer.processes", "one was killed", expected, remedy)) from error
        finally:
            stop.set()


def _begin(stop: Event, parent: int) -> None:
    _stop.append(stop)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when its parent was killed: nobody would put the shards together, or wake it from waiting."""
    while os.getppid() == parent:
        time.sleep(POLL_S)
    os._exit(1)


def _work_as_child(share: Share) -> None:
    network = load_model(share.model)[0]
    for _ in _work(share, _engine(share, network)):
        if _stop[0].is_set():
            return


def _work(share: Share, engine: Engine) -> Iterator[int]:
    axis = share.lens.source.axis

    def keep(region: Region, layers: NDArray[np.uint8]) -> None:
        native = axis_back(region, axis)
        voxels = np.moveaxis(layers, 1, 1 + axis)
        for block in shards_of(native, share.shard):
            inside = tuple(
                slice(part.start - whole.start, part.stop - whole.start)
                for part, whole in zip(block, native, strict=True)
            )
            share.parts.save(place_of(block, share.shard), voxels[(slice(None), *inside)])

    for region in share.regions:
        yield from engine.run(region, keep)


def _return_large_arrays() -> None:
    """Let glibc give arrays of 4 MB and more back to the system when they are freed.

    It raises that bound to 32 MB by itself, and tiles that come and go in several threads then leave holes: after 1024
    planes 220 MB more were resident than after this call, and the number grew with the volume.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 4 << 20)


def _engine(share: Share, network: nn.Module) -> Engine:
    torch.set_num_threads(share.threads)
    _return_large_arrays()
    device = torch.device(share.device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return make_engine(network, share.lens, share.batch, device)


def shards_of(region: Region, shard: Shape) -> Iterator[Region]:
    """Yield the shards of a region that begins with one, (Z, Y, X)."""
    z, y, x = (part.stop - part.start for part in region)
    for block in cut((z, y, x), shard):
        a, b, c = (
            slice(part.start + whole.start, part.stop + whole.start)
            for part, whole in zip(block.core, region, strict=True)
        )
        yield (a, b, c)


def place_of(region: Region, shard: Shape) -> Shape:
    """Return where the shard that begins with ``region`` lies, counted in shards."""
    z, y, x = (part.start // edge for part, edge in zip(region, shard, strict=True))
    return (z, y, x)
