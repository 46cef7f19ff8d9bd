"""The one door to factor_analyzer, which replicates the toolkit's own extraction, KMO and Bartlett's test.

factor_analyzer 0.5.1 calls ``check_array(force_all_finite=...)``; scikit-learn 1.6 renamed the argument to
``ensure_all_finite`` and 1.8 removed the old name. The methods are therefore run as copies whose ``check_array`` speaks
the installed scikit-learn's language. Nothing in factor_analyzer or scikit-learn is changed for others.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from types import FunctionType
from typing import Any, Literal

import numpy as np
import pandas as pd

from toolkit.psychometrics._inputs import complete, moments
from toolkit.psychometrics._numerics import Array


def with_either_name(check_array: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``check_array`` taking ``force_all_finite``, whatever the given one calls that argument."""
    if "ensure_all_finite" not in inspect.signature(check_array).parameters:
        return check_array

    def translated(array: Any, *, force_all_finite: Any = True, **options: Any) -> Any:
        return check_array(array, ensure_all_finite=force_all_finite, **options)

    return translated


def with_check_array(method: FunctionType, check_array: Callable[..., Any]) -> Callable[..., Any]:
    """Return a copy of a function in which the name ``check_array`` means the given function."""
    names = method.__globals__ | {"check_array": check_array}
    copy = FunctionType(method.__code__, names, method.__name__, method.__defaults__, method.__closure__)
    copy.__kwdefaults__ = method.__kwdefaults__
    return copy


def unrotated_loadings(R: Array, n_factors: int, method: Literal["ml", "minres"]) -> Array:
    """Return factor_analyzer's unrotated loadings of a correlation matrix, shape (n_items, n_factors).

    Its optimiser works without a gradient and may stop early; that it says so is not an error here, because the
    tolerance of a replication allows for it.
    """
    from factor_analyzer import FactorAnalyzer
    from sklearn.utils import check_array

    analyzer = FactorAnalyzer(n_factors=n_factors, rotation=None, method=method, is_corr_matrix=True)
    fit = with_check_array(FactorAnalyzer.fit, with_either_name(check_array))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit(analyzer, np.array(R))
    return np.asarray(analyzer.loadings_, dtype=np.float64)


def replicate_kaiser_meyer_olkin(df: pd.DataFrame) -> tuple[float, Array]:
    """Return factor_analyzer's KMO of the complete persons: overall, and per item of shape (n_items,).

    It warns and takes a generalised inverse where a determinant is small, as it is with many items and few persons.
    """
    from factor_analyzer import calculate_kmo

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        per_item, overall = calculate_kmo(complete(df).codes)
    return float(overall), np.asarray(per_item, dtype=np.float64)


def replicate_bartlett_sphericity(df: pd.DataFrame) -> tuple[float, float]:
    """Return factor_analyzer's Bartlett test of the complete persons: chi-square and p-value."""
    from factor_analyzer import calculate_bartlett_sphericity

    chi_square, p_value = calculate_bartlett_sphericity(complete(df).codes)
    return float(chi_square), float(p_value)


def replicate_communalities(df: pd.DataFrame, *, n_factors: int, method: Literal["ml", "minres"]) -> Array:
    """Return factor_analyzer's own communalities of an unrotated solution of the complete persons, shape (n_items,).

    Communalities are the same for every rotation, so they compare the extraction alone.
    """
    R = moments(df).correlation
    communalities: Array = np.sum(unrotated_loadings(R, n_factors, method) ** 2, axis=1)
    return communalities
