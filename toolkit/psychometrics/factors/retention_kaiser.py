"""The empirical Kaiser criterion: eigenvalues above one, corrected for chance and for the factors before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from toolkit.errors import Problem
from toolkit.psychometrics._counts import ResponseCounts
from toolkit.psychometrics._numerics import Array, eigenvalues
from toolkit.psychometrics._options import Correlation, Missing
from toolkit.psychometrics._result import Result, provenance
from toolkit.psychometrics.factors.retention import retention_input


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmpiricalKaiserResult(Result):
    """Observed eigenvalues beside the smallest that a factor should have.

    Attributes
    ----------
    n_factors : int
        Eigenvalues above their reference, counted up to the first that is not; 0 to n_items.
    eigenvalues, reference : ndarray, shape (n_items,)
        Observed eigenvalues, largest first, and their references, which are at least 1.
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
    eigenvalues: Array
    reference: Array
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a factor: observed eigenvalue and reference."""
        return pd.DataFrame(
            {"eigenvalue": self.eigenvalues, "reference": self.reference},
            index=pd.RangeIndex(1, self.n_items + 1, name="factor"),
        )


def empirical_kaiser_criterion(
    df: pd.DataFrame | ResponseCounts,
    *,
    correlation: Correlation = "pearson",
    n_persons: int | None = None,
    missing: Missing = "listwise",
) -> EmpiricalKaiserResult:
    """Return how many eigenvalues exceed what chance and the factors before them leave.

    It needs no simulation, and suits short scales with correlated factors. In large samples it comes close to counting
    eigenvalues above one, and then keeps too many.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items), or ResponseCounts
        One row a person, one column an item, NaN for a missing answer; or counted answers; or, with ``n_persons``, a
        correlation matrix. More persons than items are needed.
    correlation : {"pearson", "spearman", "polychoric"}, default "pearson"
        Which correlations. The references are those of Pearson correlations of normal data.
    n_persons : int, optional
        Says that ``df`` is a correlation matrix, and from how many persons.
    missing : {"listwise", "pairwise"}, default "listwise"
        The missing rule.

    Returns
    -------
    EmpiricalKaiserResult
        ``n_factors``, the observed eigenvalues and their references.

    Raises
    ------
    StatisticsError
        STA_TOO_FEW_ITEMS, STA_TOO_FEW_PERSONS, STA_UNKNOWN_OPTION, and the codes of the correlation's own function.

    Notes
    -----
    The reference of factor j is ``max(1, (1 + sqrt(p / n))^2 (p - l_1 - ... - l_(j-1)) / (p - j + 1))`` with the
    observed eigenvalues l: the largest eigenvalue that unrelated items have in the limit, times the mean of what the
    factors before j left. A variant of 2019 puts the references in the place of the observed eigenvalues; this is the
    original.

    Validated against EFAtools 1.0.0.9000 ``efa_ekc`` on bfi, equal number (``tests/parity/test_bfi.py``).

    References
    ----------
    Braeken, J., & van Assen, M. A. L. M. (2017). An empirical Kaiser criterion. Psychological Methods, 22, 450-466.
    https://doi.org/10.1037/met0000074

    Examples
    --------
    >>> import toolkit.psychometrics as pm
    >>> answers = pm.simulate_ordinal([[.7], [.7], [.6], [.6]], thresholds=[-1, 0, 1], n_persons=400, rng=1)
    >>> empirical_kaiser_criterion(answers).n_factors
    1
    """
    found = retention_input(df, correlation=correlation, missing=missing, n_persons=n_persons)
    p = found.n_items
    observed = eigenvalues(found.R)
    reference = kaiser_references(observed, found.n)
    below = np.flatnonzero(observed <= reference)
    return EmpiricalKaiserResult(
        n_factors=int(below[0]) if below.size else p,
        eigenvalues=observed,
        reference=reference,
        n_persons=found.n_persons,
        n_items=p,
        n_dropped=found.n_dropped,
        method=f"empirical Kaiser criterion, original of 2017, {found.method}",
        warnings=found.warnings,
        provenance=provenance(
            "empirical_kaiser_criterion", {"correlation": correlation, "n_persons": n_persons, "missing": missing}
        ),
    )


def kaiser_references(observed: Array, n: int) -> Array:
    """Return the smallest eigenvalue that each factor should have."""
    p = observed.size
    before = np.concatenate([[0.0], np.cumsum(observed)[:-1]])
    chance = (1.0 + np.sqrt(p / n)) ** 2
    reference: Array = np.maximum(chance * (p - before) / (p - np.arange(p)), 1.0)
    return reference
