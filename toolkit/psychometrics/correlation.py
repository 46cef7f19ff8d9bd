"""Correlations between items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._counts import PairTables, ResponseCounts, rank_correlation
from toolkit.psychometrics._inputs import Moments, Responses, complete, moments, refuse_singular, too_few, usable_tables
from toolkit.psychometrics._numerics import Array, Counts, eigenvalues
from toolkit.psychometrics._options import Correlation, Missing, Smooth, one_of, within
from toolkit.psychometrics._result import Result, provenance
from toolkit.psychometrics._smoothing import smoothed

SYMMETRY_TOLERANCE = 1e-6
"""A given matrix may be rounded this far from symmetry and from ones on the diagonal."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CorrelationResult(Result):
    """A correlation matrix.

    Attributes
    ----------
    matrix : DataFrame, shape (n_items, n_items)
        The correlations, from -1 to 1.
    eigenvalues : ndarray, shape (n_items,)
        Eigenvalues of the matrix, largest first.
    n_pairs : DataFrame, shape (n_items, n_items)
        Persons behind each correlation.
    n_smallest_pair : int
        The smallest of them.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The formula in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options and versions.
    """

    matrix: pd.DataFrame
    eigenvalues: Array
    n_pairs: pd.DataFrame
    n_smallest_pair: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return the correlation matrix."""
        return self.matrix.copy()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CorrelationInput:
    """Correlations that another statistic starts from.

    Attributes
    ----------
    items : tuple of str
        The items, in order.
    R : ndarray, shape (n_items, n_items)
        The correlations.
    n : int
        Persons that tests and intervals count: all under ``listwise``, those behind the smallest pair under
        ``pairwise``, or the number given with a matrix.
    n_persons, n_dropped : int
        Persons used and left out.
    method : str
        Which correlations, in words, to go into the result's ``method``.
    warnings : tuple of Problem
        What was met when they were computed.
    """

    items: tuple[str, ...]
    R: Array
    n: int
    n_persons: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]

    @property
    def n_items(self) -> int:
        """Items."""
        return len(self.items)


def correlation_input(
    data: pd.DataFrame | ResponseCounts,
    *,
    correlation: Correlation = "pearson",
    missing: Missing = "listwise",
    smooth: Smooth = "none",
    n_persons: int | None = None,
    minimum_items: int = 2,
    regular: bool = False,
) -> CorrelationInput:
    """Return the correlations that a statistic starts from, whatever it was given.

    Parameters
    ----------
    data : DataFrame or ResponseCounts
        Answers, persons x items; counted answers; or, if ``n_persons`` is given, a correlation matrix.
    correlation : {"pearson", "spearman", "polychoric"}
        Which correlations; a given matrix is taken as it is.
    missing : {"listwise", "pairwise"}
        The missing rule.
    smooth : {"none", "eigenvalues", "nearest"}
        What to do if the matrix is not positive definite.
    n_persons : int, optional
        Says that ``data`` is a correlation matrix, and from how many persons. It is never guessed from the numbers.
    minimum_items : int
        Fewer items are refused.
    regular : bool
        Refuse a matrix that is not positive definite, after smoothing.

    Raises
    ------
    StatisticsError
        STA_UNKNOWN_OPTION, STA_NOT_A_CORRELATION, STA_OPTION_RANGE, STA_SINGULAR_CORRELATION, and the codes of the
        correlation's own function.
    """
    one_of(correlation, Correlation, name="correlation")
    one_of(smooth, Smooth, name="smooth")
    if n_persons is not None:
        found = _given_matrix(data, n_persons, minimum_items)
    elif correlation == "polychoric":
        found = _from_polychoric(data, missing, smooth, minimum_items)
    elif correlation == "spearman":
        found = _from_spearman(data, missing, minimum_items)
    else:
        found = _from_moments(moments(data, missing=missing, minimum_items=minimum_items), missing)
    R, _, _, warnings = smoothed(found.R, smooth) if smooth != "none" else (found.R, 0.0, False, [])
    if regular:
        refuse_singular(R, found.n_persons)
    return replace(found, R=R, warnings=(*found.warnings, *warnings))


def _from_moments(found: Moments, missing: Missing) -> CorrelationInput:
    return CorrelationInput(
        items=found.items,
        R=found.correlation,
        n=found.n,
        n_persons=found.responses.n_persons,
        n_dropped=found.responses.n_dropped,
        method=f"Pearson correlations, {missing}",
        warnings=(),
    )


def _from_spearman(data: pd.DataFrame | ResponseCounts, missing: Missing, minimum_items: int) -> CorrelationInput:
    answers, R, n_pairs = _spearman(data, missing, minimum_items)
    return CorrelationInput(
        items=answers.items,
        R=R,
        n=int(n_pairs.min()),
        n_persons=answers.n_persons,
        n_dropped=answers.n_dropped,
        method=f"Spearman correlations, {missing}",
        warnings=(),
    )


def _from_polychoric(
    data: pd.DataFrame | ResponseCounts, missing: Missing, smooth: Smooth, minimum_items: int
) -> CorrelationInput:
    from toolkit.psychometrics.ordinal_correlation import polychoric

    result = polychoric(data, missing=missing, smooth=smooth)
    if result.n_items < minimum_items:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_ITEMS, "items", result.n_items, minimum_items))
    return CorrelationInput(
        items=tuple(result.thresholds),
        R=result.matrix.to_numpy(copy=True),
        n=result.n_smallest_pair,
        n_persons=result.n_persons,
        n_dropped=result.n_dropped,
        method=f"polychoric correlations, {missing}",
        warnings=result.warnings,
    )


def _given_matrix(data: object, n_persons: int, minimum_items: int) -> CorrelationInput:
    """Check a correlation matrix that takes the place of answers."""
    within(n_persons, name="n_persons", low=3, whole=True)
    reason = _no_correlation_matrix(data)
    if reason or not isinstance(data, pd.DataFrame):
        raise StatisticsError(
            Problem(
                code=Code.STA_NOT_A_CORRELATION,
                what="With n_persons= the data are a correlation matrix, and these are none.",
                got=reason,
                allowed="a DataFrame, the same items in rows and columns, symmetric, ones on the diagonal, -1 to 1",
                fix="Correct the matrix; or give answers, and leave n_persons= out.",
            )
        )
    if data.shape[0] < minimum_items:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_ITEMS, "items", data.shape[0], minimum_items))
    R = data.to_numpy(dtype=np.float64, copy=True)
    R = 0.5 * (R + R.T)
    np.fill_diagonal(R, 1.0)
    return CorrelationInput(
        items=tuple(str(column) for column in data.columns),
        R=R,
        n=int(n_persons),
        n_persons=int(n_persons),
        n_dropped=0,
        method="given correlations",
        warnings=(),
    )


def _no_correlation_matrix(data: object) -> str:
    """Return why this is no correlation matrix; empty if it is one."""
    if not isinstance(data, pd.DataFrame):
        return type(data).__name__
    if data.shape[0] != data.shape[1] or list(data.index) != list(data.columns) or not data.columns.is_unique:
        return f"shape {data.shape}, rows {list(data.index)[:3]}, columns {list(data.columns)[:3]}"
    if not all(pd.api.types.is_any_real_numeric_dtype(dtype) for dtype in data.dtypes):
        return "columns that do not hold numbers"
    R = data.to_numpy(dtype=np.float64, na_value=np.nan)
    if not np.isfinite(R).all():
        return "missing or infinite correlations"
    if np.abs(R - R.T).max() > SYMMETRY_TOLERANCE:
        return f"a difference of {np.abs(R - R.T).max():.3g} across the diagonal"
    if np.abs(np.diag(R) - 1.0).max() > SYMMETRY_TOLERANCE or np.abs(R).max() > 1.0 + SYMMETRY_TOLERANCE:
        return f"a diagonal from {np.diag(R).min():.3g} to {np.diag(R).max():.3g}, values up to {np.abs(R).max():.3g}"
    return ""


def pearson_correlation(df: pd.DataFrame | ResponseCounts, *, missing: Missing = "listwise") -> CorrelationResult:
    """Return the product-moment correlations between all items.

    It measures straight-line association. Between items with few or skewed answers it underestimates the association
    of the dimensions behind them.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items), or ResponseCounts
        One row a person, one column an item, NaN for a missing answer; or counted answers.
    missing : {"listwise", "pairwise"}, default "listwise"
        Use persons who answered every item, or for each pair those who answered both. A pairwise matrix need not be
        positive definite.

    Returns
    -------
    CorrelationResult
        The matrix, its eigenvalues, and the number of persons behind each pair.

    Raises
    ------
    StatisticsError
        STA_NOT_A_FRAME, STA_NOT_NUMERIC, STA_NOT_FINITE, STA_DUPLICATE_ITEM, STA_ALL_MISSING_ITEM, STA_CONSTANT_ITEM,
        STA_TOO_FEW_PERSONS, STA_TOO_FEW_ITEMS, STA_UNKNOWN_OPTION.

    Notes
    -----
    Pairwise correlations take both standard deviations from the persons of the pair.

    Validated against R 4.2.2 ``cor`` and ``eigen`` on psych's bfi, relative tolerance 1e-6
    (``tests/parity/test_bfi.py``).

    References
    ----------
    Pearson, K. (1896). Mathematical contributions to the theory of evolution. III. Regression, heredity, and panmixia.
    Philosophical Transactions of the Royal Society A, 187, 253-318. https://doi.org/10.1098/rsta.1896.0007

    Examples
    --------
    >>> import pandas as pd
    >>> answers = pd.DataFrame({"a": [1, 2, 3, 4], "b": [1, 3, 2, 4]})
    >>> float(pearson_correlation(answers).matrix.loc["a", "b"].round(3))
    0.8
    """
    found = moments(df, missing=missing)
    return _result("Pearson", found.responses, found.correlation, found.n_pairs.astype(np.int64), missing)


def spearman_correlation(df: pd.DataFrame | ResponseCounts, *, missing: Missing = "listwise") -> CorrelationResult:
    """Return the rank correlations between all items.

    They measure how far two items rise together, straight or not, and use the order of the codes only. Between items
    with few categories many ranks are tied, and the correlations are nearly Pearson's; they do not estimate the
    association of the dimensions behind the items.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items), or ResponseCounts
        One row a person, one column an item, NaN for a missing answer; or counted answers.
    missing : {"listwise", "pairwise"}, default "listwise"
        Use persons who answered every item, or rank for each pair those who answered both. A pairwise matrix need not
        be positive definite.

    Returns
    -------
    CorrelationResult
        The matrix, its eigenvalues, and the number of persons behind each pair.

    Raises
    ------
    StatisticsError
        The codes of :func:`pearson_correlation`.

    Notes
    -----
    Pearson correlations of the ranks; tied answers share their mean rank.

    Validated against R ``cor(method = "spearman")`` on psych's bfi, relative tolerance 1e-6
    (``tests/parity/test_polychoric.py``).

    References
    ----------
    Spearman, C. (1904). The proof and measurement of association between two things. The American Journal of
    Psychology, 15, 72-101. https://doi.org/10.2307/1412159

    Examples
    --------
    >>> import pandas as pd
    >>> answers = pd.DataFrame({"a": [1, 2, 3, 4], "b": [1, 30, 20, 400]})
    >>> float(spearman_correlation(answers).matrix.loc["a", "b"].round(3))
    0.8
    """
    answers, R, n_pairs = _spearman(df, missing, 2)
    return _result("Spearman", answers, R, n_pairs, missing)


def _result(
    name: str, answers: Responses | PairTables, R: Array, n_pairs: Counts, missing: Missing
) -> CorrelationResult:
    names = list(answers.items)
    return CorrelationResult(
        matrix=pd.DataFrame(R, index=names, columns=names),
        eigenvalues=eigenvalues(R),
        n_pairs=pd.DataFrame(n_pairs, index=names, columns=names),
        n_smallest_pair=int(n_pairs.min()),
        n_persons=answers.n_persons,
        n_items=answers.n_items,
        n_dropped=answers.n_dropped,
        method=f"{name} correlation, {missing}",
        warnings=(),
        provenance=provenance(f"{name.lower()}_correlation", {"missing": missing}),
    )


def _spearman(
    data: pd.DataFrame | ResponseCounts, missing: Missing, minimum_items: int
) -> tuple[Responses | PairTables, Array, Counts]:
    """Return the answers, their rank correlations, and the persons behind each pair."""
    if isinstance(data, ResponseCounts):
        found = usable_tables(data, missing=missing, minimum_items=minimum_items)
        return found, rank_correlation(found), found.n_pairs
    moments(data, missing=missing, minimum_items=minimum_items)  # refuses pairs without persons or without variance
    answers = complete(data, missing=missing, minimum_items=minimum_items)
    answered = (~np.isnan(answers.codes)).astype(np.int64)
    ranks = pd.DataFrame(answers.codes).corr(method="spearman").to_numpy(copy=True)
    np.fill_diagonal(ranks, 1.0)
    return answers, ranks, answered.T @ answered
