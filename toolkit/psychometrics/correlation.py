"""Correlations between items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from toolkit.errors import Problem
from toolkit.psychometrics._inputs import moments
from toolkit.psychometrics._numerics import Array, eigenvalues
from toolkit.psychometrics._options import Missing
from toolkit.psychometrics._result import Result, provenance


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


def pearson_correlation(df: pd.DataFrame, *, missing: Missing = "listwise") -> CorrelationResult:
    """Return the product-moment correlations between all items.

    It measures straight-line association. Between items with few or skewed answers it underestimates the association
    of the dimensions behind them.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items)
        One row a person, one column an item, NaN for a missing answer.
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
    names = list(found.items)
    return CorrelationResult(
        matrix=pd.DataFrame(found.correlation, index=names, columns=names),
        eigenvalues=eigenvalues(found.correlation),
        n_pairs=pd.DataFrame(found.n_pairs.astype(np.int64), index=names, columns=names),
        n_smallest_pair=found.n,
        n_persons=found.responses.n_persons,
        n_items=found.responses.n_items,
        n_dropped=found.responses.n_dropped,
        method=f"Pearson correlation, {missing}",
        warnings=(),
        provenance=provenance("pearson_correlation", {"missing": missing}),
    )
