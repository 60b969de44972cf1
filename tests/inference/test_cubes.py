"""Overlapping cubes: logits blended, the same labels however the volume is cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from support.tiny_model import card
from tomocell.blocks.plan import cut
from tomocell.inference.cubes import CubePredictor
from tomocell.inference.tiles import blend_weights, starts
from tomocell.models.saved import Normalisation
from tomocell.models.settings import Blend, InferSettings

SHAPE = (13, 9, 17)
EDGES = (6, 12, 7)
PLAIN = card(normalisation=Normalisation(mean=5.0, sd=2.0), patch_voxels=EDGES)
TRUST = np.random.default_rng(1).normal(size=(6, 9, 7)).astype(np.float32)


class Moody(torch.nn.Module):
    """Bright is solid, or is not, as the place in the cube has it: so cubes that share a voxel disagree."""

    def forward(self, cubes: torch.Tensor) -> torch.Tensor:
        solid = cubes * torch.from_numpy(TRUST)
        return torch.cat([torch.zeros_like(solid), solid], dim=1)


def predictor(blend: Blend, batch_size: int = 3) -> CubePredictor:
    settings = InferSettings(tile_voxels=EDGES, overlap=0.3, blend=blend, batch_size=batch_size)
    return CubePredictor(Moody(), PLAIN, settings, SHAPE)


@pytest.mark.parametrize("blend", ["even", "gaussian"])
def test_labels_are_those_of_the_blended_logits_however_it_is_cut(blend: Blend) -> None:
    grey = np.random.default_rng(0).integers(0, 11, SHAPE).astype(np.uint8)
    weights = blend_weights(TRUST.shape, blend).numpy()
    total = np.zeros(SHAPE)
    for z in starts(13, 6, 0.3):
        for x in starts(17, 7, 0.3):
            window = (slice(z, z + 6), slice(0, 9), slice(x, x + 7))
            total[window] += (grey[window] - 5.0) / 2.0 * TRUST * weights
    expected = np.where(total > 0, 3, 0)
    for core in (SHAPE, (5, 4, 6), (13, 9, 1), (1, 1, 17)):
        made = predictor(blend, batch_size=1 if core == SHAPE else 3)
        found = np.full(SHAPE, 9, np.uint8)
        for block in cut(SHAPE, core, made.halo):
            found[block.core] = made.label(grey[block.outer], block)
        np.testing.assert_array_equal(found, expected)


def test_the_gaussian_is_an_eighth_of_the_edge_wide() -> None:
    weights = blend_weights((33, 16), "gaussian")
    assert weights.shape == (33, 16)
    assert weights[16, 7] == weights.max() == weights[16, 8]
    np.testing.assert_allclose(weights[16 + 4, 7] / weights[16, 7], np.exp(-0.5 * (4 / (33 / 8)) ** 2), rtol=1e-5)
    np.testing.assert_array_equal(weights, weights.flip(0, 1))
    assert (weights > 0).all()
    assert (blend_weights((3, 4, 5), "even") == torch.ones(3, 4, 5)).all()
