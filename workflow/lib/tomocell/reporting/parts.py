"""The parts of the page and the order of their chapters: a story from the scans to how they were measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tomocell.reporting.content import Section

MEASUREMENTS = "Measurements"
PARTS = {
    "The cell": ("scans", "slices", "renderings"),
    "Amounts": ("analysis-class_volumes", "analysis-effective_thickness", "analysis-rates"),
    "Charge": ("analysis-faraday", "analysis-travelling_lithium"),
    "Seen from above": (
        "analysis-occupancy", "maps", "analysis-colocalisation", "analysis-colocalisation_lag",
        "analysis-current_density",
    ),
    "Electrodes, pits and voids": (
        "analysis-electrode_gap", "analysis-swelling", "analysis-unfilled_pits", "analysis-voids",
        "analysis-travelling_map", "analysis-electrolyte_voids",
    ),
    "Dendrites": ("analysis-dendrites", "analysis-dendrite_history", "analysis-dead_lithium"),
    MEASUREMENTS: (),  # every chapter that no other part names
    "How it was measured": ("registration", "model", "evaluation", "truth", "appendix"),
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """Chapters under one heading of the table of contents."""

    name: str
    sections: tuple[Section, ...]


def group(sections: Sequence[Section]) -> list[Part]:
    """Return the chapters in parts; those that no part names keep their order under "Measurements"."""
    known = {section.id: section for section in sections}
    named = {name for names in PARTS.values() for name in names}
    parts = []
    for part, names in PARTS.items():
        chosen = [known[name] for name in names if name in known]
        chosen += [section for section in sections if section.id not in named] if part == MEASUREMENTS else []
        if chosen:
            parts.append(Part(part, tuple(chosen)))
    return parts
