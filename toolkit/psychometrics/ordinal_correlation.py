"""Polychoric correlations: the association of the normal variables behind ordered answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import special

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._counting_kernel import MISSING
from toolkit.psychometrics._counts import PairTables, ResponseCounts, pairs, symmetric
from toolkit.psychometrics._inputs import usable_tables
from toolkit.psychometrics._numerics import Array, Bytes, Counts, eigenvalues
from toolkit.psychometrics._options import Missing, Smooth, one_of
from toolkit.psychometrics._polychoric_kernel import (
    AT_BOUND,
    NOT_CONVERGED,
    estimate_pairs,
    influence_of_pairs,
    influence_of_persons,
)
from toolkit.psychometrics._result import Result, provenance
from toolkit.psychometrics._smoothing import smoothed
from toolkit.psychometrics.counting import Encoded, counts_of, encode

EmptyCells = Literal["none", "add_half", "add_half_2x2"]
"""``none`` leaves empty cells empty; ``add_half`` adds 0.5 to each; ``add_half_2x2`` does so in tables of two by two
only and takes it from the neighbours, so that margins stay."""
AsymptoticCovariance = Literal["diagonal", "full"]
"""Variances only, or all covariances."""
_BLOCK = 2048
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PolychoricResult(Result):
    """Polychoric correlations with thresholds.

    Attributes
    ----------
    matrix : DataFrame, shape (n_items, n_items)
        The correlations, from -1 to 1; smoothed if that was asked for and needed.
    thresholds : mapping of str to ndarray
        For each item, the increasing cut points between its used codes on the scale of a standard normal variable.
    eigenvalues : ndarray, shape (n_items,)
        Eigenvalues of ``matrix``, largest first.
    standard_errors : DataFrame, shape (n_items, n_items), or None
        Of the correlations before smoothing; None unless ``acov`` was asked for.
    acov : Series or DataFrame, or None
        Asymptotic variances ("diagonal") or covariances ("full") of the estimates before smoothing, named and ordered
        as lavaan does: thresholds ``item|t1``, ``item|t2``, ... item by item, then correlations ``a~~b`` in the order
        (1, 2), (1, 3), ... (1, p), (2, 3), ... Times ``n_persons`` it is the matrix Gamma of WLSMV.
    n_pairs : DataFrame, shape (n_items, n_items)
        Persons behind each correlation.
    n_smallest_pair : int
        The smallest of them.
    empty_cells : DataFrame, shape (n_items, n_items)
        Combinations of used codes that nobody gave, for each pair; 0 on the diagonal.
    empty_rows : DataFrame, shape (n_items, n_items)
        Used codes of the row's item that nobody gave among those who answered the column's item too.
    smallest_eigenvalue : float
        Before smoothing.
    smoothed : bool
        Whether ``matrix`` was changed to become positive definite.
    converged : bool
        Whether every pair reached its maximum.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The formula in words.
    warnings : tuple of Problem
        Empty cells and codes, perfect correlations, smoothing.
    provenance : mapping
        Options and versions.
    """

    matrix: pd.DataFrame
    thresholds: Mapping[str, Array]
    eigenvalues: Array
    standard_errors: pd.DataFrame | None
    acov: pd.Series | pd.DataFrame | None
    n_pairs: pd.DataFrame
    n_smallest_pair: int
    empty_cells: pd.DataFrame
    empty_rows: pd.DataFrame
    smallest_eigenvalue: float
    smoothed: bool
    converged: bool
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return the correlation matrix."""
        return self.matrix.copy()


def polychoric(
    df: pd.DataFrame | ResponseCounts,
    *,
    missing: Missing = "listwise",
    empty_cells: EmptyCells = "none",
    acov: AsymptoticCovariance | None = None,
    smooth: Smooth = "none",
) -> PolychoricResult:
    """Return the polychoric correlations between all items, by the two-step method.

    They estimate the correlations of normal variables that were cut into ordered answers, and do not shrink with few
    or skewed categories as Pearson correlations do. Between two items with two answers each they are tetrachoric. Do
    not use them for counts or measurements, nor with few persons in most cells; if the variables behind the answers are
    far from normal, they are biased.

    Parameters
    ----------
    df : DataFrame of ordered numeric codes, shape (n_persons, n_items), or ResponseCounts
        One row a person, one column an item, NaN for a missing answer. Only the order of the codes counts. From counts
        the cost does not depend on the number of persons.
    missing : {"listwise", "pairwise"}, default "listwise"
        Use persons who answered every item; or take thresholds from all who answered the item and each correlation from
        those who answered both. A pairwise matrix need not be positive definite.
    empty_cells : {"none", "add_half", "add_half_2x2"}, default "none"
        What to do with combinations that nobody gave: nothing; add 0.5 to each; or add 0.5 in tables of two by two
        only, keeping their margins, as lavaan does. Thresholds never change.
    acov : {"diagonal", "full"}, optional
        Also return asymptotic variances, or all covariances of thresholds and correlations.
    smooth : {"none", "eigenvalues", "nearest"}, default "none"
        What to do if the matrix is not positive definite: leave it; raise its eigenvalues of 1e-10 or less to 1e-8 and
        rescale; or take the nearest correlation matrix whose eigenvalues are at least 1e-8.

    Returns
    -------
    PolychoricResult
        ``matrix``, ``thresholds``, and what was met on the way.

    Raises
    ------
    StatisticsError
        STA_NOT_A_FRAME, STA_NOT_NUMERIC (text has no order that could be trusted), STA_NOT_FINITE, STA_DUPLICATE_ITEM,
        STA_ALL_MISSING_ITEM, STA_CONSTANT_ITEM, STA_TOO_FEW_PERSONS (also in one pair), STA_TOO_FEW_ITEMS,
        STA_TOO_MANY_CATEGORIES, STA_UNKNOWN_OPTION, STA_NEEDS_ANSWERS (full covariances from counts).

    Warns
    -----
    STA_EMPTY_CELL, STA_EMPTY_CATEGORY, STA_PERFECT_CORRELATION, STA_NOT_POSITIVE_DEFINITE, STA_SMOOTHED,
    STA_NOT_CONVERGED
        In ``warnings``.

    Notes
    -----
    Step one: ``tau_k = Phi^-1`` of the proportion of answers up to code k. Step two: with the thresholds fixed, each
    correlation maximises ``sum_rs n_rs log pi_rs(rho)`` by Newton's method inside a bracket. Bivariate normal
    probabilities come from Plackett's integral ``Phi2(a, b, rho) = Phi(a) Phi(b) + int_0^rho phi2(a, b, r) dr`` with
    errors near 1e-15, very small cells from a conditional integral. A likelihood that still rises at .999999 gives 1.

    Asymptotic covariances follow Muthen's two-step estimator in lavaan's form: ``B^-1 (sum s s') B'^-1`` with the
    persons' scores s, and B from their cross-products. Variances need the tables only; all covariances need one more
    pass over the persons.

    Validated against lavaan ``lavCor`` on bfi, thresholds to 1e-6 and correlations to 1e-4, and lavaan's Gamma
    (``tests/parity/test_polychoric.py``); the tetrachoric case against its formula
    (``tests/unit/psychometrics/test_ordinal_correlation.py``).

    References
    ----------
    Olsson, U. (1979). Maximum likelihood estimation of the polychoric correlation coefficient. Psychometrika, 44,
    443-460. https://doi.org/10.1007/BF02296207

    Muthen, B. (1984). A general structural equation model with dichotomous, ordered categorical, and continuous latent
    variable indicators. Psychometrika, 49, 115-132. https://doi.org/10.1007/BF02294210

    Plackett, R. L. (1954). A reduction formula for normal multivariate integrals. Biometrika, 41, 351-360.
    https://doi.org/10.1093/biomet/41.3-4.351

    Drezner, Z., & Wesolowsky, G. O. (1990). On the computation of the bivariate normal integral. Journal of Statistical
    Computation and Simulation, 35, 101-107. https://doi.org/10.1080/00949659008811236

    Examples
    --------
    >>> import toolkit.psychometrics as pm
    >>> answers = pm.simulate_ordinal([.8, .8, .7], thresholds=[-1, .5], n_persons=2000, rng=1)
    >>> result = polychoric(answers, acov="diagonal")
    >>> bool(abs(result.matrix.loc["item1", "item2"] - .64) < 3 * result.standard_errors.loc["item1", "item2"])
    True
    """
    one_of(missing, Missing, name="missing")
    one_of(empty_cells, EmptyCells, name="empty_cells")
    one_of(smooth, Smooth, name="smooth")
    if acov is not None:
        one_of(acov, AsymptoticCovariance, name="acov")
    encoded: Encoded | None = None
    if isinstance(df, ResponseCounts):
        if acov == "full":
            raise StatisticsError(_needs_answers())
        counts = df
    else:
        encoded = encode(df)
        counts = counts_of(encoded)
    found, tau, rho, ending = estimated(counts, missing, empty_cells)
    R = symmetric(rho, np.ones(found.n_items))
    R, smallest, was_smoothed, matrix_warnings = smoothed(R, smooth)
    covariance, errors = None, None
    if acov is not None:
        codes = None if encoded is None or acov == "diagonal" else _kept_codes(encoded, found, missing)
        covariance, variance = _covariance(found, tau, rho, codes)
        errors = _frame(np.sqrt(symmetric(variance, np.zeros(found.n_items))), found.items)
    empty = unused_cells(found)
    n_pairs = found.n_pairs
    options = {"missing": missing, "empty_cells": empty_cells, "acov": acov, "smooth": smooth}
    return PolychoricResult(
        matrix=_frame(R, found.items),
        thresholds=MappingProxyType({item: _locked(tau[j, : n - 1]) for j, (item, n) in _numbered(found)}),
        eigenvalues=eigenvalues(R),
        standard_errors=errors,
        acov=covariance,
        n_pairs=_frame(n_pairs, found.items),
        n_smallest_pair=int(n_pairs.min()),
        empty_cells=_frame(symmetric(empty.sum(axis=(1, 2)), np.zeros(found.n_items)), found.items),
        empty_rows=_frame(_empty_rows(found), found.items),
        smallest_eigenvalue=smallest,
        smoothed=was_smoothed,
        converged=bool((ending != NOT_CONVERGED).all()),
        n_persons=found.n_persons,
        n_items=found.n_items,
        n_dropped=found.n_dropped,
        method=f"polychoric correlation, two-step maximum likelihood, empty cells: {empty_cells}, {missing}",
        warnings=(*table_warnings(found, counts, empty, ending), *matrix_warnings),
        provenance=provenance("polychoric", options),
    )


def polychoric_matrix(counts: ResponseCounts, *, missing: Missing = "listwise") -> Array:
    """Return the correlations of :func:`polychoric` alone, shape (n_items, n_items), for work that repeats it often."""
    found, _, rho, _ = estimated(counts, missing, "none")
    return np.asarray(symmetric(rho, np.ones(found.n_items)), dtype=np.float64)


def estimated(
    counts: ResponseCounts, missing: Missing, empty_cells: EmptyCells, *, minimum_items: int = 2
) -> tuple[PairTables, Array, Array, Counts]:
    """Return the tables that are used, thresholds, correlations, and how the estimation of each ended."""
    found = usable_tables(counts, missing=missing, minimum_items=minimum_items)
    tau = _thresholds(found)
    tables = _filled(found, empty_cells)
    rho, ending = np.empty(tables.shape[0]), np.empty(tables.shape[0], dtype=np.int64)
    estimate_pairs(tables, tau, found.n_categories, rho, ending)
    return found, tau, rho, ending


def _needs_answers() -> Problem:
    return Problem(
        code=Code.STA_NEEDS_ANSWERS,
        what="All asymptotic covariances of polychoric correlations depend on four items at a time, not on pairs.",
        got="counts of pairs",
        allowed="a DataFrame of persons x items",
        fix="Give the answers themselves, or ask for acov='diagonal'.",
    )


def _numbered(found: PairTables) -> Iterable[tuple[int, tuple[str, int]]]:
    return enumerate(zip(found.items, found.n_categories.tolist(), strict=True))


def _thresholds(found: PairTables) -> Array:
    """Return the thresholds of all items, shape (n_items, K - 1); infinite where an item has fewer."""
    share = found.margins.cumsum(axis=1)[:, :-1] / found.margins.sum(axis=1, keepdims=True)
    tau: Array = special.ndtri(share)
    return tau


def _filled(found: PairTables, rule: EmptyCells) -> Array:
    """Return the tables as float64 with the rule for empty cells applied."""
    tables = found.tables.astype(np.float64)
    if rule == "none":
        return tables
    offered = _offered_cells(found.n_categories, tables.shape[1])
    if rule == "add_half":
        return np.where(offered & (tables == 0.0), 0.5, tables)
    square = offered.sum(axis=(1, 2)) == 4
    for pair in np.flatnonzero(square & ((tables == 0.0) & offered).any(axis=(1, 2))):
        cells = tables[pair, :2, :2]
        on_diagonal = cells[0, 0] == 0.0 or cells[1, 1] == 0.0
        shift = 0.5 if on_diagonal else -0.5
        if (cells == 0.0).sum() == 1:
            cells += np.array([[shift, -shift], [-shift, shift]])
        else:
            cells += np.where(cells == 0.0, 0.5, -0.5)
    return tables


def _offered_cells(n_categories: Counts, width: int) -> Any:
    """Return which cells of the padded tables belong to the two items, shape (n_pairs, K, K)."""
    first, second = pairs(n_categories.size)
    used = np.arange(width) < n_categories[:, None]
    return used[first][:, :, None] & used[second][:, None, :]


def unused_cells(found: PairTables) -> Any:
    """Return which combinations of used codes nobody gave, shape (n_pairs, K, K)."""
    return _offered_cells(found.n_categories, found.tables.shape[1]) & (found.tables == 0)


def _empty_rows(found: PairTables) -> Counts:
    first, second = pairs(found.n_items)
    rows = np.zeros((found.n_items, found.n_items), dtype=np.int64)
    rows[first, second] = found.n_categories[first] - (found.tables.sum(axis=2) > 0).sum(axis=1)
    rows[second, first] = found.n_categories[second] - (found.tables.sum(axis=1) > 0).sum(axis=1)
    return rows


def _kept_codes(encoded: Encoded, found: PairTables, missing: Missing) -> Bytes:
    """Return the codes of the persons used, as positions among the used categories."""
    answered = encoded.codes != MISSING
    keep = answered.all(axis=0) if missing == "listwise" else answered.any(axis=0)
    codes = encoded.codes if keep.all() else encoded.codes[:, keep]
    if all(used.size == values.size for used, values in zip(found.kept, encoded.categories, strict=True)):
        return codes
    kept = np.empty_like(codes)
    for row, old, used in zip(kept, codes, found.kept, strict=True):
        rank = np.full(MISSING + 1, MISSING, dtype=np.uint8)
        rank[used] = np.arange(used.size)
        row[:] = rank[old]
    return kept


def influences(found: PairTables, tau: Array, rho: Array) -> tuple[Array, Array, Array]:
    """Return what one answer adds to the errors of thresholds, what two add to those of correlations, and variances.

    The shapes are (n_items, K - 1, K + 1), (n_pairs, K + 1, K + 1) and (n_pairs,); the last category is the missing
    answer. The sum over persons of the outer products of their influences is the asymptotic covariance matrix.
    """
    p, K = found.margins.shape
    n = found.margins.sum(axis=1)
    share = found.margins.cumsum(axis=1)[:, :-1] / n[:, None]
    with np.errstate(divide="ignore"):
        scale = np.sqrt(2.0 * np.pi) * np.exp(0.5 * tau**2) / n[:, None]
    influence = np.zeros((p, K - 1, K + 1))
    below = np.arange(K)[None, :] <= np.arange(K - 1)[:, None]
    influence[:, :, :K] = (below[None] - share[:, :, None]) * np.where(np.isfinite(tau), scale, 0.0)[:, :, None]
    pair_influence, variance = np.empty((rho.size, K + 1, K + 1)), np.empty(rho.size)
    margins = found.margins.astype(np.float64)
    tables = found.tables.astype(np.float64)
    influence_of_pairs(tables, tau, found.n_categories, margins, influence, rho, pair_influence, variance)
    return influence, pair_influence, variance


def _covariance(
    found: PairTables, tau: Array, rho: Array, codes: Bytes | None
) -> tuple[pd.Series | pd.DataFrame, Array]:
    """Return the asymptotic covariances (variances without ``codes``), and the variances of the correlations."""
    p, K = found.margins.shape
    influence, pair_influence, variance = influences(found, tau, rho)
    first, second = pairs(p)
    names = [f"{item}|t{k + 1}" for _, (item, size) in _numbered(found) for k in range(size - 1)]
    names += [f"{found.items[i]}~~{found.items[j]}" for i, j in zip(first, second, strict=True)]
    if codes is None:
        of_thresholds = (influence[:, :, :K] ** 2 * found.margins[:, None, :]).sum(axis=2)
        own = [of_thresholds[j, : size - 1] for j, (_, size) in _numbered(found)]
        return pd.Series(np.concatenate([*own, variance]), index=names), variance
    total = np.zeros((len(names), len(names)))
    for start in range(0, codes.shape[1], _BLOCK):
        block = np.ascontiguousarray(codes[:, start : start + _BLOCK])
        of_block = np.empty((len(names), block.shape[1]))
        influence_of_persons(block, found.n_categories, influence, pair_influence, of_block)
        total += of_block @ of_block.T
    return pd.DataFrame(total, index=names, columns=names), variance


def table_warnings(found: PairTables, counts: ResponseCounts, empty: Any, ending: Counts) -> list[Problem]:
    """Say what must be known about categories, cells and the search for the maximum."""
    first, second = pairs(found.n_items)
    names = [f"{found.items[i]} and {found.items[j]}" for i, j in zip(first, second, strict=True)]
    warnings = [
        Problem(
            code=Code.STA_EMPTY_CATEGORY,
            what="Nobody gave this code; the thresholds on its two sides are one.",
            fix="Say so where thresholds are shown.",
            item=item,
            got=", ".join(f"{code:g}" for code in gaps),
        )
        for item, codes, all_codes in zip(found.items, found.categories, counts.categories.values(), strict=True)
        if (gaps := _unused(codes, all_codes)).size
    ]
    sparse = empty.any(axis=(1, 2))
    if sparse.any():
        warnings.append(
            Problem(
                code=Code.STA_EMPTY_CELL,
                what="Pairs of items have combinations of answers that nobody gave.",
                fix="Read their correlations with care, or join rare codes; empty_cells= names the rules.",
                got=f"{int(empty.sum())} empty cells in {int(sparse.sum())} pairs: {first_of(names, sparse)}",
            )
        )
    for code, state, what, fix in (
        (
            Code.STA_PERFECT_CORRELATION,
            AT_BOUND,
            "The likelihood rises up to a correlation of 1 or -1.",
            "Look for repeated items, or name a rule for empty cells.",
        ),
        (
            Code.STA_NOT_CONVERGED,
            NOT_CONVERGED,
            "The correlation did not reach the maximum of its likelihood.",
            "Look at the contingency table of the two items.",
        ),
    ):
        if (ending == state).any():
            warnings.append(Problem(code=code, what=what, fix=fix, got=first_of(names, ending == state)))
    return warnings


def _unused(used: Array, counted: Array) -> Array:
    """Return codes that nobody used: those of left-out persons, and whole numbers between the used ones."""
    if used.size == counted.size and used[-1] - used[0] == used.size - 1:
        return np.empty(0)
    lost = np.setdiff1d(counted, used)
    if (used == np.floor(used)).all() and used[-1] - used[0] < MISSING:
        lost = np.union1d(lost, np.setdiff1d(np.arange(used[0], used[-1] + 1), used))
    return lost


def first_of(names: list[str], mask: Any) -> str:
    """Return the first names at which the mask is true, and how many more there are."""
    found = [name for name, hit in zip(names, mask, strict=True) if hit]
    more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return "; ".join(found[:_NAMED]) + more


def _frame(values: Any, items: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(np.asarray(values), index=list(items), columns=list(items))


def _locked(values: Array) -> Array:
    own = values.copy()
    own.setflags(write=False)
    return own
