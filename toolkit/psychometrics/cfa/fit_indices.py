"""Fit indices: how well a model fits, beside whether it can be rejected.

Symbols: T statistic and d degrees of freedom of the model, T_b and d_b of the baseline, c and c_b scaling factors,
N persons (less the number of groups under least squares), G groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics.cfa._matrices import Compiled, implied
from toolkit.psychometrics.cfa.discrepancy import shares
from toolkit.psychometrics.cfa.moments import GroupSample

NAN = float("nan")
CLOSE_FIT = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Rmsea:
    """Root mean square error of approximation with its interval and the probability of close fit."""

    value: float
    low: float
    high: float
    p_close: float


def index_kind(*fits: Mapping[str, float]) -> str:
    """Return the ending of the indices to judge by, which all have: robust ones, else scaled, else none for naive."""
    for kind in (".robust", ".scaled"):
        if all(np.isfinite(fit.get(f"cfi{kind}", np.nan)) for fit in fits):
            return kind
    return ""


def comparative_fit_index(T: float, d: int, T_b: float, d_b: int, c: float = 1.0, c_b: float = 1.0) -> float:
    """Return CFI: 1 - misfit of the model over misfit of the baseline, from 0 to 1.

    References
    ----------
    Bentler, P. M. (1990). Comparative fit indexes in structural models. Psychological Bulletin, 107, 238-246.
    https://doi.org/10.1037/0033-2909.107.2.238
    """
    of_model = max(T - c * d, 0.0)
    of_baseline = max(T - c * d, T_b - c_b * d_b, 0.0)
    if not np.isfinite(of_model) or not np.isfinite(of_baseline):
        return NAN
    return 1.0 - of_model / of_baseline if of_baseline > 0.0 else 1.0


def tucker_lewis_index(T: float, d: int, T_b: float, d_b: int, c: float = 1.0, c_b: float = 1.0) -> float:
    """Return TLI (non-normed fit index); above 1 where the model fits better than expected, NaN without df.

    References
    ----------
    Tucker, L. R., & Lewis, C. (1973). A reliability coefficient for maximum likelihood factor analysis. Psychometrika,
    38, 1-10. https://doi.org/10.1007/BF02291170
    """
    if d == 0:
        return 1.0
    of_model, of_baseline = (T - c * d) * d_b, (T_b - c_b * d_b) * d
    return 1.0 - of_model / of_baseline if of_baseline != 0.0 else NAN


def root_mean_square_error(
    T: float, d: float, n: float, n_groups: int, *, level: float = 0.90, c: float = 1.0, scaled: float | None = None
) -> Rmsea:
    """Return RMSEA with the interval of the noncentrality parameter.

    ``scaled`` is the statistic whose noncentral distribution gives the interval; noncentrality is then multiplied by c.

    References
    ----------
    Steiger, J. H. (1990). Structural model evaluation and modification: An interval estimation approach. Multivariate
    Behavioral Research, 25, 173-180. https://doi.org/10.1207/s15327906mbr2502_4

    Browne, M. W., & Cudeck, R. (1992). Alternative ways of assessing model fit. Sociological Methods & Research, 21,
    230-258. https://doi.org/10.1177/0049124192021002005
    """
    if d == 0:
        return Rmsea(value=0.0, low=0.0, high=0.0, p_close=NAN)
    if not np.isfinite(T) or not np.isfinite(c):
        return Rmsea(value=NAN, low=NAN, high=NAN, p_close=NAN)
    # A perfect fit can come out below zero by rounding.
    statistic = max(T if scaled is None else scaled, 0.0)
    tail = (1.0 - level) / 2.0
    unit = c * n_groups / (n * d)
    low, high = (noncentrality(statistic, d, quantile) for quantile in (1.0 - tail, tail))
    ncp = CLOSE_FIT**2 / unit
    return Rmsea(
        value=float(np.sqrt(max(T - c * d, 0.0) * n_groups / (n * d))),
        low=float(np.sqrt(unit * low)),
        high=float(np.sqrt(unit * high)),
        p_close=float(stats.ncx2.sf(statistic, d, ncp)),
    )


def noncentrality(statistic: float, df: float, quantile: float) -> float:
    """Return the noncentrality under which the statistic is that quantile; 0 where there is none."""

    def above(ncp: float) -> float:
        return float(special.chndtr(statistic, df, ncp)) - quantile

    if above(0.0) <= 0.0:
        return 0.0
    high = max(statistic, 1.0)
    while above(high) > 0.0:
        high *= 2.0
    return float(optimize.brentq(above, 0.0, high, xtol=1e-10, rtol=1e-12))


def standardized_root_mean_square_residual(compiled: Compiled, samples: Sequence[GroupSample], x: Array) -> float:
    """Return SRMR (Bentler's): residuals over the observed standard deviations, weighted over groups by persons.

    For ordered items the correlations alone count; the divisor is p (p + 1) / 2 in every case, and p more where means
    are modelled for continuous items.

    References
    ----------
    Hu, L., & Bentler, P. M. (1999). Cutoff criteria for fit indexes in covariance structure analysis. Structural
    Equation Modeling, 6, 1-55. https://doi.org/10.1080/10705519909540118
    """
    total = 0.0
    for group, sample, share in zip(compiled.groups, samples, shares(samples), strict=True):
        at = implied(group, x)
        p = sample.mean.size
        scale = np.outer(at.delta, at.delta) if sample.ordinal is not None else 1.0
        sd = np.sqrt(np.diag(sample.S))
        away = (sample.S - at.Sigma * scale) / np.outer(sd, sd)
        squares = float(np.square(away[np.tril_indices(p, -1)]).sum())
        count = p * (p + 1) / 2
        if sample.ordinal is None:
            squares += float(np.square(np.diag(away)).sum())
            if compiled.model.mean_structure:
                squares += float(np.square((sample.mean - at.mu) / sd).sum())
                count += p
        total += float(share) * float(np.sqrt(squares / count))
    return total
