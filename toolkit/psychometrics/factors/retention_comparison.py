"""Comparison data: the number of factors after which one more does not reproduce the eigenvalues better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._counts import ResponseCounts
from toolkit.psychometrics._inputs import complete
from toolkit.psychometrics._numerics import Array, Rng, eigenvalues, generator
from toolkit.psychometrics._options import within
from toolkit.psychometrics._result import Result, provenance
from toolkit.psychometrics.factors._comparison_population import population, sampled_correlations
from toolkit.psychometrics.factors.retention import at_limit, most_factors, retention_input


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ComparisonDataResult(Result):
    """How well samples from populations with 1, 2, ... factors reproduce the observed eigenvalues.

    Attributes
    ----------
    n_factors : int
        Factors kept, 1 or more.
    eigenvalues : ndarray, shape (n_items,)
        Observed eigenvalues, largest first.
    error : ndarray, shape (n_compared,)
        Mean over samples of the root mean squared difference of eigenvalues, for populations with 1, 2, ... factors.
    p_values : ndarray, shape (n_compared,)
        Of the test that the samples reproduce the eigenvalues better than those with one factor less; NaN for one
        factor.
    alpha : float
        Level of each test.
    n_population, n_samples : int
        Persons of each population, and samples drawn from it.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The variant in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options, seed and versions.
    """

    n_factors: int
    eigenvalues: Array
    error: Array
    p_values: Array
    alpha: float
    n_population: int
    n_samples: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a number of factors: the error and the p value."""
        return pd.DataFrame(
            {"error": self.error, "p_value": self.p_values},
            index=pd.RangeIndex(1, self.error.size + 1, name="factors"),
        )


def comparison_data(
    df: pd.DataFrame | ResponseCounts,
    *,
    n_factors_max: int | None = None,
    alpha: float = 0.30,
    n_samples: int = 500,
    n_population: int = 10_000,
    rng: Rng = None,
    between: Callable[[], None] | None = None,
) -> ComparisonDataResult:
    """Return the number of factors after which one more does not reproduce the eigenvalues better.

    Unlike parallel analysis it compares with data that have factors and the distributions of the items, so skewed
    answers do not mislead it. It never keeps fewer than one factor: unrelated items must be seen by other criteria.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items)
        One row a person, one column an item, NaN for a missing answer; persons with a missing answer are left out.
        Four items or more, and more persons than items. Counted answers are refused.
    n_factors_max : int, optional
        Most factors to compare; None takes the most that leave a degree of freedom, which is also the limit.
    alpha : float, default 0.30
        Level of each test, between 0 and 1; the authors found .30 best.
    n_samples : int, default 500
        Samples from each population, 2 or more.
    n_population : int, default 10_000
        Persons of each population, 100 or more.
    rng : int, Generator or None
        Seed or generator; None draws a seed, which is kept in ``provenance``.
    between : callable, optional
        Called before each population; what it raises ends the analysis.

    Returns
    -------
    ComparisonDataResult
        ``n_factors``, errors and p values.

    Raises
    ------
    StatisticsError
        STA_NEEDS_ANSWERS (counts), STA_TOO_FEW_ITEMS, STA_TOO_FEW_PERSONS, STA_OPTION_RANGE, and the codes of
        :func:`~toolkit.psychometrics.correlation.pearson_correlation`.

    Warns
    -----
    STA_AT_LIMIT
        In ``warnings``: as many factors were kept as could be compared.

    Notes
    -----
    A population with k factors has the observed distributions and, as nearly as k factors can, the observed Pearson
    correlations (Ruscio & Kaczetow, 2008; factors by minimum residuals). Samples of the observed size are drawn with
    replacement, and the root mean squared differences of their eigenvalues from the observed ones are compared with
    those for k - 1 by a one-sided Mann-Whitney test. An item that is constant in a sample counts as uncorrelated there.

    Validated by data with a known number of factors
    (``tests/unit/psychometrics/factors/test_retention_truth.py``).

    References
    ----------
    Ruscio, J., & Roche, B. (2012). Determining the number of factors to retain in an exploratory factor analysis using
    comparison data of known factorial structure. Psychological Assessment, 24, 282-292.
    https://doi.org/10.1037/a0025697

    Ruscio, J., & Kaczetow, W. (2008). Simulating multivariate nonnormal data using an iterative algorithm. Multivariate
    Behavioral Research, 43, 355-381. https://doi.org/10.1080/00273170802285693

    Examples
    --------
    >>> import toolkit.psychometrics as pm
    >>> answers = pm.simulate_ordinal([.7, .7, .6, .6, .7], thresholds=[-1, 0, 1], n_persons=400, rng=1)
    >>> comparison_data(answers, n_samples=100, n_population=2000, rng=1).n_factors
    1
    """
    within(alpha, name="alpha", low=0.0, high=1.0, open_ends=True)
    within(n_samples, name="n_samples", low=2, whole=True)
    within(n_population, name="n_population", low=100, whole=True)
    if isinstance(df, ResponseCounts):
        raise needs_answers("counts of pairs")
    codes = complete(df, minimum_items=4).codes
    found = retention_input(df, minimum_items=4)
    p, n = found.n_items, found.n_persons
    limit = most_factors(p)
    if n_factors_max is not None:
        within(n_factors_max, name="n_factors_max", low=1, whole=True)
        limit = min(limit, int(n_factors_max))
    random, seed = generator(rng)
    observed = eigenvalues(found.R)
    errors: list[Array] = []
    p_values: list[float] = []
    while len(errors) < limit:
        if between is not None:
            between()
        X = population(found.R, codes, len(errors) + 1, int(n_population), random)
        drawn = eigenvalues(sampled_correlations(X, n, int(n_samples), random))
        errors.append(np.sqrt(np.mean((drawn - observed) ** 2, axis=1)))
        p_values.append(_better(errors))
        if p_values[-1] > alpha:
            break
    kept_all = not p_values[-1] > alpha
    n_factors = len(errors) if kept_all else len(errors) - 1
    return ComparisonDataResult(
        n_factors=n_factors,
        eigenvalues=observed,
        error=np.array([error.mean() for error in errors]),
        p_values=np.array(p_values),
        alpha=float(alpha),
        n_population=int(n_population),
        n_samples=int(n_samples),
        n_persons=n,
        n_items=p,
        n_dropped=found.n_dropped,
        method=f"comparison data, Mann-Whitney test at alpha {alpha:g}, {found.method}",
        warnings=(*found.warnings, at_limit("Comparison data", n_factors)) if kept_all else found.warnings,
        provenance=provenance(
            "comparison_data",
            {
                "n_factors_max": n_factors_max,
                "alpha": float(alpha),
                "n_samples": int(n_samples),
                "n_population": int(n_population),
            },
            seed=seed,
        ),
    )


def needs_answers(got: str) -> StatisticsError:
    """Return the error that comparison data cannot be made from this."""
    return StatisticsError(
        Problem(
            code=Code.STA_NEEDS_ANSWERS,
            what="Comparison data are made of the distributions of the answers and need the answers themselves.",
            got=got,
            allowed="a DataFrame of persons x items",
            fix="Give the answers.",
        )
    )


def _better(errors: list[Array]) -> float:
    """Return the p value of the last errors being smaller than those before; NaN for the first."""
    if len(errors) == 1:
        return float("nan")
    return float(stats.mannwhitneyu(errors[-1], errors[-2], alternative="less").pvalue)
