"""Whether a correlation matrix suits factor analysis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from toolkit.errors import Problem
from toolkit.psychometrics._inputs import moments
from toolkit.psychometrics._numerics import Array, log_determinant
from toolkit.psychometrics._options import Missing
from toolkit.psychometrics._result import Result, provenance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KaiserMeyerOlkinResult(Result):
    """Sampling adequacy.

    Attributes
    ----------
    overall : float
        The measure for all items together, from 0 to 1.
    per_item : Series, shape (n_items,)
        The measure for each item, from 0 to 1.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The formula in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options and versions.
    """

    overall: float
    per_item: pd.Series
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return one row an item and a last row for all items together."""
        values = [*self.per_item.to_list(), self.overall]
        return pd.DataFrame({"kaiser_meyer_olkin": values}, index=[*self.per_item.index, "overall"])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BartlettSphericityResult(Result):
    """Bartlett's test that all correlations are zero.

    Attributes
    ----------
    chi_square : float
        The test statistic, 0 or more.
    df : int
        Degrees of freedom.
    p_value : float
        Probability of a statistic at least as large if all correlations were zero.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The formula in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options and versions.
    """

    chi_square: float
    df: int
    p_value: float
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]


def kaiser_meyer_olkin(df: pd.DataFrame, *, missing: Missing = "listwise") -> KaiserMeyerOlkinResult:
    """Return the Kaiser-Meyer-Olkin measure of sampling adequacy, overall and per item.

    It compares correlations with partial correlations: near 1 the items share variance in groups, below .5 they
    hardly do. It says nothing about how many factors there are.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items)
        One row a person, one column an item, NaN for a missing answer.
    missing : {"listwise", "pairwise"}, default "listwise"
        The missing rule.

    Returns
    -------
    KaiserMeyerOlkinResult
        ``overall`` and ``per_item``, each from 0 to 1.

    Raises
    ------
    StatisticsError
        STA_SINGULAR_CORRELATION, STA_TOO_FEW_PERSONS, and the codes of
        :func:`~toolkit.psychometrics.correlation.pearson_correlation`.

    Notes
    -----
    The measure is ``sum r^2 / (sum r^2 + sum q^2)`` over the off-diagonal correlations r and anti-image
    correlations q.

    Validated against psych 2.5.3 ``KMO`` on bfi, relative tolerance 1e-6 (``tests/parity/test_bfi.py``).

    References
    ----------
    Kaiser, H. F. (1974). An index of factorial simplicity. Psychometrika, 39, 31-36.
    https://doi.org/10.1007/BF02291575

    Examples
    --------
    >>> import toolkit.psychometrics as pm
    >>> answers = pm.simulate_ordinal([[.7], [.7], [.6], [.6]], thresholds=[-1, 0, 1], n_persons=400, rng=1)
    >>> 0.6 < kaiser_meyer_olkin(answers).overall < 0.9
    True
    """
    found = moments(df, missing=missing, regular=True)
    r2, q2 = squared_correlations(found.correlation)
    return KaiserMeyerOlkinResult(
        overall=float(r2.sum() / (r2.sum() + q2.sum())),
        per_item=pd.Series(r2.sum(axis=0) / (r2.sum(axis=0) + q2.sum(axis=0)), index=list(found.items)),
        n_persons=found.responses.n_persons,
        n_items=found.responses.n_items,
        n_dropped=found.responses.n_dropped,
        method=f"Kaiser-Meyer-Olkin measure of sampling adequacy, Pearson correlations, {missing}",
        warnings=(),
        provenance=provenance("kaiser_meyer_olkin", {"missing": missing}),
    )


def squared_correlations(R: Array) -> tuple[Array, Array]:
    """Return the squared correlations and squared anti-image correlations of a matrix, zeros on both diagonals."""
    precision = np.linalg.inv(R)
    scale = 1.0 / np.sqrt(np.diag(precision))
    r2, q2 = R**2, (precision * np.outer(scale, scale)) ** 2
    np.fill_diagonal(r2, 0.0)
    np.fill_diagonal(q2, 0.0)
    return r2, q2


def bartlett_sphericity(df: pd.DataFrame, *, missing: Missing = "listwise") -> BartlettSphericityResult:
    """Test whether all correlations between the items could be zero.

    With the sample sizes of questionnaires it nearly always rejects; a small statistic is a reason to stop, a large
    one is no reason to go on.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items)
        One row a person, one column an item, NaN for a missing answer.
    missing : {"listwise", "pairwise"}, default "listwise"
        The missing rule. Under "pairwise" the test counts the smallest number of persons behind any pair.

    Returns
    -------
    BartlettSphericityResult
        ``chi_square``, ``df`` and ``p_value``.

    Raises
    ------
    StatisticsError
        STA_SINGULAR_CORRELATION, STA_TOO_FEW_PERSONS, and the codes of
        :func:`~toolkit.psychometrics.correlation.pearson_correlation`.

    Notes
    -----
    ``chi_square = -(n - 1 - (2 p + 5) / 6) ln |R|`` with ``p (p - 1) / 2`` degrees of freedom.

    Validated against psych 2.5.3 ``cortest.bartlett`` on bfi, relative tolerance 1e-6 (``tests/parity/test_bfi.py``).

    References
    ----------
    Bartlett, M. S. (1951). The effect of standardization on a chi-square approximation in factor analysis. Biometrika,
    38, 337-344. https://doi.org/10.1093/biomet/38.3-4.337

    Examples
    --------
    >>> import toolkit.psychometrics as pm
    >>> answers = pm.simulate_ordinal([[.7], [.7], [.6], [.6]], thresholds=[-1, 0, 1], n_persons=400, rng=1)
    >>> bartlett_sphericity(answers).df
    6
    """
    found = moments(df, missing=missing, regular=True)
    p = found.responses.n_items
    chi_square = -(found.n - 1 - (2 * p + 5) / 6) * log_determinant(found.correlation)
    degrees = p * (p - 1) // 2
    return BartlettSphericityResult(
        chi_square=chi_square,
        df=degrees,
        p_value=float(stats.chi2.sf(chi_square, degrees)),
        n_persons=found.responses.n_persons,
        n_items=p,
        n_dropped=found.responses.n_dropped,
        method=f"Bartlett's test of sphericity, Pearson correlations, {missing}",
        warnings=(),
        provenance=provenance("bartlett_sphericity", {"missing": missing}),
    )
