"""Solids whose measures are known, and volumes to hide them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import strategies as st
from scipy import ndimage

from tomocell.volumes.volume import ArrayVolume, Classes, VoxelClass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.volumes.volume import Shape, VoxelSize

CLASSES = Classes((VoxelClass("liquid", 0), VoxelClass("bubble", 1), VoxelClass("wall", 2)))
NEIGHBOURS = {6: 1, 18: 2, 26: 3}  # by how many coordinates touching voxels may differ
SIZE: VoxelSize = (2.0, 0.5, 1.25)


def volume(voxels: NDArray[np.generic], size: VoxelSize = SIZE, classes: Classes = CLASSES) -> ArrayVolume:
    return ArrayVolume(voxels.astype(np.uint8), size, classes)


def ellipsoid(
    shape: Shape, centre: tuple[float, float, float], axes: NDArray[np.float64], size: VoxelSize = (1.0, 1.0, 1.0)
) -> NDArray[np.bool_]:
    """Voxels whose centres lie in the ellipsoid; ``axes`` has the semi-axes (z, y, x) as rows, in um."""
    places = np.stack(np.meshgrid(*(np.arange(n) * s for n, s in zip(shape, size, strict=True)), indexing="ij"), -1)
    lengths = np.linalg.norm(axes, axis=1)
    along = (places - np.array(centre)) @ (axes / lengths[:, None]).T
    return np.asarray(((along / lengths) ** 2).sum(-1) <= 1)


def ball(
    shape: Shape, centre: tuple[float, float, float], radius: float, size: VoxelSize = (1.0, 1.0, 1.0)
) -> NDArray[np.bool_]:
    return ellipsoid(shape, centre, np.eye(3) * radius, size)


def by_scipy(mask: NDArray[np.bool_], connectivity: int) -> NDArray[np.int64]:
    """Whole-volume labels, numbered by first voxels."""
    labels, _ = ndimage.label(mask, ndimage.generate_binary_structure(3, NEIGHBOURS[connectivity]))
    values, first = np.unique(labels, return_index=True)
    numbers = np.zeros(labels.max() + 1, np.int64)
    inside = values > 0
    numbers[values[inside][np.argsort(first[inside])]] = np.arange(1, inside.sum() + 1)
    return np.asarray(numbers[labels])


@st.composite
def class_volumes(draw: st.DrawFn, *, longest: int = 9) -> NDArray[np.uint8]:
    """Ragged random volumes of the three classes, from nearly empty to nearly full of bubbles, some with long runs."""
    shape = draw(st.tuples(*[st.integers(1, longest)] * 3))
    stretch = draw(st.sampled_from([1, 1, 5, 13]))
    share = draw(st.sampled_from([0.05, 0.15, 0.3, 0.6, 0.9]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    voxels = random.choice([0, 1, 2], shape, p=[(1 - share) / 2, share, (1 - share) / 2])
    return np.repeat(voxels, stretch, axis=2)[:, :, : 4 * longest].astype(np.uint8)


cores = st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 20))
connectivities = st.sampled_from([6, 18, 26])
