"""Guttman's lower bounds, lambda 1 to lambda 6."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import comb
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from toolkit.errors import Code, Problem
from toolkit.psychometrics._bootstrap import (
    OnRequest,
    answers_behind,
    bootstrap_covariances,
    correlations_of,
    lost_replicates,
    percentile_interval,
)
from toolkit.psychometrics._counts import ResponseCounts
from toolkit.psychometrics._inputs import moments, named_where
from toolkit.psychometrics._numerics import Array, Rng, generator, squared_multiple_correlations
from toolkit.psychometrics._options import Missing, confidence, one_of, within
from toolkit.psychometrics._result import Interval, Result, provenance, undefined
from toolkit.psychometrics.items import negative_items

MOST_SPLITS = 100_000
"""Splits into halves that are all tried: up to 19 items; with more items a search replaces the list."""
N_STARTS = 200
"""Random halves from which the search exchanges items."""
COEFFICIENTS = ("lambda1", "lambda2", "lambda3", "lambda4", "lambda5", "lambda6")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GuttmanResult(Result):
    """Guttman's lambdas.

    Attributes
    ----------
    lambda1, lambda2, lambda3, lambda4, lambda5, lambda6 : float
        The six bounds, 1 or less; lambda 3 is coefficient alpha, lambda 4 the best split into halves.
    beta : float
        The worst split into halves.
    intervals : mapping of str to Interval, or None
        Bootstrap limits of each lambda by its name; None if they were not asked for.
    best_half : tuple of str
        Items of one half of the best split.
    n_splits : int
        Splits that were tried.
    exhaustive : bool
        Whether these were all splits into halves.
    resigned_items : tuple of str
        Items that were turned round.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The formula in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options, seed and versions.
    """

    lambda1: float
    lambda2: float
    lambda3: float
    lambda4: float
    lambda5: float
    lambda6: float
    beta: float
    intervals: Mapping[str, Interval] | None
    best_half: tuple[str, ...]
    n_splits: int
    exhaustive: bool
    resigned_items: tuple[str, ...]
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]


def guttman_lambdas(
    df: pd.DataFrame | ResponseCounts,
    *,
    standardized: bool = False,
    resign: bool = False,
    interval: OnRequest = "none",
    n_bootstrap: int = 1000,
    missing: Missing = "listwise",
    level: float = 0.95,
    rng: Rng = None,
) -> GuttmanResult:
    """Return Guttman's six lower bounds of the reliability of a sum of items.

    In the population each is at most the reliability if errors are unrelated. In a sample the best of many splits
    (lambda 4) and lambda 6 are too high, the more so the fewer the persons and the more the items.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items), or ResponseCounts
        One row a person, one column an item of the scale, NaN for a missing answer. The items point the same way.
    standardized : bool, default False
        Take the correlations instead of the covariances: the bounds for the sum of standardised items.
    resign : bool, default False
        Turn items round whose loading on the first principal component of the correlations is negative, as psych's
        ``splitHalf`` does. They are told.
    interval : {"none", "bootstrap"}, default "none"
        Percentile limits of samples of persons; lambda 4 then keeps to the split that is best in each sample.
    n_bootstrap : int, default 1000
        Samples, 100 or more.
    missing : {"listwise", "pairwise"}, default "listwise"
        The missing rule.
    level : float, default 0.95
        Confidence level.
    rng : int, Generator or None
        Seed or generator of the search and the bootstrap; None draws a seed, which is kept in ``provenance``.

    Returns
    -------
    GuttmanResult
        ``lambda1`` to ``lambda6``, ``beta``, and what was searched.

    Raises
    ------
    StatisticsError
        STA_UNKNOWN_OPTION, STA_OPTION_RANGE and the codes of
        :func:`~toolkit.psychometrics.correlation.pearson_correlation`.

    Warns
    -----
    STA_NEGATIVE_ITEM, STA_UNDEFINED
        In ``warnings``: an item that goes against the rest or was turned round; a sum that does not vary, or items
        that determine each other, so that lambda 6 does not exist.

    Notes
    -----
    With variances ``v_j``, covariances ``c_jk`` and total variance V: ``lambda 1 = 1 - sum v / V``; ``lambda 2 =
    lambda 1 + sqrt(k / (k - 1) sum c^2) / V``; ``lambda 3 = k / (k - 1) lambda 1``; ``lambda 4 = 4 c_AB / V`` for the
    halves A and B whose sizes differ by one at most; ``lambda 5 = lambda 1 + 2 sqrt(max_j sum_k c_jk^2) / V``;
    ``lambda 6 = 1 - sum v (1 - smc) / V``. Up to 19 items all halves are tried; with more, items are exchanged between
    halves from 200 random starts until no exchange helps. With an even number of items the two halves swap places, and
    each split counts once.

    Validated against psych 2.5.3 ``guttman``, ``splitHalf`` and ``alpha`` on bfi (standardised), relative tolerance
    1e-6 (``tests/parity/test_bfi_reliability.py``), and the search against the list of all halves
    (``tests/unit/psychometrics/reliability/test_guttman.py``).

    References
    ----------
    Guttman, L. (1945). A basis for analyzing test-retest reliability. Psychometrika, 10, 255-282.
    https://doi.org/10.1007/BF02288892

    Examples
    --------
    >>> import pandas as pd
    >>> answers = pd.DataFrame({"a": [1, 2, 3, 4, 4], "b": [1, 3, 2, 4, 5], "c": [2, 2, 3, 4, 4]})
    >>> result = guttman_lambdas(answers)
    >>> round(result.lambda3, 4), result.lambda2 >= result.lambda3
    (0.9307, True)
    """
    confidence(level)
    one_of(interval, OnRequest, name="interval")
    within(n_bootstrap, name="n_bootstrap", low=100, whole=True)
    found = moments(df, missing=missing)
    k = found.responses.n_items
    random, seed = generator(rng)
    key = first_component_key(found.correlation) if resign else np.ones(k)
    turned = tuple(named_where(found.items, key < 0))
    warnings = [_turned(item) for item in turned] if resign else list(negative_items(found.items, found.covariance))
    C = (found.correlation if standardized else found.covariance) * np.outer(key, key)
    exhaustive = n_halves(k) <= MOST_SPLITS
    splits = all_halves(k) if exhaustive else None
    signs, n_splits = (splits, splits.shape[0]) if splits is not None else exchanged_halves(C, random)
    lambdas = {name: float(value[0]) for name, value in lambdas_of(C[None], signs).items()}
    missing_values = [name for name, value in lambdas.items() if np.isnan(value)]
    if missing_values:
        why = "The sum does not vary, or items determine each other."
        warnings.append(undefined(", ".join(missing_values), why))
    limits: Mapping[str, Interval] | None = None
    if interval == "bootstrap":
        replicates: dict[str, list[Array]] = {name: [] for name in COEFFICIENTS}
        samples = bootstrap_covariances(answers_behind(found), n_bootstrap=int(n_bootstrap), random=random)
        for block in samples:
            used = (correlations_of(block) if standardized else block) * np.outer(key, key)
            for name, values in lambdas_of(used, signs).items():
                replicates[name].append(values)
        joined = {name: np.concatenate(values) for name, values in replicates.items()}
        limits = MappingProxyType({name: percentile_interval(values, level) for name, values in joined.items()})
        warnings += [problem for name, values in joined.items() for problem in lost_replicates(values, name)]
    best = signs[int(np.argmin(np.einsum("sj,jk,sk->s", signs, C, signs)))]
    options = {
        "standardized": standardized,
        "resign": resign,
        "interval": interval,
        "n_bootstrap": n_bootstrap,
        "missing": missing,
        "level": level,
    }
    basis = "correlation-based" if standardized else "covariance-based"
    how = "all halves" if exhaustive else f"halves by exchange from {N_STARTS} random starts"
    return GuttmanResult(
        **lambdas,
        beta=worst_split(C, signs),
        intervals=limits,
        best_half=tuple(named_where(found.items, best > 0)),
        n_splits=n_splits,
        exhaustive=exhaustive,
        resigned_items=turned,
        n_persons=found.responses.n_persons,
        n_items=k,
        n_dropped=found.responses.n_dropped,
        method=f"Guttman's lambda 1 to 6, {basis}, lambda 4 over {how}, {missing}",
        warnings=tuple(warnings),
        provenance=provenance("guttman_lambdas", options, seed=seed),
    )


def lambdas_of(C: Array, signs: Array) -> dict[str, Array]:
    """Return the six lambdas of a stack of covariance matrices; ``signs`` holds the splits as rows of 1 and -1."""
    k = C.shape[-1]
    variance = np.diagonal(C, axis1=-2, axis2=-1)
    total = C.sum(axis=(-2, -1))
    total = np.where(total > 1e-12 * variance.sum(axis=-1), total, np.nan)
    squares = (C**2).sum(axis=-1) - variance**2
    first = 1.0 - variance.sum(axis=-1) / total
    contrast = np.stack([np.einsum("sj,sj->s", signs @ one, signs).min() for one in C])
    smc = np.full_like(variance, np.nan)
    R = correlations_of(C)
    regular = np.asarray(np.isfinite(R).all(axis=(-2, -1)))
    regular[regular] = np.linalg.eigvalsh(R[regular])[:, 0] > 1e-10
    if regular.any():
        smc[regular] = squared_multiple_correlations(R[regular])
    return {
        "lambda1": first,
        "lambda2": first + np.sqrt(k / (k - 1) * squares.sum(axis=-1)) / total,
        "lambda3": k / (k - 1) * first,
        "lambda4": (total - contrast) / total,
        "lambda5": first + 2.0 * np.sqrt(squares.max(axis=-1)) / total,
        "lambda6": 1.0 - (variance * (1.0 - smc)).sum(axis=-1) / total,
    }


def worst_split(C: Array, signs: Array) -> float:
    """Return ``4 c_AB / V`` of the worst of the splits; NaN where the sum does not vary."""
    total = float(C.sum())
    if total <= 1e-12 * float(np.trace(C)):
        return float("nan")
    return 1.0 - float(np.einsum("sj,sj->s", signs @ C, signs).max()) / total


def first_component_key(R: Array) -> Array:
    """Return 1, or -1 for items that load negatively on the first principal component, whose loadings sum up."""
    vector = np.linalg.eigh(R)[1][:, -1]
    vector = -vector if vector.sum() < 0 else vector
    return np.where(vector < 0, -1.0, 1.0)


def n_halves(k: int) -> int:
    """Return the number of splits of k items into halves whose sizes differ by one at most."""
    return comb(k, k // 2) // (2 if k % 2 == 0 else 1)


def all_halves(k: int) -> Array:
    """Return all splits into halves as rows of 1 and -1; with even k the first item is always in the first half."""
    rows = np.array(list(combinations(range(k), k // 2)), dtype=np.int64)
    rows = rows[rows[:, 0] == 0] if k % 2 == 0 else rows
    signs = np.full((rows.shape[0], k), -1.0)
    np.put_along_axis(signs, rows, 1.0, axis=1)
    return signs


def exchanged_halves(C: Array, random: np.random.Generator) -> tuple[Array, int]:
    """Return good and bad splits by exchange, and how many splits were tried.

    From random halves two items change places as long as this lowers the variance of the difference of the halves (for
    lambda 4), or raises it (for beta); the best exchange is made each time.
    """
    k = C.shape[0]
    variance = np.diag(C)
    pairs = variance[:, None] + variance[None, :] - 2.0 * C
    found, tried = [], 0
    for direction in (1.0, -1.0):
        for _ in range(N_STARTS):
            t = np.where(random.permutation(k) < k // 2, 1.0, -1.0)
            while True:
                s = C @ t
                plus, minus = np.flatnonzero(t > 0), np.flatnonzero(t < 0)
                change = 4.0 * (s[minus][None, :] - s[plus][:, None] + pairs[np.ix_(plus, minus)])
                tried += change.size
                row, column = np.unravel_index(int(np.argmin(direction * change)), change.shape)
                if direction * change[row, column] >= -1e-12 * variance.sum():
                    break
                t[plus[row]], t[minus[column]] = -1.0, 1.0
            found.append(t)
    return np.array(found), tried


def _turned(item: str) -> Problem:
    return Problem(
        code=Code.STA_NEGATIVE_ITEM,
        what="The item loads negatively on the first component and was turned round.",
        fix="Reverse it before, if it should point the other way.",
        item=item,
    )
