"""Coefficient alpha."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from toolkit.errors import Problem
from toolkit.psychometrics._bootstrap import answers_behind, bootstrap_covariances, lost_replicates, percentile_interval
from toolkit.psychometrics._counts import ResponseCounts
from toolkit.psychometrics._inputs import moments
from toolkit.psychometrics._numerics import Array, Rng, generator
from toolkit.psychometrics._options import Missing, confidence, one_of, within
from toolkit.psychometrics._result import Interval, Result, provenance, undefined
from toolkit.psychometrics.items import negative_items

AlphaInterval = Literal["feldt", "bootstrap"]
"""Feldt's formula, or percentile limits of bootstrap samples."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AlphaResult(Result):
    """Coefficient alpha.

    Attributes
    ----------
    estimate : float
        Alpha from covariances, 1 or less.
    standardized : float
        Alpha from correlations, 1 or less.
    mean_inter_item_correlation : float
        Mean of the correlations between the items.
    interval : Interval
        Limits for ``estimate``; its ``method`` says which.
    n_smallest_pair : int
        Smallest number of persons behind any pair of items; the interval counts these.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The formula in words.
    warnings : tuple of Problem
        Items that go against the rest.
    provenance : mapping
        Options and versions.
    """

    estimate: float
    standardized: float
    mean_inter_item_correlation: float
    interval: Interval
    n_smallest_pair: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]


def cronbach_alpha(
    df: pd.DataFrame | ResponseCounts,
    *,
    interval: AlphaInterval = "feldt",
    n_bootstrap: int = 2000,
    missing: Missing = "listwise",
    level: float = 0.95,
    rng: Rng = None,
) -> AlphaResult:
    """Return coefficient alpha of a sum of items, with an interval.

    Alpha equals reliability only if all items measure the same thing equally well and their errors are unrelated;
    otherwise it is usually too low, and it does not show that a scale has one dimension.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items), or ResponseCounts
        One row a person, one column an item of the scale, NaN for a missing answer. The items point the same way.
    interval : {"feldt", "bootstrap"}, default "feldt"
        Feldt's formula assumes normal answers and equally good items; the bootstrap assumes neither, and is a little
        too narrow with few persons.
    n_bootstrap : int, default 2000
        Samples of persons for the bootstrap, 100 or more.
    missing : {"listwise", "pairwise"}, default "listwise"
        The missing rule. Under "pairwise" Feldt's interval counts the smallest number of persons behind any pair.
    level : float, default 0.95
        Confidence level.
    rng : int, Generator or None
        Seed or generator of the bootstrap; None draws a seed, which is kept in ``provenance``.

    Returns
    -------
    AlphaResult
        ``estimate``, ``standardized``, ``mean_inter_item_correlation`` and ``interval``.

    Raises
    ------
    StatisticsError
        STA_UNKNOWN_OPTION, STA_OPTION_RANGE and the codes of
        :func:`~toolkit.psychometrics.correlation.pearson_correlation`.

    Warns
    -----
    STA_NEGATIVE_ITEM, STA_UNDEFINED
        In ``warnings``: an item that goes against the rest (items are never re-signed); a sum that does not vary;
        bootstrap samples without an alpha, which are left out.

    Notes
    -----
    ``alpha = k / (k - 1) (1 - sum of item variances / variance of the sum)``. Feldt's limits are
    ``1 - (1 - alpha) F`` with F quantiles on n - 1 and (n - 1)(k - 1) degrees of freedom. The bootstrap draws persons
    with replacement and takes percentiles.

    Validated against psych 2.5.3 ``alpha`` and ``alpha.ci`` on bfi, relative tolerance 1e-6
    (``tests/parity/test_bfi.py``), and pingouin ``cronbach_alpha``; both intervals by coverage (``docs/coverage.md``).

    References
    ----------
    Cronbach, L. J. (1951). Coefficient alpha and the internal structure of tests. Psychometrika, 16, 297-334.
    https://doi.org/10.1007/BF02310555

    Feldt, L. S., Woodruff, D. J., & Salih, F. A. (1987). Statistical inference for coefficient alpha. Applied
    Psychological Measurement, 11, 93-103. https://doi.org/10.1177/014662168701100107

    Examples
    --------
    >>> import pandas as pd
    >>> answers = pd.DataFrame({"a": [1, 2, 3, 4, 4], "b": [1, 3, 2, 4, 5], "c": [2, 2, 3, 4, 4]})
    >>> round(cronbach_alpha(answers).estimate, 4)
    0.9307
    """
    confidence(level)
    one_of(interval, AlphaInterval, name="interval")
    within(n_bootstrap, name="n_bootstrap", low=100, whole=True)
    found = moments(df, missing=missing)
    k, n = found.responses.n_items, found.n
    estimate = float(alpha_of(found.covariance))
    mean_r = float((found.correlation.sum() - k) / (k * (k - 1)))
    standardized = float(alpha_of(found.correlation))
    warnings = list(negative_items(found.items, found.covariance))
    if np.isnan(estimate + standardized):
        warnings.append(undefined("alpha or standardised alpha", "A sum of the items does not vary."))
    random, seed = generator(rng)
    if interval == "feldt":
        limits, seed = feldt_interval(estimate, n_persons=n, n_items=k, level=level), None
    else:
        samples = bootstrap_covariances(answers_behind(found), n_bootstrap=int(n_bootstrap), random=random)
        replicates = np.concatenate([alpha_of(block) for block in samples])
        limits = percentile_interval(replicates, level)
        warnings += lost_replicates(replicates, "alpha")
    options = {"interval": interval, "n_bootstrap": n_bootstrap, "missing": missing, "level": level}
    return AlphaResult(
        estimate=estimate,
        standardized=standardized,
        mean_inter_item_correlation=mean_r,
        interval=limits,
        n_smallest_pair=n,
        n_persons=found.responses.n_persons,
        n_items=k,
        n_dropped=found.responses.n_dropped,
        method=f"Cronbach's alpha, covariance-based, {missing}",
        warnings=tuple(warnings),
        provenance=provenance("cronbach_alpha", options, seed=seed),
    )


def alpha_of(covariance: Array) -> Array:
    """Return coefficient alpha of one or a stack of covariance matrices; NaN where the sum does not vary."""
    k = covariance.shape[-1]
    items = np.trace(covariance, axis1=-2, axis2=-1)
    total = covariance.sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        alpha: Array = np.where(total > 1e-12 * items, k / (k - 1) * (1.0 - items / total), np.nan)
    return alpha


def feldt_interval(alpha: float, *, n_persons: int, n_items: int, level: float) -> Interval:
    """Return Feldt's interval for a coefficient alpha."""
    df1, df2 = n_persons - 1, (n_persons - 1) * (n_items - 1)
    tail = (1.0 - level) / 2.0
    return Interval(
        low=1.0 - (1.0 - alpha) * float(stats.f.ppf(1.0 - tail, df1, df2)),
        high=1.0 - (1.0 - alpha) * float(stats.f.ppf(tail, df1, df2)),
        level=level,
        method="Feldt",
    )
