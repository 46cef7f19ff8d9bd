"""The one check of persons x items data that every statistic starts with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._counts import PairTables, ResponseCounts, pairs, table_moments
from toolkit.psychometrics._numerics import Array, pair_moments
from toolkit.psychometrics._options import Missing, one_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Responses:
    """Checked answers.

    Attributes
    ----------
    codes : ndarray, shape (n_persons, n_items)
        The codes as float64; NaN is a missing answer.
    items : tuple of str
        The column names, in order.
    n_dropped : int
        Persons left out: under ``listwise`` those with any missing answer, under ``pairwise`` those without an answer.
    """

    codes: Array
    items: tuple[str, ...]
    n_dropped: int

    @property
    def n_persons(self) -> int:
        """Persons that are used."""
        return int(self.codes.shape[0])

    @property
    def n_items(self) -> int:
        """Items."""
        return int(self.codes.shape[1])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Means, covariances and correlations of checked answers, all of shape (n_items,) or (n_items, n_items).

    ``n`` is the number of persons that tests and intervals count: all persons under ``listwise``, the smallest
    number behind any pair under ``pairwise``.
    """

    responses: Responses | PairTables
    mean: Array
    covariance: Array
    correlation: Array
    n_pairs: Array
    n: int

    @property
    def items(self) -> tuple[str, ...]:
        """The column names, in order."""
        return self.responses.items


def item_columns(df: pd.DataFrame) -> tuple[str, ...]:
    """Check that a frame has items, each of its own name and made of numbers, and return the names.

    Raises
    ------
    StatisticsError
        STA_NOT_A_FRAME, STA_DUPLICATE_ITEM, STA_NOT_NUMERIC or STA_TOO_FEW_ITEMS.
    """
    if not isinstance(df, pd.DataFrame):
        raise StatisticsError(
            Problem(
                code=Code.STA_NOT_A_FRAME,
                what="The answers are not a pandas DataFrame of persons x items.",
                got=type(df).__name__,
                allowed="pandas.DataFrame",
                fix="Put the answers into a DataFrame with one row a person and one column an item.",
            )
        )
    items = tuple(str(column) for column in df.columns)
    refuse(
        Code.STA_DUPLICATE_ITEM,
        [item for position, item in enumerate(items) if item in items[:position]],
        what="Two columns have the same name.",
        fix="Give every item its own column name.",
    )
    refuse(
        Code.STA_NOT_NUMERIC,
        [item for item, dtype in zip(items, df.dtypes, strict=True) if not _is_numeric(dtype)],
        what="The column does not hold numbers; text has no order that could be trusted.",
        fix="Replace the answers by their ordered numeric codes, missing answers by NaN.",
    )
    if not items:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_ITEMS, "items", 0, 1))
    return items


def table(df: pd.DataFrame) -> Responses:
    """Check a persons x items frame and keep every person.

    Raises
    ------
    StatisticsError
        As :func:`item_columns`, and STA_NOT_FINITE or STA_TOO_FEW_PERSONS.
    """
    items = item_columns(df)
    values = np.column_stack([df.iloc[:, j].to_numpy(dtype=np.float64, na_value=np.nan) for j in range(len(items))])
    refuse(
        Code.STA_NOT_FINITE,
        [item for item, infinite in zip(items, np.isinf(values).any(axis=0), strict=True) if infinite],
        what="The column holds an infinite value.",
        fix="Replace it by the answer's code or by NaN.",
    )
    if values.shape[0] == 0:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_PERSONS, "persons", 0, 1))
    return Responses(codes=values, items=items, n_dropped=0)


def complete(
    df: pd.DataFrame,
    *,
    missing: Missing = "listwise",
    minimum_persons: int = 3,
    minimum_items: int = 2,
    varying: bool = True,
) -> Responses:
    """Check a frame for statistics of several items: every item is answered and varies, persons suffice.

    Without ``varying`` an item may be constant, which raters and members of a group are allowed to be.

    Raises
    ------
    StatisticsError
        As :func:`table`, and STA_UNKNOWN_OPTION, STA_ALL_MISSING_ITEM, STA_CONSTANT_ITEM.
    """
    one_of(missing, Missing, name="missing")
    whole = table(df)
    answered = ~np.isnan(whole.codes)
    keep = answered.all(axis=1) if missing == "listwise" else answered.any(axis=1)
    _refuse_few_items(whole.items, minimum_items, ~answered.any(axis=0))
    values = whole.codes[keep]
    if values.shape[0] < minimum_persons:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_PERSONS, "persons", values.shape[0], minimum_persons))
    _refuse_constant(whole.items, varying & (np.nanmax(values, axis=0) == np.nanmin(values, axis=0)))
    return Responses(codes=values, items=whole.items, n_dropped=int((~keep).sum()))


def usable_tables(
    counts: ResponseCounts, *, missing: Missing = "listwise", minimum_persons: int = 3, minimum_items: int = 2
) -> PairTables:
    """Check counted answers as :func:`complete` checks a frame, and leave out categories that nobody used.

    Raises
    ------
    StatisticsError
        STA_UNKNOWN_OPTION, STA_TOO_FEW_ITEMS, STA_ALL_MISSING_ITEM, STA_TOO_FEW_PERSONS or STA_CONSTANT_ITEM, also
        where they hold among the persons of one pair.
    """
    one_of(missing, Missing, name="missing")
    listwise = missing == "listwise"
    _refuse_few_items(counts.items, minimum_items, counts.item_margins.sum(axis=1) == 0)
    n_persons = counts.n_complete if listwise else counts.n_persons
    if n_persons < minimum_persons:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_PERSONS, "persons", n_persons, minimum_persons))
    margins = counts.complete_margins if listwise else counts.item_margins
    tables = counts.complete_tables if listwise else counts.pair_tables
    _refuse_constant(counts.items, (margins > 0).sum(axis=1) < 2)
    kept = tuple(np.flatnonzero(margin > 0) for margin in margins)
    categories = tuple(codes[used] for codes, used in zip(counts.categories.values(), kept, strict=True))
    width = max(used.size for used in kept)
    if any(used.size <= used[-1] for used in kept) or width < margins.shape[1]:
        order = [np.concatenate([used, np.setdiff1d(np.arange(margins.shape[1]), used)]) for used in kept]
        margins = np.stack([margin[places] for margin, places in zip(margins, order, strict=True)])[:, :width]
        both = zip(*pairs(counts.n_items), tables, strict=True)
        tables = np.stack([cells[np.ix_(order[i], order[j])] for i, j, cells in both])[:, :width, :width]
    found = PairTables(
        items=counts.items,
        categories=categories,
        tables=np.array(tables, order="C"),
        margins=np.array(margins, order="C"),
        kept=kept,
        n_persons=n_persons,
        n_dropped=counts.n_persons + counts.n_empty - n_persons,
    )
    _refuse_weak_pairs(found)
    return found


def _refuse_weak_pairs(found: PairTables) -> None:
    """Refuse pairs that fewer than three persons answered, or among whose persons one item is constant."""
    n = found.tables.sum(axis=(1, 2))
    first, second = pairs(found.n_items)
    few = np.flatnonzero(n < 3)
    if few.size:
        pair = few[np.argmin(n[few])]
        problem = too_few(Code.STA_TOO_FEW_PERSONS, "persons who answered both items of a pair", int(n[pair]), 3)
        both = f"{found.items[first[pair]]} and {found.items[second[pair]]}"
        raise StatisticsError(replace(problem, item=both))
    alike = np.zeros(found.n_items, dtype=np.bool_)
    alike[first[((found.tables.sum(axis=2) > 0).sum(axis=1) < 2)]] = True
    alike[second[((found.tables.sum(axis=1) > 0).sum(axis=1) < 2)]] = True
    _refuse_constant_in_pair(named_where(found.items, alike))


def moments(
    df: pd.DataFrame | ResponseCounts,
    *,
    missing: Missing = "listwise",
    minimum_items: int = 2,
    regular: bool = False,
) -> Moments:
    """Check answers, or counted answers, and return their means, covariances and correlations.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items), or ResponseCounts
        The answers. From counts the cost does not depend on the number of persons.
    missing : {"listwise", "pairwise"}
        The missing rule.
    minimum_items : int
        Fewer items are refused.
    regular : bool
        Refuse a correlation matrix that is not positive definite.

    Raises
    ------
    StatisticsError
        As :func:`complete`, and STA_SINGULAR_CORRELATION.
    """
    responses: Responses | PairTables
    if isinstance(df, ResponseCounts):
        responses = usable_tables(df, missing=missing, minimum_items=minimum_items)
        mean, covariance, correlation, n_pairs = table_moments(responses)
    else:
        responses = complete(df, missing=missing, minimum_items=minimum_items)
        mean, covariance, correlation, n_pairs = pair_moments(responses.codes)
    n = int(n_pairs.min())
    if n < 3:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_PERSONS, "persons who answered both items of a pair", n, 3))
    if not np.isfinite(correlation).all():
        _refuse_constant_in_pair(named_where(responses.items, ~np.isfinite(correlation).all(axis=0)))
    if regular:
        refuse_singular(correlation, responses.n_persons)
    return Moments(responses=responses, mean=mean, covariance=covariance, correlation=correlation, n_pairs=n_pairs, n=n)


def refuse_singular(correlation: Array, n_persons: int) -> None:
    """Refuse a correlation matrix that is not positive definite."""
    smallest = float(np.linalg.eigvalsh(correlation)[0])
    if smallest > 1e-10:
        return
    n_items = correlation.shape[0]
    if n_persons <= n_items:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_PERSONS, "persons", n_persons, n_items + 1))
    raise StatisticsError(
        Problem(
            code=Code.STA_SINGULAR_CORRELATION,
            what="The correlation matrix is not positive definite, so it has no inverse.",
            got=f"smallest eigenvalue {smallest:.3g}",
            allowed="more than 1e-10",
            fix="Leave out items that repeat one another or add up to another; instead of 'pairwise' try 'listwise'.",
        )
    )


def _is_numeric(dtype: Any) -> bool:
    return pd.api.types.is_any_real_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)


def known_items(items: Sequence[str], named: Sequence[str], where: str) -> list[str]:
    """Return the items named, or refuse those that the data do not have; ``where`` says who names them."""
    strange = [str(item) for item in named if str(item) not in items]
    if strange:
        raise StatisticsError(
            Problem(
                code=Code.STA_SHAPE_MISMATCH,
                what="An item is named that the data do not have.",
                key=where,
                got=", ".join(strange),
                allowed=", ".join(items),
                fix="Correct the name.",
            )
        )
    return [str(item) for item in named]


def beside(df: pd.DataFrame, values: pd.Series | npt.ArrayLike, *, option: str) -> pd.Series:
    """Return one value a person with the index of the answers, or refuse values that do not belong to the rows.

    Raises
    ------
    StatisticsError
        STA_SHAPE_MISMATCH.
    """
    column = pd.Series(values)
    if len(column) != len(df) or (isinstance(values, pd.Series) and not column.index.equals(df.index)):
        raise StatisticsError(
            Problem(
                code=Code.STA_SHAPE_MISMATCH,
                what=f"The values of {option} do not belong to the persons one by one.",
                got=f"{len(column)} values for {len(df)} persons",
                allowed="one value a person; a Series with the same index",
                fix=f"Give {option} in the order of the rows.",
            )
        )
    return column.set_axis(df.index)


def groups_beside(df: pd.DataFrame, groups: pd.Series | npt.ArrayLike, *, option: str, of: str) -> pd.Series:
    """Return the group of each person with the index of the answers; ``of`` is the word for a group in messages.

    Raises
    ------
    StatisticsError
        STA_SHAPE_MISMATCH: the groups do not belong to the rows, or a person has none.
    """
    labels = beside(df, groups, option=option)
    if labels.isna().any():
        raise StatisticsError(
            Problem(
                code=Code.STA_SHAPE_MISMATCH,
                what=f"A person has no {of}.",
                got=f"{int(labels.isna().sum())} missing {of}s",
                allowed=f"a {of} for every person",
                fix=f"Give every person a {of}, or leave out the persons without one.",
            )
        )
    return labels


def refuse_strange_codes(item: str, given: Array, offered: Sequence[float]) -> None:
    """Refuse codes that an item does not offer.

    Raises
    ------
    StatisticsError
        STA_CODE_NOT_ALLOWED.
    """
    strange = sorted(set(given.tolist()) - {float(code) for code in offered})
    if strange:
        raise StatisticsError(
            Problem(
                code=Code.STA_CODE_NOT_ALLOWED,
                what="The item holds codes that it does not offer.",
                item=item,
                got=", ".join(f"{code:g}" for code in strange),
                allowed=", ".join(f"{code:g}" for code in offered),
                fix="Correct the data, or turn missing codes into NaN first.",
            )
        )


def named_where(items: Sequence[str], mask: npt.ArrayLike) -> list[str]:
    """Return the items at which the mask is true."""
    return [item for item, hit in zip(items, np.atleast_1d(np.asarray(mask)), strict=True) if hit]


def _refuse_few_items(items: Sequence[str], minimum: int, unanswered: npt.ArrayLike) -> None:
    if len(items) < minimum:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_ITEMS, "items", len(items), minimum))
    refuse(
        Code.STA_ALL_MISSING_ITEM,
        named_where(items, unanswered),
        what="No person answered the item.",
        fix="Leave the item out.",
    )


def _refuse_constant(items: Sequence[str], constant: npt.ArrayLike) -> None:
    refuse(
        Code.STA_CONSTANT_ITEM,
        named_where(items, constant),
        what="Every person gave the same answer, so the item cannot correlate with anything.",
        fix="Leave the item out.",
    )


def _refuse_constant_in_pair(items: Sequence[str]) -> None:
    refuse(
        Code.STA_CONSTANT_ITEM,
        items,
        what="Among the persons who answered both items of a pair, everyone gave the same answer.",
        fix="Leave the item out or use missing='listwise'.",
    )


def refuse(code: Code, items: Sequence[str], *, what: str, fix: str) -> None:
    """Raise one problem an item, if there are any."""
    if items:
        raise StatisticsError([Problem(code=code, what=what, fix=fix, item=item) for item in items])


def too_few(code: Code, things: str, got: int, minimum: int) -> Problem:
    """Return the problem that there are too few persons or items."""
    return Problem(
        code=code,
        what=f"There are too few {things} for this statistic.",
        got=str(got),
        allowed=f"{minimum} or more",
        fix=f"Use data with at least {minimum} {things}.",
    )
