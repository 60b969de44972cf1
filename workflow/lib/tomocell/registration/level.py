"""The tilt of a scan's layers: the plane that the electrodes' faces lie in, found by fitting planes to them.

Layers (electrodes, electrolyte, membrane) lie across z, more or less. The profile of grey values along z is the same
all over the plane but for its height; so the height of each column of the scan against the mean profile is measured by
correlation, and a plane is fitted through the heights, columns that stand apart left out (Tukey's biweight). The start
is the pair of slopes that makes the mean profile sharpest.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.registration import transforms
from tomocell.registration.patch import read_patch
from tomocell.volumes.volume import whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.registration.patch import Patch
    from tomocell.registration.settings import LevelSettings
    from tomocell.volumes.volume import Shape, Volume

    Array = NDArray[np.float64]

READ_VOXELS = 1 << 22  # of the reduced scan that is measured
TILES = 12  # columns of the scan along each edge
ROUNDS = 8
STILL = 1e-5  # change of the slopes that ends the fit
LEAST_LIKENESS = 0.5  # median correlation of the columns' profiles with the mean one: less is no layers
SEARCH_STEPS = 15  # slopes tried from the largest tilt down to its opposite
BIWEIGHT = 4.685


@dataclass(frozen=True)
class Tilt:
    """How layers lie: z = height + slope_y * y + slope_x * x.

    Attributes:
        slopes: Along (y, x), um per um.
        likeness: Median correlation of the columns' profiles with the mean one.
    """

    slopes: tuple[float, float]
    likeness: float

    @property
    def degrees(self) -> tuple[float, float]:
        """The angles of the layers to y (in z-y sections) and to x (in z-x sections)."""
        along_y, along_x = np.rad2deg(np.arctan(self.slopes))
        return float(along_y), float(along_x)


def levelling(volume: Volume, settings: LevelSettings) -> Array:
    """Return the rotation about the middle of a scan that takes points of its levelled frame to points of the scan.

    Raises:
        BadInput: If the tilt is to be estimated and the scan has no layers, or they are steeper than allowed.
    """
    if settings.level == "none":
        return np.eye(4)
    if settings.level == "given":
        return rotation_of_tilt(np.tan(np.deg2rad(settings.tilt_deg)), volume)
    found = estimate_tilt(volume, settings.maximum_tilt_deg)
    _check(found, volume.name, settings)
    return rotation_of_tilt(np.array(found.slopes), volume)


def estimate_tilt(volume: Volume, largest_deg: float) -> Tilt:
    """Return the tilt of the layers of a scan, from a reduced copy of it.

    Raises:
        BadInput: If the scan holds NaN.
    """
    patch = read_patch(volume, whole(volume.shape), _factors(volume.shape))
    columns = _Columns.of(patch)
    slopes = columns.sharpest(np.tan(np.deg2rad(largest_deg)))
    for _ in range(ROUNDS):
        change, likeness = columns.plane(slopes)
        slopes = slopes + change
        if np.abs(change).max() < STILL:
            break
    return Tilt((float(slopes[0]), float(slopes[1])), likeness)


def _factors(shape: Shape) -> Shape:
    """Return the reduction, a power of 2 that stores keep, that leaves few enough voxels; no axis under 16."""
    reduction = 1
    while math.prod(size // reduction for size in shape) > READ_VOXELS:
        reduction *= 2
    z, y, x = (min(reduction, max(1, size // 16)) for size in shape)
    return (z, y, x)


def rotation_of_tilt(slopes: Array, volume: Volume) -> Array:
    """Return the least rotation about the middle of a scan that takes z to the normal of its layers, 4 x 4, um."""
    normal = np.array([1.0, -slopes[0], -slopes[1]])
    normal /= np.linalg.norm(normal)
    # The product e_z x n in the order (z, y, x) of axes that are right-handed in the order x, y, z.
    axis = np.array([0.0, normal[2], -normal[1]])
    sine = float(np.linalg.norm(axis))
    vector = axis / sine * np.arcsin(sine) if sine > 0 else axis
    middle = (np.array(volume.shape) - 1) / 2 * np.array(volume.size)
    return transforms.rigid(vector, np.zeros(3), middle)


def _check(found: Tilt, name: str, settings: LevelSettings) -> None:
    if found.likeness < LEAST_LIKENESS:
        value = f"profiles along z that correlate by {found.likeness:.2f}"
        expected = f"layers across z: profiles that correlate by {LEAST_LIKENESS:g} or more over the plane"
        raise BadInput(Fault(name, value, expected, "give the tilt (level: given, tilt_deg), or leave level out"))
    if max(np.abs(found.degrees)) > settings.maximum_tilt_deg:
        value = "({:.2f}, {:.2f}) degrees".format(*found.degrees)
        expected = f"a tilt of at most {settings.maximum_tilt_deg:g} degrees"
        raise BadInput(Fault(name, value, expected, "raise maximum_tilt_deg, or turn the scan with convert first"))


@dataclass(frozen=True)
class _Columns:
    """Profiles along z over the plane.

    Attributes:
        profiles: Mean grey value, (rows, columns, Z).
        places_um: Middle of each column from the middle of the scan along (y, x), (rows, columns, 2).
        edge_um: Voxel along z.
    """

    profiles: Array
    places_um: Array
    edge_um: float

    @classmethod
    def of(cls, patch: Patch) -> _Columns:
        """Return the columns of a scan."""
        cuts = [np.linspace(0, size, min(TILES, size) + 1).astype(int) for size in patch.shape[1:]]
        rows, columns = (list(itertools.pairwise(edges)) for edges in cuts)
        profiles = np.array(
            [[patch.voxels[:, a:b, c:d].mean(axis=(1, 2), dtype=np.float64) for c, d in columns] for a, b in rows]
        )
        middles = [
            (edges[1:] + edges[:-1] - size) / 2 * edge
            for edges, size, edge in zip(cuts, patch.shape[1:], patch.voxel_um[1:], strict=True)
        ]
        return cls(profiles, np.stack(np.meshgrid(*middles, indexing="ij"), axis=-1), float(patch.voxel_um[0]))

    def straightened(self, slopes: Array) -> Array:
        """Return the profiles, each moved down by its height in a plane; ends are carried on."""
        heights = self.places_um @ slopes / self.edge_um
        ticks = np.arange(self.profiles.shape[2], dtype=np.float64)
        flat = self.profiles.reshape(-1, len(ticks))
        moved = [np.interp(ticks + lift, ticks, profile) for lift, profile in zip(heights.ravel(), flat, strict=True)]
        return np.array(moved).reshape(self.profiles.shape)

    def sharpest(self, steepest: float) -> Array:
        """Return the slopes whose mean profile has the largest gradients."""
        ticks = np.linspace(-steepest, steepest, SEARCH_STEPS)
        tried = [np.array(pair) for pair in itertools.product(ticks, ticks)]
        return max(tried, key=lambda slopes: float(np.sum(np.diff(self.straightened(slopes).mean(axis=(0, 1))) ** 2)))

    def plane(self, slopes: Array) -> tuple[Array, float]:
        """Return by how much slopes must change, and the median correlation of the columns."""
        moved = self.straightened(slopes)
        mean = np.gradient(moved.mean(axis=(0, 1)))
        lifts = [_lift(np.gradient(profile), mean) for profile in moved.reshape(-1, len(mean))]
        heights, likeness = zip(*lifts, strict=True)
        return _fit_plane(self.places_um.reshape(-1, 2), np.array(heights) * self.edge_um), float(np.median(likeness))


def _lift(profile: Array, mean: Array) -> tuple[float, float]:
    """Return how far a profile lies above the mean one, in voxels, and their correlation there."""
    reach = max(2, len(mean) // 4)
    a, b = profile - profile.mean(), mean - mean.mean()
    length = np.sqrt(a @ a * (b @ b))
    if length == 0:
        return 0.0, 0.0
    surface = np.correlate(a, b, mode="full")[len(b) - 1 - reach : len(b) + reach] / length
    top = int(np.argmax(surface[1:-1])) + 1
    below, peak, above = surface[top - 1 : top + 2]
    bend = below - 2 * peak + above
    return top - reach + (0.5 * (below - above) / bend if bend < 0 else 0.0), float(peak)


def _fit_plane(places: Array, heights: Array) -> Array:
    """Return the slopes of the plane through heights; those that stand apart lose their weight."""
    columns = np.column_stack([places, np.ones(len(places))])
    weights = np.ones(len(places))
    plane = np.zeros(3)
    for _ in range(ROUNDS):
        root = np.sqrt(weights)
        plane = np.linalg.lstsq(columns * root[:, None], heights * root, rcond=None)[0]
        left = np.abs(heights - columns @ plane)
        scale = max(1.4826 * float(np.median(left)), 1e-6)
        weights = np.maximum(1 - (left / (BIWEIGHT * scale)) ** 2, 0) ** 2
    return np.asarray(plane[:2])
