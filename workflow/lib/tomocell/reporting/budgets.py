"""What the pictures of a page may take: together, a third more in base64 and the rest of the page, below 20 MB."""

from __future__ import annotations

GREY_BYTES = 4_500_000
CLASS_BYTES = 2_000_000
MAP_BYTES = 2_400_000  # of the timesteps, over time
REGISTRATION_BYTES = 1_500_000
RENDERING_BYTES = 1_200_000
SERIES_MAP_BYTES = 300_000  # of one chapter of a series analysis
SERIES_CHAPTERS = 6  # that have maps: voids, unfilled pits, current density, travelling lithium and two more
