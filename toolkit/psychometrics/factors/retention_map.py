"""Velicer's minimum average partial test: how many components can be taken out before what is left grows again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from toolkit.errors import Problem
from toolkit.psychometrics._counts import ResponseCounts
from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics._options import Correlation, Missing
from toolkit.psychometrics._result import Result, provenance
from toolkit.psychometrics.factors.retention import retention_input

NO_VARIANCE_LEFT = 1e-8
"""An item with less variance left than this has no partial correlations."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MapTestResult(Result):
    """Average partial correlations after taking out 0, 1, 2, ... principal components.

    Attributes
    ----------
    n_factors : int
        Components at the smallest mean squared partial correlation (the original test), 0 to n_items - 2.
    n_factors_revised : int
        Components at the smallest fourth-power measure (the revised test), 0 to n_items - 2.
    mean_square, fourth_power : ndarray, shape (n_items - 1,)
        The two measures after 0, 1, ... n_items - 2 components; NaN from where an item has no variance left.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The variant in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options and versions.
    """

    n_factors: int
    n_factors_revised: int
    mean_square: Array
    fourth_power: Array
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a number of components: the two measures."""
        return pd.DataFrame(
            {"mean_square": self.mean_square, "fourth_power": self.fourth_power},
            index=pd.RangeIndex(self.n_items - 1, name="components"),
        )


def map_test(
    df: pd.DataFrame | ResponseCounts,
    *,
    correlation: Correlation = "pearson",
    n_persons: int | None = None,
    missing: Missing = "listwise",
) -> MapTestResult:
    """Return how many principal components leave the smallest partial correlations between the items.

    A component that several items share lowers the partial correlations of what is left; one that belongs to a single
    item raises them. The test keeps few factors: it misses weak ones and those of few items.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items), or ResponseCounts
        One row a person, one column an item, NaN for a missing answer; or counted answers; or, with ``n_persons``, a
        correlation matrix. Three items or more, and more persons than items.
    correlation : {"pearson", "spearman", "polychoric"}, default "pearson"
        Which correlations.
    n_persons : int, optional
        Says that ``df`` is a correlation matrix, and from how many persons.
    missing : {"listwise", "pairwise"}, default "listwise"
        The missing rule.

    Returns
    -------
    MapTestResult
        ``n_factors`` of the original and ``n_factors_revised`` of the revised test, and both series.

    Raises
    ------
    StatisticsError
        STA_TOO_FEW_ITEMS, STA_TOO_FEW_PERSONS, STA_UNKNOWN_OPTION, and the codes of the correlation's own function.

    Notes
    -----
    With C the correlations less those that m components reproduce, and P that matrix rescaled to a unit diagonal, the
    original measure is ``(tr P^2 - p) / (p (p - 1))``, the mean squared partial correlation, and the revised one
    ``(tr P^4 - p) / (p (p - 1))`` with the fourth power of the matrix. Some programs take the mean of the fourth powers
    of the single partial correlations instead, which can keep another number.

    Validated against psych 2.5.3 ``vss`` (the values) and EFAtools 1.0.0.9000 ``efa_map`` (both numbers) on bfi,
    relative tolerance 1e-6 (``tests/parity/test_bfi.py``).

    References
    ----------
    Velicer, W. F. (1976). Determining the number of components from the matrix of partial correlations. Psychometrika,
    41, 321-327. https://doi.org/10.1007/BF02293557

    Velicer, W. F., Eaton, C. A., & Fava, J. L. (2000). Construct explication through factor or component analysis. In
    R. D. Goffin & E. Helmes (Eds.), Problems and solutions in human assessment (pp. 41-71). Kluwer.
    https://doi.org/10.1007/978-1-4615-4397-8_3

    Examples
    --------
    >>> import toolkit.psychometrics as pm
    >>> answers = pm.simulate_ordinal([[.7], [.7], [.6], [.6]], thresholds=[-1, 0, 1], n_persons=400, rng=1)
    >>> result = map_test(answers)
    >>> result.n_factors, result.n_factors_revised
    (1, 1)
    """
    found = retention_input(df, correlation=correlation, missing=missing, n_persons=n_persons, minimum_items=3)
    square, fourth = partial_measures(found.R)
    return MapTestResult(
        n_factors=int(np.nanargmin(square)),
        n_factors_revised=int(np.nanargmin(fourth)),
        mean_square=square,
        fourth_power=fourth,
        n_persons=found.n_persons,
        n_items=found.n_items,
        n_dropped=found.n_dropped,
        method=f"minimum average partial test, original (squared) and revised (fourth matrix power), {found.method}",
        warnings=found.warnings,
        provenance=provenance("map_test", {"correlation": correlation, "n_persons": n_persons, "missing": missing}),
    )


def partial_measures(R: Array) -> tuple[Array, Array]:
    """Return the measures of squares and of fourth powers after 0 to p - 2 components."""
    p = R.shape[0]
    values, vectors = np.linalg.eigh(R)
    square, fourth = np.full(p - 1, np.nan), np.full(p - 1, np.nan)
    C = R.copy()
    for m in range(p - 1):
        if m:
            C = C - values[-m] * np.outer(vectors[:, -m], vectors[:, -m])
        left = np.diag(C)
        if left.min() < NO_VARIANCE_LEFT:
            break
        P2 = np.linalg.matrix_power(C / np.sqrt(np.outer(left, left)), 2)
        square[m] = (np.trace(P2) - p) / (p * (p - 1))
        fourth[m] = (np.sum(P2 * P2) - p) / (p * (p - 1))
    return square, fourth
