"""Incomplete answers by pattern of answered items: the likelihood of means and covariances, its slopes and information.

All patterns are handled at once: matrices of one pattern hold 0 at items that were not answered. Symbols: n persons of
a pattern, K the inverse of its covariances, d its mean less mu, T its covariances about mu.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from toolkit.psychometrics._numerics import Array, Counts, Flags, inverse

_LOG_2PI = float(np.log(2.0 * np.pi))
_AT_ONCE = 2_000_000
"""Numbers in a stack of matrices that are handled at once."""
ROUNDING = 1e-13
"""A variance that others leave less than this share of is 0 but for rounding."""
_MOST_STEPS = 5000
_EM_STEPS = 3
_CLOSE = 1e-11
_SINGULAR = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patterns:
    """Which items were answered together, by how many, and how.

    Attributes
    ----------
    seen : ndarray of bool, shape (n_patterns, p)
        The items that were answered.
    n : ndarray, shape (n_patterns,)
        Persons.
    mean : ndarray, shape (n_patterns, p)
    S : ndarray, shape (n_patterns, p, p)
        Their means and covariances (divisor n); 0 at items that were not answered.
    of_person : ndarray of int, shape (n_persons,)
        Each person's pattern.
    """

    seen: Flags
    n: Array
    mean: Array
    S: Array
    of_person: Counts

    def parts(self) -> Iterator[slice]:
        """Yield ranges of patterns whose matrices fit into memory together."""
        count, p = self.seen.shape
        length = max(1, _AT_ONCE // (p * p))
        for start in range(0, count, length):
            yield slice(start, start + length)


def patterns_of(values: Array) -> Patterns:
    """Return the patterns of answered items; NaN marks a missing answer."""
    answered = ~np.isnan(values)
    seen, of_person = np.unique(answered, axis=0, return_inverse=True)
    of_person = of_person.ravel()
    n = np.bincount(of_person).astype(np.float64)
    filled = np.where(answered, values, 0.0)
    order = np.argsort(of_person, kind="stable")
    starts = np.concatenate([[0], np.cumsum(n)[:-1]]).astype(np.int64)
    mean = np.add.reduceat(filled[order], starts, axis=0) / n[:, None]
    centred = np.where(answered, filled - mean[of_person], 0.0)[order]
    S = np.empty((n.size, values.shape[1], values.shape[1]))
    for number, rows in enumerate(np.split(centred, starts[1:])):
        S[number] = rows.T @ rows / n[number]
    return Patterns(seen=seen, n=n, mean=mean, S=S, of_person=of_person)


def inverses(Sigma: Array, seen: Flags) -> Array:
    """Return the inverse of each pattern's part of Sigma, with 0 elsewhere: shape (n_patterns, p, p)."""
    both = seen[:, :, None] & seen[:, None, :]
    return np.asarray(np.where(both, inverse(_own_part(Sigma, both)), 0.0), dtype=np.float64)


def likelihood(patterns: Patterns, mu: Array, Sigma: Array) -> tuple[float, Array, Array]:
    """Return minus twice the log likelihood and its slopes in Sigma, shape (p, p), and in mu, shape (p,).

    Infinite, with slopes of 0, where Sigma is not positive definite beyond rounding.
    """
    value, G, h = 0.0, np.zeros_like(Sigma), np.zeros_like(mu)
    for part in patterns.parts():
        seen, n = patterns.seen[part], patterns.n[part]
        both = seen[:, :, None] & seen[:, None, :]
        own = _own_part(Sigma, both)
        roots = _roots(own)
        if roots is None:
            return float("inf"), np.zeros_like(Sigma), np.zeros_like(mu)
        K = np.where(both, inverse(own), 0.0)
        d, T = _deviations(patterns, part, mu)
        determinants = 2.0 * np.log(roots).sum(axis=1)
        value += float(n @ (seen.sum(axis=1) * _LOG_2PI + determinants + (K * T).sum(axis=(1, 2))))
        G += np.tensordot(n, K - K @ T @ K, axes=1)
        h -= 2.0 * np.tensordot(n, (K @ d[:, :, None])[:, :, 0], axes=1)
    return value, G, h


def moment_information(patterns: Patterns, mu: Array, Sigma: Array, *, expected: bool = False) -> Array:
    """Return the observed information of one person about means and half-vectorised covariances, or the expected one.

    Shape (p + p (p + 1) / 2, p + p (p + 1) / 2). Sums over patterns of products of two matrices are one matrix product
    of their half-vectorised forms.
    """
    p = mu.size
    i, j = np.tril_indices(p)
    KK, KQ, Ke = np.zeros(i.size), np.zeros((i.size, i.size)), np.zeros((i.size, p))
    for part in patterns.parts():
        n = patterns.n[part]
        K = inverses(Sigma, patterns.seen[part])
        weighted = n[:, None] * K[:, i, j]
        KK += weighted.sum(axis=0)
        if expected:
            KQ += weighted.T @ (0.5 * K)[:, i, j]
            continue
        d, T = _deviations(patterns, part, mu)
        KQ += weighted.T @ (K @ T @ K - 0.5 * K)[:, i, j]
        Ke += weighted.T @ (K @ d[:, :, None])[:, :, 0]
    place = np.empty((p, p), dtype=np.int64)
    place[i, j] = place[j, i] = np.arange(i.size)
    half = np.where(i == j, 0.5, 1.0)
    both = KQ + KQ.T
    total = np.empty((p + i.size, p + i.size))
    total[:p, :p] = KK[place]
    total[:p, p:] = half * (Ke[place[:, i], j] + Ke[place[:, j], i])
    total[p:, :p] = total[:p, p:].T
    ii, jj, ij, ji = (place[np.ix_(one, other)] for one, other in ((i, i), (j, j), (i, j), (j, i)))
    total[p:, p:] = np.outer(half, half) * (both[ii, jj] + both[ij, ji])
    return np.asarray(total / patterns.n.sum())


def saturated_moments(patterns: Patterns, values: Array) -> tuple[Array, Array]:
    """Return the maximum likelihood means and covariances of incomplete normal answers.

    All is in standard units. The EM algorithm begins, and Newton's method ends; a step of Newton that would not
    raise the likelihood is EM's.

    References
    ----------
    Little, R. J. A., & Rubin, D. B. (2002). Statistical analysis with missing data (2nd ed.), section 11.2. Wiley.
    https://doi.org/10.1002/9781119013563
    """
    centre, unit = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    scaled = _scaled(patterns, centre, unit)
    mean, S = np.zeros(unit.size), np.eye(unit.size)
    value, G, h = likelihood(scaled, mean, S)
    for step in range(_MOST_STEPS):
        found = None
        if step >= _EM_STEPS:
            moved = _newton(scaled, mean, S, G, h)
            found = likelihood(scaled, *moved)
        if found is None or not found[0] <= value + 1e-12 * abs(value):
            moved = _expected(mean, S, G, h, float(scaled.n.sum()))
            found = likelihood(scaled, *moved)
        change = max(float(np.abs(moved[0] - mean).max()), float(np.abs(moved[1] - S).max()))
        (mean, S), (value, G, h) = moved, found
        if change < _CLOSE or np.linalg.eigvalsh(S)[0] < _SINGULAR:
            break
    return centre + unit * mean, S * np.outer(unit, unit)


def _scaled(patterns: Patterns, centre: Array, unit: Array) -> Patterns:
    """Return patterns with each item's centre at 0 and its unit at 1."""
    mean = np.where(patterns.seen, (patterns.mean - centre) / unit, 0.0)
    return replace(patterns, mean=mean, S=patterns.S / np.outer(unit, unit))


def _roots(own: Array) -> Array | None:
    """Return the diagonals of the Cholesky roots of a stack, or None where one is singular to rounding."""
    try:
        roots: Array = np.diagonal(np.linalg.cholesky(own), axis1=1, axis2=2)
    except np.linalg.LinAlgError:
        return None
    return roots if (roots**2 > ROUNDING * np.diagonal(own, axis1=1, axis2=2)).all() else None


def _own_part(Sigma: Array, both: Flags) -> Array:
    """Return Sigma with rows and columns of items that were not answered replaced by those of the identity."""
    found: Array = np.where(both, Sigma, np.eye(Sigma.shape[0]))
    return found


def _deviations(patterns: Patterns, part: slice, mu: Array) -> tuple[Array, Array]:
    """Return d and T of some patterns."""
    d = np.where(patterns.seen[part], patterns.mean[part] - mu, 0.0)
    return d, patterns.S[part] + d[:, :, None] * d[:, None, :]


def _expected(mean: Array, S: Array, G: Array, h: Array, n: float) -> tuple[Array, Array]:
    """Return the moments after one step of EM, which the slopes of the likelihood give."""
    shift = S @ h / (-2.0 * n)
    return mean + shift, S - S @ G @ S / n - np.outer(shift, shift)


def _newton(patterns: Patterns, mean: Array, S: Array, G: Array, h: Array) -> tuple[Array, Array]:
    """Return the moments after one step of Newton's method."""
    p = mean.size
    i, j = np.tril_indices(p)
    slopes = np.concatenate([h, np.where(i == j, 1.0, 2.0) * G[i, j]]) / patterns.n.sum()
    step = np.linalg.solve(moment_information(patterns, mean, S), -0.5 * slopes)
    new = S.copy()
    new[i, j] += step[p:]
    new[j, i] = new[i, j]
    return mean + step[:p], new
