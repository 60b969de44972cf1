"""Random numbers that belong to places, compiled: hashes of lattice points, smooth noise, normal deviates.

Numba's cache does not notice changes in another file: whoever changes a number here, clears the caches of ``kernels``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numba import njit

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_A = np.uint64(0xBF58476D1CE4E5B9)
MIX_B = np.uint64(0x94D049BB133111EB)
PRIME_Y = np.uint64(0xC2B2AE3D27D4EB4F)
PRIME_X = np.uint64(0x165667B19E3779F9)
UNIT = 1.0 / 9007199254740992.0  # 2**-53
ROOT_12 = math.sqrt(12.0)
F = TypeVar("F", bound=Callable[..., object])


def jit(function: F) -> F:
    """Compile a function, keep the result on disk, and let threads run it side by side."""
    compiled: F = njit(cache=True, nogil=True, error_model="numpy")(function)
    return compiled


@jit
def scramble(state: np.uint64) -> np.uint64:
    """Return well-mixed bits of a counter (the finaliser of SplitMix64, doi:10.1145/2714064.2660195)."""
    state = (state ^ (state >> np.uint64(30))) * MIX_A
    state = (state ^ (state >> np.uint64(27))) * MIX_B
    return state ^ (state >> np.uint64(31))


@jit
def hash_of(seed: np.uint64, z: int, y: int, x: int) -> np.uint64:
    """Return random bits that belong to a lattice point."""
    state = scramble(seed + GOLDEN * np.uint64(z))
    state = scramble(state + PRIME_Y * np.uint64(y))
    return scramble(state + PRIME_X * np.uint64(x))


@jit
def uniform(bits: np.uint64) -> float:
    """Return a number in [0, 1) from random bits."""
    return np.float64(bits >> np.uint64(11)) * UNIT


@jit
def noise_at(seed: np.uint64, z: float, y: float, x: float) -> float:
    """Return smooth noise of zero mean and unit variance at a point of the unit lattice."""
    k, j, i = math.floor(z), math.floor(y), math.floor(x)
    fz, fy, fx = z - k, y - j, x - i
    total, power = 0.0, 0.0
    for dz in range(2):
        wz = fz if dz else 1.0 - fz
        for dy in range(2):
            wy = wz * (fy if dy else 1.0 - fy)
            for dx in range(2):
                weight = wy * (fx if dx else 1.0 - fx)
                total += weight * (uniform(hash_of(seed, int(k) + dz, int(j) + dy, int(i) + dx)) - 0.5)
                power += weight * weight
    return total * ROOT_12 / math.sqrt(power)


@jit
def normal_at(seed: np.uint64, z: int, y: int, x: int) -> float:
    """Return a normal deviate that belongs to a voxel (Box and Muller, doi:10.1214/aoms/1177706645)."""
    bits = hash_of(seed, z, y, x)
    first = (np.float64(bits >> np.uint64(32)) + 1.0) / 4294967296.0
    second = np.float64(bits & np.uint64(0xFFFFFFFF)) / 4294967296.0
    return math.sqrt(-2.0 * math.log(first)) * math.cos(2.0 * math.pi * second)
