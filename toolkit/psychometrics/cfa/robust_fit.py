"""Statistics behind the robust CFI, TLI and RMSEA, where dividing by the scaling factor is not enough.

With ordered items the model is judged by the normal-theory discrepancy of the polychoric correlations at the least
squares estimates; with incomplete answers by that of the estimated complete-data moments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from toolkit.psychometrics._numerics import Array, inverse
from toolkit.psychometrics.cfa._matrices import (
    Compiled,
    implied,
    moment_slopes,
)
from toolkit.psychometrics.cfa.casewise import (
    cluster_corrections,
    cluster_sums,
    saturated_information,
    saturated_scores,
    vech,
)
from toolkit.psychometrics.cfa.chi_square import ChiSquare, LeastSquaresParts
from toolkit.psychometrics.cfa.discrepancy import shares
from toolkit.psychometrics.cfa.moments import GroupSample

NAN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustBasis:
    """The statistic whose misfit the robust indices measure, with its scaling: of the model and of the baseline."""

    model: ChiSquare
    baseline: ChiSquare


UNAVAILABLE = RobustBasis(model=ChiSquare(value=NAN, df=0), baseline=ChiSquare(value=NAN, df=0))


def categorical_basis(
    compiled: Compiled,
    samples: Sequence[GroupSample],
    parts: LeastSquaresParts,
    x: Array,
    df: int,
) -> RobustBasis:
    """Return the normal-theory statistic of polychoric correlations at the least squares estimates.

    Not available (NaN) where a polychoric matrix is not positive definite, where some items are continuous, or where
    thresholds are restricted.

    References
    ----------
    Savalei, V. (2021). Improving fit indices in structural equation modeling with categorical data. Multivariate
    Behavioral Research, 56, 390-407. https://doi.org/10.1080/00273171.2020.1717922
    """
    p = len(compiled.model.items)
    r = p * (p - 1) // 2
    if not all(group.ordered.all() for group in compiled.groups) or not _saturated_levels(compiled, parts, r, df):
        return UNAVAILABLE
    if any(float(np.linalg.eigvalsh(sample.S)[0]) < 1.5e-8 for sample in samples):
        return UNAVAILABLE
    first, second = np.triu_indices(p, 1)
    share = shares(samples)
    # Thresholds do not move correlations.
    moving = np.any([slopes[-r:].any(axis=0) for slopes in parts.slopes], axis=0)
    C = inverse(parts.E)[np.ix_(moving, moving)]
    value = base_value = trace = base_trace = 0.0
    DVD, DWGWD = np.zeros_like(C), np.zeros_like(C)
    for number, (group, sample) in enumerate(zip(compiled.groups, samples, strict=True)):
        if sample.ordinal is None:
            return UNAVAILABLE
        at = implied(group, x)
        correlation = at.Sigma * np.outer(at.delta, at.delta)
        try:
            log_determinant = 2.0 * float(np.log(np.diag(np.linalg.cholesky(correlation))).sum())
        except np.linalg.LinAlgError:
            return UNAVAILABLE
        K = np.linalg.inv(correlation)
        of_sample = float(np.linalg.slogdet(sample.S)[1])
        value += sample.n * (log_determinant + float((K * sample.S).sum()) - of_sample - p)
        base_value += sample.n * -of_sample
        upper, lower = K[first], K[second]
        V = upper[:, first] * lower[:, second] + upper[:, second] * lower[:, first]
        gamma = sample.ordinal.gamma[-r:, -r:]
        D, WD = parts.slopes[number][-r:, moving], parts.weighted[number][-r:, moving]
        GWD, VD = gamma @ WD, V @ D
        trace += float((V * gamma).sum()) - 2.0 * float(share[number]) * float(((GWD.T @ VD) * C.T).sum())
        # As lavaan does; with one group the share is 1.
        base_trace += float(np.trace(gamma)) / float(share[number])
        DVD += share[number] * D.T @ VD
        DWGWD += share[number] * WD.T @ GWD
    trace += float(((C @ DVD) * (C @ DWGWD).T).sum())
    base_df = r * len(samples)
    return RobustBasis(
        model=ChiSquare(value=value, df=df, scaling=trace / df if df else NAN),
        baseline=ChiSquare(value=base_value, df=base_df, scaling=base_trace / base_df),
    )


def _saturated_levels(compiled: Compiled, parts: LeastSquaresParts, r: int, df: int) -> bool:
    """Return whether all degrees of freedom are those of the correlations."""
    of_correlations = np.concatenate([slopes[-r:] for slopes in parts.slopes])
    moving = of_correlations[:, of_correlations.any(axis=0)]
    return int(np.linalg.matrix_rank(moving)) == r * len(compiled.groups) - df


def incomplete_basis(compiled: Compiled, samples: Sequence[GroupSample], x: Array, *, robust: bool) -> RobustBasis:
    """Return the complete-data statistic of the estimated moments at the full information estimates.

    ``robust`` allows for answers that are not normal (variant V3 of the paper), otherwise the answers are taken as
    normal (V6).

    References
    ----------
    Zhang, X., & Savalei, V. (2023). New computations for RMSEA and CFI following FIML and TS estimation with missing
    data. Psychological Methods, 28, 263-283. https://doi.org/10.1037/met0000445
    """
    share = shares(samples)
    of_moments = [
        _information_of_moments(sample, float(correction), robust=robust)
        for sample, correction in zip(samples, cluster_corrections(samples), strict=True)
    ]
    slopes = [moment_slopes(group, implied(group, x)) for group in compiled.groups]
    value = base_value = base_trace = 0.0
    for number, (group, sample) in enumerate(zip(compiled.groups, samples, strict=True)):
        at = implied(group, x)
        value += sample.n * _distance(sample, at.mu, at.Sigma)
        own = np.diag(np.nanvar(sample.values, axis=0))
        base_value += sample.n * _distance(sample, np.nanmean(sample.values, axis=0), own)
        base_trace += _incomplete_trace([of_moments[number]], np.ones(1), [_baseline_slopes(at.mu.size)])
    p = len(compiled.model.items)
    count = (p + p * (p + 1) // 2) * len(samples)
    df, base_df = count - x.size, p * (p - 1) // 2 * len(samples)
    trace = _incomplete_trace(of_moments, share, slopes)
    return RobustBasis(
        model=ChiSquare(value=value, df=df, scaling=trace / df if df else NAN),
        baseline=ChiSquare(value=base_value, df=base_df, scaling=base_trace / base_df),
    )


def _distance(sample: GroupSample, mu: Array, Sigma: Array) -> float:
    """Return the complete-data discrepancy of moments from those of the saturated model."""
    K = inverse(Sigma)
    away = sample.mean - mu
    determinants = float(np.linalg.slogdet(Sigma)[1] - np.linalg.slogdet(sample.S)[1])
    return determinants + float((K * sample.S).sum()) - away.size + float(away @ K @ away)


def _baseline_slopes(p: int) -> Array:
    i, j = vech(p)
    slopes = np.zeros((p + i.size, 2 * p))
    slopes[np.arange(p), np.arange(p)] = 1.0
    slopes[p + np.flatnonzero(i == j), p + np.arange(p)] = 1.0
    return slopes


def _information_of_moments(sample: GroupSample, correction: float, *, robust: bool) -> tuple[Array, Array, Array]:
    """Return observed and complete-data information Wm and Wc of the moments, and their covariance Gamma."""
    Wm = saturated_information(sample)
    Wc = saturated_information(replace(sample, patterns=None, observed=None))
    bread = inverse(Wm)
    if not robust:
        return Wm, Wc, bread
    s = cluster_sums(saturated_scores(sample), sample.clusters)
    return Wm, Wc, bread @ (correction * s.T @ s / sample.n) @ bread


def _incomplete_trace(of_moments: Sequence[tuple[Array, Array, Array]], share: Array, slopes: Sequence[Array]) -> float:
    """Return the expected value of the complete-data statistic under the model: ``tr(Wc R Gamma R')``.

    ``R = I - D (D' Wm D)^-1 D' Wm`` with slopes D takes away what the model explains.
    """
    q = slopes[0].shape[1]
    total, mixed, left, right, E = 0.0, *(np.zeros((q, q)) for _ in range(4))
    for (Wm, Wc, gamma), f, D in zip(of_moments, share, slopes, strict=True):
        WD, GWD = Wm @ D, gamma @ (Wm @ D)
        total += float((Wc * gamma).sum())
        mixed += f * GWD.T @ (Wc @ D)
        left += f * D.T @ (Wc @ D)
        right += f * WD.T @ GWD
        E += f * D.T @ WD
    bread = inverse(E)
    total -= 2.0 * float((mixed * bread).sum())
    return total + float(((bread @ left) * (bread @ right).T).sum())
