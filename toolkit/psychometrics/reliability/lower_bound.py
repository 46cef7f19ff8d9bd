"""The greatest lower bound of reliability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from toolkit.errors import Problem
from toolkit.psychometrics._counts import ResponseCounts
from toolkit.psychometrics._inputs import moments
from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics._options import Missing
from toolkit.psychometrics._result import Result, provenance
from toolkit.psychometrics.items import negative_items

GAP = 1e-10
"""Distance from the bound, as a share of the total variance, at which the search ends."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GreatestLowerBoundResult(Result):
    """The greatest lower bound.

    Attributes
    ----------
    estimate : float
        The bound, 1 or less.
    error_variances : Series, shape (n_items,)
        The largest error variances that leave a covariance matrix of true scores.
    duality_gap : float
        By how much, at most, ``estimate`` is above the exact bound for this matrix.
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
    error_variances: pd.Series
    duality_gap: float
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]


def greatest_lower_bound(
    df: pd.DataFrame | ResponseCounts, *, standardized: bool = False, missing: Missing = "listwise"
) -> GreatestLowerBoundResult:
    """Return the smallest reliability that the covariances of the items allow.

    No other bound is higher in the population. In a sample it is too high, because it takes every chance difference
    between the covariances as true; bootstrap samples share that bias, so it has no interval. Do not report it alone.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items), or ResponseCounts
        One row a person, one column an item of the scale, NaN for a missing answer. More persons than items.
    standardized : bool, default False
        Take the correlations instead of the covariances.
    missing : {"listwise", "pairwise"}, default "listwise"
        The missing rule.

    Returns
    -------
    GreatestLowerBoundResult
        ``estimate`` and the ``error_variances`` that reach it.

    Raises
    ------
    StatisticsError
        STA_SINGULAR_CORRELATION, STA_TOO_FEW_PERSONS and the codes of
        :func:`~toolkit.psychometrics.correlation.pearson_correlation`.

    Warns
    -----
    STA_NEGATIVE_ITEM
        In ``warnings``: an item that goes against the rest.

    Notes
    -----
    ``1 - max sum(psi) / V`` over error variances psi of 0 or more for which ``C - diag(psi)`` has no negative
    eigenvalue. This convex problem is solved by Newton steps on a logarithmic barrier; the size of the barrier bounds
    the distance from the exact solution, which is given as ``duality_gap``.

    Validated by its dual certificate, by one-factor populations where the bound is the reliability, and as an upper
    bound of the lambdas (``tests/unit/psychometrics/reliability/test_lower_bound.py``).

    References
    ----------
    Jackson, P. H., & Agunwamba, C. C. (1977). Lower bounds for the reliability of the total score on a test composed of
    non-homogeneous items: I. Psychometrika, 42, 567-578. https://doi.org/10.1007/BF02295979

    ten Berge, J. M. F., & Socan, G. (2004). The greatest lower bound to the reliability of a test and the hypothesis of
    unidimensionality. Psychometrika, 69, 613-625. https://doi.org/10.1007/BF02289858

    Examples
    --------
    >>> import pandas as pd
    >>> answers = pd.DataFrame({"a": [1, 2, 3, 4, 4], "b": [1, 3, 2, 4, 5], "c": [2, 2, 3, 4, 4]})
    >>> round(greatest_lower_bound(answers).estimate, 4)
    0.9485
    """
    found = moments(df, missing=missing, regular=True)
    C = found.correlation if standardized else found.covariance
    total = float(C.sum())
    psi, gap = largest_errors(C)
    basis = "correlation-based" if standardized else "covariance-based"
    return GreatestLowerBoundResult(
        estimate=1.0 - float(psi.sum()) / total,
        error_variances=pd.Series(psi, index=list(found.items)),
        duality_gap=gap / total,
        n_persons=found.responses.n_persons,
        n_items=found.responses.n_items,
        n_dropped=found.responses.n_dropped,
        method=f"greatest lower bound, {basis}, interior point, {missing}",
        warnings=negative_items(found.items, found.covariance),
        provenance=provenance("greatest_lower_bound", {"standardized": standardized, "missing": missing}),
    )


def largest_errors(C: Array) -> tuple[Array, float]:
    """Maximise sum(psi) with psi >= 0 and C - diag(psi) positive semidefinite; return psi and the duality gap.

    For a barrier of size mu the maximum is off by 2 p mu at most (p eigenvalues and p signs).
    """
    p = C.shape[0]
    scale = np.sqrt(np.diag(C))
    A = C / np.outer(scale, scale)
    weights = scale**2
    psi = np.full(p, 0.5 * float(np.linalg.eigvalsh(A)[0]))
    mu = float(weights.mean())
    goal = GAP * float(C.sum()) / (2.0 * p)
    while True:
        for _ in range(50):
            V = np.linalg.inv(A - np.diag(psi))
            gradient = weights - mu * np.diag(V) + mu / psi
            step = np.linalg.solve(mu * (V**2 + np.diag(psi**-2.0)), gradient)
            decrement = float(gradient @ step) / mu  # squared; a step inside 1 never leaves the region
            psi = psi + (1.0 if decrement < 0.1 else 1.0 / (1.0 + np.sqrt(decrement))) * step
            if decrement < 1e-8:
                break
        if mu <= goal:
            return psi * weights, 2.0 * p * mu
        mu *= 0.2
