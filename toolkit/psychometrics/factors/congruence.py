"""How alike two sets of factors are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit.errors import Code, Problem, StatisticsError


def tucker_congruence(a: pd.DataFrame | npt.ArrayLike, b: pd.DataFrame | npt.ArrayLike) -> pd.DataFrame:
    """Compare every factor of one solution with every factor of another by Tucker's coefficient.

    It is the cosine between two columns of loadings: 1 where they are proportional, 0 where they have nothing in
    common. It says nothing about the size of the loadings, and it is high for any two factors whose loadings are all
    positive.

    Parameters
    ----------
    a, b : DataFrame or array, shapes (n_items, n_factors) and (n_items, m)
        Loadings of the same items. Frames are put into the same order by their index; arrays must be in it.

    Returns
    -------
    DataFrame, shape (n_factors, m)
        Coefficients from -1 to 1; rows are the factors of ``a``, columns those of ``b``. NaN for a factor without
        loadings.

    Raises
    ------
    StatisticsError
        STA_SHAPE_MISMATCH (other items), STA_NOT_FINITE.

    Notes
    -----
    The coefficient is ``sum(x y) / sqrt(sum(x^2) sum(y^2))``. By the judgement of experts .95 and more counts as equal
    and .85 to .94 as fairly alike (Lorenzo-Seva & ten Berge, 2006). Validated against the formula by hand
    (``tests/unit/psychometrics/factors/test_congruence.py``).

    References
    ----------
    Lorenzo-Seva, U., & ten Berge, J. M. F. (2006). Tucker's congruence coefficient as a meaningful index of factor
    similarity. Methodology, 2, 57-64. https://doi.org/10.1027/1614-2241.2.2.57

    Examples
    --------
    >>> float(tucker_congruence([[.8], [.6]], [[.4], [.3]]).iloc[0, 0].round(6))
    1.0
    """
    first, second = _loadings(a), _loadings(b)
    labelled = isinstance(a, pd.DataFrame) and isinstance(b, pd.DataFrame)
    same = set(first.index) == set(second.index) if labelled else len(first) == len(second)
    if not same or not first.index.is_unique or not second.index.is_unique:
        raise StatisticsError(
            Problem(
                code=Code.STA_SHAPE_MISMATCH,
                what="The two solutions do not have the same items.",
                got=f"{len(first)} and {len(second)} items",
                allowed="the same items in both",
                fix="Compare solutions of the same items.",
            )
        )
    x = first.to_numpy(dtype=np.float64)
    y = (second.loc[first.index] if labelled else second).to_numpy(dtype=np.float64)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise StatisticsError(
            Problem(
                code=Code.STA_NOT_FINITE,
                what="A loading is missing or infinite.",
                fix="Compare complete solutions.",
            )
        )
    with np.errstate(invalid="ignore"):
        coefficients = x.T @ y / np.sqrt(np.outer((x**2).sum(axis=0), (y**2).sum(axis=0)))
    return pd.DataFrame(coefficients, index=first.columns, columns=second.columns)


def _loadings(given: pd.DataFrame | npt.ArrayLike) -> pd.DataFrame:
    if isinstance(given, pd.DataFrame):
        return given
    values = np.asarray(given, dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    return pd.DataFrame(values, columns=[f"F{j + 1}" for j in range(values.shape[1])])
