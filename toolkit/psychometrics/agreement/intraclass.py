"""Intraclass correlations of ratings or occasions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from toolkit.errors import Problem
from toolkit.psychometrics._inputs import complete
from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics._options import confidence
from toolkit.psychometrics._result import Result, provenance, undefined


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntraclassResult(Result):
    """The six intraclass correlations.

    Attributes
    ----------
    table : DataFrame, shape (6, 8)
        Index ICC1, ICC2, ICC3, ICC1k, ICC2k, ICC3k (Shrout and Fleiss); columns form (McGraw and Wong), estimate, low,
        high, F, df1, df2, p_value. The F test is against an intraclass correlation of 0.
    standard_error_agreement, standard_error_consistency : float
        Standard error of measurement of one rating: with and without differences between raters.
    mean_squares : Series, shape (4,)
        targets, raters, residual, and within (raters and residual together).
    level : float
        Level of the limits.
    n_persons, n_items, n_dropped : int
        Targets, raters, and targets left out.
    method : str
        The formula in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options and versions.
    """

    table: pd.DataFrame
    standard_error_agreement: float
    standard_error_consistency: float
    mean_squares: pd.Series
    level: float
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return the table of the six coefficients."""
        return self.table.copy()


def intraclass_correlation(df: pd.DataFrame, *, level: float = 0.95) -> IntraclassResult:
    """Return the six intraclass correlations of targets rated by the same raters, or measured on the same occasions.

    For test-retest reliability of one measurement read ICC2 (absolute agreement: a general shift between occasions
    counts as error) or ICC3 (consistency: it does not). ICC1 is for raters who differ from target to target. The k
    forms are about the mean of all raters.

    Parameters
    ----------
    df : DataFrame of numbers, shape (n_targets, n_raters)
        One row a target (a person in a retest), one column a rater (an occasion), NaN for a missing rating; targets
        with a missing rating are left out.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    IntraclassResult
        ``table`` with the six coefficients, and the standard errors of measurement.

    Raises
    ------
    StatisticsError
        STA_OPTION_RANGE, STA_NOT_A_FRAME, STA_NOT_NUMERIC, STA_NOT_FINITE, STA_DUPLICATE_ITEM, STA_TOO_FEW_ITEMS,
        STA_TOO_FEW_PERSONS, STA_ALL_MISSING_ITEM.

    Warns
    -----
    STA_UNDEFINED
        In ``warnings``: ratings that do not vary.

    Notes
    -----
    Two-way analysis of variance of targets x raters without replication. The limits of ICC2 and ICC2k use
    Satterthwaite's degrees of freedom, those of the others are exact under normality. Negative estimates are kept.

    Validated against the 6 x 4 example of Shrout and Fleiss and against pingouin 0.7 ``intraclass_corr``
    (``tests/unit/psychometrics/agreement/test_intraclass.py``).

    References
    ----------
    Shrout, P. E., & Fleiss, J. L. (1979). Intraclass correlations: Uses in assessing rater reliability. Psychological
    Bulletin, 86, 420-428. https://doi.org/10.1037/0033-2909.86.2.420

    McGraw, K. O., & Wong, S. P. (1996). Forming inferences about some intraclass correlation coefficients.
    Psychological Methods, 1, 30-46. https://doi.org/10.1037/1082-989X.1.1.30

    Examples
    --------
    >>> import pandas as pd
    >>> ratings = pd.DataFrame({"first": [9, 6, 8, 7, 10, 6], "second": [2, 1, 4, 1, 5, 2]})
    >>> float(intraclass_correlation(ratings).table.loc["ICC3", "estimate"].round(4))
    0.7453
    """
    confidence(level)
    ratings = complete(df, varying=False)
    n, k = ratings.n_persons, ratings.n_items
    targets, raters, residual, within = mean_squares(ratings.codes)
    warnings = []
    if targets + raters + residual <= 0.0:
        warnings.append(undefined("the intraclass correlations", "No rating differs from any other."))
    with np.errstate(invalid="ignore", divide="ignore"):
        table = _table(np.float64(targets), np.float64(raters), np.float64(residual), np.float64(within), n, k, level)
    between_raters = max((raters - residual) / n, 0.0)
    return IntraclassResult(
        table=table,
        standard_error_agreement=float(np.sqrt(between_raters + residual)),
        standard_error_consistency=float(np.sqrt(residual)),
        mean_squares=pd.Series({"targets": targets, "raters": raters, "residual": residual, "within": within}),
        level=level,
        n_persons=n,
        n_items=k,
        n_dropped=ratings.n_dropped,
        method="intraclass correlations of Shrout and Fleiss, two-way analysis of variance, listwise",
        warnings=tuple(warnings),
        provenance=provenance("intraclass_correlation", {"level": level}),
    )


def mean_squares(X: Array) -> tuple[float, float, float, float]:
    """Return the mean squares of targets, raters, residual and within targets of a complete table."""
    n, k = X.shape
    grand, row, column = X.mean(), X.mean(axis=1), X.mean(axis=0)
    rows = k * float(((row - grand) ** 2).sum())
    columns = n * float(((column - grand) ** 2).sum())
    rest = float(((X - row[:, None] - column[None, :] + grand) ** 2).sum())
    return rows / (n - 1), columns / (k - 1), rest / ((n - 1) * (k - 1)), (columns + rest) / (n * (k - 1))


def _table(
    MSR: np.float64, MSC: np.float64, MSE: np.float64, MSW: np.float64, n: int, k: int, level: float
) -> pd.DataFrame:
    """Return the six coefficients with tests and limits; symbols as in McGraw and Wong."""
    within, residual = n * (k - 1), (n - 1) * (k - 1)
    F1, F3 = MSR / MSW, MSR / MSE
    one = (MSR - MSW) / (MSR + (k - 1) * MSW)
    two = (MSR - MSE) / (MSR + (k - 1) * MSE + k * (MSC - MSE) / n)
    three = (MSR - MSE) / (MSR + (k - 1) * MSE)
    average = {
        "ICC1k": (MSR - MSW) / MSR,
        "ICC2k": (MSR - MSE) / (MSR + (MSC - MSE) / n),
        "ICC3k": (MSR - MSE) / MSR,
    }
    limits_1, limits_3 = _ratio_limits(F1, n - 1, within, k, level), _ratio_limits(F3, n - 1, residual, k, level)
    limits_2 = _agreement_limits(MSR, MSC, MSE, two, n, k, level)
    rows = {
        "ICC1": ("ICC(1,1)", one, *limits_1, F1, n - 1, within),
        "ICC2": ("ICC(A,1)", two, *limits_2, F3, n - 1, residual),
        "ICC3": ("ICC(C,1)", three, *limits_3, F3, n - 1, residual),
        "ICC1k": ("ICC(1,k)", average["ICC1k"], *_stepped_up(limits_1, k), F1, n - 1, within),
        "ICC2k": ("ICC(A,k)", average["ICC2k"], *_stepped_up(limits_2, k), F3, n - 1, residual),
        "ICC3k": ("ICC(C,k)", average["ICC3k"], *_stepped_up(limits_3, k), F3, n - 1, residual),
    }
    columns = ["form", "estimate", "low", "high", "F", "df1", "df2"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    table["p_value"] = stats.f.sf(table["F"].to_numpy(), table["df1"].to_numpy(), table["df2"].to_numpy())
    return table


def _ratio_limits(F: np.float64, df1: int, df2: int, k: int, level: float) -> tuple[np.float64, np.float64]:
    """Return exact limits of a coefficient that depends on one F ratio."""
    upper = 0.5 + level / 2.0
    low, high = F / stats.f.ppf(upper, df1, df2), F * stats.f.ppf(upper, df2, df1)
    return (low - 1.0) / (low + k - 1.0), (high - 1.0) / (high + k - 1.0)


def _agreement_limits(
    MSR: np.float64, MSC: np.float64, MSE: np.float64, rho: np.float64, n: int, k: int, level: float
) -> tuple[np.float64, np.float64]:
    """Return the limits of absolute agreement of one rating, with Satterthwaite's degrees of freedom."""
    a, b = k * rho / (n * (1.0 - rho)), 1.0 + k * rho * (n - 1) / (n * (1.0 - rho))
    v = (a * MSC + b * MSE) ** 2 / ((a * MSC) ** 2 / (k - 1) + (b * MSE) ** 2 / ((n - 1) * (k - 1)))
    upper = 0.5 + level / 2.0
    F_low, F_high = stats.f.ppf(upper, n - 1, v), stats.f.ppf(upper, v, n - 1)
    other = k * MSC + (k * n - k - n) * MSE
    return (
        n * (MSR - F_low * MSE) / (F_low * other + n * MSR),
        n * (F_high * MSR - MSE) / (other + n * F_high * MSR),
    )


def _stepped_up(limits: tuple[np.float64, np.float64], k: int) -> tuple[np.float64, np.float64]:
    low, high = (k * limit / (1.0 + (k - 1) * limit) for limit in limits)
    return low, high
