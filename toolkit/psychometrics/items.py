"""What the items look like, one by one and within their scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from toolkit.errors import Code, Problem
from toolkit.psychometrics._factor_model import one_factor
from toolkit.psychometrics._inputs import Responses, moments, named_where, refuse_strange_codes, table
from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics._options import Missing, confidence
from toolkit.psychometrics._result import Result, provenance, undefined

Codes = Sequence[float] | Mapping[str, Sequence[float]]
EFFECT = 0.15
"""Share of the answers at one end from which floor or ceiling is an effect."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemDescriptionResult(Result):
    """Counts and moments of every item.

    Attributes
    ----------
    table : DataFrame, shape (n_items, 10)
        Index item; columns n, n_missing, mean, sd, skewness, kurtosis, minimum, maximum, floor and ceiling (shares from
        0 to 1 of the answers at the lowest and highest code).
    distribution : DataFrame, shape (n_items, n_codes)
        Index item, columns codes, cells counts. A code that an item does not offer is NaN.
    floor_items, ceiling_items : tuple of str
        Items with more than ``effect_share`` of their answers at the lowest, or at the highest code.
    effect_share : float
        That share, .15 after Terwee and others.
    n_persons, n_items, n_dropped : int
        Persons, items, and persons left out (always 0).
    method : str
        The formulas in words.
    warnings : tuple of Problem
        Constant items and items without an answer.
    provenance : mapping
        Options and versions.
    """

    table: pd.DataFrame
    distribution: pd.DataFrame
    floor_items: tuple[str, ...]
    ceiling_items: tuple[str, ...]
    effect_share: float
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return the table of moments."""
        return self.table.copy()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemAnalysisResult(Result):
    """How each item goes with the rest of its scale.

    Attributes
    ----------
    table : DataFrame, shape (n_items, 7)
        Index item; columns mean, sd, item_rest_correlation (-1 to 1) with its limits item_rest_low and item_rest_high,
        alpha_if_dropped (1 or less), and omega_if_dropped (omega total, observed total variance).
    inter_item_correlations : DataFrame, shape (n_items, n_items)
        Pearson correlations of the items.
    mean_inter_item_correlation, lowest_inter_item_correlation, highest_inter_item_correlation : float
        Of the correlations of different items.
    level : float
        Confidence level of the limits.
    n_smallest_pair : int
        Smallest number of persons behind any pair of items.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The formulas in words.
    warnings : tuple of Problem
        Items that go against the rest; a scale too short for alpha or omega without an item.
    provenance : mapping
        Options and versions.
    """

    table: pd.DataFrame
    inter_item_correlations: pd.DataFrame
    mean_inter_item_correlation: float
    lowest_inter_item_correlation: float
    highest_inter_item_correlation: float
    level: float
    n_smallest_pair: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return the table."""
        return self.table.copy()


def describe_items(df: pd.DataFrame, *, codes: Codes | None = None) -> ItemDescriptionResult:
    """Describe each item: answers, moments, floor and ceiling, and how often each code was given.

    Means and standard deviations treat the codes as equally spaced numbers; for very skewed items read the
    distribution instead.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items)
        One row a person, one column an item, NaN for a missing answer.
    codes : sequence of numbers, or mapping of item to sequence, optional
        The codes that an item offers, so that codes nobody chose are counted as 0 and floor and ceiling refer to the
        scale's ends. Without it the codes found in the data are taken.

    Returns
    -------
    ItemDescriptionResult
        ``table`` and ``distribution``.

    Raises
    ------
    StatisticsError
        STA_CODE_NOT_ALLOWED, STA_NOT_A_FRAME, STA_NOT_NUMERIC, STA_NOT_FINITE, STA_DUPLICATE_ITEM, STA_TOO_FEW_ITEMS,
        STA_TOO_FEW_PERSONS.

    Warns
    -----
    STA_ALL_MISSING_ITEM, STA_CONSTANT_ITEM, STA_UNDEFINED
        In ``warnings``; what cannot be computed is NaN.

    Notes
    -----
    Each item uses everyone who answered it. The standard deviation has divisor n - 1. Skewness and excess kurtosis are
    the adjusted Fisher-Pearson coefficients G1 and G2. More than 15 % of the answers at one end are a floor or ceiling
    effect; the rule was made for scores of scales, so with items of few codes it is only a hint.

    Validated against pandas ``skew`` and ``kurt`` and hand-made counts (``tests/unit/psychometrics/test_items.py``).

    References
    ----------
    Joanes, D. N., & Gill, C. A. (1998). Comparing measures of sample skewness and kurtosis. The Statistician, 47,
    183-189. https://doi.org/10.1111/1467-9884.00122

    Terwee, C. B., et al. (2007). Quality criteria were proposed for measurement properties of health status
    questionnaires. Journal of Clinical Epidemiology, 60, 34-42. https://doi.org/10.1016/j.jclinepi.2006.03.012

    Examples
    --------
    >>> import pandas as pd
    >>> answers = pd.DataFrame({"a": [1, 2, 2, 5], "b": [1, 1, 3, None]})
    >>> result = describe_items(answers, codes=[1, 2, 3, 4, 5])
    >>> result.table.loc["a", ["mean", "floor", "ceiling"]].tolist()
    [2.5, 0.25, 0.25]
    >>> result.distribution.loc["b"].tolist()
    [2, 0, 1, 0, 0]
    """
    answers = table(df)
    rows, counts, warnings = [], [], []
    for item, column in zip(answers.items, answers.codes.T, strict=True):
        given = column[~np.isnan(column)]
        offered = _offered(item, given, codes, answers)
        rows.append(_described(given, column.size, offered))
        counts.append({_label(code): int((given == code).sum()) for code in offered})
        if given.size == 0:
            warnings.append(
                Problem(
                    code=Code.STA_ALL_MISSING_ITEM,
                    what="No person answered the item; its moments are NaN.",
                    fix="Leave the item out of statistics of several items.",
                    item=item,
                )
            )
        elif given.min() == given.max():
            warnings.append(
                Problem(
                    code=Code.STA_CONSTANT_ITEM,
                    what="Every person gave the same answer; skewness and kurtosis are NaN.",
                    fix="Leave the item out of statistics of several items.",
                    item=item,
                )
            )
        elif given.size <= 3:
            warnings.append(undefined(f"the kurtosis of {item}", "Three answers are too few."))
    names = pd.Index(answers.items, name="item")
    distribution = pd.DataFrame(counts, index=names)
    distribution = distribution[sorted(distribution.columns)]
    distribution.columns.name = "code"
    described = pd.DataFrame(rows, index=names)
    return ItemDescriptionResult(
        table=described,
        distribution=distribution,
        floor_items=tuple(named_where(answers.items, described["floor"] > EFFECT)),
        ceiling_items=tuple(named_where(answers.items, described["ceiling"] > EFFECT)),
        effect_share=EFFECT,
        n_persons=answers.n_persons,
        n_items=answers.n_items,
        n_dropped=0,
        method="moments of all given answers, SD with divisor n - 1, adjusted Fisher-Pearson skewness and kurtosis",
        warnings=tuple(warnings),
        provenance=provenance("describe_items", {"codes": "given" if codes is not None else "found in the data"}),
    )


def item_analysis(df: pd.DataFrame, *, missing: Missing = "listwise", level: float = 0.95) -> ItemAnalysisResult:
    """Return for every item of one scale its correlation with the sum of the others, and alpha and omega without it.

    The items must already point the same way. Alpha or omega rising without an item is a reason to read the item, not
    to drop it.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items)
        One row a person, one column an item of the scale, NaN for a missing answer.
    missing : {"listwise", "pairwise"}, default "listwise"
        The missing rule.
    level : float, default 0.95
        Confidence level of the item-rest correlation's limits.

    Returns
    -------
    ItemAnalysisResult
        ``table`` with one row an item, and ``inter_item_correlations``.

    Raises
    ------
    StatisticsError
        STA_OPTION_RANGE and the codes of :func:`~toolkit.psychometrics.correlation.pearson_correlation`.

    Warns
    -----
    STA_NEGATIVE_ITEM, STA_TOO_FEW_ITEMS, STA_UNDEFINED
        In ``warnings``: an item that goes against the rest; two items leave no alpha without one of them, and three
        leave no omega; a rest that does not vary or that one factor cannot be fitted to.

    Notes
    -----
    The correlation with the rest is computed from the covariance matrix: ``(sum_k c_jk - c_jj) / (s_j s_rest)``. Its
    limits are Fisher's z limits with the smallest number of persons behind any pair. Omega is that of
    :func:`~toolkit.psychometrics.composite_omega`.

    Validated against psych 2.5.3 ``alpha`` (``r.drop``, ``alpha.drop``) on bfi, relative tolerance 1e-6
    (``tests/parity/test_bfi.py``), and omega against ``composite_omega`` of the other items
    (``tests/unit/psychometrics/test_items.py``).

    References
    ----------
    Cureton, E. E. (1966). Corrected item-test correlations. Psychometrika, 31, 93-96.
    https://doi.org/10.1007/BF02289461

    Examples
    --------
    >>> import pandas as pd
    >>> answers = pd.DataFrame({"a": [1, 2, 3, 4, 4], "b": [1, 3, 2, 4, 5], "c": [2, 2, 3, 4, 4]})
    >>> item_analysis(answers).table["item_rest_correlation"].round(3).tolist()
    [0.939, 0.832, 0.901]
    """
    confidence(level)
    found = moments(df, missing=missing)
    C, k = found.covariance, found.responses.n_items
    variance = np.diag(C)
    rest_covariance = C.sum(axis=1) - variance
    rest_variance = C.sum() - 2.0 * C.sum(axis=1) + variance
    rest_variance[rest_variance <= 1e-12 * variance.sum()] = np.nan
    correlation = rest_covariance / np.sqrt(variance * rest_variance)
    dropped = np.full(k, np.nan)
    if k > 2:
        dropped = (k - 1) / (k - 2) * (1.0 - (variance.sum() - variance) / rest_variance)
    low, high = fisher_limits(correlation, found.n, level)
    warnings = [
        undefined(f"the item-rest correlation of {item}", "The sum of the other items does not vary.")
        for item in named_where(found.items, ~np.isfinite(correlation))
    ]
    if found.n <= 3:
        warnings.append(undefined("the interval of the item-rest correlations", "Three persons are too few."))
    warnings += [negative_item(item) for item, r in zip(found.items, correlation, strict=True) if r < 0]
    if k == 2:
        warnings.append(
            Problem(
                code=Code.STA_TOO_FEW_ITEMS,
                what="Without one of two items there is no alpha; alpha_if_dropped is NaN.",
                fix="Read the correlation of the two items instead.",
                got="2",
                allowed="3 or more",
            )
        )
    without = np.array([omega_of_rest(C, j) for j in range(k)])
    if k <= 3:
        warnings.append(undefined("omega_if_dropped", "Fewer than three other items identify no factor."))
    else:
        warnings += [
            undefined(f"omega without {item}", "One factor cannot be fitted to the other items.")
            for item in named_where(found.items, np.isnan(without))
        ]
    pairs = found.correlation[np.tril_indices(k, -1)]
    names = pd.Index(found.items, name="item")
    return ItemAnalysisResult(
        table=pd.DataFrame(
            {
                "mean": found.mean,
                "sd": np.sqrt(variance),
                "item_rest_correlation": correlation,
                "item_rest_low": low,
                "item_rest_high": high,
                "alpha_if_dropped": dropped,
                "omega_if_dropped": without,
            },
            index=names,
        ),
        inter_item_correlations=pd.DataFrame(found.correlation, index=names, columns=list(found.items)),
        mean_inter_item_correlation=float(pairs.mean()),
        lowest_inter_item_correlation=float(pairs.min()),
        highest_inter_item_correlation=float(pairs.max()),
        level=level,
        n_smallest_pair=found.n,
        n_persons=found.responses.n_persons,
        n_items=k,
        n_dropped=found.responses.n_dropped,
        method=f"item-rest correlation (Pearson, Fisher z limits), alpha and ML omega without the item, {missing}",
        warnings=tuple(warnings),
        provenance=provenance("item_analysis", {"missing": missing, "level": level}),
    )


def omega_of_rest(C: Array, left_out: int) -> float:
    """Return omega total of the other items, with the observed total variance; NaN where it cannot be fitted."""
    rest = np.delete(np.delete(C, left_out, axis=0), left_out, axis=1)
    scale = np.sqrt(np.diag(rest))
    R = rest / np.outer(scale, scale)
    if R.shape[0] < 3 or np.linalg.eigvalsh(R)[0] <= 1e-10:
        return float("nan")
    model = one_factor(R)
    return float((scale @ model.loadings) ** 2 / rest.sum()) if model.converged else float("nan")


def negative_item(item: str) -> Problem:
    """Return the warning about an item that goes against the rest of its scale."""
    return Problem(
        code=Code.STA_NEGATIVE_ITEM,
        what="The item correlates negatively with the rest of the scale.",
        fix="Check whether the item must be reversed.",
        item=item,
    )


def negative_items(items: Sequence[str], C: Array) -> tuple[Problem, ...]:
    """Return a warning for every item whose covariance with the sum of the others is negative."""
    rest = C.sum(axis=1) - np.diag(C)
    return tuple(negative_item(item) for item, covariance in zip(items, rest, strict=True) if covariance < 0)


def fisher_limits(r: Array, n: int, level: float) -> tuple[Array, Array]:
    """Return Fisher's z limits of correlations; NaN with three persons or fewer."""
    if n <= 3:
        return np.full_like(r, np.nan), np.full_like(r, np.nan)
    with np.errstate(divide="ignore"):
        z = np.arctanh(np.clip(r, -1.0, 1.0))
    half = float(stats.norm.ppf(0.5 + level / 2.0)) / np.sqrt(n - 3)
    return np.tanh(z - half), np.tanh(z + half)


def _offered(item: str, given: Array, codes: Codes | None, answers: Responses) -> list[float]:
    """Return the codes an item offers, lowest first."""
    if codes is None:
        found = answers.codes[~np.isnan(answers.codes)]
        return [float(code) for code in np.unique(found)]
    listed = codes[item] if isinstance(codes, Mapping) else codes
    offered = sorted(float(code) for code in listed)
    refuse_strange_codes(item, given, offered)
    return offered


def _label(code: float) -> int | float:
    return int(code) if code.is_integer() else code


def _described(given: Array, n_rows: int, offered: Sequence[float]) -> dict[str, float | int]:
    """Return the row of one item."""
    n = given.size
    varies = n > 1 and given.min() < given.max()
    return {
        "n": n,
        "n_missing": n_rows - n,
        "mean": float(given.mean()) if n else np.nan,
        "sd": float(given.std(ddof=1)) if n > 1 else np.nan,
        "skewness": float(stats.skew(given, bias=False)) if varies and n > 2 else np.nan,
        "kurtosis": float(stats.kurtosis(given, bias=False)) if varies and n > 3 else np.nan,
        "minimum": float(given.min()) if n else np.nan,
        "maximum": float(given.max()) if n else np.nan,
        "floor": float((given == offered[0]).mean()) if n and offered else np.nan,
        "ceiling": float((given == offered[-1]).mean()) if n and offered else np.nan,
    }
