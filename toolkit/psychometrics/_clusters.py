"""Persons in clusters: the variance of a statistic of covariances when members of a cluster resemble each other.

Symbols: X answers (NaN where missing), A derivatives of the statistic by the covariances, u influence of each person.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._bootstrap import answers_behind, needs_answers
from toolkit.psychometrics._counts import ResponseCounts
from toolkit.psychometrics._inputs import Moments, groups_beside, item_columns, too_few
from toolkit.psychometrics._numerics import Array, Counts
from toolkit.psychometrics._options import Missing, conflict

FEW_CLUSTERS = 10
"""Below so many clusters a variance between them is told to rest on little."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clusters:
    """The cluster of each person who is used.

    Attributes
    ----------
    names : tuple of str
        The clusters.
    member : ndarray of int, shape (n_persons,)
        The place of each person's cluster among them.
    """

    names: tuple[str, ...]
    member: Counts

    @property
    def n(self) -> int:
        """Clusters."""
        return len(self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusteredVariance:
    """The variance of a statistic with clusters of persons.

    Attributes
    ----------
    variance : float
        With clusters.
    design_effect : float
        Over the variance from the same influences of persons who are independent; NaN where that is 0.
    df : int
        Degrees of freedom: clusters less one.
    """

    variance: float
    design_effect: float
    df: int


def clusters_of(df: pd.DataFrame, cluster: pd.Series | npt.ArrayLike, *, missing: Missing) -> Clusters:
    """Return the clusters of the persons whom a statistic of several items uses under a missing rule.

    Raises
    ------
    StatisticsError
        STA_SHAPE_MISMATCH, STA_TOO_FEW_PERSONS (fewer than two clusters) and the codes of ``item_columns``.
    """
    item_columns(df)
    labels = groups_beside(df, cluster, option="cluster=", of="cluster")
    answered = df.notna()
    keep = answered.all(axis=1) if missing == "listwise" else answered.any(axis=1)
    return named_clusters(labels[keep.to_numpy()])


def clusters_behind(
    df: pd.DataFrame | ResponseCounts, found: Moments, cluster: pd.Series | npt.ArrayLike, *, missing: Missing
) -> tuple[Clusters, Array]:
    """Return the clusters of the persons behind moments and their answers, or refuse counts of pairs.

    Raises
    ------
    StatisticsError
        STA_NEEDS_ANSWERS and the codes of :func:`clusters_of`.
    """
    if isinstance(df, ResponseCounts):
        raise needs_answers("Clusters are made of persons")
    return clusters_of(df, cluster, missing=missing), answers_behind(found)


def refuse_other_interval(interval: str, default: str) -> None:
    """Refuse an interval that was chosen beside clusters, which have their own."""
    if interval != default:
        raise conflict(
            f"cluster= with interval={interval!r}",
            why="clusters have an interval of their own.",
            fix="Leave out interval=, or cluster=.",
        )


def named_clusters(labels: pd.Series) -> Clusters:
    """Return the clusters of persons, or refuse fewer than two of them."""
    member, names = pd.factorize(labels.to_numpy(dtype=object))
    if len(names) < 2:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_PERSONS, "clusters", len(names), 2))
    return Clusters(names=tuple(map(str, names)), member=np.asarray(member, dtype=np.int64))


def covariance_influence(X: Array, A: Array) -> Array:
    """Return the influence of each person on a smooth function of the covariances; shape (n_persons,), mean 0.

    To first order the function moves by the mean of these. Each covariance is that of the persons who answered both
    items, so that a person counts in it by n over their number.

    Parameters
    ----------
    X : ndarray, shape (n_persons, p)
        Answers, NaN where missing.
    A : ndarray, shape (p, p), symmetric
        Derivatives of the function: it moves by sum of A times the moves of the covariances.
    """
    answered = ~np.isnan(X)
    m = answered.astype(np.float64)
    c = np.where(answered, X - np.nanmean(X, axis=0), 0.0)
    n_pairs = m.T @ m
    D = (c.T @ m) / n_pairs
    S = (c.T @ c) / n_pairs - D * D.T
    # Covariances have the divisor n - 1.
    B = A * (X.shape[0] / (n_pairs - 1.0))
    # The quadratic form of each person's deviations from the means of each pair, less the covariances.
    u: Array = ((c @ B) * c - 2.0 * (m @ (B * D)) * c + (m @ (B * (D * D.T - S))) * m).sum(axis=1)
    return u


def clustered_variance(u: Array, clusters: Clusters) -> ClusteredVariance:
    """Return the variance of the mean of influences that are summed over clusters, times G / (G - 1)."""
    n, G = u.size, clusters.n
    sums = np.bincount(clusters.member, weights=u, minlength=G)
    variance = float(sums @ sums) / n**2 * G / (G - 1)
    independent = float(u @ u) / n**2 * n / (n - 1)
    return ClusteredVariance(
        variance=variance,
        design_effect=variance / independent if independent > 0 else float("nan"),
        df=G - 1,
    )


def t_quantile(level: float, df: int) -> float:
    """Return the two-sided quantile of Student's t."""
    return float(stats.t.ppf(0.5 + level / 2.0, df))


def few_clusters(n: int) -> list[Problem]:
    """Return a warning where clusters are few."""
    if n >= FEW_CLUSTERS:
        return []
    return [
        Problem(
            code=Code.STA_FEW_CLUSTERS,
            what="There are few clusters, so the variance between them rests on little.",
            fix="Read intervals with clusters as still too short; ask more clusters rather than more persons.",
            got=f"{n} clusters",
            allowed=f"{FEW_CLUSTERS} or more, better 20 to 50",
        )
    ]
