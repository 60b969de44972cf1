"""What a fit of two patches found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


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
