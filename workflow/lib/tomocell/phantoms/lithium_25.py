"""The full cycle of an operando lithium cell in 25 scans, with all that a real one does: swelling, dead lithium, voids.

The schedule is that of Huang et al. 2023 (doi:10.1038/s41524-023-01039-y): 24 periods of 10 min at 1.5 mA/cm2 on
0.5 cm2, each followed by about 20 min of rest with a scan in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from tomocell.phantoms import lithium
from tomocell.phantoms.cell.settings import Count, Index, Share  # noqa: TC001


class Settings(lithium.Settings):
    """A lithium cell over one cycle of 25 timesteps; the settings are those of ``lithium`` with other defaults."""

    series: str = Field(
        "lithium-25", pattern=r"^[A-Za-z0-9_-]+$", description="Name of the series in the sample sheet."
    )
    shape: tuple[Count, Count, Count] = Field((128, 144, 144), description="Voxels of a scan along (Z, Y, X).")
    roi_margin_voxels: tuple[Index, Index, Index] = Field(
        (8, 8, 8), description="Rim of the reference scan outside the ROI; must exceed every displacement."
    )
    rest_min: float = Field(20, ge=0, description="Rest after each period with the scan in its middle, min.")
    periods_between_scans: int = Field(1, ge=1, description="Current periods from one scan to the next.")
    capacity_ratio_end: float | None = Field(
        0.6, gt=0, le=2, description="Visible over electrochemical lithium at the end of the cycle."
    )
    casing_um: float = Field(8.0, ge=0, description="Casing in the ROI beyond each electrode, um, once swollen.")
    swelling_um: float = Field(6.0, ge=0, description="Way of the plating electrode over the charge, um.")
    dendrites_apart: bool = Field(True, description="Leave out dendrites that stand too near others to tell apart.")
    dead_share: Share = Field(
        0.4, description="Chance of a dendrite that stands alone to lose contact in the first half of the discharge."
    )
    annotated_timesteps: tuple[int, ...] = Field(
        (0, 1, 3, 6, 9, 12, 14, 16, 19, 22, 24), description="Timesteps with sparse labels, counted from 0."
    )
    study: str | None = Field(
        None, description="Study to write beside the sheet as study.yaml, its voxel numbers scaled as the cell is."
    )
    annotated_planes: Annotated[int, Field(ge=1)] = Field(
        16, description="Labelled x-z cross-sections in each of them, evenly spread over the ROI."
    )


def synthesize(settings: Settings, out: Path) -> None:
    """Write the series to ``out`` as ``lithium.synthesize`` does, with ``study.yaml`` where a study is given.

    Raises:
        BadInput: If ``out`` holds anything but an earlier phantom, the settings cannot work, or the study is none.
    """
    import yaml

    from tomocell.phantoms.scaled_study import read_page, scaled_page
    from tomocell.volumes.publish import write_text_atomically

    page = None if settings.study is None else scaled_page(read_page(Path(settings.study)), settings.scale)
    lithium.synthesize(settings, out)
    if page is not None:
        write_text_atomically(out / "study.yaml", yaml.safe_dump(page, sort_keys=False))
