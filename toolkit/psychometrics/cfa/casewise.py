"""What each person adds to the slopes of the log likelihood, and the sums over persons or clusters that follow.

Symbols: s_i slopes of person i's log likelihood in the free parameters; A information of one person; B mean of
``s s'`` (first-order information). In clusters the slopes are added up first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolkit.psychometrics._numerics import Array, Counts, inverse
from toolkit.psychometrics.cfa._matrices import (
    SYMMETRIC,
    Compiled,
    GroupMatrices,
    Implied,
    complex_slopes,
    covariance_slopes,
    gathered,
    implied,
)
from toolkit.psychometrics.cfa.discrepancy import Discrepancy
from toolkit.psychometrics.cfa.moments import GroupSample
from toolkit.psychometrics.cfa.patterns import inverses


def observed_information(problem: Discrepancy, x: Array) -> Array:
    """Return half of the second slopes of a likelihood discrepancy, for one person: shape (q, q)."""
    slopes = complex_slopes(problem.gradient, x)
    information: Array = (slopes + slopes.T) / 4.0
    return information


def first_order(compiled: Compiled, samples: Sequence[GroupSample], x: Array) -> Array:
    """Return the first-order information of one person, shape (q, q).

    With clusters, slopes are added up within them; see :func:`cluster_corrections`.
    """
    means = compiled.model.mean_structure
    n_clusters = 1 + max((int(sample.clusters.max()) for sample in samples if sample.clusters is not None), default=-1)
    total = np.zeros((x.size, x.size))
    by_cluster = np.zeros((n_clusters, x.size))
    corrections = cluster_corrections(samples)
    for group, sample, correction in zip(compiled.groups, samples, corrections, strict=True):
        s = model_scores(group, implied(group, x), sample, means=means)
        if sample.clusters is None:
            total += s.T @ s
        else:
            np.add.at(by_cluster, sample.clusters, np.sqrt(correction) * s)
    total += by_cluster.T @ by_cluster
    n = sum(sample.n for sample in samples)
    return total / n


def cluster_corrections(samples: Sequence[GroupSample]) -> Array:
    """Return ``G / (G - 1)`` for each group: G its clusters, or all clusters where some have members in two groups.

    1 without clusters.
    """
    own = [np.unique(sample.clusters) for sample in samples if sample.clusters is not None]
    if not own:
        return np.ones(len(samples))
    every = np.unique(np.concatenate(own))
    nested = every.size == sum(clusters.size for clusters in own)
    counts = np.array([clusters.size if nested else every.size for clusters in own], dtype=np.float64)
    return np.asarray(counts / np.maximum(counts - 1.0, 1.0))


def model_scores(group: GroupMatrices, at: Implied, sample: GroupSample, *, means: bool) -> Array:
    """Return every person's slopes of the log likelihood, shape (n, q)."""
    centre = at.mu if means else sample.mean
    D, K, of_person = standardised_deviations(sample, centre, at.Sigma)
    slopes, place = covariance_slopes(group, at)
    of_pattern = K.reshape(K.shape[0], -1) @ gathered(slopes, place, group.q).reshape(group.q, -1).T
    scores: Array = _pulled_rows(group, at, D, means=means) - 0.5 * of_pattern[of_person]
    return scores


def standardised_deviations(sample: GroupSample, mu: Array, Sigma: Array) -> tuple[Array, Array, Counts]:
    """Return every person's ``Sigma^-1 (y - mu)``, the ``Sigma^-1`` of each pattern, and each person's pattern.

    Both are 0 at items that were not answered; complete answers are one pattern. Shapes (n, p), (n_patterns, p, p) and
    (n,).
    """
    if sample.patterns is None:
        K = inverse(Sigma)
        return (sample.values - mu) @ K, K[None], np.zeros(sample.n, dtype=np.int64)
    K = inverses(Sigma, sample.patterns.seen)
    D = np.nan_to_num(sample.values - mu)
    order = np.argsort(sample.patterns.of_person, kind="stable")
    ends = np.cumsum(np.bincount(sample.patterns.of_person))
    for rows, of_pattern in zip(np.split(order, ends[:-1]), K, strict=True):
        D[rows] = D[rows] @ of_pattern
    return D, K, sample.patterns.of_person


def _pulled_rows(group: GroupMatrices, at: Implied, D: Array, *, means: bool) -> Array:
    """Return, for each row d, the slopes in x of ``d' Sigma d / 2 + d' mu`` with d held, shape (n, q)."""
    n = D.shape[0]
    factor, through = D @ at.L, D @ (at.matrices["Lambda"] @ at.V)
    of = {"Lambda": (D, through), "B": (factor, through), "Psi": (factor, factor), "Theta": (D, D)}
    total = np.zeros((n, group.q))
    for name, (left, right) in of.items():
        free = group.free[name]
        share = np.where(free.row == free.column, 0.5, 1.0) if name in SYMMETRIC else 1.0
        _add_columns(total, free.place, share * left[:, free.row] * right[:, free.column])
    if means:
        eta = at.J @ at.matrices["alpha"][:, 0]
        free = group.free["Lambda"]
        _add_columns(total, free.place, D[:, free.row] * eta[free.column])
        free = group.free["B"]
        _add_columns(total, free.place, factor[:, free.row] * eta[free.column])
        _add_columns(total, group.free["nu"].place, D[:, group.free["nu"].row])
        _add_columns(total, group.free["alpha"].place, factor[:, group.free["alpha"].row])
    return total


def _add_columns(total: Array, place: Counts, columns: Array) -> None:
    for number, where in enumerate(place):
        total[:, where] += columns[:, number]


def vech(p: int) -> tuple[Counts, Counts]:
    """Return rows and columns of the lower triangle, diagonal included, as half-vectorised."""
    rows, columns = np.tril_indices(p)
    return rows, columns


def saturated_scores(sample: GroupSample) -> Array:
    """Return every person's slopes in the moments themselves, at the sample's: shape (n, p + p (p + 1) / 2)."""
    p = sample.mean.size
    rows, columns = vech(p)
    twice = np.where(rows == columns, 0.5, 1.0)
    D, K, of_person = standardised_deviations(sample, sample.mean, sample.S)
    products = D[:, rows] * D[:, columns] - K[:, rows, columns][of_person]
    return np.hstack([D, twice * products])


def saturated_information(sample: GroupSample) -> Array:
    """Return the observed information of one person about means and covariances, at the sample's own.

    Shape (p + p (p + 1) / 2, p + p (p + 1) / 2); with incomplete answers as observed, by pattern.
    """
    if sample.observed is not None:
        return sample.observed
    p = sample.mean.size
    i, j = vech(p)
    total = np.zeros((p + i.size, p + i.size))
    K = inverse(sample.S)
    total[:p, :p] = K
    total[p:, p:] = _covariance_block(K, i, j)
    return total


def normal_weight(Sigma: Array) -> Array:
    """Return one person's information about half-vectorised covariances, ``D' (K (x) K) D / 2`` with K Sigma^-1."""
    return _covariance_block(inverse(Sigma), *vech(Sigma.shape[0]))


def _covariance_block(K: Array, i: Counts, j: Counts) -> Array:
    """Return ``D' (K (x) K) D / 2`` for half-vectorised covariances with duplication matrix D."""
    block = K[np.ix_(i, i)] * K[np.ix_(j, j)] + K[np.ix_(i, j)] * K[np.ix_(j, i)]
    half = np.where(i == j, 0.5, 1.0)
    result: Array = np.outer(half, half) * block
    return result


def saturated_trace(sample: GroupSample, *, means: bool, correction: float = 1.0) -> float:
    """Return ``tr(A^-1 B)`` of the saturated model at the sample's moments, for one group.

    For complete answers ``(mean d_i^2 - p) / 2`` with Mahalanobis distances d_i, and p more with means. Clusters are
    treated as in :func:`first_order`, with their correction.
    """
    p = sample.mean.size
    if sample.patterns is not None:
        s = cluster_sums(saturated_scores(sample), sample.clusters)
        return correction * float(np.trace(inverse(saturated_information(sample)) @ (s.T @ s))) / sample.n
    C = np.linalg.cholesky(sample.S)
    Z = np.linalg.solve(C, (sample.values - sample.mean).T).T
    if sample.clusters is None:
        d = (Z * Z).sum(axis=1)
        return 0.5 * (float((d * d).mean()) - p) + (p if means else 0.0)
    total = 0.0
    for number in np.unique(sample.clusters):
        mine = Z[sample.clusters == number]
        away = mine.T @ mine - mine.shape[0] * np.eye(p)
        total += 0.5 * float((away * away).sum())
        total += float((mine.sum(axis=0) ** 2).sum()) if means else 0.0
    return correction * total / sample.n


def cluster_sums(scores: Array, clusters: Counts | None) -> Array:
    """Add up the rows of each cluster, shape (n_clusters, q); the rows themselves without clusters."""
    if clusters is None:
        return scores
    numbers = np.unique(clusters, return_inverse=True)[1]
    sums = np.zeros((int(numbers.max()) + 1, scores.shape[1]))
    np.add.at(sums, numbers, scores)
    return sums


def robust_covariance(information: Array, B: Array, n: int) -> Array:
    """Return the sandwich ``A^-1 B A^-1 / n``."""
    bread = inverse(information)
    covariance: Array = bread @ B @ bread / n
    return covariance
