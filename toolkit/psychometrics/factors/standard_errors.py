"""Standard errors of rotated loadings, factor correlations and communalities.

Loadings and factor correlations are functions of the sample correlations r. Differentiating the equations that define
them - the normal equations of the extraction, bordered by the conditions that the rotation puts on its solution
(Jennrich 1973, 1974) - gives their slopes G in r. The covariance matrix is then ``G Gamma G' / n``, with Gamma the
asymptotic covariance matrix of the correlations. Gamma is never formed where r are moments of the data.

Symbols: Lambda loadings (p, m), Phi factor correlations (m, m), psi uniquenesses (p,), theta all of them in a row.

References
----------
Jennrich, R. I. (1973). Standard errors for obliquely rotated factor loadings. Psychometrika, 38, 593-604.
https://doi.org/10.1007/BF02291497

Jennrich, R. I. (1974). Simplified formulae for standard errors in maximum-likelihood factor analysis. British Journal
of Mathematical and Statistical Psychology, 27, 122-131. https://doi.org/10.1111/j.2044-8317.1974.tb00533.x

Browne, M. W. (1984). Asymptotically distribution-free methods for the analysis of covariance structures. British
Journal of Mathematical and Statistical Psychology, 37, 62-83. https://doi.org/10.1111/j.2044-8317.1984.tb00789.x
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics._options import conflict
from toolkit.psychometrics.factors import _rotation_kernel as kernels
from toolkit.psychometrics.factors._fitted import Fitted
from toolkit.psychometrics.factors._sample import Sample, correlation_covariance
from toolkit.psychometrics.factors.rotation import Criterion

StandardErrors = Literal["information", "sandwich"]
"""``information`` takes the answers for normal, ``sandwich`` takes Gamma from the answers: from their fourth moments,
or for polychoric correlations from the two-step estimator."""
Complex = np.ndarray[tuple[int, ...], np.dtype[Any]]
STEP = 1e-30
WORST_CONDITION = 1e10
"""A condition number from which on the equations count as not determining the solution."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EfaStandardErrors:
    """Standard errors of an exploratory solution.

    Attributes
    ----------
    loadings : DataFrame, shape (n_items, n_factors)
    phi : DataFrame, shape (n_factors, n_factors)
        Zeros on the diagonal, and everywhere where factors do not correlate.
    communalities : Series, shape (n_items,)
        Also those of the uniquenesses.
    method : str
        The variant in words.
    """

    loadings: pd.DataFrame
    phi: pd.DataFrame
    communalities: pd.Series
    method: str


def standard_errors(fitted: Fitted, kind: StandardErrors, *, factors: list[str], defined: bool) -> EfaStandardErrors:
    """Return the standard errors of a solution.

    Parameters
    ----------
    fitted : Fitted
        The solution.
    kind : {"information", "sandwich"}
        Where Gamma comes from.
    factors : list of str
        Names of the factors.
    defined : bool
        False leaves everything NaN: at a boundary or short of the minimum the equations do not hold.

    Raises
    ------
    StatisticsError
        STA_OPTION_CONFLICT, STA_NEEDS_ANSWERS.
    """
    sample = fitted.sample
    _refuse_without_gamma(sample, kind)
    p, m = fitted.loadings.shape
    errors = np.full(p * m + m * (m - 1) // 2 + p, np.nan)
    oblique = fitted.criterion is not None and (fitted.criterion.oblique or fitted.criterion.power > 0)
    if defined:
        G = _slopes_of(fitted)
        implied = fitted.loadings @ fitted.phi @ fitted.loadings.T
        np.fill_diagonal(implied, 1.0)
        if kind == "information":
            covariance = normal_covariance(G, implied)
        elif sample.correlation == "polychoric":
            covariance = (sample.found.n - 1.0) * (G @ correlation_covariance(sample) @ G.T)
        else:
            covariance = free_covariance(G, sample.R, sample.scores("A sandwich standard error"))
        errors = np.sqrt(np.diag(covariance) / (sample.found.n - 1.0))
    Phi = np.zeros((m, m))
    if oblique:
        Phi[np.tril_indices(m, k=-1)] = errors[p * m : -p]
        Phi += Phi.T
    items = list(sample.items)
    words = "normal-theory covariance of the correlations"
    if kind == "sandwich":
        words = "covariance of the correlations from the answers"
    return EfaStandardErrors(
        loadings=pd.DataFrame(errors[: p * m].reshape(p, m), index=items, columns=factors),
        phi=pd.DataFrame(Phi, index=factors, columns=factors),
        communalities=pd.Series(errors[-p:], index=items),
        method=f"{kind}: equations of extraction and rotation differentiated, {words}",
    )


def _refuse_without_gamma(sample: Sample, kind: StandardErrors) -> None:
    if sample.correlation == "spearman" or (sample.correlation == "polychoric" and kind == "information"):
        raise conflict(
            f"standard_errors={kind!r} and correlation={sample.correlation!r}",
            why="the sampling covariance of these correlations is not the one that is asked for.",
            fix="Use the bootstrap, or correlation='pearson'.",
        )
    if kind == "sandwich":
        sample.answers("A sandwich standard error")


def _slopes_of(fitted: Fitted) -> Array:
    """Return the slopes of loadings, factor correlations below the diagonal and communalities in the correlations."""
    p, m = fitted.loadings.shape
    rule = fitted.criterion
    by_promax = rule is not None and rule.power > 0
    Lambda = fitted.unrotated.loadings @ fitted.transformation if by_promax else fitted.loadings
    Phi = np.eye(m) if by_promax else fitted.phi
    found = slopes(
        Solution(
            loadings=Lambda,
            phi=Phi,
            uniquenesses=1.0 - np.einsum("ij,jk,ik->i", Lambda, Phi, Lambda),
            criterion=rule,
            oblique=rule is not None and rule.oblique,
            maximum_likelihood=fitted.method == "ml",
            weights=fitted.weights,
        )
    )
    if rule is None or rule.power == 0:
        phi = found.phi if found.phi.size else np.zeros((m * (m - 1) // 2, found.loadings.shape[1]))
        return np.vstack([found.loadings, phi, found.communalities])
    power, normalised = rule.power, rule.normalised
    chain = _derivatives(lambda x: _promax(x.reshape(p, m), power, normalised), Lambda.ravel())
    return np.vstack([chain @ found.loadings, found.communalities])


def _promax(V: Complex, power: float, normalised: bool) -> Complex:
    """Return promax loadings and the factor correlations below the diagonal, of varimax loadings, in one row."""
    lengths = np.sqrt(np.sum(V * V, axis=1, keepdims=True)) if normalised else np.ones((V.shape[0], 1))
    B = V / lengths
    size = B * np.sign(B.real)
    U = np.linalg.solve(B.T @ B, B.T @ (B * size ** (power - 1.0)))
    U = U * np.sqrt(np.diag(np.linalg.inv(U.T @ U)))
    back = np.linalg.inv(U)
    Phi = back @ back.T
    return np.concatenate([(B @ U * lengths).ravel(), Phi[np.tril_indices(V.shape[1], k=-1)]])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """A solution whose standard errors are wanted.

    Attributes
    ----------
    loadings : ndarray, shape (p, m)
    phi : ndarray, shape (m, m)
    uniquenesses : ndarray, shape (p,)
    criterion : Criterion or None
        What the loadings minimise; None for unrotated loadings.
    oblique : bool
        Whether factors correlate.
    maximum_likelihood : bool
        How they were extracted; else by least squares with the weights.
    weights : ndarray, shape (p, p)
        Weights of the residual correlations under least squares.
    """

    loadings: Array
    phi: Array
    uniquenesses: Array
    criterion: Criterion | None
    oblique: bool
    maximum_likelihood: bool
    weights: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slopes:
    """Derivatives of the estimates in the correlations, shapes (p m, pairs), (m (m - 1) / 2, pairs), (p, pairs)."""

    loadings: Array
    phi: Array
    communalities: Array


def slopes(solution: Solution) -> Slopes:
    """Return how loadings, factor correlations and communalities change with each correlation below the diagonal.

    All are NaN where the equations do not determine the solution.
    """
    p, m = solution.loadings.shape
    pairs = np.tril_indices(p, k=-1)
    lower = np.tril_indices(m, k=-1)
    n_phi = lower[0].size if solution.oblique else 0
    theta = np.concatenate(
        [
            solution.loadings.ravel(),
            solution.phi[lower] if solution.oblique else np.empty(0),
            solution.uniquenesses if solution.maximum_likelihood else np.empty(0),
        ]
    )

    def parts(x: Complex) -> tuple[Complex, Complex, Complex]:
        Phi = np.eye(m, dtype=x.dtype)
        if n_phi:
            Phi[lower] = x[p * m : p * m + n_phi]
            Phi.T[lower] = Phi[lower]
        psi = x[p * m + n_phi :] if solution.maximum_likelihood else solution.uniquenesses.astype(x.dtype)
        return x[: p * m].reshape(p, m), Phi, psi

    information, right = _normal_equations(solution, pairs, lower if n_phi else (lower[0][:0], lower[1][:0]))
    conditions = _derivatives(lambda x: _conditions(*parts(x), solution), theta)
    border = np.block([[information, conditions.T], [conditions, np.zeros((conditions.shape[0],) * 2)]])
    if not np.linalg.cond(border, 1) < WORST_CONDITION:
        nan = np.full((theta.size, pairs[0].size), np.nan)
        return Slopes(loadings=nan[: p * m], phi=nan[p * m : p * m + n_phi], communalities=nan[:p])
    G = np.linalg.solve(border, np.vstack([right, np.zeros((conditions.shape[0], pairs[0].size))]))[: theta.size]
    shares = _derivatives(lambda x: np.einsum("ij,jk,ik->i", parts(x)[0], parts(x)[1], parts(x)[0]), theta)
    return Slopes(loadings=G[: p * m], phi=G[p * m : p * m + n_phi], communalities=shares @ G)


def _normal_equations(solution: Solution, pairs: tuple[Any, ...], lower: tuple[Any, ...]) -> tuple[Array, Array]:
    """Return the second derivatives of the discrepancy in theta and the mixed ones in theta and the correlations."""
    Lambda, Phi = solution.loadings, solution.phi
    p, m = Lambda.shape
    LP = Lambda @ Phi
    D = np.zeros((p * m + lower[0].size + (p if solution.maximum_likelihood else 0), p, p))
    for i in range(p):
        rows = D[i * m : (i + 1) * m]
        rows[:, i, :] += LP.T
        rows[:, :, i] += LP.T
    for position, (r, s) in enumerate(zip(*lower, strict=True)):
        outer = np.outer(Lambda[:, r], Lambda[:, s])
        D[p * m + position] = outer + outer.T
    if not solution.maximum_likelihood:
        flat = D[:, pairs[0], pairs[1]]
        weighted = flat * solution.weights[pairs]
        return weighted @ flat.T, weighted
    for i in range(p):
        D[p * m + lower[0].size + i, i, i] = 1.0
    inverse = np.linalg.inv(LP @ Lambda.T + np.diag(solution.uniquenesses))
    VDV = inverse @ D @ inverse
    information = 0.5 * VDV.reshape(D.shape[0], -1) @ D.reshape(D.shape[0], -1).T
    return information, VDV[:, pairs[0], pairs[1]]


def _conditions(Lambda: Complex, Phi: Complex, psi: Complex, solution: Solution) -> Complex:
    """Return what the rotation makes zero.

    Unrotated factors are orthogonal in the metric of the extraction. An orthogonal rotation makes ``Lambda' dQ``
    symmetric, an oblique one makes ``Lambda' dQ inv(Phi)`` diagonal, with dQ the gradient of its criterion.
    """
    m = Lambda.shape[1]
    above = np.triu_indices(m, k=1)
    rule = solution.criterion
    if rule is None:
        metric = Lambda / psi[:, None] if solution.maximum_likelihood else Lambda
        return np.asarray((Lambda.T @ metric)[above])
    B = Lambda
    if rule.normalised:
        B = Lambda / np.sqrt(np.einsum("ij,jk,ik->i", Lambda, Phi, Lambda))[:, None]
    gradient = kernels.criterion(np.ascontiguousarray(B), rule.kind, rule.parameter, rule.target, rule.weight)[1]
    M = B.T @ gradient
    if not solution.oblique:
        return np.asarray((M - M.T)[above])
    return np.asarray((M @ np.linalg.inv(Phi))[~np.eye(m, dtype=bool)])


def _derivatives(function: Callable[[Complex], Complex], theta: Array) -> Array:
    """Return the derivatives of an analytic function by complex steps, exact to rounding; shape (values, theta)."""
    columns = []
    for j in range(theta.size):
        x = theta.astype(np.complex128)
        x[j] += 1j * STEP
        columns.append(function(x).imag / STEP)
    return np.column_stack(columns)


def quadratic_forms(G: Array, R: Array) -> Array:
    """Return matrices N, shape (rows of G, p, p), so that ``z' N z`` is the influence of a person with scores z.

    The influence of a person on a correlation is ``z_i z_j - r_ij (z_i^2 + z_j^2) / 2``.
    """
    p = R.shape[0]
    pairs = np.tril_indices(p, k=-1)
    N = np.zeros((G.shape[0], p, p))
    N[:, pairs[0], pairs[1]] = 0.5 * G
    N[:, pairs[1], pairs[0]] = 0.5 * G
    N[:, np.arange(p), np.arange(p)] = -np.einsum("tij,ij->ti", N, R)
    return N


def normal_covariance(G: Array, R: Array) -> Array:
    """Return ``G Gamma G'`` where Gamma belongs to correlations R of normal data."""
    NR = quadratic_forms(G, R) @ R
    covariance: Array = 2.0 * NR.reshape(G.shape[0], -1) @ NR.transpose(0, 2, 1).reshape(G.shape[0], -1).T
    return covariance


def free_covariance(G: Array, R: Array, scores: Array) -> Array:
    """Return ``G Gamma G'`` where Gamma comes from the fourth moments of standard scores, shape (n, p)."""
    n = scores.shape[0]
    N = quadratic_forms(G, R)
    total, sums = np.zeros((G.shape[0],) * 2), np.zeros(G.shape[0])
    block = max(1, 4_000_000 // R.size)
    for first in range(0, n, block):
        Z = scores[first : first + block]
        products = (Z[:, :, None] * Z[:, None, :]).reshape(Z.shape[0], -1)
        influence = products @ N.reshape(G.shape[0], -1).T
        total += influence.T @ influence
        sums += influence.sum(axis=0)
    covariance: Array = total / n - np.outer(sums, sums) / n**2
    return covariance
