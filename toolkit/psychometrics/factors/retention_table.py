"""All criteria for the number of factors side by side, and how far they agree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from toolkit.errors import Problem, StatisticsError
from toolkit.psychometrics._counts import ResponseCounts
from toolkit.psychometrics._numerics import Array, Rng, eigenvalues, generator
from toolkit.psychometrics._options import Correlation, Missing, within
from toolkit.psychometrics._result import Result, provenance, undefined
from toolkit.psychometrics.factors.retention import (
    ParallelAnalysisResult,
    parallel_analysis,
    refuse_given_without_reference,
    retention_input,
)
from toolkit.psychometrics.factors.retention_comparison import ComparisonDataResult, comparison_data, needs_answers
from toolkit.psychometrics.factors.retention_hull import hull
from toolkit.psychometrics.factors.retention_kaiser import empirical_kaiser_criterion
from toolkit.psychometrics.factors.retention_map import map_test
from toolkit.psychometrics.factors.retention_nest import nest

DATASETS = {"pearson": 1000, "spearman": 1000, "polychoric": 100}
"""Data sets of a parallel analysis unless told otherwise; polychoric correlations take longest."""
TENDENCIES = {
    "parallel analysis, pca": "too few where factors correlate highly",
    "parallel analysis, smc": "too many in large samples",
    "MAP, original": "too few where factors have few or weak items",
    "MAP, revised": "too few where factors have few or weak items",
    "empirical Kaiser": "too many in large samples with many items",
    "hull, CAF": "major factors only; hardly ever none",
    "hull, CFI": "major factors only; can miss the first number that fits perfectly",
    "hull, RMSEA": "major factors only; can miss the first number that fits perfectly",
    "comparison data": "never none",
    "NEST": "minor factors too in large samples",
}
"""Every criterion of the table, and what it is known to do."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RetentionResult(Result):
    """The number of factors by every criterion. None of them decides alone.

    Attributes
    ----------
    table : DataFrame, shape (n_criteria, 3)
        One row a criterion: ``n_factors`` (NaN where it could not be computed), ``tendency``, what it is known to do,
        and ``method``, the variant in words.
    counts : Series
        How many criteria keep each number that occurs, by number.
    smallest, largest : float
        Smallest and largest number kept; NaN if no criterion could be computed.
    reading : str
        Agreement and spread in plain words.
    eigenvalues : ndarray, shape (n_items,)
        Of the correlation matrix, largest first: the scree.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        What was computed, in words.
    warnings : tuple of Problem
        What must be known about the numbers, and why a criterion could not be computed.
    provenance : mapping
        Options, seed and versions.
    """

    table: pd.DataFrame
    counts: pd.Series
    smallest: float
    largest: float
    reading: str
    eigenvalues: Array
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    @property
    def n_factors(self) -> pd.Series:
        """The number of factors by criterion; NaN where it could not be computed."""
        return self.table["n_factors"].copy()

    def to_frame(self) -> pd.DataFrame:
        """Return one row a criterion: number of factors, tendency and method."""
        return self.table.copy()


def retention(
    df: pd.DataFrame | ResponseCounts,
    *,
    correlation: Correlation = "pearson",
    n_datasets: int | None = None,
    n_persons: int | None = None,
    missing: Missing = "listwise",
    comparison: bool = True,
    rng: Rng = None,
    between: Callable[[], None] | None = None,
) -> RetentionResult:
    """Return the number of factors by ten criteria, and how far they agree.

    The criteria ask different questions, and each fails in its own way; so there is no winner. Where they spread, look
    at the solutions with the smallest to the largest number.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items), or ResponseCounts
        One row a person, one column an item, NaN for a missing answer; or counted answers; or, with ``n_persons``, a
        matrix of Pearson correlations. Three items or more, and more persons than items. Comparison data need the
        answers.
    correlation : {"pearson", "spearman", "polychoric"}, default "pearson"
        Which correlations. NEST and comparison data take Pearson correlations in any case, because their references
        are made of them.
    n_datasets : int, optional
        Simulated data sets of parallel analyses and NEST; None takes 1,000, and 100 for parallel analyses of polychoric
        correlations.
    n_persons : int, optional
        Says that ``df`` is a correlation matrix, and from how many persons.
    missing : {"listwise", "pairwise"}, default "listwise"
        The missing rule; comparison data use complete persons in any case.
    comparison : bool, default True
        Whether comparison data are among the criteria; they take most of the time.
    rng : int, Generator or None
        Seed or generator; None draws a seed, which is kept in ``provenance``.
    between : callable, optional
        Called before each block of simulated data; what it raises ends the analysis.

    Returns
    -------
    RetentionResult
        ``table``, ``counts`` and ``reading``.

    Raises
    ------
    StatisticsError
        STA_TOO_FEW_ITEMS, STA_TOO_FEW_PERSONS, STA_UNKNOWN_OPTION, STA_OPTION_RANGE, STA_OPTION_CONFLICT (a given
        matrix of other than Pearson correlations), and the codes of the correlation's own function.

    Warns
    -----
    STA_UNDEFINED, and the warnings of the criteria
        In ``warnings``. A criterion that cannot be computed, as where two items are the same, is NaN.

    Notes
    -----
    Parallel analyses take the mean rule, comparison data alpha .30, NEST alpha .05, and the hull method maximum
    likelihood up to one factor more than the parallel analysis of smc eigenvalues keeps.

    Validated by the parity and truth tests of each criterion (``tests/parity/test_bfi.py``,
    ``tests/unit/psychometrics/factors/test_retention_truth.py``).

    References
    ----------
    Auerswald, M., & Moshagen, M. (2019). How to determine the number of factors to retain in exploratory factor
    analysis: A comparison of extraction methods under realistic conditions. Psychological Methods, 24, 468-491.
    https://doi.org/10.1037/met0000200

    Zwick, W. R., & Velicer, W. F. (1986). Comparison of five rules for determining the number of components to retain.
    Psychological Bulletin, 99, 432-442. https://doi.org/10.1037/0033-2909.99.3.432

    Examples
    --------
    >>> import toolkit.psychometrics as pm
    >>> answers = pm.simulate_ordinal([.7, .7, .6, .6, .7], thresholds=[-1, 0, 1], n_persons=500, rng=1)
    >>> result = retention(answers, n_datasets=100, rng=1)
    >>> int(result.n_factors["MAP, original"])
    1
    """
    refuse_given_without_reference(correlation, n_persons)
    found = retention_input(df, correlation=correlation, missing=missing, n_persons=n_persons, minimum_items=3)
    if n_datasets is not None:
        within(n_datasets, name="n_datasets", low=1, whole=True)
    n_draws = DATASETS[correlation] if n_datasets is None else int(n_datasets)
    random, seed = generator(rng)
    given: dict[str, Any] = {"correlation": correlation, "n_persons": n_persons, "missing": missing}
    rows = _Rows(warnings=list(found.warnings))
    simulated: dict[str, Any] = {"n_datasets": n_draws, "rng": random, "between": between}
    rows.add({"parallel analysis, pca": "n_factors"}, lambda: parallel_analysis(df, **given, **simulated))
    smc = rows.add(
        {"parallel analysis, smc": "n_factors"},
        lambda: parallel_analysis(df, eigenvalues="smc", **given, **simulated),
    )
    rows.add({"MAP, original": "n_factors", "MAP, revised": "n_factors_revised"}, lambda: map_test(df, **given))
    rows.add({"empirical Kaiser": "n_factors"}, lambda: empirical_kaiser_criterion(df, **given))
    upper = max(smc.n_factors, 1) + 1 if isinstance(smc, ParallelAnalysisResult) else None
    rows.add(
        {"hull, CAF": "n_factors", "hull, CFI": "n_factors_cfi", "hull, RMSEA": "n_factors_rmsea"},
        lambda: hull(df, n_factors_max=upper, **given, **simulated),
    )
    if comparison:
        rows.add({"comparison data": "n_factors"}, lambda: _comparison(df, n_persons, random, between))
    rows.add(
        {"NEST": "n_factors"},
        lambda: nest(
            df,
            n_datasets=DATASETS["pearson"] if n_datasets is None else n_draws,
            n_persons=n_persons,
            missing=missing,
            rng=random,
            between=between,
        ),
    )
    asked = [criterion for criterion in TENDENCIES if criterion in rows.numbers]
    table = pd.DataFrame(
        {"n_factors": rows.numbers, "tendency": TENDENCIES, "method": rows.methods}, index=asked
    ).rename_axis("criterion")
    kept = table["n_factors"].dropna()
    counts = kept.astype(int).value_counts().sort_index().rename("criteria").rename_axis("n_factors")
    return RetentionResult(
        table=table,
        counts=counts,
        smallest=float(kept.min()),
        largest=float(kept.max()),
        reading=in_words(table["n_factors"]),
        eigenvalues=eigenvalues(found.R),
        n_persons=found.n_persons,
        n_items=found.n_items,
        n_dropped=found.n_dropped,
        method=f"{len(table)} criteria for the number of factors, {found.method}",
        warnings=tuple(rows.warnings),
        provenance=provenance("retention", {"n_datasets": n_datasets, "comparison": comparison, **given}, seed=seed),
    )


def _comparison(
    df: pd.DataFrame | ResponseCounts,
    n_persons: int | None,
    random: np.random.Generator,
    between: Callable[[], None] | None,
) -> ComparisonDataResult:
    if n_persons is not None:
        raise needs_answers("a correlation matrix")
    return comparison_data(df, rng=random, between=between)


class _Rows:
    """Rows of the table as they are computed."""

    def __init__(self, *, warnings: list[Problem]) -> None:
        self.numbers: dict[str, float] = {}
        self.methods: dict[str, str] = {}
        self.warnings = warnings

    def add(self, names: Mapping[str, str], compute: Callable[[], Any]) -> Any:
        """Compute one result that fills some rows from its fields; NaN and a warning where it cannot be computed."""
        try:
            result = compute()
        except StatisticsError as error:
            self.numbers |= dict.fromkeys(names, float("nan"))
            self.methods |= dict.fromkeys(names, "not computed")
            self.warnings += [undefined("; ".join(names), problem.what) for problem in error.problems]
            return None
        self.numbers |= {name: float(getattr(result, field)) for name, field in names.items()}
        self.methods |= dict.fromkeys(names, result.method)
        self.warnings += [problem for problem in result.warnings if problem not in self.warnings]
        return result


def in_words(n_factors: pd.Series) -> str:
    """Say which criteria keep how many factors, and how far they agree; no number is called the right one."""
    kept = n_factors.dropna().astype(int)
    absent = [str(name) for name in n_factors.index[n_factors.isna()]]
    left_out = f" Not computed: {'; '.join(absent)}." if absent else ""
    if kept.empty:
        return f"No criterion could be computed.{left_out}"
    if kept.min() == kept.max():
        return f"All {kept.size} criteria that were computed keep {_factors(kept.iloc[0])}.{left_out}"
    groups = [
        f"{len(group)} of {kept.size} criteria {'keeps' if len(group) == 1 else 'keep'} {_factors(number)} "
        f"({'; '.join(str(name) for name in group.index)})"
        for number, group in kept.groupby(kept)
    ]
    low, high = int(kept.min()), int(kept.max())
    common = kept.value_counts()
    most = sorted(int(number) for number in common.index[common == common.max()])
    agree = f"Most agree on {_factors(most[0])}" if common.max() * 2 > kept.size else "No number has a majority"
    return (
        f"{', '.join(groups)}. They range from {low} to {high}. {agree}. "
        f"Compare the solutions with {max(low, 1)} to {high} factors by what their factors mean.{left_out}"
    )


def _factors(number: int) -> str:
    return {0: "no factor", 1: "1 factor"}.get(int(number), f"{number} factors")
