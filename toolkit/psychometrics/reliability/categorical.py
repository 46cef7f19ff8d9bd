"""Kernels of reliability with ordered answers: one factor behind polychoric correlations, and sums of codes.

Symbols: R polychoric correlations (p, p), W weights, tau thresholds and d steps between codes (a list of arrays, one an
item), Lambda loadings of one factor. An answer is ``x_j = first code + sum_c d_jc 1(y_j > tau_jc)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special
from scipy.optimize import least_squares

from toolkit.psychometrics._counts import ResponseCounts
from toolkit.psychometrics._inputs import usable_tables
from toolkit.psychometrics._numerics import Array, squared_multiple_correlations
from toolkit.psychometrics._options import Missing
from toolkit.psychometrics._polychoric_kernel import bivariate_normal
from toolkit.psychometrics.counting import counts_of, encode
from toolkit.psychometrics.factors.extraction import extract
from toolkit.psychometrics.ordinal_correlation import AsymptoticCovariance, PolychoricResult, polychoric


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderedScale:
    """What ordered answers to a scale come down to.

    Attributes
    ----------
    found : PolychoricResult
        Correlations, thresholds and asymptotic covariances.
    R, W : ndarray, shape (p, p)
        Correlations, and the reciprocals of their asymptotic variances with a diagonal of 0.
    tau, d : list of ndarray, shape (n_thresholds,)
        Thresholds and steps between the codes used, for each item.
    """

    found: PolychoricResult
    R: Array
    W: Array
    tau: Sequence[Array]
    d: Sequence[Array]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightedOneFactor:
    """Loadings of one factor by diagonally weighted least squares, shape (p,), and whether the minimum was reached."""

    loadings: Array
    converged: bool


def ordered_scale(df: pd.DataFrame | ResponseCounts, *, missing: Missing, acov: AsymptoticCovariance) -> OrderedScale:
    """Return correlations, weights, thresholds and steps of ordered answers."""
    found = polychoric(df, missing=missing, acov=acov)
    counts = df if isinstance(df, ResponseCounts) else counts_of(encode(df))
    used = usable_tables(counts, missing=missing)
    errors = found.standard_errors
    variance = np.ones_like(found.matrix) if errors is None else errors.to_numpy() ** 2
    off = ~np.eye(used.n_items, dtype=bool)
    W = np.zeros((used.n_items, used.n_items))
    W[off] = 1.0 / np.where(variance[off] > 0, variance[off], np.nan)
    return OrderedScale(
        found=found,
        R=found.matrix.to_numpy(),
        W=W,
        tau=[cuts.copy() for cuts in found.thresholds.values()],
        d=[np.diff(codes) for codes in used.categories],
    )


def weighted_one_factor(R: Array, W: Array) -> WeightedOneFactor:
    """Minimise ``sum_(i<j) w_ij (r_ij - lambda_i lambda_j)^2``; the residual variances are free to become negative."""
    rows, columns = np.tril_indices(R.shape[0], -1)
    root = np.sqrt(W[rows, columns])
    if not np.isfinite(root).all():
        return WeightedOneFactor(loadings=np.full(R.shape[0], np.nan), converged=False)
    place = np.arange(rows.size)

    def residuals(lam: Array) -> Array:
        left: Array = root * (R[rows, columns] - lam[rows] * lam[columns])
        return left

    def slopes(lam: Array) -> Array:
        J = np.zeros((rows.size, lam.size))
        J[place, rows] = -root * lam[columns]
        J[place, columns] = -root * lam[rows]
        return J

    regular = np.linalg.eigvalsh(R)[0] > 1e-6
    psi = 1.0 - squared_multiple_correlations(R) if regular else np.full(R.shape[0], 0.5)
    start = extract(R, 1, "minres", start=psi).loadings[:, 0]
    solved = least_squares(residuals, start, jac=slopes, xtol=1e-14, ftol=1e-15, gtol=1e-12, max_nfev=2000)
    lam = np.asarray(solved.x, dtype=np.float64)
    steepness = np.abs(slopes(lam).T @ residuals(lam)).max() / max(float(W.max()), 1e-300)
    return WeightedOneFactor(loadings=-lam if lam.sum() < 0 else lam, converged=bool(steepness < 1e-7))


def covariance_of_codes(tau_j: Array, d_j: Array, tau_k: Array, d_k: Array, rho: float) -> float:
    """Return the covariance of two answers whose normal variables correlate rho; NaN outside (-1, 1)."""
    if not abs(rho) < 1.0:
        return float("nan")
    joint = np.empty((tau_j.size, tau_k.size))
    bivariate_normal(tau_j, tau_k, float(rho), joint)
    return float(d_j @ (joint - np.outer(special.ndtr(tau_j), special.ndtr(tau_k))) @ d_k)


def variance_of_codes(tau: Array, d: Array) -> float:
    """Return the variance of one answer."""
    below = special.ndtr(tau)
    return float(d @ (np.minimum.outer(below, below) - np.outer(below, below)) @ d)


def code_covariances(tau: Sequence[Array], d: Sequence[Array], R: Array, *, own: Array | None = None) -> Array:
    """Return the covariance matrix of answers whose normal variables have correlations R.

    The diagonal holds the variances, or, with ``own``, the covariances of two answers to the same item whose normal
    variables correlate ``own``: the variance of its true score.
    """
    p = len(tau)
    S = np.empty((p, p))
    for j in range(p):
        for k in range(j):
            S[j, k] = S[k, j] = covariance_of_codes(tau[j], d[j], tau[k], d[k], R[j, k])
        S[j, j] = (
            variance_of_codes(tau[j], d[j]) if own is None else covariance_of_codes(tau[j], d[j], tau[j], d[j], own[j])
        )
    return S


def green_yang(tau: Sequence[Array], d: Sequence[Array], R: Array, lam: Array) -> tuple[float, float]:
    """Return the reliability of the sum of codes, with the observed and with the model-implied total variance."""
    implied = np.outer(lam, lam)
    true = code_covariances(tau, d, implied, own=lam**2)
    with_model = code_covariances(tau, d, implied)
    observed = code_covariances(tau, d, R)
    return float(true.sum() / observed.sum()), float(true.sum() / with_model.sum())


def green_yang_gradient(scale: OrderedScale, lam: Array, omega: float, *, observed: bool) -> Array:
    """Return the derivatives of omega in the thresholds, item by item, and in the correlations (1, 2), (1, 3), ...

    The loadings follow the correlations by the implicit function theorem; the weights are taken as fixed.
    """
    tau, d, R, W = scale.tau, scale.d, scale.R, scale.W
    p = lam.size
    implied = np.outer(lam, lam)
    total = implied if not observed else R
    true_slope, total_slope = np.zeros((p, p)), np.zeros((p, p))
    by_threshold = [np.zeros(cuts.size) for cuts in tau]
    for j in range(p):
        for k in range(p):
            true_slope[j, k] = code_covariance_slope(tau[j], d[j], tau[k], d[k], implied[j, k])
            change = code_threshold_slopes(tau[j], d[j], tau[k], d[k], implied[j, k])
            if j == k:
                change = change - omega * own_threshold_slopes(tau[j], d[j])
            else:
                total_slope[j, k] = code_covariance_slope(tau[j], d[j], tau[k], d[k], total[j, k])
                change = change - omega * code_threshold_slopes(tau[j], d[j], tau[k], d[k], total[j, k])
            by_threshold[j] += 2.0 * change
    by_loading = 2.0 * true_slope @ lam
    if not observed:
        by_loading -= omega * 2.0 * total_slope @ lam
    H = W * (2.0 * implied - R)
    np.fill_diagonal(H, W @ lam**2)
    pull = np.linalg.solve(H, by_loading)
    rows, columns = np.triu_indices(p, 1)
    by_correlation = W[rows, columns] * (lam[columns] * pull[rows] + lam[rows] * pull[columns])
    if observed:
        by_correlation -= omega * 2.0 * total_slope[rows, columns]
    variance = code_covariances(tau, d, total).sum()
    gradient: Array = np.concatenate([*by_threshold, by_correlation]) / variance
    return gradient


def code_covariance_slope(tau_j: Array, d_j: Array, tau_k: Array, d_k: Array, rho: float) -> float:
    """Return the derivative of the covariance of two answers in rho: densities at the thresholds."""
    if not abs(rho) < 1.0:
        return float("nan")
    rest = 1.0 - rho**2
    a, b = tau_j[:, None], tau_k[None, :]
    density = np.exp(-(a**2 - 2.0 * rho * a * b + b**2) / (2.0 * rest)) / (2.0 * np.pi * np.sqrt(rest))
    return float(d_j @ density @ d_k)


def code_threshold_slopes(tau_j: Array, d_j: Array, tau_k: Array, d_k: Array, rho: float) -> Array:
    """Return the derivatives of the covariance of two answers in the thresholds of the first."""
    if not abs(rho) < 1.0:
        return np.full(tau_j.size, np.nan)
    below = special.ndtr((tau_k[None, :] - rho * tau_j[:, None]) / np.sqrt(1.0 - rho**2))
    slopes: Array = d_j * _density(tau_j) * ((below - special.ndtr(tau_k)[None, :]) @ d_k)
    return slopes


def own_threshold_slopes(tau: Array, d: Array) -> Array:
    """Return half the derivatives of the variance of an answer in its thresholds."""
    later = np.triu(np.ones((tau.size, tau.size)), 1) + 0.5 * np.eye(tau.size)
    slopes: Array = d * _density(tau) * ((later - special.ndtr(tau)[None, :]) @ d)
    return slopes


def _density(x: Array) -> Array:
    density: Array = np.exp(-0.5 * x**2) / np.sqrt(2.0 * np.pi)
    return density
