"""Correlations of answers that were shuffled: unrelated items with the observed distributions.

Margins are a tuple of one array an item: how many persons gave each of its used codes, all of the same sum.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pandas as pd
from scipy import special

from toolkit.psychometrics._counting_kernel import count_pairs
from toolkit.psychometrics._counts import ResponseCounts, symmetric
from toolkit.psychometrics._inputs import complete, usable_tables
from toolkit.psychometrics._numerics import Array, Counts
from toolkit.psychometrics._options import Missing
from toolkit.psychometrics._polychoric_kernel import estimate_pairs

Margins: TypeAlias = tuple[Counts, ...]


def margins_of(data: pd.DataFrame | ResponseCounts, *, missing: Missing, n: int) -> Margins:
    """Return the distribution of every item, scaled to n persons where not all answered it."""
    if isinstance(data, ResponseCounts):
        found = usable_tables(data, missing=missing)
        observed = [margin[margin > 0] for margin in found.margins]
    else:
        columns = complete(data, missing=missing).codes.T
        observed = [np.unique(column[~np.isnan(column)], return_counts=True)[1] for column in columns]
    return tuple(scaled(margin.astype(np.int64), n) for margin in observed)


def scaled(margin: Counts, n: int) -> Counts:
    """Return whole numbers of sum n in the proportions of a margin, each at least 1."""
    exact = margin * (n / margin.sum())
    counts: Counts = np.maximum(np.floor(exact).astype(np.int64), 1)
    while (rest := n - int(counts.sum())) != 0:
        place = np.argmax(exact - counts) if rest > 0 else np.argmax(counts)
        counts[place] += np.sign(rest)
    return counts


def shuffled_spearman(margins: Margins, n_datasets: int, random: np.random.Generator) -> Array:
    """Draw Spearman correlation matrices of shuffled answers, shape (n_datasets, p, p)."""
    ranks = np.array([_unit_ranks(margin) for margin in margins])
    R = np.empty((n_datasets, len(margins), len(margins)))
    for matrix in R:
        X = random.permuted(ranks, axis=1)
        matrix[:] = X @ X.T
        np.fill_diagonal(matrix, 1.0)
    return R


def _unit_ranks(margin: Counts) -> Array:
    """Return the mean ranks of the persons in the order of their codes, centred and of length 1."""
    rank = np.cumsum(margin) - 0.5 * margin
    ranks = np.repeat(rank, margin)
    ranks -= ranks.mean()
    unit: Array = ranks / np.sqrt(ranks @ ranks)
    return unit


def shuffled_polychoric(margins: Margins, n_datasets: int, random: np.random.Generator) -> Array:
    """Draw polychoric correlation matrices of shuffled answers, shape (n_datasets, p, p)."""
    p, n = len(margins), int(margins[0].sum())
    n_categories = np.array([margin.size for margin in margins], dtype=np.int64)
    K = int(n_categories.max())
    tau = np.full((p, K - 1), np.inf)
    for row, margin in zip(tau, margins, strict=True):
        row[: margin.size - 1] = special.ndtri(margin.cumsum()[:-1] / n)
    codes = np.array([np.repeat(np.arange(margin.size, dtype=np.uint8), margin) for margin in margins])
    n_pairs = p * (p - 1) // 2
    rho, ending = np.empty(n_pairs), np.empty(n_pairs, dtype=np.int64)
    R = np.empty((n_datasets, p, p))
    for place in range(n_datasets):
        tables, counted = np.zeros((n_pairs, K, K), dtype=np.int64), np.zeros((p, K), dtype=np.int64)
        count_pairs(random.permuted(codes, axis=1), n_categories, tables, counted)
        estimate_pairs(tables.astype(np.float64), tau, n_categories, rho, ending)
        R[place] = symmetric(rho, np.ones(p))
    return R
