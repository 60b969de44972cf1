"""What the keys of records are called: a unit ends the name, and an uncertainty stands beside its number."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

# As keys write them, and as a page prints them.
UNITS = {
    "nm": "nm", "um": "µm", "um2": "µm²", "um3": "µm³", "mm": "mm", "mm2": "mm²", "mm3": "mm³", "cm2": "cm²",
    "percent": "%", "deg": "°", "mah": "mAh", "ma": "mA", "min": "min", "h": "h", "s": "s", "period": "period",
    "voxel": "voxel", "voxels": "voxels", "mg": "mg", "mb": "MB", "v": "V", "mv": "mV",
}  # fmt: skip
MINUTES_FOLLOW = {"time", "period", "current", "duration", "rest", "runtime"}  # elsewhere 'min' is a minimum
UNCERTAINTY = "uncertainty"


def uncertainty_key(key: str) -> str:
    """Return the key that holds the standard uncertainty of ``key``: ``x_um`` -> ``x_uncertainty_um``."""
    parts = key.split("_")
    start, _ = find_unit(parts)
    return "_".join([*parts[:start], UNCERTAINTY, *parts[start:]])


def is_uncertainty(key: str, keys: Collection[str]) -> bool:
    """Tell whether ``key`` is the uncertainty of another of ``keys``."""
    parts = key.split("_")
    if UNCERTAINTY not in parts:
        return False
    parts.remove(UNCERTAINTY)
    return "_".join(parts) in keys


def find_unit(parts: list[str]) -> tuple[int, int]:
    """Return where the unit stands among the parts of a key; an empty span at the end where there is none."""
    for index in range(len(parts) - 1, -1, -1):
        if _is_unit(parts, index):
            return _with_denominator(parts, index), index + 1
    return len(parts), len(parts)


def _is_unit(parts: list[str], index: int) -> bool:
    part = parts[index]
    if part not in UNITS or (index == 0 and len(parts) > 1):
        return False
    if part == "min":
        before = [word for word in parts[:index] if word != UNCERTAINTY]
        return not before or before[-1] in MINUTES_FOLLOW
    return part != "period" or parts[index - 1] == "per"


def _with_denominator(parts: list[str], index: int) -> int:
    if index < 1 or parts[index - 1] != "per":
        return index
    over_unit = index > 1 and parts[index - 2] in UNITS
    return index - 2 if over_unit else index - 1
