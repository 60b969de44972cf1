"""What every engine of the fit is: two patches and a start in, a motion out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tomocell.registration.fit import Fit
from tomocell.registration.patch import Patch
from tomocell.registration.settings import FitSettings

if TYPE_CHECKING:
    from tomocell.registration.settings import RegisterSettings

Array: TypeAlias = NDArray[np.float64]


Engine: TypeAlias = Callable[[Patch, Patch, Array, FitSettings, int], Fit]


def engine_of(settings: RegisterSettings | FitSettings) -> Engine:
    """Return the engine that the settings name: ``fit(fixed, moving, start, settings, threads)``."""
    if settings.engine == "simpleitk":
        from tomocell.registration import simpleitk

        return simpleitk.fit
    from tomocell.registration import gauss_newton

    return gauss_newton.fit
