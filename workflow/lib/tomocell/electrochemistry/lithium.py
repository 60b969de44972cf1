"""The lithium that a charge moves: m = Q / 3860 mAh/g, V = m / 0.534 g/cm3.

Source: Huang et al. 2023, doi:10.1038/s41524-023-01039-y, Supplementary Note 3.
"""

from __future__ import annotations

LITHIUM_CAPACITY_MAH_PER_G = 3860.0
LITHIUM_DENSITY_G_PER_CM3 = 0.534
UM3_PER_CM3 = 1e12


def faraday_volume_um3(charge_mah: float) -> float:
    """Return the volume of lithium that a charge plates, um3: 0.125 mAh give 6.0643e7 um3."""
    return charge_mah / LITHIUM_CAPACITY_MAH_PER_G / LITHIUM_DENSITY_G_PER_CM3 * UM3_PER_CM3
