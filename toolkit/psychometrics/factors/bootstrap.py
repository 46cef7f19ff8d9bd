"""Bootstrap of an exploratory factor analysis: persons are drawn again, and everything is done again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.optimize import linear_sum_assignment

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._numerics import Array, Rng, generator, pair_moments
from toolkit.psychometrics._options import confidence, within
from toolkit.psychometrics._result import Result, provenance
from toolkit.psychometrics.factors import _extraction_kernel as kernels
from toolkit.psychometrics.factors._extraction_kernel import Index
from toolkit.psychometrics.factors._fitted import Fitted
from toolkit.psychometrics.factors._rotation_kernel import gradient_projection, kaiser_lengths, promax
from toolkit.psychometrics.factors._sample import Sample
from toolkit.psychometrics.factors.extraction import LARGEST_COMMUNALITY
from toolkit.psychometrics.factors.rotation import Criterion

BLOCK, SMALL_BLOCK = 250, 25
"""Replicates that are computed together, with a random stream of their own; few where each draw is slow."""
FAILED, BOUNDARY = 1, 2
"""A replicate without a solution, and one with a communality at its limit."""
MOST_PRODUCTS = 4_000_000
"""Products of answers that are held at a time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EfaBootstrapResult(Result):
    """Percentile intervals of an exploratory solution.

    Attributes
    ----------
    loadings_low, loadings_high : DataFrame, shape (n_items, n_factors)
        Limits of the pattern loadings.
    phi_low, phi_high : DataFrame, shape (n_factors, n_factors)
        Limits of the factor correlations.
    communalities_low, communalities_high : Series, shape (n_items,)
        Limits of the communalities.
    loadings_sd, phi_sd : DataFrame
        Standard deviations over the replicates: bootstrap standard errors.
    level : float
        Confidence level.
    n_replicates, n_used : int
        Replicates drawn, and those behind the limits.
    n_failed, n_heywood : int
        Replicates without a solution, which are left out, and replicates with a communality at its limit, which count.
    n_persons, n_items, n_dropped : int
        Persons in each replicate, items, and persons left out of the analysis.
    method : str
        The procedure in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options, seed and versions.
    """

    loadings_low: pd.DataFrame
    loadings_high: pd.DataFrame
    phi_low: pd.DataFrame
    phi_high: pd.DataFrame
    communalities_low: pd.Series
    communalities_high: pd.Series
    loadings_sd: pd.DataFrame
    phi_sd: pd.DataFrame
    level: float
    n_replicates: int
    n_used: int
    n_failed: int
    n_heywood: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a loading: item, factor, low and high."""
        low = self.loadings_low.rename_axis("item").reset_index().melt("item", var_name="factor", value_name="low")
        return low.assign(high=self.loadings_high.to_numpy().ravel(order="F"))


def bootstrapped(fitted: Fitted, *, n: int, level: float, rng: Rng, factors: list[str]) -> EfaBootstrapResult:
    """Return percentile intervals from n replicates; see :meth:`.EfaResult.bootstrap`."""
    within(n, name="n", low=2, whole=True)
    confidence(level)
    fitted.sample.answers("A bootstrap")
    random, seed = generator(rng)
    block = BLOCK if _by_products(fitted.sample) else SMALL_BLOCK
    blocks = [min(block, int(n) - first) for first in range(0, int(n), block)]
    draws = resampled_correlations(fitted.sample)
    done = Parallel(prefer="threads")(
        delayed(_block)(fitted, draws, size, stream)
        for size, stream in zip(blocks, random.spawn(len(blocks)), strict=True)
    )
    loadings, phis, states = (np.concatenate(parts) for parts in zip(*done, strict=True))
    used = ~np.isnan(loadings).any(axis=(1, 2))
    n_failed, n_heywood = int((~used).sum()), int((used & (states == BOUNDARY)).sum())
    loadings, phis = loadings[used], phis[used]
    shares = np.einsum("bij,bjk,bik->bi", loadings, phis, loadings)
    items = list(fitted.sample.items)
    tails = [0.5 - level / 2.0, 0.5 + level / 2.0]

    def limits(values: Array) -> tuple[Array, Array]:
        if values.shape[0] == 0:
            return np.full(values.shape[1:], np.nan), np.full(values.shape[1:], np.nan)
        low, high = np.quantile(values, tails, axis=0)
        return low, high

    def spread(values: Array) -> Array:
        return values.std(axis=0, ddof=1) if values.shape[0] > 1 else np.full(values.shape[1:], np.nan)

    of_loadings, of_phi, of_shares = limits(loadings), limits(phis), limits(shares)
    loadings_low, loadings_high = (pd.DataFrame(limit, index=items, columns=factors) for limit in of_loadings)
    phi_low, phi_high = (pd.DataFrame(limit, index=factors, columns=factors) for limit in of_phi)
    return EfaBootstrapResult(
        loadings_low=loadings_low,
        loadings_high=loadings_high,
        phi_low=phi_low,
        phi_high=phi_high,
        communalities_low=pd.Series(of_shares[0], index=items),
        communalities_high=pd.Series(of_shares[1], index=items),
        loadings_sd=pd.DataFrame(spread(loadings), index=items, columns=factors),
        phi_sd=pd.DataFrame(spread(phis), index=factors, columns=factors),
        level=level,
        n_replicates=int(n),
        n_used=int(used.sum()),
        n_failed=n_failed,
        n_heywood=n_heywood,
        n_persons=fitted.sample.found.n_persons,
        n_items=len(items),
        n_dropped=fitted.sample.found.n_dropped,
        method="percentile bootstrap of persons; replicates are turned towards the solution, rotated from it, and "
        "matched to it in order and sign",
        warnings=_failures(n_failed, int(n)),
        provenance=provenance("efa.bootstrap", {"n": int(n), "level": level}, seed=seed),
    )


def _failures(n_failed: int, n: int) -> tuple[Problem, ...]:
    if n_failed == 0:
        return ()
    return (
        Problem(
            code=Code.STA_NOT_CONVERGED,
            what="Replicates without a solution were left out of the intervals.",
            got=f"{n_failed} of {n}",
            fix="Ask for fewer factors if there are many.",
        ),
    )


def _block(
    fitted: Fitted, draws: Callable[[int, np.random.Generator], Array], size: int, random: np.random.Generator
) -> tuple[Array, Array, Index]:
    """Draw some correlation matrices and repeat the analysis on each."""
    return refitted(fitted, draws(size, random))


def refitted(fitted: Fitted, matrices: Array) -> tuple[Array, Array, Index]:
    """Repeat an analysis on correlation matrices of shape (n, p, p), starting from its solution.

    Returns loadings (n, p, m), factor correlations (n, m, m), and how each went: 0, FAILED with loadings of NaN, or
    BOUNDARY for a communality at its limit.
    """
    n, (p, m) = matrices.shape[0], fitted.loadings.shape
    loadings, phis = np.full((n, p, m), np.nan), np.full((n, m, m), np.nan)
    states = np.full(n, FAILED, dtype=np.int64)
    for b, R in enumerate(np.ascontiguousarray(matrices)):
        L, extracted = _extracted(fitted, R) if np.isfinite(R).all() else (fitted.loadings, False)
        if not extracted:
            continue
        Phi, rotated = np.eye(m), True
        if fitted.criterion is not None:
            L, Phi, rotated = _turned(fitted, fitted.criterion, L)
        if rotated:
            loadings[b], phis[b] = matched(L, Phi, fitted.loadings)
            largest = np.einsum("ij,jk,ik->i", L, Phi, L).max()
            states[b] = BOUNDARY if largest >= LARGEST_COMMUNALITY - 1e-6 else 0
    return loadings, phis, states


def _extracted(fitted: Fitted, R: Array) -> tuple[Array, bool]:
    """Extract factors from the solution's uniquenesses or loadings; return loadings, and whether all factors exist."""
    start = fitted.unrotated
    if fitted.method == "dwls":
        L, size, _ = kernels.weighted_loadings(np.array(start.loadings, order="C"), R, fitted.weights, 1e-8, 5000)
    else:
        kind = kernels.ML if fitted.method == "ml" else kernels.LEAST_SQUARES
        m = start.loadings.shape[1]
        _, L, size, _ = kernels.best_uniquenesses(start.uniquenesses, R, m, kind, 1e-7, 200)
    return L, size < 1e-5 and float(np.sum(L**2, axis=0).min()) > kernels.NOTHING_EXPLAINED


def _turned(fitted: Fitted, rule: Criterion, L: Array) -> tuple[Array, Array, bool]:
    """Turn loadings towards the unrotated solution and rotate them from where it ended."""
    U, _, Vt = np.linalg.svd(L.T @ fitted.unrotated.loadings)
    near = L @ U @ Vt
    lengths = kaiser_lengths(near)[:, None] if rule.normalised else np.ones((L.shape[0], 1))
    T, rotated, _, size = gradient_projection(
        near / lengths,
        np.array(fitted.transformation, order="C"),
        rule.oblique,
        rule.kind,
        rule.parameter,
        rule.target,
        rule.weight,
        1e-6,
        2000,
    )
    Phi = T.T @ T if rule.oblique else np.eye(T.shape[0])
    if rule.power > 0:
        rotated, Phi = promax(rotated, rule.power)
    return rotated * lengths, Phi, size < 1e-4


def matched(L: Array, Phi: Array, goal: Array) -> tuple[Array, Array]:
    """Give factors the order and the signs of the most congruent factors of the goal; Phi follows."""
    congruence = L.T @ goal / np.sqrt(np.outer((L**2).sum(axis=0), (goal**2).sum(axis=0)))
    ours, theirs = linear_sum_assignment(-np.abs(congruence))
    order = ours[np.argsort(theirs)]
    sign = np.where(congruence[order, np.arange(order.size)] < 0, -1.0, 1.0)
    return L[:, order] * sign, Phi[np.ix_(order, order)] * np.outer(sign, sign)


def resampled_correlations(sample: Sample) -> Callable[[int, np.random.Generator], Array]:
    """Return a function that draws persons with replacement and returns correlations, shape (replicates, p, p)."""
    codes = sample.answers("A bootstrap")
    n = codes.shape[0]
    if _by_products(sample):
        return lambda size, random: weighted_correlations(
            codes, np.stack([np.bincount(random.integers(n, size=n), minlength=n) for _ in range(size)])
        )
    if sample.correlation == "polychoric":
        return _polychoric_draws(sample)
    of_draw = _rank_correlations if sample.correlation == "spearman" else _pair_correlations

    def draws(size: int, random: np.random.Generator) -> Array:
        return np.stack([of_draw(codes[random.integers(n, size=n)]) for _ in range(size)])

    return draws


def _by_products(sample: Sample) -> bool:
    """Say whether all correlations of a block of draws come from one product of matrices."""
    return sample.correlation == "pearson" and sample.complete


def _pair_correlations(codes: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return pair_moments(codes)[2]


def _rank_correlations(codes: Array) -> Array:
    R = pd.DataFrame(codes).corr(method="spearman").to_numpy(copy=True)
    np.fill_diagonal(R, 1.0)
    return R


def _polychoric_draws(sample: Sample) -> Callable[[int, np.random.Generator], Array]:
    """Answers are encoded once; each draw is counted and estimated. A draw with a constant item gives NaN."""
    from toolkit.psychometrics.counting import counts_of, encode
    from toolkit.psychometrics.ordinal_correlation import polychoric_matrix

    encoded = encode(pd.DataFrame(sample.answers("A bootstrap"), columns=list(sample.items)))
    n = encoded.codes.shape[1]

    def of_draw(persons: Index) -> Array:
        try:
            counts = counts_of(replace(encoded, codes=np.ascontiguousarray(encoded.codes[:, persons])))
            return polychoric_matrix(counts, missing=sample.missing)
        except StatisticsError:
            return np.full(sample.R.shape, np.nan)

    def draws(size: int, random: np.random.Generator) -> Array:
        return np.stack([of_draw(persons) for persons in random.integers(n, size=(size, n))])

    return draws


def weighted_correlations(codes: Array, counts: Array) -> Array:
    """Return the correlations of persons who count several times, shape (replicates, p, p), by products of matrices.

    Parameters
    ----------
    codes : ndarray, shape (n, p)
        Complete answers.
    counts : ndarray, shape (replicates, n)
        How often each person counts.
    """
    n, p = codes.shape
    lower = np.tril_indices(p)
    centred = codes - codes.mean(axis=0)
    sums, squares = np.zeros((counts.shape[0], p)), np.zeros((counts.shape[0], lower[0].size))
    block = max(1, MOST_PRODUCTS // lower[0].size)
    for first in range(0, n, block):
        weights = counts[:, first : first + block].astype(np.float64)
        X = centred[first : first + block]
        sums += weights @ X
        squares += weights @ (X[:, lower[0]] * X[:, lower[1]])
    total = counts.sum(axis=1)[:, None]
    covariance = np.empty((counts.shape[0], p, p))
    covariance[:, lower[0], lower[1]] = squares - sums[:, lower[0]] * sums[:, lower[1]] / total
    covariance[:, lower[1], lower[0]] = covariance[:, lower[0], lower[1]]
    spread = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance /= spread[:, :, None] * spread[:, None, :]
    return covariance
