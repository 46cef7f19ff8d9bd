"""Weighted kappa of two raters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._inputs import complete
from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics._options import confidence, one_of
from toolkit.psychometrics._result import Interval, Result, provenance, undefined

Disagreement = Literal["none", "linear", "quadratic"]
"""How disagreement grows with distance: any counts alike (Cohen's kappa), by steps, or by squared steps."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KappaResult(Result):
    """Weighted kappa.

    Attributes
    ----------
    estimate : float
        Kappa, 1 or less.
    interval : Interval
        Wald limits, 1 at most.
    standard_error : float
        For the interval.
    z, p_value : float
        Test of a kappa of 0, with the standard error under that hypothesis; two-sided.
    observed, expected : float
        Weighted agreement, observed and expected by chance.
    counts : DataFrame, shape (n_categories, n_categories)
        Targets by category of the first rater (rows) and of the second (columns).
    n_persons, n_items, n_dropped : int
        Targets, raters (2), and targets left out.
    method : str
        The formula in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options and versions.
    """

    estimate: float
    interval: Interval
    standard_error: float
    z: float
    p_value: float
    observed: float
    expected: float
    counts: pd.DataFrame
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]


def weighted_kappa(
    df: pd.DataFrame,
    *,
    weights: Disagreement = "quadratic",
    categories: Sequence[float] | None = None,
    level: float = 0.95,
) -> KappaResult:
    """Return kappa: agreement of two raters beyond what their marginal distributions give by chance.

    It depends on how often each category occurs, so it is not comparable between populations. Quadratic weights make
    it an intraclass correlation in all but name; with linear weights one step more always counts the same.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_targets, 2)
        One row a target, one column a rater, NaN for a missing rating; targets with a missing rating are left out.
    weights : {"none", "linear", "quadratic"}, default "quadratic"
        How disagreement grows with the distance of categories in their order.
    categories : sequence of numbers, optional
        All categories in order, so that those nobody chose count as steps; None takes those found, sorted.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    KappaResult
        ``estimate`` with ``interval`` and test.

    Raises
    ------
    StatisticsError
        STA_UNKNOWN_OPTION, STA_OPTION_RANGE, STA_SHAPE_MISMATCH (not two raters), STA_CODE_NOT_ALLOWED, and
        STA_NOT_A_FRAME, STA_NOT_NUMERIC, STA_NOT_FINITE, STA_DUPLICATE_ITEM, STA_TOO_FEW_ITEMS, STA_TOO_FEW_PERSONS.

    Warns
    -----
    STA_UNDEFINED
        In ``warnings``: both raters use one category only.

    Notes
    -----
    ``kappa = (p_o - p_e) / (1 - p_e)`` with weights ``1 - d / d_max`` or ``1 - (d / d_max)^2``. Standard errors are
    those of Fleiss, Cohen and Everitt for large samples, one for the interval and one under chance for the test.

    Validated against statsmodels ``cohens_kappa`` and scikit-learn ``cohen_kappa_score``
    (``tests/unit/psychometrics/agreement/test_kappa.py``).

    References
    ----------
    Cohen, J. (1968). Weighted kappa: Nominal scale agreement with provision for scaled disagreement or partial credit.
    Psychological Bulletin, 70, 213-220. https://doi.org/10.1037/h0026256

    Fleiss, J. L., Cohen, J., & Everitt, B. S. (1969). Large sample standard errors of kappa and weighted kappa.
    Psychological Bulletin, 72, 323-327. https://doi.org/10.1037/h0028106

    Examples
    --------
    >>> import pandas as pd
    >>> ratings = pd.DataFrame({"one": [1, 2, 3, 3, 2, 1], "two": [1, 2, 3, 2, 2, 1]})
    >>> round(weighted_kappa(ratings).estimate, 4)
    0.8571
    """
    confidence(level)
    one_of(weights, Disagreement, name="weights")
    ratings = complete(df, varying=False)
    if ratings.n_items != 2:
        raise StatisticsError(
            Problem(
                code=Code.STA_SHAPE_MISMATCH,
                what="Kappa compares two raters.",
                got=f"{ratings.n_items} columns",
                allowed="2 columns",
                fix="Give two columns, or use krippendorff_alpha for more raters.",
            )
        )
    listed = _categories(ratings.codes, categories)
    c = listed.size
    index = np.searchsorted(listed, ratings.codes)
    counts = np.zeros((c, c))
    np.add.at(counts, (index[:, 0], index[:, 1]), 1.0)
    n = ratings.n_persons
    estimate, error, error_under_chance, observed, expected = _kappa(counts / n, agreement_weights(c, weights), n)
    warnings = []
    if np.isnan(estimate):
        warnings.append(undefined("kappa", "Both raters use one category only."))
    half = float(stats.norm.ppf(0.5 + level / 2.0)) * error
    with np.errstate(invalid="ignore", divide="ignore"):
        z = float(np.float64(estimate) / np.float64(error_under_chance))
    labels = [int(code) if float(code).is_integer() else float(code) for code in listed]
    options = {"weights": weights, "categories": None if categories is None else labels, "level": level}
    return KappaResult(
        estimate=estimate,
        interval=Interval(low=estimate - half, high=min(estimate + half, 1.0), level=level, method="Wald"),
        standard_error=error,
        z=z,
        p_value=2.0 * float(stats.norm.sf(abs(z))),
        observed=observed,
        expected=expected,
        counts=pd.DataFrame(counts.astype(np.int64), index=labels, columns=labels),
        n_persons=n,
        n_items=2,
        n_dropped=ratings.n_dropped,
        method=f"kappa, {'unweighted' if weights == 'none' else weights + ' weights'}, listwise",
        warnings=tuple(warnings),
        provenance=provenance("weighted_kappa", options),
    )


def agreement_weights(c: int, weights: Disagreement) -> Array:
    """Return the agreement credited to each pair of categories, 1 on the diagonal."""
    distance = np.abs(np.subtract.outer(np.arange(c), np.arange(c))) / max(c - 1, 1)
    if weights == "none":
        return np.eye(c)
    credited: Array = 1.0 - (distance if weights == "linear" else distance**2)
    return credited


def _kappa(p: Array, w: Array, n: int) -> tuple[float, float, float, float, float]:
    """Return kappa, its standard error, that under chance, and observed and expected agreement."""
    row, column = p.sum(axis=1), p.sum(axis=0)
    chance = np.outer(row, column)
    observed, expected = float((p * w).sum()), float((chance * w).sum())
    if expected >= 1.0 - 1e-12:
        return float("nan"), float("nan"), float("nan"), observed, expected
    kappa = (observed - expected) / (1.0 - expected)
    # mean weight of each category against the other rater's marginal distribution
    mean_weight = (w @ column)[:, None] + (w.T @ row)[None, :]
    spread = (p * (w - mean_weight * (1.0 - kappa)) ** 2).sum() - (kappa - expected * (1.0 - kappa)) ** 2
    under_chance = (chance * (w - mean_weight) ** 2).sum() - expected**2
    scale = np.sqrt(n) * (1.0 - expected)
    errors = [float(np.sqrt(max(float(value), 0.0)) / scale) for value in (spread, under_chance)]
    return kappa, errors[0], errors[1], observed, expected


def _categories(codes: Array, categories: Sequence[float] | None) -> Array:
    found = np.unique(codes)
    if categories is None:
        return found
    listed = np.array([float(code) for code in categories])
    strange = sorted(set(found.tolist()) - set(listed.tolist()))
    if strange or not (np.diff(listed) > 0).all():
        raise StatisticsError(
            Problem(
                code=Code.STA_CODE_NOT_ALLOWED,
                what="The ratings hold categories that are not listed, or the list does not rise.",
                got=", ".join(f"{code:g}" for code in (strange or listed)),
                allowed=", ".join(f"{code:g}" for code in sorted({*listed, *found})),
                fix="List every category once, lowest first.",
            )
        )
    return listed
