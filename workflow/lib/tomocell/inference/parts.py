"""Finished shards, kept beside the store until all are there: what a killed run has done is not done again."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numcodecs import Blosc

from tomocell.errors import BadInput, Fault
from tomocell.volumes.publish import write_bytes_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Shape

SUFFIX = ".parts"


@dataclass(frozen=True)
class Parts:
    """A folder of shards, one file each, all layers of it; a file that is there is whole.

    Attributes:
        folder: ``<store>.parts/<key>``; the key tells model, volume, settings and code, so that shards of another run
            are never taken for these.
    """

    folder: Path

    def has(self, place: Shape) -> bool:
        """Whether the shard at ``place`` (counted in shards) is done."""
        return self._path(place).is_file()

    def save(self, place: Shape, layers: NDArray[np.uint8]) -> None:
        """Keep a shard, (layers, Z, Y, X)."""
        if not self.folder.is_dir():
            raise self._gone()
        write_bytes_atomically(self._path(place), _codec().encode(np.ascontiguousarray(layers)))

    def load(self, place: Shape, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Return a shard of ``shape`` (layers, Z, Y, X).

        Raises:
            BadInput: If somebody removed it meanwhile.
        """
        try:
            content = self._path(place).read_bytes()
        except FileNotFoundError as error:
            raise self._gone() from error
        return np.frombuffer(_codec().decode(content), np.uint8).reshape(shape)

    def remove(self) -> None:
        """Remove the folder, and the one around it."""
        shutil.rmtree(self.folder.parent, ignore_errors=True)

    def _path(self, place: Shape) -> Path:
        return self.folder / ".".join(map(str, place))

    def _gone(self) -> BadInput:
        remedy = "let it finish; run this again only if nobody else writes it"
        return BadInput(Fault(str(self.folder), "another writer took over", "one writer at a time", remedy))


def open_parts(store: Path, key: str) -> Parts:
    """Return the parts of ``store`` under ``key``; those under other keys are removed."""
    around = store.with_name(store.name + SUFFIX)
    for other in around.glob("*"):
        if other.name != key:
            shutil.rmtree(other, ignore_errors=True)
    (around / key).mkdir(parents=True, exist_ok=True)
    return Parts(around / key)


def _codec() -> Blosc:
    return Blosc("zstd", clevel=1, shuffle=Blosc.BITSHUFFLE)
