"""How well factors reproduce a correlation matrix, with the conventions of R's psych."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from toolkit.psychometrics._numerics import Array, log_determinant
from toolkit.psychometrics._result import Estimate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FactorFit:
    """Fit measures of an exploratory solution; NaN where they do not exist."""

    chi_square: float
    df: int
    p_value: float
    rmsea: Estimate
    tli: float
    bic: float
    srmr: float
    rmsr: float


def factor_fit(R: Array, communality_matrix: Array, *, n: int, n_factors: int, level: float = 0.90) -> FactorFit:
    """Return the fit of ``Lambda Phi Lambda'`` to R.

    Parameters
    ----------
    R, communality_matrix : ndarray, shape (p, p)
        Observed correlations and ``Lambda Phi Lambda'``.
    n : int
        Persons.
    n_factors : int
        Factors.
    level : float
        Confidence level of the RMSEA's limits.

    Notes
    -----
    The chi-square is the ML discrepancy times Bartlett's factor ``n - 1 - (2 p + 5) / 6 - 2 m / 3``, whatever the
    extraction. RMSEA is ``sqrt(chi2 / (df n) - 1 / (n - 1))``. The TLI compares discrepancies per degree of freedom
    with the reciprocal of Bartlett's factor. BIC is ``chi2 - df ln n``.
    """
    p = R.shape[0]
    df = ((p - n_factors) ** 2 - (p + n_factors)) // 2
    model = communality_matrix.copy()
    np.fill_diagonal(model, 1.0)
    residual = (R - model)[np.tril_indices(p, k=-1)]
    squares = float(residual @ residual)
    F = float("nan")
    if np.linalg.eigvalsh(model)[0] > 0:
        F = max(float(np.trace(np.linalg.solve(model, R))) - log_determinant(R) + log_determinant(model) - p, 0.0)
    F0 = -log_determinant(R)
    multiplier = n - 1 - (2 * p + 5) / 6 - 2 * n_factors / 3
    chi_square = F * multiplier
    null_df = p * (p - 1) / 2
    tli = (F0 / null_df - F / df) / (F0 / null_df - 1.0 / multiplier) if df > 0 else float("nan")
    return FactorFit(
        chi_square=chi_square,
        df=df,
        p_value=float(stats.chi2.sf(chi_square, df)) if df > 0 else float("nan"),
        rmsea=rmsea(chi_square, df, n, level),
        tli=tli,
        bic=chi_square - df * float(np.log(n)),
        srmr=float(np.sqrt(squares / (p * (p + 1) / 2))),
        rmsr=float(np.sqrt(squares / (p * (p - 1) / 2))),
    )


def rmsea(chi_square: float, df: int, n: int, level: float) -> Estimate:
    """Return the RMSEA with the limits that follow from the noncentral chi-square distribution."""
    method = "noncentral chi-square"
    if df <= 0 or not np.isfinite(chi_square):
        nan = float("nan")
        return Estimate(estimate=nan, low=nan, high=nan, level=level, method=method)
    estimate = float(np.sqrt(max(chi_square / (df * n) - 1.0 / (n - 1), 0.0)))
    low, high = (
        float(np.sqrt(_noncentrality(chi_square, df, probability) / ((n - 1) * df)))
        for probability in (0.5 + level / 2.0, 0.5 - level / 2.0)
    )
    return Estimate(estimate=estimate, low=low, high=high, level=level, method=method)


def _noncentrality(chi_square: float, df: int, probability: float) -> float:
    """Return the noncentrality under which a statistic this small has the given probability; 0 if there is none."""

    def excess(noncentrality: float) -> float:
        return float(stats.ncx2.cdf(chi_square, df, noncentrality)) - probability

    if float(stats.chi2.cdf(chi_square, df)) <= probability:
        return 0.0
    high = max(chi_square, 1.0)
    while excess(high) > 0:
        high *= 2.0
    return float(optimize.brentq(excess, 1e-12, high, xtol=1e-10, rtol=1e-12))
