"""How well factors reproduce a correlation matrix, with the conventions of R's psych or EFAtools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize, special

from toolkit.psychometrics._numerics import Array, log_determinant
from toolkit.psychometrics._result import Estimate
from toolkit.psychometrics.factors.extraction import Extraction, Unrotated, extract

FitConvention = Literal["psych", "EFAtools"]
"""Whose RMSEA, TLI and CFI: see :func:`factor_fit`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FactorFit:
    """Fit measures of an exploratory solution; NaN where they do not exist."""

    chi_square: float
    df: int
    p_value: float
    rmsea: Estimate
    tli: float
    cfi: float
    bic: float
    srmr: float
    rmsr: float


def fitted_factors(
    R: Array, n_factors: int, *, n: int, method: Extraction = "ml", convention: FitConvention = "psych"
) -> tuple[Unrotated, FactorFit]:
    """Extract factors of a positive definite correlation matrix and say how they fit (extract, factor_fit)."""
    found = extract(R, n_factors, method)
    common = found.loadings @ found.loadings.T
    return found, factor_fit(R, common, n=n, n_factors=n_factors, convention=convention)


def factor_fit(
    R: Array,
    communality_matrix: Array,
    *,
    n: int,
    n_factors: int,
    level: float = 0.90,
    convention: FitConvention = "psych",
) -> FactorFit:
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
    convention : {"psych", "EFAtools"}
        The variant of RMSEA, TLI and CFI.

    Notes
    -----
    The chi-square is the ML discrepancy F times Bartlett's factor ``n - 1 - (2 p + 5) / 6 - 2 m / 3``, whatever the
    extraction; BIC is ``chi2 - df ln n``. Without factors, F0 takes the place of F and m is 0.

    psych: RMSEA is ``sqrt(chi2 / (df n) - 1 / (n - 1))``; its limits divide by ``df (n - 1)``. The TLI compares
    discrepancies per degree of freedom with the reciprocal of Bartlett's factor. The CFI, which psych does not have,
    takes the chi-squares.

    EFAtools: all three take ``F (n - 1)`` and ``F0 (n - 1)`` in place of the chi-squares, and RMSEA is
    ``sqrt((F (n - 1) - df) / (df (n - 1)))``.
    """
    p = R.shape[0]
    df = ((p - n_factors) ** 2 - (p + n_factors)) // 2
    null_df = p * (p - 1) / 2
    nan = float("nan")
    model = communality_matrix.copy()
    np.fill_diagonal(model, 1.0)
    residual = (R - model)[np.tril_indices(p, k=-1)]
    squares = float(residual @ residual)
    F = nan
    if np.linalg.eigvalsh(model)[0] > 0:
        F = max(float(np.trace(np.linalg.solve(model, R))) - log_determinant(R) + log_determinant(model) - p, 0.0)
    F0 = -log_determinant(R)
    multiplier = n - 1 - (2 * p + 5) / 6 - 2 * n_factors / 3
    multiplier = multiplier if multiplier > 0 else nan
    chi_square = F * multiplier
    if convention == "psych":
        statistic, null = chi_square, F0 * (n - 1 - (2 * p + 5) / 6)
        tli = (F0 / null_df - F / df) / (F0 / null_df - 1.0 / multiplier) if df > 0 else nan
    else:
        statistic, null = F * (n - 1), F0 * (n - 1)
        tli = (null / null_df - statistic / df) / (null / null_df - 1.0) if df > 0 else nan
    return FactorFit(
        chi_square=chi_square,
        df=df,
        p_value=float(special.chdtrc(df, chi_square)) if df > 0 else nan,
        rmsea=rmsea(statistic, df, n, level, convention),
        tli=tli,
        cfi=_cfi(statistic - df, null - null_df) if df > 0 else nan,
        bic=chi_square - df * float(np.log(n)),
        srmr=float(np.sqrt(squares / (p * (p + 1) / 2))),
        rmsr=float(np.sqrt(squares / (p * (p - 1) / 2))),
    )


def _cfi(excess: float, null_excess: float) -> float:
    worst = max(excess, null_excess, 0.0)
    if np.isnan(excess):
        return excess
    return 1.0 - max(excess, 0.0) / worst if worst > 0 else 1.0


def rmsea(chi_square: float, df: int, n: int, level: float, convention: FitConvention = "psych") -> Estimate:
    """Return the RMSEA with the limits that follow from the noncentral chi-square distribution."""
    method = "noncentral chi-square"
    if df <= 0 or not np.isfinite(chi_square):
        nan = float("nan")
        return Estimate(estimate=nan, low=nan, high=nan, level=level, method=method)
    per_person = n if convention == "psych" else n - 1
    estimate = float(np.sqrt(max(chi_square / (df * per_person) - 1.0 / (n - 1), 0.0)))
    low, high = (
        float(np.sqrt(_noncentrality(chi_square, df, probability) / ((n - 1) * df)))
        for probability in (0.5 + level / 2.0, 0.5 - level / 2.0)
    )
    return Estimate(estimate=estimate, low=low, high=high, level=level, method=method)


def _noncentrality(chi_square: float, df: int, probability: float) -> float:
    """Return the noncentrality under which a statistic this small has the given probability; 0 if there is none."""

    def excess(noncentrality: float) -> float:
        return float(special.chndtr(chi_square, df, noncentrality)) - probability

    if float(special.chdtr(df, chi_square)) <= probability:
        return 0.0
    high = max(chi_square, 1.0)
    while excess(high) > 0:
        high *= 2.0
    return float(optimize.brentq(excess, 1e-12, high, xtol=1e-10, rtol=1e-12))
