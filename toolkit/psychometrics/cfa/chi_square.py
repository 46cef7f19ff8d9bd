"""Chi-square statistics of a fitted model and of its baseline, naive and scaled.

Symbols: T statistic, d its degrees of freedom, c scaling factor; U residual weights, Gamma asymptotic covariances of
the sample statistics times n, Delta slopes of the implied statistics, W (or V) their weights, E = Delta' W Delta.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from toolkit.psychometrics._numerics import Array, inverse
from toolkit.psychometrics.cfa._matrices import Compiled, implied, scaled_statistics
from toolkit.psychometrics.cfa.casewise import cluster_corrections, cluster_sums, saturated_trace
from toolkit.psychometrics.cfa.discrepancy import shares
from toolkit.psychometrics.cfa.full_information import saturated_value
from toolkit.psychometrics.cfa.moments import GroupSample

NAN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChiSquare:
    """One statistic, naive and scaled.

    Attributes
    ----------
    value : float
        T.
    df : int
        Degrees of freedom.
    scaling : float
        c, so that ``(value + shift * c) / c`` is the scaled statistic; NaN where nothing is scaled.
    shift : float
        What is added after scaling; 0 for mean-scaled statistics.
    chi_square_distributed : bool
        Whether the naive statistic has a chi-square distribution when the model holds.
    """

    value: float
    df: int
    scaling: float = NAN
    shift: float = 0.0
    chi_square_distributed: bool = True

    @property
    def scaled(self) -> float:
        """The scaled statistic."""
        return self.value / self.scaling + self.shift

    @property
    def p_value(self) -> float:
        """Probability of a larger naive statistic when the model holds."""
        return upper_tail(self.value, self.df) if self.chi_square_distributed else NAN

    @property
    def scaled_p_value(self) -> float:
        """Probability of a larger scaled statistic when the model holds."""
        return upper_tail(self.scaled, self.df)


def upper_tail(value: float, df: int) -> float:
    """Return the probability of a larger chi-square; NaN without degrees of freedom."""
    return float(stats.chi2.sf(value, df)) if df > 0 and np.isfinite(value) else NAN


def mean_scaled(value: float, df: int, trace: float) -> ChiSquare:
    """Return a statistic divided by ``trace / df``."""
    return ChiSquare(value=value, df=df, scaling=trace / df if df else NAN)


def scaled_and_shifted(value: float, df: int, trace: float, trace_of_square: float) -> ChiSquare:
    """Return ``a T + b`` with the mean and variance of a chi-square on df.

    ``a = sqrt(df / tr((U Gamma)^2))`` and ``b = df - a tr(U Gamma)``.

    References
    ----------
    Asparouhov, T., & Muthen, B. (2010). Simple second order chi-square correction. Mplus technical appendix.
    """
    if df == 0 or trace_of_square <= 0.0:
        return ChiSquare(value=value, df=df, chi_square_distributed=False)
    a = float(np.sqrt(df / trace_of_square))
    return ChiSquare(value=value, df=df, scaling=1.0 / a, shift=df - a * trace, chi_square_distributed=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeastSquaresParts:
    """What robust least squares is made of.

    Attributes
    ----------
    E, K : ndarray, shape (q, q)
        ``Delta' W Delta`` and ``Delta' W Gamma W Delta`` over groups.
    trace, trace_of_square : float
        Of ``U Gamma`` and of its square.
    slopes, weighted : tuple of ndarray
        Each group's Delta and ``W Delta``.
    """

    E: Array
    K: Array
    trace: float
    trace_of_square: float
    slopes: tuple[Array, ...]
    weighted: tuple[Array, ...]


def least_squares_parts(
    compiled: Compiled, samples: Sequence[GroupSample], weights: Sequence[Array], x: Array
) -> LeastSquaresParts:
    """Return the parts; nothing of the size of Gamma is multiplied with anything of its size.

    References
    ----------
    Muthen, B. (1993). Goodness of fit with categorical and other nonnormal variables. In K. A. Bollen & J. S. Long
    (Eds.), Testing structural equation models (pp. 205-243). Sage.
    """
    share = shares(samples)
    E = np.zeros((x.size, x.size))
    K, M = np.zeros_like(E), np.zeros_like(E)
    first = second = 0.0
    all_slopes, all_weighted = [], []
    for number, (group, sample) in enumerate(zip(compiled.groups, samples, strict=True)):
        if sample.ordinal is None:
            continue
        slopes = scaled_statistics(group, implied(group, x))[1]
        W, gamma = weights[number], sample.ordinal.gamma
        WD = W[:, None] * slopes
        GWD = gamma @ WD
        E += share[number] * (slopes.T @ WD)
        K += share[number] * (WD.T @ GWD)
        M += share[number] * (GWD.T @ (W[:, None] * GWD))
        first += float(W @ np.diag(gamma))
        second += float(W @ np.square(gamma) @ W)
        all_slopes.append(slopes)
        all_weighted.append(WD)
    C = inverse(E)
    CK = C @ K
    return LeastSquaresParts(
        E=E,
        K=K,
        trace=first - float(np.trace(CK)),
        trace_of_square=second - 2.0 * float((C * M).sum()) + float((CK * CK.T).sum()),
        slopes=tuple(all_slopes),
        weighted=tuple(all_weighted),
    )


def least_squares_baseline(samples: Sequence[GroupSample], weights: Sequence[Array], n_levels: int) -> ChiSquare:
    """Return the statistic of the model without any correlation; the first ``n_levels`` statistics fit exactly."""
    value, trace, trace_of_square, df = 0.0, 0.0, 0.0, 0
    for sample, W in zip(samples, weights, strict=True):
        if sample.ordinal is None:
            continue
        s, gamma, w = sample.ordinal.statistics[n_levels:], sample.ordinal.gamma[n_levels:, n_levels:], W[n_levels:]
        value += (sample.n - 1) * float(w @ s**2)
        trace += float(w @ np.diag(gamma))
        trace_of_square += float(w @ np.square(gamma) @ w)
        df += s.size
    return scaled_and_shifted(value, df, trace, trace_of_square)


def normal_baseline(samples: Sequence[GroupSample], *, means: bool, robust: bool) -> ChiSquare:
    """Return the statistic of the model in which all items are unrelated, their means and variances free."""
    value, df, trace = 0.0, 0, 0.0
    for sample, correction in zip(samples, cluster_corrections(samples), strict=True):
        p = sample.mean.size
        df += p * (p - 1) // 2
        centre, variance, n = _own_moments(sample)
        if sample.patterns is not None:
            independent = float((n * (np.log(2.0 * np.pi * variance) + 1.0)).sum())
            value += independent - saturated_value(sample)
        else:
            value += sample.n * float(np.log(np.diag(sample.S)).sum() - np.linalg.slogdet(sample.S)[1])
        if robust:
            trace += saturated_trace(sample, means=means, correction=correction)
            trace -= correction * _baseline_trace(sample, centre, variance, n, means=means)
    return mean_scaled(value, df, trace) if robust else ChiSquare(value=value, df=df)


def _own_moments(sample: GroupSample) -> tuple[Array, Array, Array]:
    """Return each item's own mean and variance (divisor n), and how many persons answered it."""
    return (
        np.nanmean(sample.values, axis=0),
        np.nanvar(sample.values, axis=0),
        (~np.isnan(sample.values)).sum(axis=0).astype(np.float64),
    )


def _baseline_trace(sample: GroupSample, centre: Array, variance: Array, n: Array, *, means: bool) -> float:
    """Return ``tr(A^-1 B)`` of the baseline, whose information is diagonal."""
    away = np.nan_to_num(sample.values - centre)
    seen = ~np.isnan(sample.values)
    of_variance = cluster_sums(np.where(seen, 0.5 * (away**2 / variance - 1.0) / variance, 0.0), sample.clusters)
    of_mean = cluster_sums(away / variance, sample.clusters)
    total = float((2.0 * variance**2 / n * (of_variance**2).sum(axis=0)).sum())
    if means:
        total += float((variance / n * (of_mean**2).sum(axis=0)).sum())
    return total
