"""Compiled rays through a labelled volume: where each first meets a surface, and how that surface is lit.

Positions are in voxels (z, y, x), the centre of the first voxel at nought. ``solid`` and ``glass`` are the shares of
opaque and of see-through classes, smoothed; their surfaces lie at a half. ``near`` tells where a ray has to look:
bit 1 where a solid surface may be within a step, bit 2 for one of glass.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]
    Bytes = NDArray[np.uint8]
    Scene = tuple[Floats, Floats, Bytes, Bytes]
    Looks = tuple[Bytes, Floats]

F = TypeVar("F", bound="Callable[..., Any]")

SOLID, GLASS = 1, 2
STEP, VOXEL, LAMP, EYE, LENGTH = 3, 4, 5, 6, 7  # rows of a camera
_START, _PLACE, _NORMAL, _INWARD = 0, 1, 2, 3  # rows of what a ray works with
HALF = 0.5
_HALVINGS = 6  # a surface is found to a 64th of a step
_AMBIENT, _DIFFUSE, _SHINE, _GLOSS = 0.42, 0.58, 0.18, 24.0
_GLASS_FACE, _GLASS_RIM, _GLASS_MOST = 0.10, 0.34, 4
_HIDDEN = 0.55  # of the ambient light that near matter may take away
_REACH = (1.5, 3.0, 6.0, 10.0)  # voxels out of a surface where matter that takes its light is looked for


def _compiled(function: F) -> F:
    return cast("F", numba.njit(nogil=True, cache=True)(function))


def _inlined(function: F) -> F:
    return cast("F", numba.njit(inline="always")(function))


@_inlined
def _at(field: Floats, z: float, y: float, x: float) -> float:
    """Return ``field`` between its voxels; nought outside."""
    depth, height, width = field.shape
    if z < 0 or y < 0 or x < 0 or z > depth - 1 or y > height - 1 or x > width - 1:
        return 0.0
    k, j, i = min(int(z), depth - 2), min(int(y), height - 2), min(int(x), width - 2)
    c, b, a = z - k, y - j, x - i
    near = (field[k, j, i] * (1 - a) + field[k, j, i + 1] * a) * (1 - b)
    near += (field[k, j + 1, i] * (1 - a) + field[k, j + 1, i + 1] * a) * b
    far = (field[k + 1, j, i] * (1 - a) + field[k + 1, j, i + 1] * a) * (1 - b)
    far += (field[k + 1, j + 1, i] * (1 - a) + field[k + 1, j + 1, i + 1] * a) * b
    return near * (1 - c) + far * c


@_compiled
def _outward(field: Floats, at: Doubles, voxel: Doubles, normal: Doubles) -> None:
    """Set ``normal`` to the unit vector, in physical directions, out of the matter at a surface."""
    z, y, x = at[0], at[1], at[2]
    normal[0] = (_at(field, z - 1, y, x) - _at(field, z + 1, y, x)) / voxel[0]
    normal[1] = (_at(field, z, y - 1, x) - _at(field, z, y + 1, x)) / voxel[1]
    normal[2] = (_at(field, z, y, x - 1) - _at(field, z, y, x + 1)) / voxel[2]
    length = math.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)
    if length > 0:
        for axis in range(3):
            normal[axis] /= length


@_compiled
def _refine(field: Floats, at: Doubles, step: Doubles) -> None:
    """Move ``at``, the first place of a ray inside matter, back onto the surface."""
    share = 0.5
    for _ in range(_HALVINGS):
        inside = _at(field, at[0], at[1], at[2]) >= HALF
        for axis in range(3):
            at[axis] += -share * step[axis] if inside else share * step[axis]
        share *= 0.5


@_compiled
def _label_inside(labels: Bytes, kinds: Bytes, kind: int, at: Doubles, inward: Doubles) -> int:
    """Return the first label of a kind that lies under a surface; 0 where there is none."""
    for tenth in range(2, 32, 3):
        way = 0.1 * tenth
        z = math.floor(at[0] + way * inward[0] + 0.5)
        y = math.floor(at[1] + way * inward[1] + 0.5)
        x = math.floor(at[2] + way * inward[2] + 0.5)
        if 0 <= z < labels.shape[0] and 0 <= y < labels.shape[1] and 0 <= x < labels.shape[2]:
            label = labels[z, y, x]
            if kinds[label] == kind:
                return int(label)
    return 0


@_compiled
def _light(scene: Scene, at: Doubles, normal: Doubles, camera: Doubles) -> tuple[float, float]:
    """Return the light of a solid surface: the share of its colour, and the shine on top of it."""
    solid, lamp, eye, voxel = scene[0], camera[LAMP], camera[EYE], camera[VOXEL]
    facing = max(normal[0] * lamp[0] + normal[1] * lamp[1] + normal[2] * lamp[2], 0.0)
    half_z, half_y, half_x = lamp[0] + eye[0], lamp[1] + eye[1], lamp[2] + eye[2]
    length = math.sqrt(half_z**2 + half_y**2 + half_x**2)
    shine = max(normal[0] * half_z + normal[1] * half_y + normal[2] * half_x, 0.0) / length
    fine = min(voxel[0], voxel[1], voxel[2])
    taken = 0.0
    for reach in _REACH:
        z = at[0] + reach * normal[0] * fine / voxel[0]
        y = at[1] + reach * normal[1] * fine / voxel[1]
        x = at[2] + reach * normal[2] * fine / voxel[2]
        taken += _at(solid, z, y, x) / len(_REACH)
    return (_AMBIENT + _DIFFUSE * facing) * (1 - _HIDDEN * taken), _SHINE * shine**_GLOSS * (1 - taken)


@_compiled
def _inside(start: Doubles, step: Doubles, shape: tuple[int, int, int], steps: int) -> tuple[int, int]:
    """Return the first step of a ray inside the volume and the first past it."""
    first, last = 0.0, float(steps)
    for axis in range(3):
        if abs(step[axis]) < 1e-12:  # noqa: PLR2004
            if start[axis] < 0 or start[axis] > shape[axis] - 1:
                return 0, 0
            continue
        enter, leave = -start[axis] / step[axis], (shape[axis] - 1 - start[axis]) / step[axis]
        first, last = max(first, min(enter, leave)), min(last, max(enter, leave))
    return math.ceil(first), math.floor(last) + 1


@_compiled
def _meet_glass(scene: Scene, looks: Looks, camera: Doubles, scratch: Doubles, pixel: Floats, through: float) -> float:
    """Add a surface of glass at ``scratch[AT]`` to a pixel; return the share of light that is left behind it."""
    glass, labels = scene[1], scene[2]
    kinds, colors = looks
    at, normal, inward, eye = scratch[_PLACE], scratch[_NORMAL], scratch[_INWARD], camera[EYE]
    _outward(glass, at, camera[VOXEL], normal)
    for axis in range(3):
        inward[axis] = -normal[axis]
    color = colors[_label_inside(labels, kinds, GLASS, at, inward)]
    face = abs(normal[0] * eye[0] + normal[1] * eye[1] + normal[2] * eye[2])
    alpha = _GLASS_FACE + _GLASS_RIM * (1 - face) ** 2
    for part in range(3):
        pixel[part] += through * alpha * color[part]
    return through * (1 - alpha)


@_compiled
def _meet_solid(scene: Scene, looks: Looks, camera: Doubles, scratch: Doubles, pixel: Floats, through: float) -> None:
    """Add the solid surface just before ``scratch[AT]`` to a pixel."""
    solid, labels = scene[0], scene[2]
    kinds, colors = looks
    at, normal, inward = scratch[_PLACE], scratch[_NORMAL], scratch[_INWARD]
    _refine(solid, at, camera[STEP])
    _outward(solid, at, camera[VOXEL], normal)
    for axis in range(3):
        inward[axis] = -normal[axis]
    label = _label_inside(labels, kinds, SOLID, at, inward)
    if label == 0:
        label = _label_inside(labels, kinds, SOLID, at, camera[STEP])
    share, shine = _light(scene, at, normal, camera)
    for part in range(3):
        pixel[part] += through * min(colors[label, part] * share + shine, 1.0)


@_compiled
def _trace(scene: Scene, looks: Looks, camera: Doubles, scratch: Doubles, pixel: Floats) -> None:
    """Follow one ray from ``scratch[START]`` to the first solid surface, through at most a few of glass."""
    solid, glass, _, near = scene
    start, at, step = scratch[_START], scratch[_PLACE], camera[STEP]
    first, last = _inside(start, step, near.shape, int(camera[LENGTH, 0]))
    through, met, was_in_glass = 1.0, 0, False
    for index in range(first, last):
        z, y, x = start[0] + index * step[0], start[1] + index * step[1], start[2] + index * step[2]
        look = near[int(z + 0.5), int(y + 0.5), int(x + 0.5)]
        if look == 0:
            was_in_glass = was_in_glass and glass[int(z + 0.5), int(y + 0.5), int(x + 0.5)] >= HALF
            continue
        at[0], at[1], at[2] = z, y, x
        if look & GLASS and met < _GLASS_MOST and (_at(glass, z, y, x) >= HALF) != was_in_glass:
            was_in_glass = not was_in_glass
            through = _meet_glass(scene, looks, camera, scratch, pixel, through)
            met += 1
        if look & SOLID and _at(solid, z, y, x) >= HALF:
            _meet_solid(scene, looks, camera, scratch, pixel, through)
            through = 0.0
            break
    pixel[3] = 1 - through


@_compiled
def cast_rays(scene: Scene, looks: Looks, camera: Doubles, picture: Floats) -> None:
    """Fill ``picture`` (rows, columns, 4: red, green, blue times alpha, and alpha; 0 to 1).

    Args:
        scene: ``solid``, ``glass``, ``labels``, ``near``; all (Z, Y, X).
        looks: For each label 0, ``SOLID`` or ``GLASS``; for each label its red, green and blue, 0 to 1.
        camera: Rows of three: where the ray of the first pixel starts, the way to the next row's, to the next
            column's, one step along a ray (all in voxels), the voxel's edges (um), unit vectors to lamp and eye,
            and (steps, 0, 0).
        picture: What is filled; nought before.
    """
    scratch = np.zeros((4, 3))
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            for axis in range(3):
                scratch[_START, axis] = camera[0, axis] + row * camera[1, axis] + column * camera[2, axis]
            _trace(scene, looks, camera, scratch, picture[row, column])
