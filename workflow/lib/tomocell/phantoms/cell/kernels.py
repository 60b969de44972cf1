"""The cell at a point, compiled: what is there, how grey it is, and what the scanner adds.

Every number depends on the point and the voxel's own index alone, never on the block that it is computed with.
All compiled functions but those of ``noise`` stand in this one file, since numba's cache does not notice changes in
another.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tomocell.phantoms.cell.noise import GOLDEN, hash_of, jit, noise_at, normal_at, scramble, uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.phantoms.cell.parameters import Cell, Look, Placement

PHASES = 7  # background, dendrite, pit, deposited, redeposited, stripping and plating electrode, in this order
ELECTRODE, PIT, REDEPOSITED, FILM, PLATING, DENDRITE = range(6)
LOWER, UPPER = range(2)
HEIGHT, FOOT = range(2)
DEAD, CASING = PHASES, PHASES + 1  # parts of dendrite and background that are told apart in ``parts_at``
WARP_VOXELS = 1.4
WARP_LENGTH = 5.0
WARP_RISE = 12.0
NEAR = 3.0  # voxels beyond the highest dendrite, or below the film, where ramps have ended
FADED = 6.0  # widths from the interphase, where exp(-36) is nothing
RING_WIDTH = 1.3
RING_LENGTH = 40.0


@jit
def height_at(maps: NDArray[np.float32], which: int, y: float, x: float) -> tuple[float, float]:
    """Return a map at node coordinates, bilinear and clamped to its edge, and its slope there."""
    y = min(max(y, 0.0), maps.shape[0] - 1.001)
    x = min(max(x, 0.0), maps.shape[1] - 1.001)
    j, i = int(y), int(x)
    fy, fx = y - j, x - i
    a, b = maps[j, i, which], maps[j, i + 1, which]
    c, d = maps[j + 1, i, which], maps[j + 1, i + 1, which]
    value = (1 - fy) * ((1 - fx) * a + fx * b) + fy * ((1 - fx) * c + fx * d)
    dy, dx = (1 - fx) * (c - a) + fx * (d - b), (1 - fy) * (b - a) + fy * (d - c)
    return value, math.sqrt(dy * dy + dx * dx)


@jit
def beyond(z: float, height: float, slope: float, edge: float) -> float:
    """Return the share of a voxel beyond an interface: a ramp of width ``edge`` along the interface's normal."""
    share = 0.5 + (z - height) / (edge * math.sqrt(1.0 + slope * slope))
    return min(max(share, 0.0), 1.0)


@jit
def dendrite_at(cell: Cell, z: float, y: float, x: float, film: float) -> tuple[float, float]:
    """Return height and slope of the dendrites that reach the point; they lean and wind as they rise."""
    rise = film - z
    if rise > cell.highest + NEAR or rise < -NEAR:
        return 0.0, 0.0
    lean = WARP_VOXELS * min(max(rise, 0.0) / WARP_RISE + 0.4, 1.0)
    seed = cell.seed + np.uint64(1)
    p, q, r = z / WARP_LENGTH, y / WARP_LENGTH, x / WARP_LENGTH
    v = y + cell.rim + lean * noise_at(seed, p, q, r)
    return height_at(cell.maps, DENDRITE, v, x + cell.rim + lean * noise_at(seed + np.uint64(1), p, q, r))


@jit
def dead_at(cell: Cell, z: float, y: float, x: float) -> float:
    """Return the share of a voxel in dendrites without contact: from their tips down to the gap above their feet."""
    low, high = cell.dead_reach
    if cell.dead.shape[0] == 0 or z < low - NEAR or z > high + NEAR:
        return 0.0
    seed = cell.seed + np.uint64(1)
    p, q, r = z / WARP_LENGTH, y / WARP_LENGTH, x / WARP_LENGTH
    v = y + cell.rim + WARP_VOXELS * noise_at(seed, p, q, r)
    u = x + cell.rim + WARP_VOXELS * noise_at(seed + np.uint64(1), p, q, r)
    height, slope = height_at(cell.dead, HEIGHT, v, u)
    if height <= cell.dead_gap:
        return 0.0
    foot, _ = height_at(cell.dead, FOOT, v, u)
    return max(beyond(z, foot - height, slope, cell.edge) - beyond(z, foot - cell.dead_gap, 0.0, cell.edge), 0.0)


@jit
def outer_at(cell: Cell, z: float, y: float, x: float) -> tuple[float, float]:
    """Return the shares of a voxel beyond the outer face of the stripping and of the plating electrode."""
    if cell.outer.shape[0] == 0:
        return 0.0, 0.0
    v, u = y + cell.rim, x + cell.rim
    height, slope = height_at(cell.outer, LOWER, v, u)
    below = 1.0 - beyond(z, height, slope, cell.edge)
    height, slope = height_at(cell.outer, UPPER, v, u)
    return below, beyond(z, height, slope, cell.edge)


@jit
def ellipsoid_at(cell: Cell, lattice: int, z: float, y: float, x: float) -> tuple[float, float]:
    """Return the share of a voxel in the ellipsoid of its lattice cell, if there is one, and that one's number."""
    edge = cell.inclusion_cell
    p, q, r = z / edge, y / edge, x / edge
    k, j, i = math.floor(p), math.floor(q), math.floor(r)
    bits = hash_of(cell.seed + np.uint64(3 + lattice), int(k), int(j), int(i))
    if k < 0 or k >= cell.inclusion_layers or uniform(bits) >= cell.inclusion_share:
        return 0.0, 0.0
    near, far, smallest = 0.0, 0.0, edge
    for inside in ((p - k) * edge, (q - j) * edge, (r - i) * edge):
        bits = scramble(bits + GOLDEN)
        radius = cell.inclusion_least + (cell.inclusion_most - cell.inclusion_least) * uniform(bits)
        bits = scramble(bits + GOLDEN)
        rim = min(radius + cell.edge, edge / 2)
        distance = (inside - rim - (edge - 2 * rim) * uniform(bits)) / radius
        near += distance * distance
        far += distance * distance / (radius * radius)
        smallest = min(smallest, radius)
    # First-order distance to the surface: k (1 - k) / |gradient|, with k the scaled distance from the centre.
    depth = math.sqrt(near) * (1.0 - math.sqrt(near)) / math.sqrt(far) if far > 0 else smallest
    return min(max(0.5 + depth / cell.edge, 0.0), 1.0), uniform(scramble(bits + GOLDEN))


@jit
def inclusion_at(cell: Cell, z: float, y: float, x: float) -> tuple[float, float]:
    """Return the share of a voxel in an inclusion, and that inclusion's own number in [0, 1).

    Inclusions are ellipsoids on two lattices that stand half a cell apart, at most one in a cell and wholly inside it,
    so that no more than two need to be looked at.
    """
    z -= cell.inclusion_bottom
    half = cell.inclusion_cell / 2
    first, number = ellipsoid_at(cell, 0, z, y, x)
    second, other = ellipsoid_at(cell, 1, z - half, y - half, x - half)
    return (first, number) if first >= second else (second, other)


@jit
def parts_at(cell: Cell, z: float, y: float, x: float) -> tuple[float, ...]:
    """Return the shares at a point of the phases (without what follows), dead dendrites and casing; they sum to 1.

    Inclusions are counted as background.
    """
    maps, edge = cell.maps, cell.edge
    v, u = y + cell.rim, x + cell.rim
    below, above = outer_at(cell, z, y, x)
    height, slope = height_at(maps, ELECTRODE, v, u)
    electrode = min(1.0 - below, beyond(z, height, slope, edge))
    height, slope = height_at(maps, PIT, v, u)
    pit = min(electrode, beyond(z, height, slope, edge))
    height, slope = height_at(maps, REDEPOSITED, v, u)
    redeposited = min(pit, beyond(z, height, slope, edge))
    height, slope = height_at(maps, FILM, v, u)
    film = min(redeposited, beyond(z, height, slope, edge))
    rise, lean = dendrite_at(cell, z, y, x, height)
    dendrite = min(redeposited, max(film, beyond(z, height - rise, lean, edge))) if rise > 0 else film
    height, slope = height_at(maps, PLATING, v, u)
    plating = min(film, beyond(z, height, slope, edge))
    above = min(plating, above)
    dead = min(dead_at(cell, z, y, x), redeposited - dendrite)
    inclusion, _ = inclusion_at(cell, z, y, x)
    rest = 1.0 - inclusion
    return (
        (redeposited - dendrite - dead) * rest + inclusion,
        (dendrite - film) * rest,
        (electrode - pit) * rest,
        (film - plating) * rest,
        (pit - redeposited) * rest,
        (1.0 - below - electrode) * rest,
        (plating - above) * rest,
        dead * rest,
        (below + above) * rest,
    )


@jit
def mixture_of(parts: tuple[float, ...]) -> tuple[float, ...]:
    """Return the shares of the seven phases: dead dendrites are dendrites, casing is background."""
    background, dendrite = parts[0] + parts[CASING], parts[1] + parts[DEAD]
    return (background, dendrite, parts[2], parts[3], parts[4], parts[5], parts[6])


@jit
def largest_of(shares: tuple[float, ...]) -> int:
    """Return the phase of the largest share, the first of equal ones."""
    best = 0
    for phase in range(1, PHASES):
        if shares[phase] > shares[best]:
            best = phase
    return best


@jit
def interphase_at(cell: Cell, look: Look, z: float, y: float, x: float) -> float:
    """Return the grey value that the thin interphase adds at a point: on both electrodes, but not over open pits."""
    v, u = y + cell.rim, x + cell.rim
    bottom, slope = height_at(cell.maps, ELECTRODE, v, u)
    mouth, _ = height_at(cell.maps, PIT, v, u)
    touching = max(1.0 - (mouth - bottom), 0.0)
    total = touching * line_at(z - bottom, slope, look.interphase_width)
    height, slope = height_at(cell.maps, PLATING, v, u)
    return look.interphase * (total + line_at(z - height, slope, look.interphase_width))


@jit
def line_at(distance: float, slope: float, width: float) -> float:
    """Return the strength of a thin line at a distance along z from a surface of some slope."""
    distance /= width * math.sqrt(1.0 + slope * slope)
    return math.exp(-distance * distance) if abs(distance) < FADED else 0.0


@jit
def grey_at(cell: Cell, look: Look, z: float, y: float, x: float) -> float:
    """Return the grey value of the sample at a point, before the scanner spoils it."""
    parts = parts_at(cell, z, y, x)
    shares = mixture_of(parts)
    grey = 0.0
    for phase in range(PHASES):
        grey += shares[phase] * look.grey[phase]
    grey += parts[CASING] * (look.casing - look.grey[0])
    moss = look.texture * (2 * shares[1] + shares[3] + shares[4])
    if moss > 0:
        length = look.texture_length
        grey += moss * noise_at(cell.seed + np.uint64(5), z / length, y / length, x / length)
    length = look.mottle_length
    mottle = look.mottle * (shares[0] + shares[5] + shares[6])
    grey += mottle * noise_at(cell.seed + np.uint64(6), z / length, y / length, x / length)
    grey += interphase_at(cell, look, z, y, x)
    inclusion, number = inclusion_at(cell, z, y, x)
    contrast = (look.inclusion - look.grey[0]) * (0.8 + 0.4 * number)
    return float(grey + inclusion * contrast)


@jit
def place(placement: Placement, z: float, y: float, x: float) -> tuple[float, float, float]:
    """Return the point of the sample seen at a point of the scan."""
    a, w = placement.inverse, placement.warp
    rz = a[0, 0] * z + a[0, 1] * y + a[0, 2] * x + a[0, 3]
    ry = a[1, 0] * z + a[1, 1] * y + a[1, 2] * x + a[1, 3]
    rx = a[2, 0] * z + a[2, 1] * y + a[2, 2] * x + a[2, 3]
    v = (ry - placement.middle[1]) / placement.half[1]
    u = (rx - placement.middle[2]) / placement.half[2]
    first, second, third = v * v - 1 / 3, u * u - 1 / 3, v * u
    return (
        rz - w[0, 0] * first - w[0, 1] * second - w[0, 2] * third,
        ry - w[1, 0] * first - w[1, 1] * second - w[1, 2] * third,
        rx - w[2, 0] * first - w[2, 1] * second - w[2, 2] * third,
    )


@jit
def scanner_at(look: Look, z: int, y: int, x: int) -> float:
    """Return what noise and rings add to a voxel of the scan."""
    radius = math.hypot(y - look.ring_y, x - look.ring_x)
    ring = noise_at(look.seed + np.uint64(1), z / RING_LENGTH, 0.0, radius / RING_WIDTH)
    return look.noise * normal_at(look.seed, z, y, x) + look.ring * ring * abs(ring)


@jit
def fill_grey(
    out: NDArray[np.uint16], first: tuple[int, int, int], cell: Cell, placement: Placement, look: Look
) -> None:
    """Fill ``out`` (Z, Y, X) with the scan from voxel ``first`` on."""
    for k in range(out.shape[0]):
        for j in range(out.shape[1]):
            for i in range(out.shape[2]):
                z, y, x = first[0] + k, first[1] + j, first[2] + i
                p, q, r = place(placement, float(z), float(y), float(x))
                grey = grey_at(cell, look, p, q, r) + scanner_at(look, z, y, x)
                out[k, j, i] = np.uint16(min(max(grey + 0.5, 0.0), 65535.0))


@jit
def fill_phases(out: NDArray[np.uint8], first: tuple[int, int, int], cell: Cell) -> None:
    """Fill ``out`` (Z, Y, X) with the phase of the largest share at each voxel centre of the sample frame."""
    for k in range(out.shape[0]):
        for j in range(out.shape[1]):
            for i in range(out.shape[2]):
                parts = parts_at(cell, float(first[0] + k), float(first[1] + j), float(first[2] + i))
                out[k, j, i] = largest_of(mixture_of(parts))


@jit
def sum_shares(
    totals: NDArray[np.float64], first: tuple[int, int, int], size: tuple[int, int, int], cell: Cell
) -> None:
    """Add up the shares of each phase, plane by plane, into ``totals`` (Z, 7), in voxels."""
    for k in range(size[0]):
        for j in range(size[1]):
            for i in range(size[2]):
                shares = mixture_of(parts_at(cell, float(first[0] + k), float(first[1] + j), float(first[2] + i)))
                for phase in range(PHASES):
                    totals[k, phase] += shares[phase]


@jit
def sum_dead(totals: NDArray[np.float64], first: tuple[int, int, int], size: tuple[int, int, int], cell: Cell) -> None:
    """Add up dead dendrites into ``totals`` (2,): their shares, and the voxels that count as theirs."""
    for k in range(size[0]):
        for j in range(size[1]):
            for i in range(size[2]):
                parts = parts_at(cell, float(first[0] + k), float(first[1] + j), float(first[2] + i))
                totals[0] += parts[DEAD]
                if parts[DEAD] > parts[1] and largest_of(mixture_of(parts)) == 1:
                    totals[1] += 1.0
