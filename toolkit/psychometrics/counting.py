"""One pass over any number of answers, after which correlations cost the same for a hundred persons or a million."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._counting_kernel import MISSING, column_range, count_pairs, encode_whole
from toolkit.psychometrics._counts import ResponseCounts, pairs
from toolkit.psychometrics._inputs import item_columns, named_where, refuse, too_few
from toolkit.psychometrics._numerics import Array, Bytes, Counts
from toolkit.psychometrics._result import provenance

MAXIMUM_CATEGORIES = 50
"""More different values than this are measurements, not ordered answers."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Encoded:
    """Answers as small codes.

    Attributes
    ----------
    items : tuple of str
        The items, in order.
    categories : tuple of ndarray
        The values of each item that occur, in increasing order.
    codes : ndarray of uint8, shape (n_items, n_persons)
        Positions in ``categories``; 255 is a missing answer.
    """

    items: tuple[str, ...]
    categories: tuple[Array, ...]
    codes: Bytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sums:
    """Running sums: tables and margins of complete persons and of the others, and how many of each."""

    items: tuple[str, ...]
    categories: tuple[Array, ...]
    tables: tuple[Counts, Counts]
    margins: tuple[Counts, Counts]
    n_complete: int
    n_partial: int
    n_empty: int


def count_responses(frames: pd.DataFrame | Iterable[pd.DataFrame]) -> ResponseCounts:
    """Count all pairs of items in one pass, from one frame or from any number of them.

    Use it where the answers are too many to hold, or where several statistics are wanted: Pearson, Spearman and
    polychoric correlations, alpha, omega, suitability and factor analyses take the counts instead of the answers.
    Statistics of single persons, such as the full asymptotic covariance of polychoric correlations, need the answers.

    Parameters
    ----------
    frames : DataFrame, or iterable of DataFrames, of numeric codes, each of shape (n_persons, n_items)
        One row a person, one column an item, NaN for a missing answer; every frame has the same columns in the same
        order. An iterable is read once, one frame at a time.

    Returns
    -------
    ResponseCounts
        Tables and margins, of persons who answered everything and of all.

    Raises
    ------
    StatisticsError
        STA_NOT_A_FRAME, STA_DUPLICATE_ITEM, STA_NOT_NUMERIC, STA_NOT_FINITE, STA_TOO_FEW_ITEMS, STA_TOO_FEW_PERSONS,
        STA_SHAPE_MISMATCH (columns differ between frames), STA_TOO_MANY_CATEGORIES (more than 50 different values).

    Notes
    -----
    Counting is exact: sums are whole numbers of 64 bits. The values of an item are those that occur, in increasing
    order. Cost: about ``K^2 / 64`` machine operations for each person and pair of items.

    Validated against pandas ``crosstab`` and against statistics computed from the answers
    (``tests/unit/psychometrics/test_counting.py``).

    References
    ----------
    Knuth, D. E. (1997). The art of computer programming, Volume 2: Seminumerical algorithms. Addison-Wesley; one-pass
    moments: Chan, T. F., Golub, G. H., & LeVeque, R. J. (1983). Algorithms for computing the sample variance. The
    American Statistician, 37, 242-247. https://doi.org/10.1080/00031305.1983.10483115

    Examples
    --------
    >>> import pandas as pd
    >>> halves = [pd.DataFrame({"a": [1, 2], "b": [1, 3]}), pd.DataFrame({"a": [2, 2], "b": [3, None]})]
    >>> counts = count_responses(halves)
    >>> counts.table("a", "b").to_numpy().tolist()
    [[1, 0], [0, 2]]
    >>> counts.n_persons, counts.n_complete
    (4, 3)
    """
    if isinstance(frames, pd.DataFrame):
        frames = (frames,)
    total: _Sums | None = None
    for frame in frames:
        found = _counted(encode(frame))
        total = found if total is None else _added(total, found)
    if total is None:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_PERSONS, "persons", 0, 1))
    return _result(total)


def encode(df: pd.DataFrame) -> Encoded:
    """Check a frame and turn its answers into small codes.

    Raises
    ------
    StatisticsError
        STA_NOT_A_FRAME, STA_DUPLICATE_ITEM, STA_NOT_NUMERIC, STA_NOT_FINITE, STA_TOO_FEW_ITEMS, STA_TOO_FEW_PERSONS or
        STA_TOO_MANY_CATEGORIES.
    """
    items = item_columns(df)
    if df.shape[0] == 0:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_PERSONS, "persons", 0, 1))
    codes = np.empty((len(items), df.shape[0]), dtype=np.uint8)
    unusable = np.zeros(len(items), dtype=np.bool_)
    categories: list[Array] = []
    for j, (_, column) in enumerate(df.items()):
        values, usable = _column(column, codes[j])
        unusable[j] = not usable
        categories.append(values)
    refuse(
        Code.STA_NOT_FINITE,
        named_where(items, unusable),
        what="The column holds an infinite value, or numbers too large to be told apart (2^53 or more).",
        fix="Replace them by the answer's code or by NaN.",
    )
    _refuse_many(items, categories)
    return Encoded(items=items, categories=tuple(categories), codes=codes)


def counts_of(encoded: Encoded) -> ResponseCounts:
    """Count encoded answers."""
    return _result(_counted(encoded))


def _refuse_many(items: tuple[str, ...], categories: Iterable[Array]) -> None:
    refuse(
        Code.STA_TOO_MANY_CATEGORIES,
        named_where(items, [values.size > MAXIMUM_CATEGORIES for values in categories]),
        what=f"The item has more than {MAXIMUM_CATEGORIES} different values: a measurement, not an ordered answer.",
        fix="Use Pearson or Spearman correlations of the answers, or group the values.",
    )


def _column(column: pd.Series, out: Bytes) -> tuple[Array, bool]:
    """Write one column's codes; return its values in increasing order, and whether they can be used."""
    x = column.to_numpy() if column.dtype == np.float64 else column.to_numpy(dtype=np.float64, na_value=np.nan)
    low, high, n_missing, whole, usable = column_range(x)
    if not usable or n_missing == x.size:
        out[:] = MISSING
        return np.empty(0), usable
    if whole and high - low < MISSING:
        seen = np.zeros(MISSING + 1, dtype=np.bool_)
        encode_whole(x, low, out, seen)
        used = np.flatnonzero(seen[:MISSING])
        values = low + used
    else:
        answered = ~np.isnan(x)
        values, places = np.unique(x[answered], return_inverse=True)
        used = np.arange(values.size)
        out[:] = MISSING
        out[answered] = np.minimum(places, MISSING - 1)
    if used.size <= used[-1]:
        rank = np.full(MISSING + 1, MISSING, dtype=np.uint8)
        rank[used] = np.arange(used.size)
        out[:] = rank[out]
    return np.asarray(values, dtype=np.float64), True


def _counted(encoded: Encoded) -> _Sums:
    codes = encoded.codes
    answered = (codes != MISSING).sum(axis=0, dtype=np.int64)
    complete = answered == codes.shape[0]
    groups = (codes, codes[:, :0]) if complete.all() else (codes[:, complete], codes[:, ~complete])
    n_categories = np.array([values.size for values in encoded.categories], dtype=np.int64)
    width = max(int(n_categories.max()), 1)
    n_pairs = codes.shape[0] * (codes.shape[0] - 1) // 2
    tables, margins = [], []
    for group in groups:
        tables.append(np.zeros((n_pairs, width, width), dtype=np.int64))
        margins.append(np.zeros((codes.shape[0], width), dtype=np.int64))
        count_pairs(np.ascontiguousarray(group), n_categories, tables[-1], margins[-1])
    n_empty = int((answered == 0).sum())
    return _Sums(
        items=encoded.items,
        categories=encoded.categories,
        tables=(tables[0], tables[1]),
        margins=(margins[0], margins[1]),
        n_complete=int(complete.sum()),
        n_partial=int(codes.shape[1] - complete.sum()) - n_empty,
        n_empty=n_empty,
    )


def _added(one: _Sums, two: _Sums) -> _Sums:
    if one.items != two.items:
        raise StatisticsError(
            Problem(
                code=Code.STA_SHAPE_MISMATCH,
                what="The frames do not have the same columns in the same order.",
                got=", ".join(two.items),
                allowed=", ".join(one.items),
                fix="Give every frame the columns of the first one.",
            )
        )
    categories = tuple(np.union1d(a, b) for a, b in zip(one.categories, two.categories, strict=True))
    one, two = _spread(one, categories), _spread(two, categories)
    return _Sums(
        items=one.items,
        categories=categories,
        tables=(one.tables[0] + two.tables[0], one.tables[1] + two.tables[1]),
        margins=(one.margins[0] + two.margins[0], one.margins[1] + two.margins[1]),
        n_complete=one.n_complete + two.n_complete,
        n_partial=one.n_partial + two.n_partial,
        n_empty=one.n_empty + two.n_empty,
    )


def _spread(sums: _Sums, categories: tuple[Array, ...]) -> _Sums:
    """Return the sums with rows and columns for the given categories, which hold all of their own."""
    width = max(1, max(values.size for values in categories))
    own = sums.margins[0].shape[1]
    same = all(a.size == b.size for a, b in zip(sums.categories, categories, strict=True))
    if same and width == own:
        return sums
    _refuse_many(sums.items, categories)
    places = [np.searchsorted(wide, values) for wide, values in zip(categories, sums.categories, strict=True)]
    first, second = pairs(len(categories))
    tables, margins = [], []
    for old_tables, old_margins in zip(sums.tables, sums.margins, strict=True):
        wide_tables = np.zeros((first.size, width, width), dtype=np.int64)
        for pair, (i, j) in enumerate(zip(first, second, strict=True)):
            cells = old_tables[pair, : places[i].size, : places[j].size]
            wide_tables[pair][np.ix_(places[i], places[j])] = cells
        wide_margins = np.zeros((len(categories), width), dtype=np.int64)
        for item, place in enumerate(places):
            wide_margins[item, place] = old_margins[item, : place.size]
        tables.append(wide_tables)
        margins.append(wide_margins)
    return _Sums(
        items=sums.items,
        categories=categories,
        tables=(tables[0], tables[1]),
        margins=(margins[0], margins[1]),
        n_complete=sums.n_complete,
        n_partial=sums.n_partial,
        n_empty=sums.n_empty,
    )


def _result(sums: _Sums) -> ResponseCounts:
    for values in sums.categories:
        values.setflags(write=False)
    return ResponseCounts(
        categories=MappingProxyType(dict(zip(sums.items, sums.categories, strict=True))),
        complete_tables=sums.tables[0],
        pair_tables=sums.tables[0] + sums.tables[1],
        complete_margins=sums.margins[0],
        item_margins=sums.margins[0] + sums.margins[1],
        n_complete=sums.n_complete,
        n_empty=sums.n_empty,
        n_persons=sums.n_complete + sums.n_partial,
        n_items=len(sums.items),
        n_dropped=sums.n_empty,
        method="contingency tables of all pairs of items",
        warnings=(),
        provenance=provenance("count_responses", {}),
    )
