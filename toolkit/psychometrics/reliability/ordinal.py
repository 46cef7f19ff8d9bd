"""Ordinal alpha: coefficient alpha of polychoric correlations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from toolkit.errors import Problem
from toolkit.psychometrics._options import Missing, confidence
from toolkit.psychometrics._result import Interval, Result, provenance, undefined
from toolkit.psychometrics.items import negative_items
from toolkit.psychometrics.ordinal_correlation import polychoric
from toolkit.psychometrics.reliability.alpha import alpha_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrdinalAlphaResult(Result):
    """Ordinal alpha.

    Attributes
    ----------
    estimate : float
        Alpha of the polychoric correlations, 1 or less.
    mean_inter_item_correlation : float
        Mean of the polychoric correlations.
    interval : Interval
        Limits for ``estimate``.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The formula in words.
    warnings : tuple of Problem
        What must be known about the numbers, with the warnings of the correlations.
    provenance : mapping
        Options and versions.
    """

    estimate: float
    mean_inter_item_correlation: float
    interval: Interval
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]


def ordinal_alpha(df: pd.DataFrame, *, missing: Missing = "listwise", level: float = 0.95) -> OrdinalAlphaResult:
    """Return coefficient alpha of the polychoric correlations between the items.

    It is the reliability of a sum that nobody can form: that of the normal variables behind the answers. For the sum of
    the codes it is too high; report :func:`~toolkit.psychometrics.composite_omega` with ``ordinal=True`` for that.

    Parameters
    ----------
    df : DataFrame of ordered numeric codes, shape (n_persons, n_items)
        One row a person, one column an item of the scale, NaN for a missing answer. The items point the same way.
    missing : {"listwise", "pairwise"}, default "listwise"
        The missing rule.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    OrdinalAlphaResult
        ``estimate`` with ``interval``.

    Raises
    ------
    StatisticsError
        STA_OPTION_RANGE, STA_NEEDS_ANSWERS (counts of pairs do not give the interval) and the codes of
        :func:`~toolkit.psychometrics.ordinal_correlation.polychoric`.

    Warns
    -----
    STA_NEGATIVE_ITEM, STA_UNDEFINED
        In ``warnings``, with those of the correlations: an item that goes against the rest; correlations that add up to
        0 or less.

    Notes
    -----
    ``alpha = k / (k - 1) (1 - k / S)`` with S the sum of the correlation matrix. The interval is the delta method for
    ``log(1 - alpha)`` with the full asymptotic covariance of the correlations; it is too short with 50 persons.

    Validated against psych 2.5.3 ``alpha`` of lavaan's polychoric correlations on bfi, relative tolerance 1e-6
    (``tests/parity/test_bfi_reliability.py``); the interval by coverage
    (``tests/unit/psychometrics/reliability/test_ordinal.py``).

    References
    ----------
    Zumbo, B. D., Gadermann, A. M., & Zeisser, C. (2007). Ordinal versions of coefficients alpha and theta for Likert
    rating scales. Journal of Modern Applied Statistical Methods, 6, 21-29.
    https://doi.org/10.22237/jmasm/1177992180

    Chalmers, R. P. (2018). On misconceptions and the limited usefulness of ordinal alpha. Educational and Psychological
    Measurement, 78, 1056-1071. https://doi.org/10.1177/0013164417727036

    Examples
    --------
    >>> import toolkit.psychometrics as pm
    >>> answers = pm.simulate_ordinal([.8, .7, .7, .6], thresholds=[-1, 1], n_persons=500, rng=1)
    >>> ordinal_alpha(answers).estimate > pm.cronbach_alpha(answers).standardized
    True
    """
    confidence(level)
    found = polychoric(df, missing=missing, acov="full")
    R, k = found.matrix.to_numpy(), found.n_items
    total = float(R.sum())
    estimate = float(alpha_of(R))
    warnings = [*found.warnings, *negative_items(list(found.matrix.index), R)]
    if np.isnan(estimate):
        warnings.append(undefined("ordinal alpha", "The correlations add up to 0 or less."))
    n_pairs = k * (k - 1) // 2
    error_of_sum = 2.0 * float(np.sqrt(np.asarray(found.acov)[-n_pairs:, -n_pairs:].sum()))
    slope = float("nan") if np.isnan(estimate) else k**2 / ((k - 1) * total**2)
    half = float(stats.norm.ppf(0.5 + level / 2.0)) * slope * error_of_sum / (1.0 - estimate)
    return OrdinalAlphaResult(
        estimate=estimate,
        mean_inter_item_correlation=(total - k) / (k * (k - 1)),
        interval=Interval(
            low=1.0 - (1.0 - estimate) * float(np.exp(half)),
            high=1.0 - (1.0 - estimate) * float(np.exp(-half)),
            level=level,
            method="delta method, log(1 - alpha)",
        ),
        n_persons=found.n_persons,
        n_items=k,
        n_dropped=found.n_dropped,
        method=f"ordinal alpha, from polychoric correlations, {missing}",
        warnings=tuple(warnings),
        provenance=provenance("ordinal_alpha", {"missing": missing, "level": level}),
    )
