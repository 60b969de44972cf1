"""What the made-up cell is like: size, electrochemistry, features, motion, picture."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from tomocell.phantoms.cell.chronology import faraday_um
from tomocell.settings.base import Frozen

Count = Annotated[int, Field(ge=1)]
Index = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class ScanSettings(Frozen):
    """What the instrument sees."""

    scale: Count = Field(
        1,
        description="The whole cell this many times as large along every axis: scan, margins, electrodes and layers of "
        "inclusions; films, pits and dendrites keep their size, so that there are more of them.",
    )
    shape: tuple[Count, Count, Count] = Field((112, 144, 144), description="Voxels of a scan along (Z, Y, X).")
    roi_margin_voxels: tuple[Index, Index, Index] = Field(
        (8, 8, 8), description="Rim of the reference scan outside the ROI; must exceed every displacement."
    )
    voxel_size_um: float = Field(1.33, gt=0, description="Edge of a voxel, um.")
    seed: int = Field(7, ge=0, description="Seed of everything random; the same seed gives the same bytes.")


class ElectrochemistrySettings(Frozen):
    """One cycle of a symmetric lithium cell: charge, then discharge, in equal current periods."""

    current_ma: float = Field(0.75, gt=0, description="Current while it flows, mA.")
    period_min: float = Field(10, gt=0, description="Length of a current period, min; rests do not count.")
    rest_min: float = Field(
        0,
        ge=0,
        description="Rest after each period with the scan in its middle, min; 0: times are minutes of current, and "
        "there is no cycling curve.",
    )
    periods_per_half_cycle: int = Field(12, ge=1, description="Current periods of the charge, and of the discharge.")
    periods_between_scans: int = Field(6, ge=1, description="Current periods from one scan to the next.")
    active_area_cm2: float = Field(0.5, gt=0, description="Area that the current spreads over, cm2.")
    capacity_ratio: float = Field(
        0.95, gt=0, le=2, description="Visible lithium over lithium by Faraday's law, on the side that it is plated on."
    )
    capacity_ratio_end: float | None = Field(
        None, gt=0, le=2, description="The same at the end of the cycle, reached evenly in time; null: it stays."
    )

    @model_validator(mode="after")
    def _scan_at_half_cycle(self) -> Self:
        if self.periods_per_half_cycle % self.periods_between_scans:
            msg = (
                f"periods_between_scans {self.periods_between_scans} does not divide periods_per_half_cycle "
                f"{self.periods_per_half_cycle}; expected a divisor, so that a scan falls on the half cycle"
            )
            raise ValueError(msg)
        return self


class FeatureSettings(Frozen):
    """What grows and shrinks in the cell, and what stays."""

    stripping_electrode_um: float = Field(33.25, gt=0, description="Pristine stripping electrode in the ROI, um.")
    plating_electrode_um: float = Field(22.6, gt=0, description="Plating electrode in the ROI, um.")
    casing_um: float = Field(
        0, ge=0, description="Casing in the ROI beyond each electrode, um, once swollen; 0: the electrodes go on."
    )
    swelling_um: float = Field(
        0,
        ge=0,
        description="Way of the plating electrode over the charge, away from the stripping one, um; it stays there.",
    )
    roughness_um: float = Field(0.7, ge=0, description="Standard deviation of the electrodes' surfaces, um.")
    roughness_length_um: float = Field(16.0, gt=0, description="Length over which surfaces and films vary, um.")
    film_roughness_um: float = Field(0.9, ge=0, description="Standard deviation of the deposited thickness, um.")
    deposited_left_share: Share = Field(0.01, description="Deposited lithium left after the full cycle.")
    dendrite_share: Share = Field(0.1, description="Part of the plated lithium that becomes dendrites.")
    dendrite_left_share: Share = Field(0.4, description="Height of a dendrite left after the full cycle, mean.")
    dendrite_radius_um: float = Field(7.5, gt=0, description="Radius of a dendrite at its foot, um.")
    dendrite_spacing_um: float = Field(25.0, gt=0, description="Mean distance of dendrites, um.")
    dendrites_apart: bool = Field(False, description="Leave out dendrites that stand too near others to tell apart.")
    dead_share: Share = Field(
        0.0, description="Chance of a dendrite that stands alone to lose contact in the first half of the discharge."
    )
    dead_gap_um: float = Field(4.0, gt=0, description="Gap that opens at the root of such a dendrite, um.")
    pit_share: Share = Field(0.2, description="Part of the stripped lithium that is taken from pits.")
    pit_radius_um: float = Field(11.5, gt=0, description="Radius of a pit at its mouth, um.")
    pit_spacing_um: float = Field(26.0, gt=0, description="Mean distance of pits, um.")
    inclusion_share: Share = Field(0.4, description="Share of the cells of two lattices that hold an inclusion.")
    inclusion_spacing_um: float = Field(14.6, gt=0, description="Edge of those cells, um.")
    inclusion_radius_um: tuple[float, float] = Field((2.1, 4.3), description="Smallest and largest semi-axis, um.")
    inclusion_gap_um: float = Field(2.0, ge=0, description="Distance of inclusions from the stripping electrode, um.")
    inclusion_layers: int = Field(2, ge=0, description="Layers of cells along the electrode normal.")


class MotionSettings(Frozen):
    """How the sample moves and warps from scan to scan; the reference scan does neither."""

    reference_index: int = Field(-1, description="Timestep whose frame is the sample's; negative counts from the end.")
    max_translation_um: float = Field(4.0, ge=0, description="Largest shift of a scan, um.")
    max_rotation_deg: float = Field(1.5, ge=0, le=10, description="Largest rotation about the scan's centre, degrees.")
    nonrigid_um: float = Field(0.133, ge=0, description="Largest displacement in the ROI beside the rigid one, um.")


class PictureSettings(Frozen):
    """Grey values of the 16-bit picture and what spoils it."""

    grey_electrolyte: float = Field(34000.0, description="Grey value of the electrolyte.")
    grey_dendrite: float = Field(29900.0, description="Mean grey value of dendrites.")
    grey_film: float = Field(27800.0, description="Mean grey value of deposited and redeposited lithium.")
    grey_electrode: float = Field(24400.0, description="Mean grey value of the electrodes.")
    grey_pit: float = Field(18800.0, description="Grey value of pits.")
    grey_casing: float = Field(40500.0, description="Grey value of the casing.")
    grey_inclusion: float = Field(43000.0, description="Mean grey value of inclusions; contrasts vary by a fifth.")
    interphase_grey: float = Field(2600.0, description="Grey added along the thin interphase on the electrodes.")
    interphase_um: float = Field(0.9, gt=0, description="Half width of that interphase, um.")
    texture_grey: float = Field(850.0, ge=0, description="Mossy texture of films; twice as strong in dendrites.")
    texture_um: float = Field(3.5, gt=0, description="Grain of that texture, um.")
    mottle_grey: float = Field(500.0, ge=0, description="Coarse mottle of electrodes and electrolyte.")
    mottle_um: float = Field(10.0, gt=0, description="Grain of that mottle, um.")
    noise_grey: float = Field(1300.0, ge=0, description="Standard deviation of the noise of a voxel.")
    ring_grey: float = Field(300.0, ge=0, description="Strength of ring artefacts, which turn about an axis along z.")
    edge_voxels: float = Field(1.3, gt=0, description="Width of the ramp from one material to the next, voxels.")


class CellSettings(ScanSettings, ElectrochemistrySettings, FeatureSettings, MotionSettings, PictureSettings):
    """The made-up cell."""

    @property
    def roi_start(self) -> tuple[int, int, int]:
        """First voxel of the ROI in the reference scan."""
        return self.roi_margin_voxels

    @property
    def roi_size(self) -> tuple[int, int, int]:
        """Voxels of the ROI along (Z, Y, X)."""
        z, y, x = (size - 2 * rim for size, rim in zip(self.shape, self.roi_margin_voxels, strict=True))
        return (z, y, x)

    @property
    def roi_area_um2(self) -> float:
        """Area of the ROI along the electrodes."""
        return self.roi_size[1] * self.roi_size[2] * self.voxel_size_um**2

    def scaled(self) -> Self:
        """Return the settings of the cell that ``scale`` makes of this one; their own scale is 1."""
        factor = self.scale
        sizes = {name: tuple(factor * size for size in getattr(self, name)) for name in ("shape", "roi_margin_voxels")}
        thick = ("stripping_electrode_um", "plating_electrode_um", "casing_um", "inclusion_layers")
        return self.model_copy(update=sizes | {name: factor * getattr(self, name) for name in thick} | {"scale": 1})

    def capacity_ratio_after(self, periods: int) -> float:
        """Return the visible over the electrochemical lithium after so many current periods of the cycle."""
        if self.capacity_ratio_end is None:
            return self.capacity_ratio
        share = periods / (2 * self.periods_per_half_cycle)
        return self.capacity_ratio + (self.capacity_ratio_end - self.capacity_ratio) * share

    def voxels(self, length_um: float) -> float:
        """Return a length in voxels."""
        return length_um / self.voxel_size_um

    @model_validator(mode="after")
    def _roi_exists(self) -> Self:
        if min(self.roi_size) < 1:
            msg = f"roi_margin_voxels {self.roi_margin_voxels} leaves nothing of shape {self.shape}; make it smaller"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _swells_into_casing(self) -> Self:
        if self.swelling_um and not self.casing_um:
            msg = f"swelling_um {self.swelling_um:g} without casing_um; expected a casing that shows the outer faces"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _layers_fit(self) -> Self:
        moved = faraday_um(self, self.periods_per_half_cycle)
        half = self.roi_size[0] * self.voxel_size_um / 2
        ratio = max(self.capacity_ratio, self.capacity_ratio_end or 0)
        stripping = self.casing_um + self.stripping_electrode_um + max(ratio - 1, 0) * moved
        plating = self.casing_um + self.swelling_um + self.plating_electrode_um + ratio * moved
        if self.stripping_electrode_um <= moved:
            msg = f"stripping_electrode_um {self.stripping_electrode_um:g} is stripped away: expected over {moved:g}"
            raise ValueError(msg)
        if max(stripping, plating) >= half:
            msg = f"a side grows to {max(stripping, plating):g} um; expected under half the ROI's depth, {half:g} um"
            raise ValueError(msg)
        return self
