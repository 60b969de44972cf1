"""Fits of a quantity over current periods: one function a model, each with the interval of its parameters.

All models share ``start``, the value at the first scan, and ``rate``, the change in the first period's beginning, so
that intervals of the rate come straight from the fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Curve = Callable[[Numbers, Numbers], Numbers]

CONFIDENCE = 0.95
# Where the search for the curvature begins: curvature times the length of the half cycle, from growing to spent.
CURVATURES = np.linspace(-3.0, 12.0, 61)


@dataclass(frozen=True)
class Points:
    """What is fitted; arrays of shape (n,).

    Attributes:
        periods: Current periods since the first scan of the half cycle.
        values: The quantity.
        weights: Inverse of its standard uncertainty, or ones.
        is_uncertainty_known: Whether the weights are of uncertainties; otherwise only their ratios count.
    """

    periods: Numbers
    values: Numbers
    weights: Numbers
    is_uncertainty_known: bool = False


@dataclass(frozen=True)
class Parameter:
    """A fitted number, its standard error and its interval; not numbers where no scan is left over to tell them.

    The error is the larger of what the residuals say and what the values' own uncertainties say, where they are known:
    few scans may lie on the curve by chance. The interval takes Student's t for the residuals, whose scale is
    estimated, and the normal distribution for the uncertainties.
    """

    value: float
    uncertainty: float
    low: float
    high: float


UNKNOWN = Parameter(float("nan"), float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class Fit:
    """A fitted model.

    Attributes:
        parameters: By name, ``start`` and ``rate`` first.
        predicted: Shape (n,).
        r_squared: Share of the weighted variance that the model explains; not a number where there is none.
        residual_sd: Root of the sum of squared residuals over the degrees of freedom; not a number without any.
    """

    parameters: Mapping[str, Parameter]
    predicted: Numbers
    r_squared: float
    residual_sd: float


def fit_linear(points: Points) -> Fit | None:
    """Fit ``start + rate n``; None where fewer than two scans differ in time. Its interval is exact."""

    def curve(periods: Numbers, parameters: Numbers) -> Numbers:
        return np.asarray(parameters[0] + parameters[1] * periods)

    names = ("start", "rate")
    if not _is_enough(points, names):
        return None
    return _fit(curve, names, _regress(points, points.periods), points)


def fit_slowing(points: Points) -> Fit | None:
    """Fit ``start + rate (1 - exp(-k n)) / k``: a change that begins at ``rate`` and slows down by ``k`` per period.

    It rises or falls to ``start + rate / k``; ``k`` = 0 is the straight line, and an interval of ``k`` that holds 0
    says that no slowing was seen. None where fewer than three scans differ in time. The interval is that of the
    linearised model (Wald), good where ``k`` is well determined.
    """
    names = ("start", "rate", "slowing")
    if not _is_enough(points, names):
        return None
    curvatures = CURVATURES / np.ptp(points.periods)
    guesses = [np.array([*_regress(points, _saturation(points.periods, k)), k]) for k in curvatures]
    return _fit(_slowing, names, _best(_slowing, guesses, points), points)


def fit_decay(points: Points) -> Fit | None:
    """Fit ``start exp(rate n / start)``: what vanishes in proportion to what is left, ``-rate / start`` per period.

    None where fewer than two scans differ in time, or all values are nought. The interval is that of the linearised
    model (Wald).
    """
    names = ("start", "rate")
    if not _is_enough(points, names) or not np.any(points.values):
        return None
    guesses = [_decaying(points, k) for k in CURVATURES / np.ptp(points.periods)]
    guess = _best(_decay, [guess for guess in guesses if guess[0]], points)
    return _fit(_decay, names, guess, points)


MODELS = {"linear": fit_linear, "slowing": fit_slowing, "decay": fit_decay}


def _slowing(periods: Numbers, parameters: Numbers) -> Numbers:
    start, rate, curvature = parameters
    return np.asarray(start + rate * _saturation(periods, curvature))


def _saturation(periods: Numbers, curvature: float) -> Numbers:
    return periods if curvature == 0 else np.asarray(-np.expm1(-curvature * periods) / curvature)


def _decay(periods: Numbers, parameters: Numbers) -> Numbers:
    start, rate = parameters
    return np.asarray(start * np.exp(rate * periods / start))


def _decaying(points: Points, curvature: float) -> Numbers:
    """Return start and rate of the decay of a given curvature that fits best."""
    shape = np.exp(-curvature * points.periods)
    squares = points.weights**2
    start = float((squares * points.values * shape).sum() / (squares * shape**2).sum())
    return np.array([start, -curvature * start])


def _regress(points: Points, basis: Numbers) -> Numbers:
    """Return offset and factor of the basis that fit best."""
    columns = np.stack([np.ones_like(basis), basis], axis=1) * points.weights[:, None]
    solution, *_ = np.linalg.lstsq(columns, points.values * points.weights, rcond=None)
    return np.asarray(solution)


def _best(curve: Curve, guesses: list[Numbers], points: Points) -> Numbers:
    errors = [float((_residuals(curve, guess, points) ** 2).sum()) for guess in guesses]
    return guesses[int(np.argmin(errors))]


def _residuals(curve: Curve, parameters: Numbers, points: Points) -> Numbers:
    return np.asarray((curve(points.periods, parameters) - points.values) * points.weights)


def _is_enough(points: Points, names: tuple[str, ...]) -> bool:
    return len(np.unique(points.periods)) >= len(names)


def _fit(curve: Curve, names: tuple[str, ...], guess: Numbers, points: Points) -> Fit:
    from scipy.optimize import least_squares

    found = least_squares(lambda parameters: _residuals(curve, parameters, points), guess, x_scale="jac")
    predicted = curve(points.periods, found.x)
    degrees = len(points.values) - len(names)
    squares = points.weights**2
    mean = np.average(points.values, weights=squares)
    variance = (squares * (points.values - mean) ** 2).sum()
    errors = _standard_errors(found.jac)
    scale = float(((found.fun**2).sum() / degrees) ** 0.5) if degrees else float("nan")
    return Fit(
        {
            name: _parameter(float(value), float(error), (scale, degrees), points)
            for name, value, error in zip(names, found.x, errors, strict=True)
        },
        predicted,
        float(1 - (found.fun**2).sum() / variance) if variance > 0 else float("nan"),
        float((((predicted - points.values) ** 2).sum() / degrees) ** 0.5) if degrees else float("nan"),
    )


def _standard_errors(jacobian: Numbers) -> Numbers:
    """Return the standard error of each parameter for weighted residuals of unit size."""
    unknown = np.full(jacobian.shape[1], np.nan)
    size = np.linalg.norm(jacobian, axis=0)
    if not size.all():
        return unknown
    _, singular, turned = np.linalg.svd(jacobian / size, full_matrices=False)
    if singular[-1] < np.finfo(float).eps * len(jacobian) * singular[0]:
        return unknown
    return np.asarray(np.sqrt(((turned / singular[:, None]) ** 2).sum(axis=0)) / size)


def _parameter(value: float, error: float, scatter: tuple[float, int], points: Points) -> Parameter:
    """Return a parameter; ``scatter`` is the size of the weighted residuals and their degrees of freedom."""
    from scipy.stats import norm, t

    scale, degrees = scatter
    if not degrees:
        return Parameter(value, float("nan"), float("nan"), float("nan"))
    tail = (1 + CONFIDENCE) / 2
    own = 1.0 if points.is_uncertainty_known else 0.0
    reach = error * max(float(t.ppf(tail, degrees)) * scale, float(norm.ppf(tail)) * own)
    return Parameter(value, error * max(scale, own), value - reach, value + reach)
