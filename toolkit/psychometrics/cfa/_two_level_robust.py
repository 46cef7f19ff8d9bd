"""What robust standard errors and scaled statistics of two-level models rest on: sums of squared scores of clusters.

Symbols: A observed information of all persons; B sum over clusters of the outer products of their scores.
"""

from __future__ import annotations

import numpy as np

from toolkit.psychometrics._numerics import Array, Counts
from toolkit.psychometrics.cfa._two_level import Clusters, Saturated, TwoLevelMoments, cluster_scores


def sandwich(information: Array, scores: Array) -> Array:
    """Return the robust covariance ``A^-1 B A^-1`` of estimates, from A and the scores of clusters (J, q)."""
    half = np.linalg.solve(information, scores.T)
    covariance: Array = half @ half.T
    return covariance


def robust_trace(information: Array, scores: Array) -> float:
    """Return ``tr(A^-1 B)``, the number of parameters where values are normal."""
    return float((np.linalg.solve(information, scores.T) * scores.T).sum())


def moment_scores(
    clusters: Clusters, moments: TwoLevelMoments, at: Saturated, *, diagonal: bool = False
) -> tuple[Array, Array]:
    """Return A and the scores of clusters for unrestricted moments; with ``diagonal``, for means and variances alone.

    The moments are mu, Sigma_W and Sigma_B, the last two as lower triangles by rows.
    """
    p = at.mu.size
    rows, columns = np.tril_indices(p)
    kept = rows == columns if diagonal else np.ones(rows.size, dtype=bool)
    rows, columns = rows[kept], columns[kept]
    entries = np.zeros((rows.size, p, p))
    entries[np.arange(rows.size), rows, columns] = 1.0
    entries[np.arange(rows.size), columns, rows] = 1.0
    none, of_mean = np.zeros_like(entries), np.zeros((p, p, p))
    scores = cluster_scores(
        clusters,
        at.mu,
        at.Sigma_W,
        at.Sigma_B,
        d_mu=np.concatenate([np.eye(p), np.zeros((2 * rows.size, p))]),
        d_within=np.concatenate([of_mean, entries, none]),
        d_between=np.concatenate([of_mean, none, entries]),
    )
    return moment_information(moments, at, rows, columns), scores


def moment_information(moments: TwoLevelMoments, at: Saturated, rows: Counts, columns: Counts) -> Array:
    """Return the observed information about mu and the named entries of Sigma_W and of Sigma_B, of all persons.

    ``rows`` and ``columns``, of shape (k,), name the entries; the result has shape (p + 2 k, p + 2 k).
    """
    p, k = at.mu.size, rows.size
    free = moments.n_persons - moments.n_clusters
    total = np.zeros((p + 2 * k, p + 2 * k))
    mean, within, between = slice(0, p), slice(p, p + k), slice(p + k, p + 2 * k)
    K = _inverse(at.Sigma_W)
    total[within, within] = free * _entries(K, K @ moments.within @ K / free, rows, columns)
    half = np.where(rows == columns, 0.5, 1.0)
    for n, G, average, squares in zip(moments.sizes, moments.counts, moments.means, moments.between, strict=True):
        K = _inverse(at.Sigma_W + n * at.Sigma_B)
        away = average - at.mu
        d = K @ away
        block = G * _entries(K, n * K @ (squares / G + np.outer(away, away)) @ K, rows, columns)
        mixed = n * G * half * (K[:, rows] * d[columns] + K[:, columns] * d[rows])
        total[mean, mean] += n * G * K
        for one, times in ((within, 1.0), (between, n)):
            total[mean, one] += times * mixed
            total[one, mean] += times * mixed.T
            for other, again in ((within, 1.0), (between, n)):
                total[one, other] += times * again * block
    return total


def _inverse(S: Array) -> Array:
    return np.asarray(np.linalg.inv(S), dtype=np.float64)


def _entries(K: Array, Q: Array, i: Counts, j: Counts) -> Array:
    """Return the second slopes of ``(log|V| + tr(V^-1 A)) / 2`` in entries of V, with ``K = V^-1``, ``Q = K A K``."""
    T = Q - 0.5 * K
    block = K[np.ix_(i, i)] * T[np.ix_(j, j)] + K[np.ix_(j, j)] * T[np.ix_(i, i)]
    block += K[np.ix_(i, j)] * T[np.ix_(j, i)] + K[np.ix_(j, i)] * T[np.ix_(i, j)]
    half = np.where(i == j, 0.5, 1.0)
    slopes: Array = np.outer(half, half) * (block + block.T) / 2.0
    return slopes
