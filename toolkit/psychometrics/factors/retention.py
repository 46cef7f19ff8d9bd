"""How many factors to keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._inputs import moments
from toolkit.psychometrics._numerics import Array, Rng, generator, squared_multiple_correlations
from toolkit.psychometrics._numerics import eigenvalues as descending_eigenvalues
from toolkit.psychometrics._options import Missing, one_of, within
from toolkit.psychometrics._result import Result, provenance

Eigenvalues = Literal["pca", "smc"]
"""Of the correlation matrix itself, or with squared multiple correlations on its diagonal."""
ParallelRule = Literal["mean", "percentile", "crawford"]
"""Compare with the mean, with a percentile, or with the percentile for the first factor and the mean after it."""

MOST_DATASETS_A_BLOCK, MOST_NUMBERS_A_BLOCK = 1000, 1_000_000
"""Data sets are drawn in blocks of so many at most, which bounds the memory (8 MB a matrix of a block)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParallelAnalysisResult(Result):
    """Observed eigenvalues beside those of data without factors.

    Attributes
    ----------
    n_factors : int
        Factors kept by the rule, 0 to n_items.
    eigenvalues : ndarray, shape (n_items,)
        Observed eigenvalues, largest first.
    reference_mean, reference_percentile : ndarray, shape (n_items,)
        Mean and percentile of the simulated eigenvalues.
    percentile : float
        Which percentile.
    n_datasets : int
        Simulated data sets.
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
    reference_mean: Array
    reference_percentile: Array
    percentile: float
    n_datasets: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a factor: observed eigenvalue, reference mean and percentile."""
        return pd.DataFrame(
            {
                "eigenvalue": self.eigenvalues,
                "reference_mean": self.reference_mean,
                "reference_percentile": self.reference_percentile,
            },
            index=pd.RangeIndex(1, self.n_items + 1, name="factor"),
        )


def parallel_analysis(
    df: pd.DataFrame,
    *,
    n_datasets: int = 1000,
    eigenvalues: Eigenvalues = "pca",
    rule: ParallelRule = "mean",
    percentile: float = 95.0,
    missing: Missing = "listwise",
    rng: Rng = None,
    between: Callable[[], None] | None = None,
) -> ParallelAnalysisResult:
    """Return how many factors have larger eigenvalues than unrelated items would give.

    The smc eigenvalues tend to keep more factors than the pca eigenvalues, above all in large samples. It is one
    criterion beside others, and it compares with normal data.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items)
        One row a person, one column an item, NaN for a missing answer. More persons than items are needed.
    n_datasets : int, default 1000
        Simulated data sets, 1 or more.
    eigenvalues : {"pca", "smc"}, default "pca"
        Eigenvalues of the correlation matrix, or of the matrix with squared multiple correlations on its diagonal.
    rule : {"mean", "percentile", "crawford"}, default "mean"
        What an observed eigenvalue must exceed; "crawford" takes the percentile for the first and the mean for all
        later ones.
    percentile : float, default 95
        Between 0 and 100.
    missing : {"listwise", "pairwise"}, default "listwise"
        The missing rule. Under "pairwise" the simulated data have the smallest number of persons behind any pair.
    rng : int, Generator or None
        Seed or generator; None draws a seed, which is kept in ``provenance``.
    between : callable, optional
        Called before each block of data sets; what it raises ends the analysis, so that long work can be stopped.

    Returns
    -------
    ParallelAnalysisResult
        ``n_factors``, the observed eigenvalues and their references.

    Raises
    ------
    StatisticsError
        STA_UNKNOWN_OPTION, STA_OPTION_RANGE, STA_TOO_FEW_PERSONS, STA_SINGULAR_CORRELATION ("smc" only, which needs
        the inverse of the correlation matrix), and the codes of
        :func:`~toolkit.psychometrics.correlation.pearson_correlation`.

    Notes
    -----
    Factors are counted up to the first eigenvalue that does not exceed its reference. The covariance matrix of
    normal data with n persons has a Wishart distribution with n - 1 degrees of freedom; it is drawn by Bartlett's
    decomposition, so the cost does not depend on n.

    Validated against EFAtools 1.0.0.9000 ``efa_parallel`` on bfi, equal number of factors for pca and smc
    (``tests/parity/test_bfi.py``).

    References
    ----------
    Horn, J. L. (1965). A rationale and test for the number of factors in factor analysis. Psychometrika, 30, 179-185.
    https://doi.org/10.1007/BF02289447

    Crawford, A. V., et al. (2010). Evaluation of parallel analysis methods for determining the number of factors.
    Educational and Psychological Measurement, 70, 885-901. https://doi.org/10.1177/0013164410379332

    Examples
    --------
    >>> import toolkit.psychometrics as pm
    >>> answers = pm.simulate_ordinal([[.7], [.7], [.6], [.6]], thresholds=[-1, 0, 1], n_persons=400, rng=1)
    >>> parallel_analysis(answers, n_datasets=200, rng=1).n_factors
    1
    """
    one_of(eigenvalues, Eigenvalues, name="eigenvalues")
    one_of(rule, ParallelRule, name="rule")
    within(n_datasets, name="n_datasets", low=1, whole=True)
    within(percentile, name="percentile", low=0.0, high=100.0, open_ends=True)
    found = moments(df, missing=missing, regular=eigenvalues == "smc")
    p = found.responses.n_items
    if found.n <= p:
        raise StatisticsError(
            Problem(
                code=Code.STA_TOO_FEW_PERSONS,
                what="There are too few persons for a parallel analysis.",
                got=str(found.n),
                allowed=f"{p + 1} or more",
                fix="Use data with more persons than items.",
            )
        )
    random, seed = generator(rng)
    observed = eigenvalues_of(found.correlation, eigenvalues)
    reference = np.empty((int(n_datasets), p))
    block = min(MOST_DATASETS_A_BLOCK, max(MOST_NUMBERS_A_BLOCK // p**2, 1))
    for begin in range(0, len(reference), block):
        if between is not None:
            between()
        drawn = null_correlations(found.n, p, min(block, len(reference) - begin), random)
        reference[begin : begin + len(drawn)] = eigenvalues_of(drawn, eigenvalues)
    reference_mean = reference.mean(axis=0)
    reference_percentile = np.percentile(reference, percentile, axis=0)
    limits = {
        "mean": reference_mean,
        "percentile": reference_percentile,
        "crawford": np.concatenate([reference_percentile[:1], reference_mean[1:]]),
    }[rule]
    below = np.flatnonzero(observed <= limits)
    return ParallelAnalysisResult(
        n_factors=int(below[0]) if below.size else p,
        eigenvalues=observed,
        reference_mean=reference_mean,
        reference_percentile=reference_percentile,
        percentile=float(percentile),
        n_datasets=int(n_datasets),
        n_persons=found.responses.n_persons,
        n_items=p,
        n_dropped=found.responses.n_dropped,
        method=f"parallel analysis, {eigenvalues} eigenvalues, Pearson correlations, {rule} of normal data, {missing}",
        warnings=(),
        provenance=provenance(
            "parallel_analysis",
            {
                "n_datasets": int(n_datasets),
                "eigenvalues": eigenvalues,
                "rule": rule,
                "percentile": float(percentile),
                "missing": missing,
            },
            seed=seed,
        ),
    )


def eigenvalues_of(R: Array, kind: Eigenvalues) -> Array:
    """Return the eigenvalues of one or a stack of correlation matrices, largest first."""
    matrix = R
    if kind == "smc":
        matrix = R.copy()
        diagonal = np.arange(R.shape[-1])
        matrix[..., diagonal, diagonal] = squared_multiple_correlations(R)
    return descending_eigenvalues(matrix)


def null_correlations(n: int, p: int, n_datasets: int, random: np.random.Generator) -> Array:
    """Draw correlation matrices of p unrelated normal variables observed on n persons, shape (n_datasets, p, p)."""
    factor = np.tril(random.standard_normal((n_datasets, p, p)), k=-1)
    diagonal = np.arange(p)
    factor[:, diagonal, diagonal] = np.sqrt(random.chisquare(n - 1 - diagonal, size=(n_datasets, p)))
    factor /= np.linalg.norm(factor, axis=2, keepdims=True)
    R: Array = factor @ factor.transpose(0, 2, 1)
    R[:, diagonal, diagonal] = 1.0
    return R
