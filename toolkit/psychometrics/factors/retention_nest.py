"""The next eigenvalue sufficiency test: the number of factors that make the next eigenvalue one of chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from toolkit.errors import Problem
from toolkit.psychometrics._counts import ResponseCounts
from toolkit.psychometrics._numerics import Array, Rng, eigenvalues, generator
from toolkit.psychometrics._options import Missing, within
from toolkit.psychometrics._result import Result, provenance
from toolkit.psychometrics.factors.extraction import extract
from toolkit.psychometrics.factors.retention import (
    MOST_DATASETS_A_BLOCK,
    MOST_NUMBERS_A_BLOCK,
    at_limit,
    most_factors,
    null_correlations,
    retention_input,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NestResult(Result):
    """Observed eigenvalues beside those of data from models with one factor less.

    Attributes
    ----------
    n_factors : int
        Factors kept, 0 or more.
    eigenvalues : ndarray, shape (n_items,)
        Observed eigenvalues, largest first.
    reference : ndarray, shape (n_items,)
        Quantile 1 - alpha of the same eigenvalue under the model with one factor less; NaN where it was not needed.
    p_values : ndarray, shape (n_items,)
        Share of simulated eigenvalues at least as large as the observed one, the observed one counted; NaN where it was
        not needed.
    alpha : float
        Level of each test.
    n_datasets : int
        Simulated data sets of each test.
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
    reference: Array
    p_values: Array
    alpha: float
    n_datasets: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a factor: observed eigenvalue, reference and p value."""
        return pd.DataFrame(
            {"eigenvalue": self.eigenvalues, "reference": self.reference, "p_value": self.p_values},
            index=pd.RangeIndex(1, self.n_items + 1, name="factor"),
        )


def nest(
    df: pd.DataFrame | ResponseCounts,
    *,
    alpha: float = 0.05,
    n_datasets: int = 1000,
    n_persons: int | None = None,
    missing: Missing = "listwise",
    rng: Rng = None,
    between: Callable[[], None] | None = None,
) -> NestResult:
    """Return the smallest number of factors under which the next eigenvalue is not larger than chance makes it.

    Parallel analysis compares all eigenvalues with those of unrelated items; this test compares each with those of data
    that have the factors before it. Minor factors of no interest are kept too if the sample is large.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items), or ResponseCounts
        One row a person, one column an item, NaN for a missing answer; or counted answers; or, with ``n_persons``, a
        matrix of Pearson correlations. More persons than items are needed.
    alpha : float, default 0.05
        Level of each test, between 0 and 1.
    n_datasets : int, default 1000
        Simulated data sets of each test.
    n_persons : int, optional
        Says that ``df`` is a correlation matrix, and from how many persons.
    missing : {"listwise", "pairwise"}, default "listwise"
        The missing rule.
    rng : int, Generator or None
        Seed or generator; None draws a seed, which is kept in ``provenance``.
    between : callable, optional
        Called before each block of data sets; what it raises ends the analysis.

    Returns
    -------
    NestResult
        ``n_factors``, the observed eigenvalues, their references and p values.

    Raises
    ------
    StatisticsError
        STA_TOO_FEW_ITEMS, STA_TOO_FEW_PERSONS, STA_SINGULAR_CORRELATION, STA_OPTION_RANGE, STA_UNKNOWN_OPTION, and the
        codes of :func:`~toolkit.psychometrics.correlation.pearson_correlation`.

    Warns
    -----
    STA_AT_LIMIT
        In ``warnings``: every testable factor was kept.

    Notes
    -----
    For k = 0, 1, 2, ... the factor model with k factors is fitted by minimum residuals, normal data of as many persons
    are drawn from it, and eigenvalue k + 1 of the observed correlations is compared with the quantile 1 - alpha of
    eigenvalue k + 1 of theirs; the first k at which it is not larger is kept. Covariance matrices are drawn by
    Bartlett's decomposition, so the cost does not depend on the number of persons. Pearson correlations only, because
    the reference is that of normal data. Models need a degree of freedom, and k ends at 80 % of the items.

    Validated by data with a known number of factors
    (``tests/unit/psychometrics/factors/test_retention_truth.py``).

    References
    ----------
    Achim, A. (2017). Testing the number of required dimensions in exploratory factor analysis. The Quantitative Methods
    for Psychology, 13, 64-74. https://doi.org/10.20982/tqmp.13.1.p064

    Brandenburg, N., & Papenberg, M. (2022). Reassessment of innovative methods to determine the number of factors: A
    simulation-based comparison of exploratory graph analysis and next eigenvalue sufficiency test. Psychological
    Methods. https://doi.org/10.1037/met0000527

    Examples
    --------
    >>> import toolkit.psychometrics as pm
    >>> answers = pm.simulate_ordinal([[.7], [.7], [.6], [.6]], thresholds=[-1, 0, 1], n_persons=400, rng=1)
    >>> nest(answers, n_datasets=200, rng=1).n_factors
    1
    """
    within(alpha, name="alpha", low=0.0, high=1.0, open_ends=True)
    within(n_datasets, name="n_datasets", low=1, whole=True)
    found = retention_input(df, missing=missing, n_persons=n_persons, regular=True)
    p = found.n_items
    random, seed = generator(rng)
    observed = eigenvalues(found.R)
    reference, p_values = np.full(p, np.nan), np.full(p, np.nan)
    limit = max(min(most_factors(p) + 1, int(0.8 * p)), 1)
    k = 0
    while k < limit:
        drawn = _next_eigenvalues(found.R, found.n, k, int(n_datasets), random, between)
        reference[k] = np.quantile(drawn, 1.0 - alpha)
        p_values[k] = (1.0 + np.sum(drawn >= observed[k])) / (1.0 + drawn.size)
        if observed[k] <= reference[k]:
            break
        k += 1
    return NestResult(
        n_factors=k,
        eigenvalues=observed,
        reference=reference,
        p_values=p_values,
        alpha=float(alpha),
        n_datasets=int(n_datasets),
        n_persons=found.n_persons,
        n_items=p,
        n_dropped=found.n_dropped,
        method=f"next eigenvalue sufficiency test, minres models, normal data, alpha {alpha:g}, {found.method}",
        warnings=(*found.warnings, at_limit("The next eigenvalue sufficiency test", k))
        if k == limit
        else found.warnings,
        provenance=provenance(
            "nest",
            {"alpha": float(alpha), "n_datasets": int(n_datasets), "n_persons": n_persons, "missing": missing},
            seed=seed,
        ),
    )


def _next_eigenvalues(
    R: Array, n: int, k: int, n_datasets: int, random: np.random.Generator, between: Callable[[], None] | None
) -> Array:
    """Draw eigenvalue k + 1 of samples from the model of k factors."""
    p = R.shape[0]
    root: Array | None = np.linalg.cholesky(model_correlations(R, k)).astype(np.float64) if k else None
    drawn = np.empty(n_datasets)
    block = min(MOST_DATASETS_A_BLOCK, max(MOST_NUMBERS_A_BLOCK // p**2, 1))
    for begin in range(0, n_datasets, block):
        if between is not None:
            between()
        size = min(block, n_datasets - begin)
        drawn[begin : begin + size] = eigenvalues(null_correlations(n, p, size, random, root=root))[:, k]
    return drawn


def model_correlations(R: Array, k: int) -> Array:
    """Return the correlations of a model of k factors fitted by minimum residuals; positive definite."""
    found = extract(R, k, "minres")
    Sigma = found.loadings @ found.loadings.T
    own = np.maximum(1.0 - np.diag(Sigma), found.uniquenesses)
    Sigma[np.diag_indices_from(Sigma)] += own
    scale = 1.0 / np.sqrt(np.diag(Sigma))
    correlations: Array = Sigma * np.outer(scale, scale)
    return correlations
