"""Rotation of factor loadings by gradient projection, from many random starts at once.

Symbols: A unrotated loadings (p, m), T transformation (m, m), Lambda rotated loadings, Phi factor correlations. All
kernels take a leading axis of starts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from toolkit.psychometrics._numerics import Array

Rotation = Literal["oblimin", "geomin", "promax", "varimax", "quartimax", "none"]
"""oblimin, geomin and promax let factors correlate; varimax and quartimax do not."""
OBLIQUE: frozenset[str] = frozenset({"oblimin", "geomin", "promax"})
NORMALIZED: frozenset[str] = frozenset({"varimax", "promax"})
"""Rotations that use Kaiser normalisation unless told otherwise."""
VARIMAX_SHORTFALL = 1e-3
"""Share of the best varimax criterion by which the start of promax may fall short of it."""
Criterion = Callable[[Array], tuple[Array, Array]]
"""From loadings (starts, p, m) to values (starts,) and gradients (starts, p, m)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rotated:
    """A rotation.

    Attributes
    ----------
    loadings : ndarray, shape (p, m)
    phi : ndarray, shape (m, m)
    criterion : float
        Value of the rotation criterion at the solution; for promax, of varimax where promax starts; NaN without
        rotation.
    n_starts, n_best : int
        Starting positions of gradient projection, and how many ended at the best value; for promax, of varimax.
    converged : bool
    """

    loadings: Array
    phi: Array
    criterion: float
    n_starts: int
    n_best: int
    converged: bool


def rotate(
    A: Array,
    *,
    method: Rotation,
    normalize: bool | None = None,
    gamma: float = 0.0,
    delta: float = 0.01,
    power: float = 4.0,
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
    varimax_tolerance : float
        Where the singular value decompositions that promax tries first stop; see :func:`varimax_by_svd`.
    n_starts : int
        Starting positions, 1 or more; for promax, of the varimax by gradient projection.
    random : Generator
        Draws the random starts.

    References
    ----------
    Bernaards, C. A., & Jennrich, R. I. (2005). Gradient projection algorithms and software for arbitrary rotation
    criteria in factor analysis. Educational and Psychological Measurement, 65, 676-696.
    https://doi.org/10.1177/0013164404272507
    """
    p, m = A.shape
    if method == "none" or m == 1:
        return Rotated(loadings=A, phi=np.eye(m), criterion=float("nan"), n_starts=0, n_best=0, converged=True)
    normalised = method in NORMALIZED if normalize is None else normalize
    lengths = np.sqrt(np.sum(A**2, axis=1, keepdims=True)) if normalised else np.ones((p, 1))
    lengths[lengths == 0] = 1.0
    B = A / lengths
    if method == "promax":
        start = _promax_start(B, tolerance=varimax_tolerance, n_starts=n_starts, random=random)
        Lambda, Phi = _promax(start.loadings, power)
        return replace(start, loadings=Lambda * lengths, phi=Phi)
    found = _best_of_starts(B, _criterion(method, gamma, delta), method in OBLIQUE, n_starts, random)
    return replace(found, loadings=found.loadings * lengths)


def _best_of_starts(
    B: Array, criterion: Criterion, oblique: bool, n_starts: int, random: np.random.Generator
) -> Rotated:
    T, values, converged = _gradient_projection(B, criterion, _starts(B.shape[1], n_starts, random), oblique)
    values = np.where(converged, values, np.inf) if converged.any() else values
    lowest = float(values.min())
    near = values <= lowest + 1e-7 * max(1.0, abs(lowest))
    best = int(np.argmax(near))
    Lambda, Phi = _transformed(B, T[best], oblique)
    return Rotated(
        loadings=Lambda,
        phi=Phi,
        criterion=float(values[best]),
        n_starts=n_starts,
        n_best=int(near.sum()),
        converged=bool(converged[best]),
    )


def oblimin_criterion(L: Array, gamma: float) -> tuple[Array, Array]:
    """Return oblimin with parameter gamma: 0 quartimin, .5 biquartimin, 1 covarimin."""
    L2 = L**2
    others = L2.sum(axis=2, keepdims=True) - L2
    others = others - gamma * others.mean(axis=1, keepdims=True)
    return np.sum(L2 * others, axis=(1, 2)) / 4.0, L * others


def quartimax_criterion(L: Array) -> tuple[Array, Array]:
    """Return quartimax, negative so that it is minimised."""
    return -np.sum(L**4, axis=(1, 2)) / 4.0, -(L**3)


def varimax_criterion(L: Array) -> tuple[Array, Array]:
    """Return varimax, negative so that it is minimised."""
    centred = L**2 - (L**2).mean(axis=1, keepdims=True)
    return -np.sum(centred**2, axis=(1, 2)) / 4.0, -L * centred


def geomin_criterion(L: Array, delta: float) -> tuple[Array, Array]:
    """Return geomin with delta added to the squared loadings."""
    m = L.shape[2]
    L2 = L**2 + delta
    rows = np.exp(np.log(L2).sum(axis=2, keepdims=True) / m)
    return rows.sum(axis=(1, 2)), 2.0 / m * L / L2 * rows


def _criterion(method: Rotation, gamma: float, delta: float) -> Criterion:
    if method == "oblimin":
        return lambda L: oblimin_criterion(L, gamma)
    if method == "geomin":
        return lambda L: geomin_criterion(L, delta)
    return quartimax_criterion if method == "quartimax" else varimax_criterion


def _starts(m: int, n_starts: int, random: np.random.Generator) -> Array:
    """Return the identity and random orthogonal matrices, shape (n_starts, m, m)."""
    q, r = np.linalg.qr(random.standard_normal((n_starts, m, m)))
    starts: Array = q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]
    starts[0] = np.eye(m)
    return starts


def _transformed(A: Array, T: Array, oblique: bool) -> tuple[Array, Array]:
    if oblique:
        return A @ np.linalg.inv(T).T, T.T @ T
    return A @ T, np.eye(T.shape[0])


def _loadings(A: Array, T: Array, oblique: bool) -> Array:
    rotated: Array = A @ np.linalg.inv(T).transpose(0, 2, 1) if oblique else A @ T
    return rotated


def _projected_gradient(A: Array, T: Array, L: Array, Gq: Array, oblique: bool) -> Array:
    """Return the gradient in T projected on the tangent space of the rotations allowed."""
    if oblique:
        G = -(L.transpose(0, 2, 1) @ Gq @ np.linalg.inv(T)).transpose(0, 2, 1)
        projected: Array = G - T * np.sum(T * G, axis=1, keepdims=True)
        return projected
    G = A.T @ Gq
    M = T.transpose(0, 2, 1) @ G
    return G - T @ (M + M.transpose(0, 2, 1)) / 2.0


def _retracted(X: Array, oblique: bool) -> Array:
    """Return the nearest allowed transformation: unit columns, or orthogonal."""
    if oblique:
        unit: Array = X / np.sqrt(np.sum(X**2, axis=1, keepdims=True))
        return unit
    U, _, Vt = np.linalg.svd(X)
    orthogonal: Array = U @ Vt
    return orthogonal


def _gradient_projection(
    A: Array, criterion: Criterion, T: Array, oblique: bool, *, tolerance: float = 1e-7, max_iterations: int = 1000
) -> tuple[Array, Array, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    """Minimise a criterion from every start; return transformations, values and whether each converged."""
    T = T.copy()
    value, Gq = criterion(_loadings(A, T, oblique))
    gradient = _projected_gradient(A, T, _loadings(A, T, oblique), Gq, oblique)
    size = np.sqrt(np.sum(gradient**2, axis=(1, 2)))
    step = np.ones(T.shape[0])
    active = np.flatnonzero(size > tolerance)
    for _ in range(max_iterations):
        if active.size == 0:
            break
        step[active] *= 2.0
        pending = active
        for halving in range(40):
            candidate = _retracted(T[pending] - step[pending, None, None] * gradient[pending], oblique)
            new_value, new_Gq = criterion(_loadings(A, candidate, oblique))
            enough = value[pending] - new_value > 0.5 * size[pending] ** 2 * step[pending]
            # at the limit of rounding a decrease can no longer be seen: accept a short step that does not increase
            enough |= (halving > 10) & (new_value <= value[pending] + 1e-15 * np.abs(value[pending]))
            done = pending[enough]
            T[done], value[done], Gq[done] = candidate[enough], new_value[enough], new_Gq[enough]
            pending = pending[~enough]
            if pending.size == 0:
                break
            step[pending] /= 2.0
        gradient[active] = _projected_gradient(A, T[active], _loadings(A, T[active], oblique), Gq[active], oblique)
        size[active] = np.sqrt(np.sum(gradient[active] ** 2, axis=(1, 2)))
        active = active[size[active] > tolerance]
        active = np.setdiff1d(active, pending)
    return T, value, size < 1e-5


def varimax_by_svd(A: Array, *, tolerance: float, max_iterations: int = 1000) -> tuple[Array, float, bool]:
    """Return varimax loadings by repeated singular value decompositions, the criterion, and whether it stopped itself.

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
        gradient = A.T @ -varimax_criterion((A @ T)[None])[1][0]
        U, singular, Vt = np.linalg.svd(gradient)
        T, before, reached = U @ Vt, reached, float(singular.sum())
        if reached < before * (1.0 + tolerance):
            stopped = True
            break
    V = A @ T
    return V, float(varimax_criterion(V[None])[0][0]), stopped


def _promax_start(B: Array, *, tolerance: float, n_starts: int, random: np.random.Generator) -> Rotated:
    """Return the varimax position where R stops if it is near the optimum, else the optimum."""
    best = _best_of_starts(B, varimax_criterion, False, n_starts, random)
    V, value, stopped = varimax_by_svd(B, tolerance=tolerance)
    if stopped and value <= best.criterion + VARIMAX_SHORTFALL * abs(best.criterion):
        return replace(best, loadings=V, criterion=value)
    return best


def _promax(V: Array, power: float) -> tuple[Array, Array]:
    """Return the Procrustes rotation of varimax loadings V towards their own powers, and the factor correlations.

    References
    ----------
    Hendrickson, A. E., & White, P. O. (1964). Promax: A quick method for rotation to oblique simple structure. British
    Journal of Statistical Psychology, 17, 65-70. https://doi.org/10.1111/j.2044-8317.1964.tb00244.x
    """
    target = V * np.abs(V) ** (power - 1.0)
    U = np.linalg.lstsq(V, target, rcond=None)[0]
    U = U * np.sqrt(np.diag(np.linalg.inv(U.T @ U)))
    inverse = np.linalg.inv(U)
    return V @ U, inverse @ inverse.T
