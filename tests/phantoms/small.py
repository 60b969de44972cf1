"""A small cell for tests: the demo's, seen through a smaller window and moved less."""

from __future__ import annotations

from typing import Any

from tomocell.phantoms.lithium import Scene, Settings, scenes

SMALL: dict[str, Any] = {
    "shape": (104, 60, 68),
    "roi_margin_voxels": (4, 5, 6),
    "max_translation_um": 1.6,
    "max_rotation_deg": 0.6,
}


def small(**changes: Any) -> Settings:
    return Settings(**{**SMALL, **changes})


def scene(settings: Settings, index: int) -> Scene:
    return list(scenes(settings))[index]
