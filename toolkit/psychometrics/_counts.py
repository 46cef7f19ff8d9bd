"""Counted answers: the contingency tables of all pairs of items, and the moments that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from toolkit.errors import Problem
from toolkit.psychometrics._numerics import Array, Counts
from toolkit.psychometrics._options import Missing, one_of
from toolkit.psychometrics._result import Result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResponseCounts(Result):
    """All that correlations, alpha and thresholds need of any number of persons.

    Pairs of items stand in the order (1, 2), (1, 3), ... (1, p), (2, 3), ...; K is the largest number of categories.

    Attributes
    ----------
    categories : mapping of str to ndarray
        The codes of each item that occur, in increasing order.
    complete_tables, pair_tables : ndarray of int, shape (n_pairs, K, K)
        Persons by the category of the first item (row) and of the second: those who answered every item, and those
        who answered both. Unused rows and columns are 0.
    complete_margins, item_margins : ndarray of int, shape (n_items, K)
        Persons by the category of one item: those who answered every item, and those who answered this one.
    n_complete : int
        Persons who answered every item.
    n_empty : int
        Persons who answered none.
    n_persons, n_items, n_dropped : int
        Persons who answered at least one item, items, and persons left out, who are the empty ones.
    method : str
        The rule in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options and versions.
    """

    categories: Mapping[str, Array]
    complete_tables: Counts
    pair_tables: Counts
    complete_margins: Counts
    item_margins: Counts
    n_complete: int
    n_empty: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    @property
    def items(self) -> tuple[str, ...]:
        """The items, in order."""
        return tuple(self.categories)

    def table(self, first: str, second: str, *, missing: Missing = "pairwise") -> pd.DataFrame:
        """Return the contingency table of two different items, the first item's codes in rows."""
        one_of(missing, Missing, name="missing")
        i, j = self.items.index(first), self.items.index(second)
        tables = self.complete_tables if missing == "listwise" else self.pair_tables
        pair = np.flatnonzero((pairs(self.n_items)[0] == min(i, j)) & (pairs(self.n_items)[1] == max(i, j)))[0]
        cells = tables[pair] if i < j else tables[pair].T
        rows, columns = self.categories[first], self.categories[second]
        return pd.DataFrame(
            cells[: rows.size, : columns.size],
            index=pd.Index(rows, name=first),
            columns=pd.Index(columns, name=second),
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row an item and one column a code: how many persons gave it."""
        rows = {
            item: dict(zip(codes.tolist(), margin.tolist(), strict=False))
            for (item, codes), margin in zip(self.categories.items(), self.item_margins, strict=True)
        }
        frame = pd.DataFrame.from_dict(rows, orient="index").fillna(0).astype(np.int64)
        return frame[sorted(frame.columns)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairTables:
    """Checked tables under one missing rule, with the categories that are used under it.

    Attributes
    ----------
    items : tuple of str
        The items, in order.
    categories : tuple of ndarray
        The codes of each item that are used.
    tables : ndarray of int, shape (n_pairs, K, K)
        Persons of each pair.
    margins : ndarray of int, shape (n_items, K)
        Persons of each item.
    kept : tuple of ndarray
        For each item, which of the counted categories are used.
    n_persons, n_dropped : int
        Persons used and left out.
    """

    items: tuple[str, ...]
    categories: tuple[Array, ...]
    tables: Counts
    margins: Counts
    kept: tuple[Counts, ...]
    n_persons: int
    n_dropped: int

    @property
    def n_items(self) -> int:
        """Items."""
        return len(self.items)

    @property
    def n_categories(self) -> Counts:
        """Used categories of each item, shape (n_items,)."""
        return np.array([codes.size for codes in self.categories], dtype=np.int64)

    @property
    def n_pairs(self) -> Counts:
        """Persons behind each pair and, on the diagonal, each item; shape (n_items, n_items)."""
        persons: Counts = symmetric(self.tables.sum(axis=(1, 2)), self.margins.sum(axis=1))
        return persons


def pairs(p: int) -> tuple[Counts, Counts]:
    """Return the first and the second item of every pair, in the order of the tables."""
    first, second = np.triu_indices(p, k=1)
    return np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)


def symmetric(values: Any, diagonal: Any) -> Any:
    """Return the symmetric matrix of one value a pair and a diagonal."""
    diagonal = np.asarray(diagonal)
    first, second = pairs(diagonal.size)
    matrix = np.empty((diagonal.size, diagonal.size), dtype=np.asarray(values).dtype)
    matrix[first, second] = values
    matrix[second, first] = values
    np.fill_diagonal(matrix, diagonal)
    return matrix


def padded(categories: tuple[Array, ...], width: int) -> Array:
    """Return the codes of all items as one array of shape (n_items, width), 0 where an item has fewer."""
    codes = np.zeros((len(categories), width))
    for row, values in zip(codes, categories, strict=True):
        row[: values.size] = values
    return codes


def table_moments(found: PairTables) -> tuple[Array, Array, Array, Array]:
    """Return means, covariances, correlations and persons of each pair, as ``pair_moments`` does from the answers."""
    codes = padded(found.categories, found.margins.shape[1])
    n = found.margins.sum(axis=1)
    mean = (codes * found.margins).sum(axis=1) / n
    centred = codes - mean[:, None]
    first, second = pairs(found.n_items)
    n_pairs, deviation, spread = _scored(found.tables, centred[first], centred[second])
    own = (centred**2 * found.margins).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = symmetric(deviation / (n_pairs - 1.0), own / (n - 1.0))
        correlation = symmetric(deviation / spread, np.ones(found.n_items))
    return mean, covariance, correlation, symmetric(n_pairs, n.astype(np.float64))


def rank_correlation(found: PairTables) -> Array:
    """Return Spearman correlations, shape (n_items, n_items); each pair is ranked among its own persons."""
    rows, columns = found.tables.sum(axis=2), found.tables.sum(axis=1)
    _, deviation, spread = _scored(found.tables, _middle_ranks(rows), _middle_ranks(columns))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation: Array = symmetric(deviation / spread, np.ones(found.n_items))
    return correlation


def _middle_ranks(margins: Counts) -> Array:
    """Return the mean rank of each category, centred at the mean of all ranks."""
    ranks: Array = margins.cumsum(axis=1) - 0.5 * margins - 0.5 * margins.sum(axis=1, keepdims=True)
    return ranks


def _scored(tables: Counts, x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Return persons, sums of products of deviations, and the product of the two spreads, for scores of each pair."""
    n = tables.sum(axis=(1, 2)).astype(np.float64)
    rows, columns = tables.sum(axis=2), tables.sum(axis=1)
    sx, sy = (rows * x).sum(axis=1), (columns * y).sum(axis=1)
    sxy = np.einsum("prs,pr,ps->p", tables, x, y)
    with np.errstate(invalid="ignore", divide="ignore"):
        deviation = sxy - sx * sy / n
        squares = ((rows * x**2).sum(axis=1) - sx**2 / n) * ((columns * y**2).sum(axis=1) - sy**2 / n)
    return n, deviation, np.sqrt(np.maximum(squares, 0.0))
