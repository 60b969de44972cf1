"""The record of a registration: what ``registration.json`` holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from tomocell.errors import BadInput, Fault
from tomocell.registration import transforms
from tomocell.registration.deformation import Residuals
from tomocell.settings.base import Frozen

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from tomocell.volumes.volume import Volume

Vector = tuple[float, float, float]
Row = tuple[float, float, float, float]
Matrix = tuple[Row, Row, Row, Row]
VECTORS = (("centre", "um"), ("rotation", "deg"), ("displacement", "um"), ("residual", "um"))
PLAIN = ("residual_voxels", "correlation_before", "correlation_after", "agreement", "found", "kept")
COLUMNS = ["subvolume", *(f"{name}_{axis}_{unit}" for name, unit in VECTORS for axis in "zyx"), *PLAIN]
FIELD = ("centre_um", "residual_um")
IDENTITY: Matrix = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))


class SubvolumeRecord(Frozen):
    """What one sub-volume says."""

    centre_um: Vector = Field(description="Its centre in the reference frame, (Z, Y, X).")
    start_voxels: tuple[int, int, int] = Field(description="Its first voxel in the reference scan.")
    size_voxels: tuple[int, int, int] = Field(description="Its size.")
    matrix: Matrix = Field(description="Its own motion, reference to moving scan, um.")
    rotation_deg: Vector = Field(description="Rotation vector of that motion, components (Z, Y, X).")
    displacement_um: Vector = Field(description="Where that motion takes its centre.")
    correlation_before: float | None = Field(description="With the moving scan as it lies; null: no overlap.")
    correlation_after: float | None = Field(description="After its own motion.")
    agreement: float = Field(description="Correlation of the gradients in the direction where it is least, after.")
    iterations: int = Field(description="Steps of the fit.")
    converged: bool = Field(description="Whether the fit came to rest.")
    found: bool = Field(description="Whether the moving scan holds this sub-volume at all.")
    kept: bool = Field(description="Whether it counts in the merged motion.")
    residual_um: Vector = Field(description="Its centre's displacement less that of the merged motion.")
    residual_voxels: float = Field(description="Length of that, in voxels of the finest edge.")


class ChainRecord(Frozen):
    """How a scan was reached over its neighbour in time."""

    neighbour: str = Field(description="The scan that it was fitted to.")
    matrix: Matrix = Field(description="Takes points of the neighbour to points of the scan, um.")
    links: int = Field(description="Fits from the reference to this scan.")
    drift_voxels: float | None = Field(
        description="Largest distance, over the corners of the region of interest, of the composed motion from the one "
        "fitted directly to the reference, in voxels of the finest edge; null where the direct fit is not believed."
    )
    direct_correlation: float | None = Field(description="Of the sub-volumes after the direct fit.")
    direct_reasons: tuple[str, ...] = Field((), description="Why the direct fit is not believed.")


class Registration(Frozen):
    """How a scan lies in relation to the reference."""

    registered: bool = Field(description="Whether the result is believed.")
    reasons: tuple[str, ...] = Field((), description="Why it is not.")
    warnings: tuple[str, ...] = Field((), description="What should be known of a result that is believed.")
    engine: str = Field(description="What fitted.")
    matrix: Matrix = Field(
        description="Takes a point (z, y, x, 1) in um of the reference frame to the same point in the moving scan; "
        "origin of both: the centre of voxel (0, 0, 0) of the whole scan."
    )
    level_matrix: Matrix = Field(
        IDENTITY,
        description="Takes a point of the reference frame to the same point in the reference scan: other than the "
        "identity where the frame was turned so that the layers lie across z. The matrix holds it.",
    )
    rotation_deg: Vector = Field(description="Rotation vector of the matrix, components (Z, Y, X), right-handed.")
    translation_um: Vector = Field(description="Shift of the matrix: where it takes the origin.")
    centre_um: Vector = Field(description="The common centre of the sub-volumes kept.")
    displacement_um: Vector = Field(description="Where the matrix takes that centre, less the centre.")
    voxel_size_um: Vector = Field(description="Voxel of the reference.")
    correlation_before: float | None = Field(description="Of all sub-volumes together, moving scan as it lies.")
    correlation_after: float | None = Field(description="The same after the merged motion.")
    agreement: float = Field(description="Correlation of their gradients in the direction where it is least, after.")
    significance: float | None = Field(
        None, description="Distance of that agreement from what chance gives, in standard deviations of chance."
    )
    determinacy: dict[str, float] = Field(
        {},
        description="Share of the agreement lost where the motion is off by 8 voxels, by direction: 0 leaves it open.",
    )
    largest_residual_voxels: float = Field(description="Largest residual of a sub-volume found.")
    rms_residual_voxels: float = Field(description="Root mean square residual of the sub-volumes kept.")
    deforms: bool = Field(description="Whether the sample deforms: the largest residual is over the warning's limit.")
    start_matrix: Matrix = Field(IDENTITY, description="The coarse start.")
    correction: str = Field("none", description="Smooth correction added to the matrix when the scan was resampled.")
    chain: ChainRecord | None = Field(None, description="How it was reached over its neighbour; null: directly.")
    subvolumes: tuple[SubvolumeRecord, ...] = Field((), description="One entry for each.")

    def to_json_dict(self) -> dict[str, Any]:
        """Return what ``registration.json`` holds."""
        return self.model_dump(mode="json")

    @property
    def motion(self) -> NDArray[np.float64]:
        """The matrix from the reference scan to the moving scan, without the levelling of the frame."""
        return np.asarray(self.matrix) @ transforms.invert(self.level_matrix)

    def levelled(self, level: NDArray[np.float64]) -> Registration:
        """Return the same result for a frame that ``level`` takes to the reference scan."""
        centre = transforms.apply(transforms.invert(level), self.centre_um)
        return self.moved_by(self.motion @ level, centre, level_matrix=matrix_rows(level))

    def moved_by(self, matrix: NDArray[np.float64], centre_um: ArrayLike, **changes: Any) -> Registration:  # noqa: ANN401
        """Return the record with another matrix and common centre, what follows from them, and other ``changes``."""
        follows = {
            "matrix": matrix_rows(matrix),
            "rotation_deg": rotation_of(matrix),
            "translation_um": vector(matrix[:3, 3]),
            "centre_um": vector(centre_um),
            "displacement_um": vector(transforms.displacement(matrix, centre_um)),
        }
        return self.model_copy(update=follows | changes)

    def table(self) -> pd.DataFrame:
        """Return one row per sub-volume: where it lies, its own motion, and what that says beside the merged one."""
        import pandas as pd

        return pd.DataFrame(
            [_row(number, part) for number, part in enumerate(self.subvolumes, start=1)], columns=COLUMNS
        )

    def residuals(self) -> Residuals:
        """Return what the sub-volumes that were found say beside the rigid motion."""
        found = [part for part in self.subvolumes if part.found]
        sizes = np.array([part.size_voxels for part in found]).reshape(-1, 3) * np.array(self.voxel_size_um)
        centres, moved = (np.array([getattr(part, name) for part in found]).reshape(-1, 3) for name in FIELD)
        return Residuals(centres, moved, sizes)

    @classmethod
    def of_reference(cls, volume: Volume) -> Registration:
        """Return the record of the reference itself: it lies where it lies."""
        zero, size = (0.0, 0.0, 0.0), volume.size
        centre = vector((np.array(volume.shape) - 1) / 2 * np.array(size))
        return cls(
            registered=True,
            engine="reference",
            matrix=IDENTITY,
            rotation_deg=zero,
            translation_um=zero,
            centre_um=centre,
            displacement_um=zero,
            voxel_size_um=size,
            correlation_before=1.0,
            correlation_after=1.0,
            agreement=1.0,
            largest_residual_voxels=0.0,
            rms_residual_voxels=0.0,
            deforms=False,
        )


class NotRegistered(BadInput):
    """A scan that did not register, with the record that says why."""

    def __init__(self, name: str, registration: Registration) -> None:
        self.name, self.registration = name, registration
        remedy = (
            "check that it is a scan of the same sample; give sub-volumes that are there at every timestep "
            "(subvolume_centres_voxels), widen start_search_deg, or leave the scan out with on_failure: flag"
        )
        super().__init__(Fault(name, "; ".join(registration.reasons), "a scan that registers on the reference", remedy))

    def __reduce__(self) -> tuple[type[NotRegistered], tuple[str, Registration]]:  # type: ignore[override]
        return (NotRegistered, (self.name, self.registration))


def _row(number: int, part: SubvolumeRecord) -> dict[str, Any]:
    row: dict[str, Any] = {"subvolume": number}
    for name, unit in VECTORS:
        values = getattr(part, f"{name}_{unit}")
        row |= {f"{name}_{axis}_{unit}": value for axis, value in zip("zyx", values, strict=True)}
    return row | {name: getattr(part, name) for name in PLAIN}


def vector(values: ArrayLike) -> Vector:
    """Return three numbers as a record keeps them."""
    z, y, x = (float(value) for value in np.asarray(values))
    return (z, y, x)


def matrix_rows(matrix: NDArray[np.float64]) -> Matrix:
    """Return a 4 x 4 matrix as a record keeps it."""
    rows = [(float(a), float(b), float(c), float(d)) for a, b, c, d in matrix]
    return (rows[0], rows[1], rows[2], rows[3])


def rotation_of(matrix: NDArray[np.float64]) -> Vector:
    """Return the rotation vector of a motion in degrees."""
    return vector(transforms.rotation_deg(matrix))
