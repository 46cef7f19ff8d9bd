"""Resampling of persons: covariance matrices of many bootstrap samples at once, and percentile limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._counts import PairTables
from toolkit.psychometrics._inputs import Moments
from toolkit.psychometrics._numerics import Array, pair_moments
from toolkit.psychometrics._result import Interval, undefined

OnRequest = Literal["none", "bootstrap"]
"""No interval, or percentile limits of bootstrap samples."""
BLOCK = 4_000_000
"""Numbers that one block of samples may hold."""


def bootstrap_covariances(values: Array, *, n_bootstrap: int, random: np.random.Generator) -> Iterator[Array]:
    """Yield covariance matrices of samples of persons drawn with replacement, in blocks of shape (b, p, p).

    With complete data a sample is its vector of counts, so that a block is one matrix product. With missing answers
    each entry uses the persons who answered both items.
    """
    n, p = values.shape
    shares = np.full(n, 1.0 / n)
    if np.isnan(values).any():
        for _ in range(n_bootstrap):
            with np.errstate(invalid="ignore", divide="ignore"):
                yield pair_moments(values[random.integers(0, n, n)])[1][None]
        return
    centred = values - values.mean(axis=0)
    rows, columns = np.tril_indices(p)
    products = centred[:, rows] * centred[:, columns]
    spread = np.sqrt((centred**2).mean(axis=0))
    rounding = 1e-13 * spread[rows] * spread[columns]
    block = max(1, BLOCK // max(n, p * p))
    for start in range(0, n_bootstrap, block):
        counts = random.multinomial(n, shares, size=min(block, n_bootstrap - start)).astype(np.float64)
        mean = counts @ centred / n
        covariance = np.empty((counts.shape[0], p, p))
        entries = counts @ products / n - mean[:, rows] * mean[:, columns]
        entries[np.abs(entries) <= rounding] = 0.0
        covariance[:, rows, columns] = entries
        covariance[:, columns, rows] = covariance[:, rows, columns]
        yield covariance * (n / (n - 1.0))


def answers_behind(found: Moments) -> Array:
    """Return the answers behind moments, or refuse counts of pairs, from which persons cannot be drawn.

    Raises
    ------
    StatisticsError
        STA_NEEDS_ANSWERS.
    """
    if isinstance(found.responses, PairTables):
        raise needs_answers("The bootstrap draws persons")
    return found.responses.codes


def needs_answers(why: str) -> StatisticsError:
    """Return the error that counts of pairs do not suffice."""
    return StatisticsError(
        Problem(
            code=Code.STA_NEEDS_ANSWERS,
            what=f"{why}, and counts of pairs do not hold them.",
            got="counts of pairs",
            allowed="a DataFrame of persons x items",
            fix="Give the answers themselves, or ask for another interval.",
        )
    )


def correlations_of(covariance: Array) -> Array:
    """Return the correlation matrices of a stack of covariance matrices; NaN where an item does not vary."""
    variance = np.diagonal(covariance, axis1=-2, axis2=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(np.where(variance > 0, variance, np.nan))
        correlation: Array = covariance / (spread[..., :, None] * spread[..., None, :])
    return correlation


def percentile_interval(replicates: Array, level: float) -> Interval:
    """Return percentile limits of the bootstrap replicates that exist; NaN if fewer than half of them do."""
    usable = replicates[np.isfinite(replicates)]
    low = high = float("nan")
    if usable.size and 2 * usable.size >= replicates.size:
        tail = (1.0 - level) / 2.0
        low, high = (float(limit) for limit in np.quantile(usable, [tail, 1.0 - tail]))
    return Interval(low=low, high=high, level=level, method=f"bootstrap, percentile, {usable.size} samples")


def lost_replicates(replicates: Array, what: str) -> list[Problem]:
    """Return a warning if the statistic did not exist in some bootstrap samples."""
    lost = int((~np.isfinite(replicates)).sum())
    if not lost:
        return []
    return [undefined(f"{lost} of {replicates.shape[0]} bootstrap replicates of {what}", "Not every sample has one.")]
