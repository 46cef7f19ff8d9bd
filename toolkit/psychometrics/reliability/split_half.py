"""Split-half reliability of one chosen split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._counts import ResponseCounts
from toolkit.psychometrics._inputs import moments
from toolkit.psychometrics._options import Missing, confidence, one_of
from toolkit.psychometrics._result import Interval, Result, provenance, undefined
from toolkit.psychometrics.items import fisher_limits, negative_items

Split = Literal["odd_even", "first_last"]
"""Every other item, or the first and the last items, in the order of the columns."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SplitHalfResult(Result):
    """Split-half reliability.

    Attributes
    ----------
    spearman_brown : float
        The correlation of the halves stepped up to the whole scale, for halves of equal length.
    flanagan_rulon : float
        Four times the covariance of the halves over the total variance; the halves may differ in variance.
    correlation : float
        Correlation of the halves.
    interval : Interval
        Limits for ``spearman_brown``.
    first_half, second_half : tuple of str
        The items of each half.
    n_smallest_pair : int
        Smallest number of persons behind any pair of items; the interval counts these.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The formula in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options and versions.
    """

    spearman_brown: float
    flanagan_rulon: float
    correlation: float
    interval: Interval
    first_half: tuple[str, ...]
    second_half: tuple[str, ...]
    n_smallest_pair: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]


def split_half(
    df: pd.DataFrame | ResponseCounts,
    *,
    split: Split | Sequence[str] = "odd_even",
    missing: Missing = "listwise",
    level: float = 0.95,
) -> SplitHalfResult:
    """Return the reliability of a sum of items from one split into two halves.

    The number depends on the split. Choose the split before you see the answers; over all splits into equal halves the
    mean of Flanagan and Rulon's coefficient is alpha.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items), or ResponseCounts
        One row a person, one column an item of the scale, NaN for a missing answer. The items point the same way.
    split : {"odd_even", "first_last"} or sequence of str, default "odd_even"
        The split, or the items of the first half.
    missing : {"listwise", "pairwise"}, default "listwise"
        The missing rule.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    SplitHalfResult
        ``spearman_brown`` with ``interval``, and ``flanagan_rulon``.

    Raises
    ------
    StatisticsError
        STA_UNKNOWN_OPTION, STA_SHAPE_MISMATCH (a half without items, or an item that the data lack), STA_OPTION_RANGE
        and the codes of :func:`~toolkit.psychometrics.correlation.pearson_correlation`.

    Warns
    -----
    STA_NEGATIVE_ITEM, STA_UNDEFINED
        In ``warnings``: an item that goes against the rest; a half or a sum that does not vary.

    Notes
    -----
    Spearman-Brown is ``2 r / (1 + r)``; its limits are Fisher's z limits of r, stepped up. They assume normal halves.

    Validated by formulas on the halves' sums and by the mean over all splits
    (``tests/unit/psychometrics/reliability/test_split_half.py``).

    References
    ----------
    Spearman, C. (1910). Correlation calculated from faulty data. British Journal of Psychology, 3, 271-295.
    https://doi.org/10.1111/j.2044-8295.1910.tb00206.x

    Cortina, J. M. (1993). What is coefficient alpha? An examination of theory and applications. Journal of Applied
    Psychology, 78, 98-104. https://doi.org/10.1037/0021-9010.78.1.98

    Examples
    --------
    >>> import pandas as pd
    >>> answers = pd.DataFrame({"a": [1, 2, 3, 4, 4], "b": [1, 3, 2, 4, 5], "c": [2, 2, 3, 4, 4], "d": [1, 1, 3, 3, 5]})
    >>> split_half(answers).first_half
    ('a', 'c')
    """
    confidence(level)
    if isinstance(split, str):
        one_of(split, Split, name="split")
    found = moments(df, missing=missing)
    first = _first_half(found.items, split)
    C, n = found.covariance, found.n
    A = np.isin(np.array(found.items), first).astype(np.float64)
    B = 1.0 - A
    v_A, v_B, c_AB = float(A @ C @ A), float(B @ C @ B), float(A @ C @ B)
    tiny = 1e-12 * float(np.trace(C))
    r = c_AB / np.sqrt(v_A * v_B) if min(v_A, v_B) > tiny else float("nan")
    total = v_A + v_B + 2.0 * c_AB
    low, high = (float(limit[0]) for limit in fisher_limits(np.array([r]), n, level))
    warnings = list(negative_items(found.items, found.covariance))
    rulon = 4.0 * c_AB / total if total > tiny else float("nan")
    stepped = np.array([_stepped_up(value) for value in (r, low, high)])
    if np.isnan([*stepped, rulon]).any():
        warnings.append(undefined("a split-half number or limit", "A half or the sum does not vary."))
    second = tuple(item for item in found.items if item not in first)
    options = {"split": split if isinstance(split, str) else list(split), "missing": missing, "level": level}
    named = split if isinstance(split, str) else "given"
    return SplitHalfResult(
        spearman_brown=float(stepped[0]),
        flanagan_rulon=rulon,
        correlation=r,
        interval=Interval(
            low=float(stepped[1]), high=float(stepped[2]), level=level, method="Fisher z of the halves, stepped up"
        ),
        first_half=first,
        second_half=second,
        n_smallest_pair=n,
        n_persons=found.responses.n_persons,
        n_items=found.responses.n_items,
        n_dropped=found.responses.n_dropped,
        method=f"split-half, {named} split, Spearman-Brown and Flanagan-Rulon, {missing}",
        warnings=tuple(warnings),
        provenance=provenance("split_half", options),
    )


def _stepped_up(r: float) -> float:
    """Return the reliability of the whole from the correlation of its halves; NaN at -1."""
    return 2.0 * r / (1.0 + r) if r > -1.0 else float("nan")


def _first_half(items: tuple[str, ...], split: Split | Sequence[str]) -> tuple[str, ...]:
    if split == "odd_even":
        return items[::2]
    if split == "first_last":
        return items[: (len(items) + 1) // 2]
    chosen = tuple(str(item) for item in split)
    strange = [item for item in chosen if item not in items]
    if strange or not chosen or len(set(chosen)) >= len(items):
        raise StatisticsError(
            Problem(
                code=Code.STA_SHAPE_MISMATCH,
                what="The items given are no half of the scale.",
                got=", ".join(chosen) or "no items",
                allowed=f"some, not all, of {', '.join(items)}",
                fix="Name the items of the first half.",
            )
        )
    return tuple(item for item in items if item in chosen)
