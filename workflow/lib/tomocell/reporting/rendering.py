"""Volumes of classes as pictures in three dimensions: parallel rays, cast on the processor.

No window, no GPU and no graphics library are needed, and the same volume gives the same bytes. Parallel rays keep
lengths: a scale bar holds anywhere in the picture, along its rows.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tomocell.volumes.volume import AXES, whole

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import NDArray

    from tomocell.volumes.store import StoreVolume
    from tomocell.volumes.volume import Classes, Shape, VoxelSize

    Vectors = NDArray[np.float64]

MOST_VOXELS = 8_000_000  # of the level that is rendered: a picture has no more detail
WIDTH = 640  # pixels of the picture
FINER = 2  # rays per pixel along each edge
SMOOTH_VOXELS = 0.8
AZIMUTH_DEG, ELEVATION_DEG = 32.0, 24.0
LAMP_DEG = (-35.0, 40.0)  # beside and above the eye
MARGIN = 0.08
WEBP_QUALITY = 84
FRAME_COLOR = (125, 135, 145, 255)  # readable on the light and on the dark page
STEP = 0.9  # voxels, of the smallest edge
RIM = 2  # voxels around the volume, so that every ray leaves what it entered


@dataclass(frozen=True)
class View:
    """A camera that looks at a box from afar; its picture has the same scale along rows and columns.

    Attributes:
        box_um: Edges of the box along (Z, Y, X).
        right, down, forward: Unit vectors (z, y, x) of the picture's rows and columns and of the rays.
        size: Pixels of the picture (width, height).
        pixel_um: Edge of a pixel.
    """

    box_um: VoxelSize
    right: Vectors
    down: Vectors
    forward: Vectors
    size: tuple[int, int]
    pixel_um: float

    @property
    def width_um(self) -> float:
        """Physical width of the picture."""
        return self.size[0] * self.pixel_um

    def project(self, points_um: Vectors) -> Vectors:
        """Return where points (n, 3; z, y, x) lie in the picture (n, 2; column, row)."""
        away = points_um - np.array(self.box_um) / 2
        flat = np.stack([away @ self.right, away @ self.down], axis=1) / self.pixel_um
        return flat + np.array(self.size) / 2


def look_at(box_um: VoxelSize, width: int) -> View:
    """Return the camera for a box, the first plane (z = 0) on top and a little of it seen from above."""
    azimuth, elevation = math.radians(AZIMUTH_DEG), math.radians(ELEVATION_DEG)
    forward = _direction(azimuth, elevation)
    right = np.array([0.0, -math.sin(azimuth), math.cos(azimuth)])
    down = np.array(
        [math.cos(elevation), -math.sin(elevation) * math.cos(azimuth), -math.sin(elevation) * math.sin(azimuth)]
    )
    corners = _corners(box_um) - np.array(box_um) / 2
    wide, high = (2 * (1 + MARGIN) * float(np.abs(corners @ way).max()) for way in (right, down))
    pixel = wide / width
    return View(box_um, right, down, forward, (width, math.ceil(high / pixel)), pixel)


def render(
    volume: StoreVolume, classes: Classes, see_through: Collection[str], width: int = WIDTH
) -> tuple[Image.Image, View]:
    """Return the picture of the ``classes`` of a volume on a transparent ground, and its camera.

    Classes that are named in ``see_through`` are drawn as glass; the frame of the box, with its axes, lies behind.
    """
    coarse = volume.coarser(level_for(volume))
    view = look_at(_box(coarse.shape, coarse.size), width)
    from tomocell.reporting import ray_kernels

    looks = _looks(classes, see_through)
    nothing = int(np.argmin(looks[0]))  # a value of no class that is drawn; 0 may be one of a class that is
    labels = np.pad(coarse.read(whole(coarse.shape)), RIM, constant_values=nothing)
    solid, glass = (_smoothed(labels, looks[0], kind) for kind in (ray_kernels.SOLID, ray_kernels.GLASS))
    near = _near(solid, ray_kernels.SOLID) | _near(glass, ray_kernels.GLASS)
    picture = np.zeros((view.size[1] * FINER, view.size[0] * FINER, 4), np.float32)
    ray_kernels.cast_rays((solid, glass, labels, near), looks, _camera(view, labels.shape, coarse.size), picture)
    return Image.alpha_composite(_frame(view), _image(picture)), view


def level_for(volume: StoreVolume) -> int:
    """Return the finest level of a volume that has no more voxels than are rendered."""
    for level in range(volume.manifest.levels):
        if math.prod(volume.coarser(level).shape) <= MOST_VOXELS:
            return level
    return volume.manifest.levels - 1


def encode_webp(picture: Image.Image) -> bytes:
    """Return a picture with its transparency in few bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=WEBP_QUALITY)
    return buffer.getvalue()


def _direction(azimuth: float, elevation: float) -> Vectors:
    """Return the unit vector (z, y, x) of rays that come from above and from before the box (small z, y, x)."""
    return np.array([
        math.sin(elevation), math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth)
    ])  # fmt: skip


def _box(shape: Shape, size: VoxelSize) -> VoxelSize:
    edges = [count * edge for count, edge in zip(shape, size, strict=True)]
    return edges[0], edges[1], edges[2]


def _corners(box_um: Iterable[float]) -> Vectors:
    return np.array(np.meshgrid(*[(0.0, edge) for edge in box_um], indexing="ij")).reshape(3, -1).T


def _looks(classes: Classes, see_through: Collection[str]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    from tomocell.reporting.ray_kernels import GLASS, SOLID

    kinds, colors = np.zeros(256, np.uint8), np.zeros((256, 3), np.float32)
    for member in classes:
        kinds[member.value] = GLASS if member.name in see_through else SOLID
        colors[member.value] = [int(member.color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    return kinds, colors


def _smoothed(labels: NDArray[np.uint8], kinds: NDArray[np.uint8], kind: int) -> NDArray[np.float32]:
    from scipy.ndimage import gaussian_filter

    mask = (kinds == kind)[labels].astype(np.float32)
    return np.asarray(gaussian_filter(mask, SMOOTH_VOXELS, truncate=2.0))


def _near(field: NDArray[np.float32], bit: int) -> NDArray[np.uint8]:
    """Return where a surface of ``field`` may lie within two voxels."""
    from scipy.ndimage import maximum_filter, minimum_filter

    may = (maximum_filter(field, 3) >= 0.5) & ((minimum_filter(field, 5) < 0.5) | (bit == 1))  # noqa: PLR2004
    return np.where(may, bit, 0).astype(np.uint8)


def _camera(view: View, shape: tuple[int, ...], size: VoxelSize) -> Vectors:
    """Return the camera as the kernel takes it; the volume has its rim."""
    voxel = np.array(size)
    pixel = view.pixel_um / FINER
    middle = (np.array(shape) - 1) / 2 * voxel
    reach = math.hypot(*view.box_um) / 2 + 2 * RIM * float(voxel.max())
    columns, rows = (count * FINER for count in view.size)
    start = middle - reach * view.forward - (columns - 1) / 2 * pixel * view.right - (rows - 1) / 2 * pixel * view.down
    step = STEP * float(voxel.min())
    lamp = -_direction(*(math.radians(angle) for angle in (AZIMUTH_DEG + LAMP_DEG[0], LAMP_DEG[1])))
    steps = math.ceil(2 * reach / step)
    ways = [start / voxel, view.down * pixel / voxel, view.right * pixel / voxel, view.forward * step / voxel]
    return np.array([*ways, voxel, lamp, -view.forward, [steps, 0, 0]])


def _image(picture: NDArray[np.float32]) -> Image.Image:
    """Return the average of the rays of each pixel, the colour no longer times alpha."""
    rows, columns, _ = picture.shape
    mean = picture.reshape(rows // FINER, FINER, columns // FINER, FINER, 4).mean(axis=(1, 3))
    alpha = mean[..., 3:]
    mean[..., :3] = np.divide(mean[..., :3], alpha, out=np.zeros_like(mean[..., :3]), where=alpha > 0)
    return Image.fromarray((mean.clip(0, 1) * 255).round().astype(np.uint8), "RGBA")


def _frame(view: View) -> Image.Image:
    """Return the edges of the box that lie behind it, and the names of the axes."""
    size = (view.size[0] * FINER, view.size[1] * FINER)
    canvas = Image.new("RGBA", size, (*FRAME_COLOR[:3], 0))
    draw = ImageDraw.Draw(canvas)
    box = np.array(view.box_um)
    for axis in range(3):
        for others in np.ndindex(2, 2):
            ends = np.zeros((2, 3))
            ends[:, [other for other in range(3) if other != axis]] = others
            ends[1, axis] = 1
            line = [tuple(point) for point in view.project(ends * box) * FINER]
            draw.line(line, FRAME_COLOR, width=FINER)
    _name_axes(draw, view)
    return canvas.resize(view.size, Image.Resampling.BOX)


def _name_axes(draw: ImageDraw.ImageDraw, view: View) -> None:
    """Write z, y and x beside the middles of three edges that no other edge hides."""
    box = np.array(view.box_um)
    font = ImageFont.load_default(size=15 * FINER)
    middles = np.array([[0.5, 1.0, 0.0], [1.0, 0.5, 0.0], [1.0, 0.0, 0.5]])
    centre = np.array(view.size) / 2 * FINER
    for name, point in zip(AXES, view.project(middles * box) * FINER, strict=True):
        away = (point - centre) / np.linalg.norm(point - centre)
        draw.text(tuple(point + 14 * FINER * away), name, FRAME_COLOR, font, anchor="mm")
