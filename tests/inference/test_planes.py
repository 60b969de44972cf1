"""Logits of overlapping tiles are averaged before a class is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from support.tiny_model import card
from tomocell.inference.planes import PlanePredictor
from tomocell.inference.tiles import lay_tiles
from tomocell.models.saved import Normalisation
from tomocell.models.settings import InferSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

PLAIN = card(normalisation=Normalisation(mean=0.0, sd=1.0))


TILE = (6, 8)
TRUST = np.random.default_rng(1).normal(size=TILE).astype(np.float32)


class Moody(torch.nn.Module):
    """Bright is solid, or is not, as the place in the tile has it: so tiles that share a pixel disagree, unevenly."""

    def forward(self, tiles: torch.Tensor) -> torch.Tensor:
        solid = tiles * torch.from_numpy(TRUST)
        return torch.cat([torch.zeros_like(solid), solid], dim=1)


def expected(plane: NDArray[np.float32], settings: InferSettings) -> list[NDArray[np.uint8]]:
    """Return the labels from averaged logits, from a vote of the tiles, and from the last and the first tile."""
    tiling = lay_tiles(plane.shape, settings.tile_voxels, settings.overlap, 1)
    sums, votes, count, last, first = (np.zeros(plane.shape) for _ in range(5))
    for row, column in tiling.corners:
        window = (slice(row, row + tiling.tile[0]), slice(column, column + tiling.tile[1]))
        logits = plane[window] * TRUST
        sums[window] += logits
        votes[window] += logits > 0
        first[window] = np.where(count[window], first[window], logits)
        last[window] = logits
        count[window] += 1
    return [np.where(chosen, 3, 0) for chosen in (sums > 0, votes > count / 2, last > 0, first > 0)]


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_logits_are_averaged_before_the_choice(batch_size: int) -> None:
    settings = InferSettings(tile_voxels=TILE, overlap=0.5, batch_size=batch_size)
    planes = np.random.default_rng(0).normal(size=(3, 13, 21)).astype(np.float32)
    labels = PlanePredictor(Moody(), PLAIN, 1, settings).label(planes)
    for plane, found in zip(planes, labels, strict=True):
        averaged, *others = expected(plane, settings)
        np.testing.assert_array_equal(found, averaged)
        assert all((averaged != other).any() for other in others)  # else the test could not tell


class Brightness(torch.nn.Module):
    """Solid is what is brighter than the mean of the training set."""

    def forward(self, tiles: torch.Tensor) -> torch.Tensor:
        assert tiles.shape[-1] % 4 == tiles.shape[-2] % 4 == 0
        return torch.cat([torch.zeros_like(tiles), tiles], dim=1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_planes_of_any_size_are_normalised_and_padded(dtype: str) -> None:
    grey = np.random.default_rng(0).integers(80, 140, (2, 3, 30)).astype(dtype)
    predictor = PlanePredictor(Brightness(), card(), 4, InferSettings(tile_voxels=(8, 9), batch_size=2))
    np.testing.assert_array_equal(predictor.label(grey), np.where(grey > 110, 3, 0))
