"""Damages valid files and opens them; run on its own, so that a crash or a hang of a file library is seen as one.

`python fuzz.py FOLDER CUTS FLIPS SEED [NAME ...]` prints one JSON object: cases tried, and what went wrong.
"""

from __future__ import annotations

import faulthandler
import json
import random
import resource
import shutil
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from readers.writers import WRITERS
from tomocell.errors import BadInput
from tomocell.volumes.readers import open_source
from tomocell.volumes.volume import whole

SHAPE = (4, 6, 8)
MOST_VOXELS = 1 << 22
SECONDS = 240
MEMORY = 12 << 30


def judge(path: Path, dataset: str | None, voxels: np.ndarray, *, cut: bool) -> str:
    """How a damaged file is taken: ``read``, ``refused``, or what is wrong."""
    try:
        volume = open_source(path, dataset)
        if np.prod([float(n) for n in volume.shape]) > MOST_VOXELS:
            region = (slice(0, 1), slice(0, 1), slice(0, min(8, volume.shape[2])))
        else:
            region = whole(volume.shape)
        found = volume.read(region)
    except BadInput:
        return "refused"
    except BaseException as error:  # noqa: BLE001 the point of the exercise
        return f"{type(error).__module__}.{type(error).__name__}: {error}"[:300]
    wanted = tuple(part.stop - part.start for part in region)
    if found.shape != wanted or found.dtype != volume.dtype:
        return f"promised {wanted} {volume.dtype}, gave {found.shape} {found.dtype}"
    if cut and not np.array_equal(found, voxels):
        return f"a truncated file gave other voxels, shape {found.shape}"
    return "read"


def damage(data: bytes, rng: random.Random, *, cut: bool) -> bytes:
    if cut:
        # Half of the cuts near the end: there only a careful reader sees them.
        return data[
            : rng.randrange(len(data)) if rng.random() < 0.5 else len(data) - rng.randint(1, min(40, len(data)))
        ]
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        # Half of the flips near the beginning: there headers are.
        place = rng.randrange(len(out)) if rng.random() < 0.5 else rng.randrange(min(len(out), 400))
        out[place] = rng.randrange(256) if rng.random() < 0.5 else out[place] ^ (1 << rng.randrange(8))
    return bytes(out)


def main(folder: Path, cuts: int, flips: int, seed: int, names: list[str]) -> None:
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    rng = random.Random(seed)  # noqa: S311 no secret
    voxels = np.random.default_rng(seed).integers(1, 60000, SHAPE, dtype=np.uint16)
    answers, wrong = Counter({"read": 0, "refused": 0}), []
    for name in names or sorted(WRITERS):
        home = folder / name
        home.mkdir()
        path, dataset = WRITERS[name](home, voxels)
        if not np.array_equal(open_source(path, dataset).read(whole(SHAPE)), voxels):
            wrong.append([name, -1, path.name, "the sound file was read wrong"])
        files = sorted(item for item in home.rglob("*") if item.is_file())
        for number in range(cuts + flips):
            target = rng.choice(files)
            sound = target.read_bytes()
            target.write_bytes(damage(sound, rng, cut=number < cuts) if sound else b"x")
            print(name, number, target.name, file=sys.stderr, flush=True)  # noqa: T201
            # A cut of a file that says nothing about the voxels must change nothing.
            answer = judge(path, dataset, voxels, cut=number < cuts)
            if answer in answers:
                answers[answer] += 1
            else:
                wrong.append([name, number, target.name, answer])
            target.write_bytes(sound)
        shutil.rmtree(home)
    print(json.dumps({"tried": sum(answers.values()) + len(wrong), **answers, "wrong": wrong}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
