"""Rotation of factor loadings by gradient projection, from many random starts.

Symbols: A unrotated loadings (p, m), T transformation (m, m), Lambda rotated loadings, Phi factor correlations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics.factors import _rotation_kernel as kernels

Rotation = Literal[
    "oblimin",
    "geomin",
    "promax",
    "bifactorQ",
    "targetQ",
    "varimax",
    "quartimax",
    "equamax",
    "geominT",
    "bifactorT",
    "targetT",
    "none",
]
"""The first five let factors correlate, the others do not. T is orthogonal and Q oblique; geomin alone is oblique."""
OBLIQUE: frozenset[str] = frozenset({"oblimin", "geomin", "promax", "bifactorQ", "targetQ"})
NORMALIZED: frozenset[str] = frozenset({"varimax", "promax"})
"""Rotations that use Kaiser normalisation unless told otherwise."""
TARGET: frozenset[str] = frozenset({"targetT", "targetQ"})
BIFACTOR: frozenset[str] = frozenset({"bifactorT", "bifactorQ"})
VARIMAX_SHORTFALL = 1e-3
"""Share of the best varimax criterion by which the start of promax may fall short of it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Criterion:
    """A rotation criterion with everything its kernel needs.

    Attributes
    ----------
    kind : int
        The kernel's number of the criterion.
    parameter : float
        Gamma or delta.
    oblique : bool
        Whether gradient projection lets factors correlate; for promax False, because it starts from varimax.
    normalised : bool
        Kaiser normalisation.
    target, weight : ndarray, shape (p, m)
        Target loadings, and 1 where a target is given, 0 where not; zeros for the other criteria.
    power : float
        Power of promax; 0 for the other criteria.
    """

    kind: int
    parameter: float
    oblique: bool
    normalised: bool
    target: Array
    weight: Array
    power: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rotated:
    """A rotation.

    Attributes
    ----------
    loadings : ndarray, shape (p, m)
    phi : ndarray, shape (m, m)
    transformation : ndarray, shape (m, m)
        T; for promax, of varimax where promax starts.
    criterion : float
        Value of the rotation criterion at the solution; for promax, of varimax where promax starts; NaN without
        rotation.
    n_starts, n_best : int
        Starting positions of gradient projection, and how many ended at the best value; for promax, of varimax.
    n_minima, n_stopped : int
        Different values of the criterion at which starts ended, 1 where all agree; and starts that ended before a
        minimum.
    converged : bool
    """

    loadings: Array
    phi: Array
    transformation: Array
    criterion: float
    n_starts: int
    n_best: int
    n_minima: int
    n_stopped: int
    converged: bool


def rotation_criterion(
    method: Rotation,
    shape: tuple[int, int],
    *,
    normalize: bool | None = None,
    gamma: float = 0.0,
    delta: float = 0.01,
    power: float = 4.0,
    target: Array | None = None,
) -> Criterion:
    """Return the criterion of a rotation for loadings of shape (p, m); see :func:`rotate`."""
    orthomax = {"varimax": 1.0, "promax": 1.0, "quartimax": 0.0, "equamax": shape[1] / 2.0}
    if method in orthomax:
        kind, parameter = kernels.ORTHOMAX, orthomax[method]
    elif method in {"geomin", "geominT"}:
        kind, parameter = kernels.GEOMIN, delta
    elif method in BIFACTOR:
        kind, parameter = kernels.BIFACTOR, 0.0
    elif method in TARGET:
        kind, parameter = kernels.TARGET, 0.0
    else:
        kind, parameter = kernels.OBLIMIN, gamma
    goal = np.zeros(shape) if target is None else np.array(target, dtype=np.float64, order="C")
    return Criterion(
        kind=kind,
        parameter=float(parameter),
        oblique=method in OBLIQUE and method != "promax",
        normalised=method in NORMALIZED if normalize is None else normalize,
        target=np.nan_to_num(goal),
        weight=(~np.isnan(goal)).astype(np.float64) if method in TARGET else np.zeros(shape),
        power=float(power) if method == "promax" else 0.0,
    )


def rotate(
    A: Array,
    *,
    method: Rotation,
    normalize: bool | None = None,
    gamma: float = 0.0,
    delta: float = 0.01,
    power: float = 4.0,
    target: Array | None = None,
    varimax_tolerance: float = 1e-5,
    n_starts: int = 20,
    random: np.random.Generator,
) -> Rotated:
    """Rotate loadings and keep the best of several starts.

    The first start is the unrotated position, the others are random. The first is kept unless another is better by
    more than the accuracy of the search, so that a flat or well-behaved criterion gives the same answer every time.

    Promax starts from varimax. It takes the position where R's varimax stops, if the criterion there is within .001 of
    the best that gradient projection finds, relative to it; else it takes the position of that best.

    Parameters
    ----------
    A : ndarray, shape (p, m)
        Unrotated loadings.
    method : Rotation
        The criterion.
    normalize : bool or None
        Kaiser normalisation; None follows the criterion: on for varimax and promax, off for the others.
    gamma, delta, power : float
        Parameter of oblimin, of geomin and of promax.
    target : ndarray, shape (p, m), optional
        Target loadings of targetT and targetQ; NaN where none is wanted.
    varimax_tolerance : float
        Where the singular value decompositions that promax tries first stop; see :func:`varimax_by_svd`.
    n_starts : int
        Starting positions, 1 or more; for promax, of the varimax by gradient projection.
    random : Generator
        Draws the random starts.

    References
    ----------
    Jennrich, R. I. (2002). A simple general method for oblique rotation. Psychometrika, 67, 7-19.
    https://doi.org/10.1007/BF02294706

    Bernaards, C. A., & Jennrich, R. I. (2005). Gradient projection algorithms and software for arbitrary rotation
    criteria in factor analysis. Educational and Psychological Measurement, 65, 676-696.
    https://doi.org/10.1177/0013164404272507
    """
    p, m = A.shape
    if method == "none" or m == 1:
        return Rotated(
            loadings=A,
            phi=np.eye(m),
            transformation=np.eye(m),
            criterion=float("nan"),
            n_starts=0,
            n_best=0,
            n_minima=0,
            n_stopped=0,
            converged=True,
        )
    rule = rotation_criterion(method, (p, m), normalize=normalize, gamma=gamma, delta=delta, power=power, target=target)
    lengths = kernels.kaiser_lengths(A)[:, None] if rule.normalised else np.ones((p, 1))
    B = np.ascontiguousarray(A / lengths)
    found = _best_of_starts(B, rule, n_starts, random)
    if method == "promax":
        found = _promax_start(B, found, tolerance=varimax_tolerance)
        Lambda, Phi = kernels.promax(found.loadings, power)
        found = replace(found, loadings=Lambda, phi=Phi)
    return replace(found, loadings=found.loadings * lengths)


def _best_of_starts(B: Array, rule: Criterion, n_starts: int, random: np.random.Generator) -> Rotated:
    T, values, sizes = _from_all_starts(B, rule, _starts(B.shape[1], n_starts, random))
    converged = sizes < 1e-5
    values = np.where(converged, values, np.inf) if converged.any() else values
    lowest = float(values.min())
    gap = 1e-7 * max(1.0, abs(lowest))
    near = values <= lowest + gap
    best = int(np.argmax(near))
    reached = np.sort(values[np.isfinite(values)])
    if rule.oblique:
        Lambda, Phi = B @ np.linalg.inv(T[best]).T, T[best].T @ T[best]
    else:
        Lambda, Phi = B @ T[best], np.eye(B.shape[1])
    return Rotated(
        loadings=np.ascontiguousarray(Lambda),
        phi=Phi,
        transformation=T[best],
        criterion=float(values[best]),
        n_starts=n_starts,
        n_best=int(near.sum()),
        n_minima=1 + int((np.diff(reached) > gap).sum()),
        n_stopped=int((~converged).sum()),
        converged=bool(converged[best]),
    )


def _from_all_starts(
    B: Array, rule: Criterion, starts: Array, *, tolerance: float = 1e-7, max_iterations: int = 1000
) -> tuple[Array, Array, Array]:
    """Return transformations, values and lengths of the last gradients."""
    options = (rule.oblique, rule.kind, rule.parameter, rule.target, rule.weight, tolerance, max_iterations)
    ends = [kernels.gradient_projection(B, start, *options) for start in starts]
    return np.stack([end[0] for end in ends]), np.array([end[2] for end in ends]), np.array([end[3] for end in ends])


def _starts(m: int, n_starts: int, random: np.random.Generator) -> Array:
    """Return the identity and random orthogonal matrices, shape (n_starts, m, m)."""
    q, r = np.linalg.qr(random.standard_normal((n_starts, m, m)))
    starts: Array = q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]
    starts[0] = np.eye(m)
    return np.ascontiguousarray(starts)


def varimax_by_svd(A: Array, *, tolerance: float, max_iterations: int = 1000) -> tuple[Array, float, bool]:
    """Return the varimax transformation by repeated decompositions, its criterion, and whether it stopped itself.

    The iteration starts unrotated and stops when the sum of singular values grows by less than the share
    ``tolerance``. With 1e-5 this is where R's ``stats::varimax`` stops, a little before the optimum: later promax
    loadings can be off by some .0005. Smaller values go on to a stationary point. That is mostly the optimum, but the
    iteration can also stay near a saddle point, far below the optimum, whatever the tolerance.

    References
    ----------
    Sherin, R. J. (1966). A matrix formulation of Kaiser's varimax criterion. Psychometrika, 31, 535-538.
    https://doi.org/10.1007/BF02289522
    """
    T, reached, stopped = np.eye(A.shape[1]), 0.0, False
    for _ in range(max_iterations):
        gradient = A.T @ -_varimax(A @ T)[1]
        U, singular, Vt = np.linalg.svd(gradient)
        T, before, reached = U @ Vt, reached, float(singular.sum())
        if reached < before * (1.0 + tolerance):
            stopped = True
            break
    return T, float(_varimax(A @ T)[0]), stopped


def _varimax(L: Array) -> tuple[float, Array]:
    none = np.zeros_like(L)
    return kernels.criterion(np.ascontiguousarray(L), kernels.ORTHOMAX, 1.0, none, none)


def _promax_start(B: Array, best: Rotated, *, tolerance: float) -> Rotated:
    """Return the varimax position where R stops if it is near the optimum, else the optimum."""
    T, value, stopped = varimax_by_svd(B, tolerance=tolerance)
    if stopped and value <= best.criterion + VARIMAX_SHORTFALL * abs(best.criterion):
        return replace(best, loadings=np.ascontiguousarray(B @ T), transformation=T, criterion=value)
    return best
