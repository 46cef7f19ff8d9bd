"""The measurement error of a score: overall, by score, and the smallest change beyond it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from toolkit.errors import Problem
from toolkit.psychometrics._inputs import complete
from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics._options import confidence, one_of, within
from toolkit.psychometrics._result import Interval, Result, provenance, undefined
from toolkit.psychometrics.reliability.alpha import alpha_of

Score = Literal["sum", "mean"]
"""The score of a scale: the sum or the mean of its items."""
DEGREE = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasurementErrorResult(Result):
    """Standard error of measurement and minimal detectable change of a score.

    Attributes
    ----------
    standard_error : float
        Standard error of measurement, in units of the score.
    minimal_detectable_change : float
        Change of one person beyond measurement error, at ``level``.
    reliability : float
        The reliability that was used.
    sd : float
        Standard deviation of the score.
    conditional : DataFrame, shape (n_scores, 3)
        Index score; columns n_persons, standard_error (of the persons with this score) and smoothed (a cubic in the
        score through the error variances of all persons; 0 where it falls below 0).
    interval : Interval or None
        Limits for ``standard_error``; None if the reliability was given.
    level : float
        Level of the interval and of the minimal detectable change.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The formulas in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options and versions.
    """

    standard_error: float
    minimal_detectable_change: float
    reliability: float
    sd: float
    conditional: pd.DataFrame
    interval: Interval | None
    level: float
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]


def measurement_error(
    df: pd.DataFrame, *, reliability: float | None = None, score: Score = "sum", level: float = 0.95
) -> MeasurementErrorResult:
    """Return the standard error of measurement of a score, for everybody and by score.

    It tells how far a person's score is from the true score by chance. It says nothing about persons who change, and
    with alpha it holds only error between items on one occasion; for error over time give a retest reliability.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items)
        One row a person, one column an item of the scale, NaN for a missing answer; persons who did not answer every
        item are left out.
    reliability : float, optional
        Reliability of the score, 0 to 1; None means coefficient alpha of the data.
    score : {"sum", "mean"}, default "sum"
        The score, and so the unit of all numbers.
    level : float, default 0.95
        Level of the interval and of the minimal detectable change.

    Returns
    -------
    MeasurementErrorResult
        ``standard_error``, ``minimal_detectable_change`` and ``conditional``.

    Raises
    ------
    StatisticsError
        STA_UNKNOWN_OPTION, STA_OPTION_RANGE and the codes of
        :func:`~toolkit.psychometrics.correlation.pearson_correlation`.

    Warns
    -----
    STA_UNDEFINED
        In ``warnings``: a sum that does not vary, so that alpha is NaN; too few different scores for a cubic.

    Notes
    -----
    ``SEM = SD sqrt(1 - reliability)``; the minimal detectable change is ``z sqrt(2) SEM``, 2.772 SEM at .95. With
    alpha, ``SEM^2`` is k times the residual mean square of persons x items, so its limits are those of a mean square:
    normal and equal errors are assumed. The conditional error variance is Feldt and Qualls' with items as parts:
    ``k / (k - 1) sum_j (x_pj - mean_j - mean deviation of p)^2`` for person p, averaged over persons with one score;
    its mean over all persons is ``SEM^2`` with alpha.

    Validated by that identity, by a population with known error, and by coverage
    (``tests/unit/psychometrics/reliability/test_precision.py``).

    References
    ----------
    Feldt, L. S., & Qualls, A. L. (1996). Estimation of measurement error variance at specific score levels. Journal of
    Educational Measurement, 33, 141-156.

    Feldt, L. S., Steffen, M., & Gupta, N. C. (1985). A comparison of five methods for estimating the standard error of
    measurement at specific score levels. Applied Psychological Measurement, 9, 351-361.
    https://doi.org/10.1177/014662168500900402

    de Vet, H. C. W., Terwee, C. B., Knol, D. L., & Bouter, L. M. (2006). When to use agreement versus reliability
    measures. Journal of Clinical Epidemiology, 59, 1033-1039. https://doi.org/10.1016/j.jclinepi.2005.10.015

    Examples
    --------
    >>> import pandas as pd
    >>> answers = pd.DataFrame({"a": [1, 2, 3, 4, 4], "b": [1, 3, 2, 4, 5], "c": [2, 2, 3, 4, 4]})
    >>> result = measurement_error(answers, reliability=.9)
    >>> round(result.standard_error, 4), round(result.minimal_detectable_change, 4)
    (1.1705, 3.2443)
    """
    confidence(level)
    one_of(score, Score, name="score")
    if reliability is not None:
        within(reliability, name="reliability", low=0.0, high=1.0)
    answers = complete(df)
    X, n, k = answers.codes, answers.n_persons, answers.n_items
    unit = 1.0 if score == "sum" else 1.0 / k
    S = np.cov(X, rowvar=False)
    used = float(alpha_of(S)) if reliability is None else float(reliability)
    sd = float(np.sqrt(S.sum())) * unit
    warnings = []
    if np.isnan(used):
        warnings.append(undefined("the standard error of measurement", "The sum of the items does not vary."))
    standard_error = sd * float(np.sqrt(1.0 - used))
    interval = None
    if reliability is None:
        df_residual = (n - 1) * (k - 1)
        tail = (1.0 - level) / 2.0
        low, high = (np.sqrt(df_residual / stats.chi2.ppf(q, df_residual)) for q in (1.0 - tail, tail))
        interval = Interval(
            low=standard_error * float(low), high=standard_error * float(high), level=level, method="chi-square"
        )
    conditional = _conditional(X, unit)
    if conditional["smoothed"].isna().any():
        warnings.append(undefined("the smoothed conditional standard errors", "There are too few different scores."))
    source = "Cronbach's alpha" if reliability is None else "given reliability"
    return MeasurementErrorResult(
        standard_error=standard_error,
        minimal_detectable_change=float(stats.norm.ppf(0.5 + level / 2.0)) * float(np.sqrt(2.0)) * standard_error,
        reliability=used,
        sd=sd,
        conditional=conditional,
        interval=interval,
        level=level,
        n_persons=n,
        n_items=k,
        n_dropped=answers.n_dropped,
        method=f"SEM of the {score} from {source}; conditional SEM by Feldt and Qualls, items as parts; listwise",
        warnings=tuple(warnings),
        provenance=provenance("measurement_error", {"reliability": reliability, "score": score, "level": level}),
    )


def error_variances(X: Array) -> Array:
    """Return Feldt and Qualls' error variance of each person's sum, with the items as parts, shape (n_persons,)."""
    k = X.shape[1]
    deviation = X - X.mean(axis=0)
    residual = deviation - deviation.mean(axis=1, keepdims=True)
    variances: Array = k / (k - 1) * (residual**2).sum(axis=1)
    return variances


def _conditional(X: Array, unit: float) -> pd.DataFrame:
    total = X.sum(axis=1)
    error = error_variances(X)
    grouped = pd.DataFrame({"score": total * unit, "error": error}).groupby("score")["error"].agg(["size", "mean"])
    smoothed = np.full(len(grouped), np.nan)
    if len(grouped) > DEGREE:
        curve = np.polynomial.Polynomial.fit(total * unit, error, deg=DEGREE)
        smoothed = np.sqrt(np.maximum(curve(grouped.index.to_numpy()), 0.0)) * unit
    return pd.DataFrame(
        {"n_persons": grouped["size"], "standard_error": np.sqrt(grouped["mean"]) * unit, "smoothed": smoothed}
    )
