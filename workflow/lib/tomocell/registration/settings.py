"""Settings of the registration: where to look, how to fit, when to believe it, what to write."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tomocell.settings.base import Frozen

Triple = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]
Edge = Annotated[int, Field(ge=16)]


class StartSettings(Frozen):
    """The coarse start on a reduced pair."""

    start_reduction: int = Field(4, ge=1, description="Voxels averaged along the finest axis for the coarse start.")
    start_voxels: int = Field(
        1 << 24, ge=1 << 12, description="Most voxels of a reduced scan; a larger one is cropped to its middle."
    )
    start_search_deg: float = Field(
        5.0, ge=0, le=30, description="Rotations tried where the start without one finds nothing; 0 tries none."
    )
    maximum_rotation_deg: float = Field(15.0, gt=0, description="Largest rotation that is believed.")
    maximum_translation_um: float | None = Field(
        None, gt=0, description="Largest displacement of the volume's middle that is believed; null sets no limit."
    )


class LevelSettings(Frozen):
    """Whether the frame of the reference is turned so that the layers of the sample lie across z."""

    level: Literal["none", "estimate", "given"] = Field(
        "none",
        description="Turn the reference's frame so that its layers lie across z: not, by a tilt that is estimated "
        "(planes fitted to the layers), or by the one given.",
    )
    tilt_deg: tuple[float, float] = Field(
        (0.0, 0.0), description="Tilt of the layers in z-y and in z-x sections of the reference (level: given)."
    )
    maximum_tilt_deg: float = Field(10.0, gt=0, le=30, description="Largest tilt that is estimated.")


class FollowSettings(Frozen):
    """Which scan each one is fitted to."""

    follow: Literal["reference", "neighbour"] = Field(
        "reference",
        description="Fit each scan to the reference, or to its neighbour in time towards the reference, whose motion "
        "is then composed with it: for samples that change too much over the series. The drift is reported.",
    )


class SubvolumeSettings(Frozen):
    """Which parts of the reference scan are fitted."""

    subvolume_count: int = Field(8, ge=1, description="Sub-volumes to choose.")
    subvolume_size_voxels: tuple[Edge, Edge, Edge] | None = Field(
        None, description="Size of a sub-volume along (Z, Y, X); null takes half the region of interest, at most 128."
    )
    subvolume_centres_voxels: tuple[Triple, ...] = Field(
        (), description="Centres of the sub-volumes in voxels of the reference scan; none given chooses them."
    )
    minimum_texture: float = Field(
        0.02, ge=0, lt=1, description="Least ratio of grey-value gradients in the weakest to the strongest direction."
    )


class FitSettings(Frozen):
    """The six-parameter fit of one sub-volume."""

    engine: Literal["gauss_newton", "simpleitk"] = Field(
        "gauss_newton", description="Our Gauss-Newton kernel, or SimpleITK: slower, an independent check."
    )
    metric: Literal["correlation", "mutual_information"] = Field(
        "correlation", description="What is maximised; mutual information (another modality) needs simpleitk."
    )
    pyramid: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (4, 2, 1), min_length=1, description="Reductions of the levels of the fit, coarsest first."
    )
    smoothing_voxels: float = Field(
        0.8, ge=0, description="Standard deviation of the smoothing of both scans before the fit (gauss_newton)."
    )
    robust: bool = Field(
        True, description="Give voxels that changed between the scans no weight: Tukey's biweight (gauss_newton)."
    )
    tolerance_voxels: float = Field(
        0.003, gt=0, description="The fit ends when a corner of the sub-volume moves less (gauss_newton)."
    )
    maximum_iterations: int = Field(40, ge=1, description="Most steps of a level.")
    margin_voxels: int = Field(12, ge=2, description="Read around a sub-volume in the moving scan.")

    @model_validator(mode="after")
    def _engine_knows_metric(self) -> Self:
        if self.metric == "mutual_information" and self.engine != "simpleitk":
            msg = f"engine {self.engine!r} maximises correlation only; expected 'simpleitk' for mutual_information"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _pyramid_ends_at_full_resolution(self) -> Self:
        if self.pyramid[-1] != 1 or list(self.pyramid) != sorted(set(self.pyramid), reverse=True):
            msg = f"pyramid {self.pyramid} must fall to 1; expected the like of (4, 2, 1)"
            raise ValueError(msg)
        return self


class AcceptSettings(Frozen):
    """When a result is believed, and when it is said loudly that the sample deforms."""

    minimum_agreement: float = Field(
        0.15,
        gt=0,
        lt=1,
        description="Least correlation of grey-value gradients, in the direction where it is worst, of a sub-volume "
        "that counts as found.",
    )
    minimum_significance: float = Field(
        12.0,
        gt=0,
        description="Least distance of the agreement of all sub-volumes together from what chance gives, in standard "
        "deviations of chance; scans of different samples reach up to 10.",
    )
    minimum_determinacy: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="Least share of the agreement that must be lost where the motion is off by 8 voxels, in the "
        "direction where least is lost: a round wall, layers or an extrusion leave a direction open.",
    )
    minimum_correlation: float = Field(0.05, ge=0, lt=1, description="Least correlation of all sub-volumes together.")
    minimum_kept_percent: float = Field(
        50.0, gt=0, le=100, description="Least part of the sub-volumes that must be found and agree."
    )
    outlier_floor_voxels: float = Field(
        0.25, gt=0, description="A sub-volume this close to the merged motion is never an outlier."
    )
    outlier_factor: float = Field(
        3.0, gt=1, description="Outliers lie further off than this many robust standard deviations (MAD x 1.4826)."
    )
    deformation_warning_voxels: float = Field(
        0.5, gt=0, description="A sub-volume that is found but lies further off means that the sample deforms."
    )
    maximum_residual_voxels: float = Field(
        2.0, gt=0, description="Largest root mean square distance of the sub-volumes kept from the merged motion."
    )
    on_failure: Literal["stop", "flag"] = Field(
        "stop", description="A scan that did not register stops the series, or is flagged and left out."
    )


class CorrectionSettings(Frozen):
    """What is done about a sample that deforms."""

    correction: Literal["none", "affine", "spline"] = Field(
        "none",
        description="Smooth correction beside the rigid motion, through the displacements of the sub-volumes that were "
        "found: an affine map, or a biharmonic spline.",
    )


class ResampleSettings(Frozen):
    """The one resampling."""

    interpolation: Literal["cubic", "linear"] = Field(
        "cubic", description="Cubic convolution (Keys) or trilinear; labels always take the nearest voxel."
    )
    roi_start_voxels: Triple = Field((0, 0, 0), description="First voxel of the region of interest in the reference.")
    roi_size_voxels: tuple[Edge, Edge, Edge] | None = Field(
        None, description="Its size along (Z, Y, X); null takes all that follows."
    )
    fill_value: float = Field(0.0, description="Grey value where the moving scan does not reach.")


class RegisterSettings(
    FollowSettings,
    LevelSettings,
    StartSettings,
    SubvolumeSettings,
    FitSettings,
    AcceptSettings,
    CorrectionSettings,
    ResampleSettings,
):
    """Into the frame of the reference timestep."""

    @model_validator(mode="after")
    def _corrects_against_the_reference(self) -> Self:
        if self.follow == "neighbour" and self.correction != "none":
            msg = (
                f"correction {self.correction!r} needs displacements against the reference, and follow: neighbour has "
                "those against the neighbour; expected correction: none, or follow: reference"
            )
            raise ValueError(msg)
        return self
