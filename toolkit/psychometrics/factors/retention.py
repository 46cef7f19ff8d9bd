"""Parallel analysis: how many factors have larger eigenvalues than unrelated items would give.

The other criteria are in the modules ``retention_*``, and all of them together in ``retention_table``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._counts import ResponseCounts
from toolkit.psychometrics._numerics import Array, Rng, generator, squared_multiple_correlations
from toolkit.psychometrics._numerics import eigenvalues as descending_eigenvalues
from toolkit.psychometrics._options import Correlation, Missing, conflict, one_of, within
from toolkit.psychometrics._result import Result, provenance
from toolkit.psychometrics._smoothing import TOO_SMALL, raised_eigenvalues
from toolkit.psychometrics.correlation import CorrelationInput, correlation_input
from toolkit.psychometrics.factors._shuffled import margins_of, shuffled_polychoric, shuffled_spearman

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
    n_smoothed : int
        Simulated matrices that were not positive definite and were smoothed; 0 where no inverse is needed.
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
    n_smoothed: int
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
    df: pd.DataFrame | ResponseCounts,
    *,
    n_datasets: int = 1000,
    eigenvalues: Eigenvalues = "pca",
    rule: ParallelRule = "mean",
    percentile: float = 95.0,
    correlation: Correlation = "pearson",
    n_persons: int | None = None,
    missing: Missing = "listwise",
    rng: Rng = None,
    between: Callable[[], None] | None = None,
) -> ParallelAnalysisResult:
    """Return how many factors have larger eigenvalues than unrelated items would give.

    The smc eigenvalues tend to keep more factors than the pca eigenvalues, above all in large samples. It is one
    criterion beside others; where factors correlate highly it keeps too few.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items), or ResponseCounts
        One row a person, one column an item, NaN for a missing answer; or counted answers; or, with ``n_persons``, a
        matrix of Pearson correlations. More persons than items are needed.
    n_datasets : int, default 1000
        Simulated data sets, 1 or more.
    eigenvalues : {"pca", "smc"}, default "pca"
        Eigenvalues of the correlation matrix, or of the matrix with squared multiple correlations on its diagonal.
    rule : {"mean", "percentile", "crawford"}, default "mean"
        What an observed eigenvalue must exceed; "crawford" takes the percentile for the first and the mean for all
        later ones.
    percentile : float, default 95
        Between 0 and 100.
    correlation : {"pearson", "spearman", "polychoric"}, default "pearson"
        Pearson correlations are compared with those of normal data. The others depend on the items' distributions: they
        are compared with the same correlations of the observed answers, each item's shuffled among the persons.
        Polychoric ones take some milliseconds a data set; 20 to 100 data sets will do for the mean.
    n_persons : int, optional
        Says that ``df`` is a correlation matrix, and from how many persons.
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
        STA_UNKNOWN_OPTION, STA_OPTION_RANGE, STA_OPTION_CONFLICT (a given matrix of other than Pearson correlations,
        whose reference needs the answers), STA_TOO_FEW_PERSONS, STA_SINGULAR_CORRELATION ("smc" only, which needs the
        inverse of the correlation matrix), and the codes of the correlation's own function.

    Warns
    -----
    STA_SMOOTHED
        In ``warnings``, with the warnings of the correlation.

    Notes
    -----
    Factors are counted up to the first eigenvalue that does not exceed its reference. The covariance matrix of
    normal data with n persons has a Wishart distribution with n - 1 degrees of freedom; it is drawn by Bartlett's
    decomposition, so the cost does not depend on n. Shuffling keeps every item's distribution, so that thresholds and
    ranks are those observed; under "pairwise" the distributions are scaled to the persons of the smallest pair.

    Validated against EFAtools 1.0.0.9000 ``efa_parallel`` on bfi, equal number of factors for pca and smc
    (``tests/parity/test_bfi.py``).

    References
    ----------
    Horn, J. L. (1965). A rationale and test for the number of factors in factor analysis. Psychometrika, 30, 179-185.
    https://doi.org/10.1007/BF02289447

    Crawford, A. V., et al. (2010). Evaluation of parallel analysis methods for determining the number of factors.
    Educational and Psychological Measurement, 70, 885-901. https://doi.org/10.1177/0013164410379332

    Garrido, L. E., Abad, F. J., & Ponsoda, V. (2013). A new look at Horn's parallel analysis with ordinal variables.
    Psychological Methods, 18, 454-474. https://doi.org/10.1037/a0030005

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
    refuse_given_without_reference(correlation, n_persons)
    found = retention_input(
        df, correlation=correlation, missing=missing, n_persons=n_persons, regular=eigenvalues == "smc"
    )
    p = found.n_items
    random, seed = generator(rng)
    observed = eigenvalues_of(found.R, eigenvalues)
    draw = _null_of(df, found, correlation, missing, random)
    reference = np.empty((int(n_datasets), p))
    n_smoothed = 0
    block = min(MOST_DATASETS_A_BLOCK, max(MOST_NUMBERS_A_BLOCK // p**2, 1))
    for begin in range(0, len(reference), block):
        if between is not None:
            between()
        drawn = draw(min(block, len(reference) - begin))
        if eigenvalues == "smc":
            n_smoothed += _smooth_all(drawn)
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
        n_smoothed=n_smoothed,
        n_persons=found.n_persons,
        n_items=p,
        n_dropped=found.n_dropped,
        method=f"parallel analysis, {eigenvalues} eigenvalues, {found.method}, "
        f"{rule} of {'normal data' if correlation == 'pearson' else 'shuffled answers'}",
        warnings=(*found.warnings, *_smoothed_draws(n_smoothed, int(n_datasets))),
        provenance=provenance(
            "parallel_analysis",
            {
                "n_datasets": int(n_datasets),
                "eigenvalues": eigenvalues,
                "rule": rule,
                "percentile": float(percentile),
                "correlation": correlation,
                "n_persons": n_persons,
                "missing": missing,
            },
            seed=seed,
        ),
    )


def refuse_given_without_reference(correlation: Correlation, n_persons: int | None) -> None:
    """Refuse a given matrix of other than Pearson correlations, whose reference is made of the answers."""
    one_of(correlation, Correlation, name="correlation")
    if n_persons is not None and correlation != "pearson":
        raise conflict(
            f"n_persons= and correlation={correlation!r}",
            why="unrelated items are compared by their distributions, which a correlation matrix does not carry.",
            fix="Give the answers.",
        )


def retention_input(
    df: pd.DataFrame | ResponseCounts,
    *,
    correlation: Correlation = "pearson",
    missing: Missing = "listwise",
    n_persons: int | None = None,
    minimum_items: int = 2,
    regular: bool = False,
) -> CorrelationInput:
    """Return the correlations that a criterion starts from, of more persons than items.

    Raises
    ------
    StatisticsError
        STA_TOO_FEW_PERSONS, and the codes of :func:`~toolkit.psychometrics.correlation.correlation_input`.
    """
    found = correlation_input(
        df, correlation=correlation, missing=missing, n_persons=n_persons, minimum_items=minimum_items, regular=regular
    )
    p = found.n_items
    if found.n <= p:
        raise StatisticsError(
            Problem(
                code=Code.STA_TOO_FEW_PERSONS,
                what="There are too few persons to say how many factors there are.",
                got=str(found.n),
                allowed=f"{p + 1} or more",
                fix="Use data with more persons than items.",
            )
        )
    return found


def most_factors(p: int) -> int:
    """Return the largest number of factors that leaves a model of p items a degree of freedom; 0 if there is none."""
    return max((m for m in range(1, p) if (p - m) ** 2 > p + m), default=0)


def at_limit(what: str, got: int) -> Problem:
    """Return the warning that a criterion kept as many factors as it can test."""
    return Problem(
        code=Code.STA_AT_LIMIT,
        what=f"{what} kept as many factors as it could test; there may be more.",
        got=str(got),
        fix="Read it as a lower bound.",
    )


def _null_of(
    df: pd.DataFrame | ResponseCounts,
    found: CorrelationInput,
    correlation: Correlation,
    missing: Missing,
    random: np.random.Generator,
) -> Callable[[int], Array]:
    """Return the function that draws so many correlation matrices of unrelated items like the observed ones."""
    if correlation == "pearson":
        return lambda n_datasets: null_correlations(found.n, found.n_items, n_datasets, random)
    margins = margins_of(df, missing=missing, n=found.n)
    if correlation == "spearman":
        return lambda n_datasets: shuffled_spearman(margins, n_datasets, random)
    return lambda n_datasets: shuffled_polychoric(margins, n_datasets, random)


def _smooth_all(R: Array) -> int:
    """Smooth, in place, the matrices that are not positive definite; return how many."""
    singular = np.flatnonzero(np.linalg.eigvalsh(R)[:, 0] <= TOO_SMALL)
    for place in singular:
        R[place] = raised_eigenvalues(R[place])
    return int(singular.size)


def _smoothed_draws(n_smoothed: int, n_datasets: int) -> tuple[Problem, ...]:
    if not n_smoothed:
        return ()
    return (
        Problem(
            code=Code.STA_SMOOTHED,
            what="Simulated correlation matrices were not positive definite, and were smoothed (eigenvalues).",
            got=f"{n_smoothed} of {n_datasets}",
            fix="Use more persons, or eigenvalues='pca'.",
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


def null_correlations(
    n: int, p: int, n_datasets: int, random: np.random.Generator, *, root: Array | None = None
) -> Array:
    """Draw correlation matrices of p normal variables observed on n persons, shape (n_datasets, p, p).

    The variables are unrelated, unless ``root``, a lower triangular (p, p) matrix, makes their covariance matrix
    ``root root'``.
    """
    factor = np.tril(random.standard_normal((n_datasets, p, p)), k=-1)
    diagonal = np.arange(p)
    factor[:, diagonal, diagonal] = np.sqrt(random.chisquare(n - 1 - diagonal, size=(n_datasets, p)))
    if root is not None:
        factor = root @ factor
    factor /= np.linalg.norm(factor, axis=2, keepdims=True)
    R: Array = factor @ factor.transpose(0, 2, 1)
    R[:, diagonal, diagonal] = 1.0
    return R
