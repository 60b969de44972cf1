"""The SimpleITK engine: the same fit by another hand, on correlation or mutual information of all voxels.

Euler rotation about the patch's centre and a shift, by gradient descent with steps of regular length, on the same
pyramid. Tens of times slower than ``gauss_newton``; voxels that changed between the scans keep their weight.
Mutual information after Mattes et al., IEEE TMI 22 (2003), doi:10.1109/TMI.2003.809072.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.registration import transforms
from tomocell.registration.fit import Fit
from tomocell.registration.patch import axis_factors, keeps_detail

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.registration.patch import Patch
    from tomocell.registration.settings import FitSettings

    Array = NDArray[np.float64]

BINS = 50
FIRST_STEP_VOXELS = 1.0
LAST_STEP_VOXELS = 1e-4
STEPS = 200
NO_OVERLAP = 1e100  # what the metric says where no voxels meet is larger
FLIP = np.eye(3)[::-1]  # (z, y, x) <-> (x, y, z)
SMOOTHING_VOXELS = 0.5  # of the reduction


def fit(fixed: Patch, moving: Patch, start: Array, settings: FitSettings, threads: int = 1) -> Fit:
    """Return the rigid motion from ``start`` that makes ``moving`` most like ``fixed``."""
    import SimpleITK as sitk  # noqa: N813 - the name that its own manual uses

    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(threads)
    _set_metric(method, fixed, settings)
    _set_pyramid(method, fixed, settings)
    edge = float(fixed.voxel_um.min())
    method.SetOptimizerAsRegularStepGradientDescent(FIRST_STEP_VOXELS * edge, LAST_STEP_VOXELS * edge, STEPS)
    method.SetOptimizerScalesFromPhysicalShift()
    transform = _transform(start, fixed.centre_um)
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(_image(fixed), _image(moving))
    except RuntimeError:  # "all samples map outside moving image buffer": the start was no good
        return Fit(np.asarray(start, np.float64), method.GetOptimizerIteration(), converged=False)
    met = np.isfinite(method.GetMetricValue()) and abs(method.GetMetricValue()) < NO_OVERLAP
    return Fit(_matrix(transform), method.GetOptimizerIteration(), bool(met) and method.GetOptimizerIteration() < STEPS)


def _set_metric(method: Any, fixed: Patch, settings: FitSettings) -> None:  # noqa: ANN401 - SimpleITK has no types
    import SimpleITK as sitk  # noqa: N813

    if settings.metric == "mutual_information":
        method.SetMetricAsMattesMutualInformation(BINS)
    else:
        method.SetMetricAsCorrelation()
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(sitk.sitkLinear)
    if fixed.mask is not None:
        mask = sitk.GetImageFromArray(fixed.mask.astype(np.uint8))
        mask.CopyInformation(_image(fixed))
        method.SetMetricFixedMask(mask)


def _set_pyramid(method: Any, fixed: Patch, settings: FitSettings) -> None:  # noqa: ANN401
    levels = [axis_factors(reduction, fixed.shape, fixed.voxel_um) for reduction in settings.pyramid]
    kept = [factors for factors in levels[:-1] if keeps_detail(factors, fixed.shape)] + [levels[-1]]
    method.SetShrinkFactorsPerLevel([max(factors) for factors in kept])
    method.SetSmoothingSigmasPerLevel([SMOOTHING_VOXELS * (max(factors) - 1) for factors in kept])
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(False)


def _image(patch: Patch) -> Any:  # noqa: ANN401
    import SimpleITK as sitk  # noqa: N813

    image = sitk.GetImageFromArray(patch.voxels)
    image.SetOrigin(patch.origin_um[::-1].tolist())
    image.SetSpacing(patch.voxel_um[::-1].tolist())
    return image


def _transform(matrix: Array, centre_um: Array) -> Any:  # noqa: ANN401
    """Return SimpleITK's form of a motion: p -> R (p - centre) + centre + shift, in the order (x, y, z)."""
    import SimpleITK as sitk  # noqa: N813

    transform = sitk.Euler3DTransform()
    transform.SetCenter(centre_um[::-1].tolist())
    transform.SetMatrix((FLIP @ np.asarray(matrix)[:3, :3] @ FLIP).ravel().tolist(), 1e-6)
    transform.SetTranslation(transforms.displacement(matrix, centre_um)[::-1].tolist())
    return transform


def _matrix(transform: Any) -> Array:  # noqa: ANN401
    rotation = FLIP @ np.array(transform.GetMatrix()).reshape(3, 3) @ FLIP
    centre, shift = (np.array(part)[::-1] for part in (transform.GetCenter(), transform.GetTranslation()))
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = centre + shift - rotation @ centre
    return matrix
