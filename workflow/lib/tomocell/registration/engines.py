"""What every engine of the fit is: two patches and a start in, a motion out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tomocell.registration.patch import Patch
from tomocell.registration.settings import FitSettings

if TYPE_CHECKING:
    from tomocell.registration.settings import RegisterSettings

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """What a fit found.

    Attributes:
        matrix: Takes points of the fixed to the moving scan, 4 x 4, um.
        iterations: Steps taken on all levels.
        converged: Whether the last level came to rest.
    """

    matrix: Array
    iterations: int
    converged: bool


Engine: TypeAlias = Callable[[Patch, Patch, Array, FitSettings, int], Fit]


def engine_of(settings: RegisterSettings | FitSettings) -> Engine:
    """Return the engine that the settings name: ``fit(fixed, moving, start, settings, threads)``."""
    if settings.engine == "simpleitk":
        from tomocell.registration import simpleitk

        return simpleitk.fit
    from tomocell.registration import gauss_newton

    return gauss_newton.fit
