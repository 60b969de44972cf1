"""Voxels are read once, ahead, and what is wrong with them is told with its place."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from support.inferring import Moody, averaged, engine
from support.tiny_model import card
from tomocell.errors import BadInput
from tomocell.inference.ahead import ahead
from tomocell.inference.bricks import Bricks
from tomocell.inference.turned import Turned
from tomocell.models.settings import InferSettings
from tomocell.volumes.volume import ArrayVolume

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Region

SHAPE = (70, 9, 17)


class Counting(ArrayVolume):
    """Notes how often each voxel is read; breaks where told."""

    def __init__(self, voxels: NDArray[Any], breaks_at: int | None = None) -> None:
        super().__init__(voxels, None)
        self.reads = np.zeros(voxels.shape, int)
        self.most = 0
        self._breaks_at = breaks_at
        self._lock = threading.Lock()

    def read(self, region: Region) -> NDArray[Any]:
        with self._lock:
            self.reads[region] += 1
            self.most = max(self.most, int(np.prod([part.stop - part.start for part in region])))
        if self._breaks_at is not None and region[0].start <= self._breaks_at < region[0].stop:
            msg = "bad codec"
            raise RuntimeError(msg)
        return super().read(region)


def trusting(edges: tuple[int, int, int]) -> Moody:
    return Moody(np.ones(edges, np.float32))


@pytest.mark.parametrize("axis", ["z", "y", "x"])
def test_each_voxel_is_read_once_whatever_the_overlap(axis: str) -> None:
    volume = Counting(np.random.default_rng(0).integers(0, 9, SHAPE).astype(np.uint8))
    made = card(plane_axis=axis, planes=5, voxel_size_um=None)
    settings = InferSettings(tile_voxels=(6, 6), overlap=0.5)
    averaged(engine(Moody(np.ones((1,), np.float32)), made, settings, volume))
    assert (volume.reads == 1).all()
    cubes = Counting(volume.read((slice(0, 70), slice(0, 9), slice(0, 17))))
    settings = InferSettings(tile_voxels=(6, 6, 6), overlap=0.5)
    averaged(engine(trusting((6, 6, 6)), card(patch_voxels=(6, 6, 6), voxel_size_um=None), settings, cubes))
    assert (cubes.reads == 1).all()
    assert cubes.most <= 16 * 9 * 17


def test_a_window_across_bricks_is_what_the_volume_holds() -> None:
    voxels = np.random.default_rng(0).integers(0, 999, SHAPE).astype(np.uint16)
    turned = Turned(ArrayVolume(voxels, None), 0)
    with ThreadPoolExecutor(2) as readers:
        bricks = Bricks(turned, (slice(5, 66), slice(2, 9), slice(0, 15)), readers)
        for first in (5, 6, 20, 33, 33, 50):
            out = np.empty((16, 3, 4), np.float32)
            bricks.copy(slice(first, first + 16), slice(4, 7), slice(11, 15), out)
            np.testing.assert_array_equal(out, voxels[first : first + 16, 4:7, 11:15])
        bricks.close()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("axis", ["z", "x"])
def test_a_voxel_that_is_no_number_is_named(axis: str, value: float) -> None:
    voxels = np.zeros(SHAPE, np.float32)
    voxels[40, 3, 12] = value
    made = card(plane_axis=axis, voxel_size_um=None)
    with pytest.raises(BadInput, match=rf"array, voxel \(40, 3, 12\): found {value}"):
        averaged(engine(Moody(np.ones((1,), np.float32)), made, InferSettings(tile_voxels=(6, 6)), voxels_of(voxels)))


def voxels_of(voxels: NDArray[Any]) -> ArrayVolume:
    return ArrayVolume(voxels, None)


def test_a_source_that_breaks_is_named() -> None:
    volume = Counting(np.zeros(SHAPE, np.uint8), breaks_at=40)
    made = card(patch_voxels=(6, 6, 6), voxel_size_um=None)
    with pytest.raises(BadInput, match=r"array, voxels z 32:48, y 0:9, x 0:17: found 'RuntimeError: bad codec'"):
        averaged(engine(trusting((6, 6, 6)), made, InferSettings(tile_voxels=(6, 6, 6)), volume))


def test_items_come_in_order_and_no_further_ahead_than_told() -> None:
    made: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            yield number

    with ahead(numbers(), depth=2) as items:
        for expected, item in enumerate(items):
            assert item == expected
            assert len(made) <= item + 5
            if item == 30:
                break
    assert len(made) < 40


def test_what_goes_wrong_ahead_is_raised_in_its_turn() -> None:
    def broken() -> Iterator[int]:
        yield 1
        msg = "no more"
        raise OSError(msg)

    with ahead(broken()) as items:
        assert next(items) == 1
        with pytest.raises(OSError, match="no more"):
            next(items)
