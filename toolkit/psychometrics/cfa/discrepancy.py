"""How far a model is from a sample: the functions that estimation makes small, their slopes, and their information.

Symbols: x free parameters (q,); F the discrepancy, over groups weighted by their share of persons; I the expected
information, half of the expected second slopes of F for one person. All slopes are analytic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from scipy import linalg

from toolkit.psychometrics._numerics import Array, Counts, inverse
from toolkit.psychometrics.cfa._matrices import (
    Compiled,
    GroupMatrices,
    Implied,
    Values,
    complex_slopes,
    covariance_pairs,
    covariance_slopes,
    gathered,
    implied,
    mean_slopes,
    moment_slopes,
    pulled_back,
    scaled_statistics,
)
from toolkit.psychometrics.cfa.moments import GroupSample
from toolkit.psychometrics.cfa.patterns import ROUNDING, likelihood, moment_information


class Discrepancy(Protocol):
    """What the optimiser needs of a discrepancy function."""

    compiled: Compiled

    def value(self, x: Array) -> float:
        """Return F; infinite where the implied moments are not admissible."""

    def gradient(self, x: Array) -> Array:
        """Return the slopes of F in x, shape (q,)."""

    def information(self, x: Array) -> Array:
        """Return I, shape (q, q)."""


def shares(samples: Sequence[GroupSample]) -> Array:
    """Return each group's share of all persons."""
    n = np.array([sample.n for sample in samples], dtype=np.float64)
    share: Array = n / n.sum()
    return share


def positive_root(Sigma: Array) -> Array | None:
    """Return the lower Cholesky root of a covariance matrix, or None where it is singular to rounding."""
    try:
        C: Array = linalg.cholesky(Sigma, lower=True, check_finite=False)
    except linalg.LinAlgError:
        return None
    return C if (np.diag(C) ** 2 > ROUNDING * np.diag(Sigma)).all() else None


def normal_information(group: GroupMatrices, at: Implied, *, means: bool) -> Array:
    """Return the expected information of one person about x under a normal model, shape (q, q)."""
    K = inverse(at.Sigma)
    of_covariances, place = _quadratic_forms(group, at, K, K)
    total = gathered(gathered(of_covariances, place, group.q).T, place, group.q)
    if means:
        dmu, mean_place = mean_slopes(group, at)
        total += gathered(gathered(dmu @ K @ dmu.T, mean_place, group.q).T, mean_place, group.q)
    return total


def _quadratic_forms(group: GroupMatrices, at: Implied, K: Array, Q: Array) -> tuple[Array, Counts]:
    """Return ``tr(Q dSigma_a K dSigma_b) / 2`` for all free elements a and b, and their places in x.

    With ``dSigma = w (l r' + r l')`` these are products of numbers such as ``l_a' K l_b``.
    """
    left, right, weight, place = covariance_pairs(group, at)
    K_of, Q_of = ((left.T @ M @ left, right.T @ M @ right, left.T @ M @ right) for M in (K, Q))
    forms = K_of[2].T * Q_of[2] + K_of[1] * Q_of[0] + K_of[0] * Q_of[1] + K_of[2] * Q_of[2].T
    return 0.5 * np.outer(weight, weight) * forms, place


def normal_information_of_groups(compiled: Compiled, share: Array, x: Array, *, means: bool) -> Array:
    """Return the expected information of one person of all groups, each counting by its share: shape (q, q)."""
    total = np.zeros((x.size, x.size))
    for group, of_group in zip(compiled.groups, share, strict=True):
        total += of_group * normal_information(group, implied(group, x), means=means)
    return total


class NormalDiscrepancy:
    """``F = log|Sigma| + tr(S Sigma^-1) - log|S| - p``, and ``(m - mu)' Sigma^-1 (m - mu)`` where means are modelled.

    N F is the likelihood-ratio chi-square.
    """

    def __init__(self, compiled: Compiled, samples: Sequence[GroupSample]) -> None:
        self.compiled = compiled
        self.samples = samples
        self.means = compiled.model.mean_structure
        self.share = shares(samples)
        self.constants = [float(np.linalg.slogdet(sample.S)[1]) + sample.S.shape[0] for sample in samples]

    def value_of_groups(self, x: Array) -> Array:
        """Return each group's F, shape (n_groups,)."""
        found = np.empty(len(self.samples))
        for number, (group, sample) in enumerate(zip(self.compiled.groups, self.samples, strict=True)):
            at = implied(group, x)
            C = positive_root(at.Sigma)
            if C is None:
                return np.full(len(self.samples), np.inf)
            T = self._moments(sample, at)
            trace = float(np.trace(linalg.cho_solve((C, True), T)))
            found[number] = 2.0 * np.log(np.diag(C)).sum() + trace - self.constants[number]
        return found

    def value(self, x: Array) -> float:
        """Return F."""
        return float(self.share @ self.value_of_groups(x))

    def gradient(self, x: Values) -> Values:
        """Return the slopes of F in x."""
        total = np.zeros(x.size, dtype=x.dtype)
        for group, sample, share in zip(self.compiled.groups, self.samples, self.share, strict=True):
            at = implied(group, x)
            K = inverse(at.Sigma)
            G = K - K @ self._moments(sample, at) @ K
            h = -2.0 * K @ (sample.mean - at.mu) if self.means else None
            total += share * pulled_back(group, at, G, h)
        return total

    def information(self, x: Array) -> Array:
        """Return the expected information."""
        return normal_information_of_groups(self.compiled, self.share, x, means=self.means)

    def observed_information(self, x: Array) -> Array:
        """Return half of the second slopes of F in x: of Sigma and mu taken as straight, and what they curve."""
        total = np.zeros((x.size, x.size))
        for group, sample, share in zip(self.compiled.groups, self.samples, self.share, strict=True):
            at = implied(group, x)
            K = inverse(at.Sigma)
            KTK = K @ self._moments(sample, at) @ K
            of_covariances, place = _quadratic_forms(group, at, K, 2.0 * KTK - K)
            own = gathered(gathered(of_covariances, place, group.q).T, place, group.q)
            h = None
            if self.means:
                e = K @ (sample.mean - at.mu)
                h = -2.0 * e
                dmu, mean_place = mean_slopes(group, at)
                own += gathered(gathered(dmu @ K @ dmu.T, mean_place, group.q).T, mean_place, group.q)
                slopes, _ = covariance_slopes(group, at)
                both = gathered(gathered(slopes @ e @ K @ dmu.T, place, group.q).T, mean_place, group.q)
                own += both + both.T
            total += share * (own + curvature(group, x, K - KTK, h))
        return total

    def _moments(self, sample: GroupSample, at: Implied) -> Values:
        if not self.means:
            return sample.S
        away = sample.mean - at.mu
        return sample.S + np.outer(away, away)


class LeastSquares:
    """``F = (s - sigma)' W (s - sigma)`` with diagonal weights W over thresholds and correlations.

    Groups count by their persons less one, so that N F is the chi-square.
    """

    def __init__(self, compiled: Compiled, samples: Sequence[GroupSample], weights: Sequence[Array]) -> None:
        self.compiled = compiled
        self.samples = samples
        self.weights = weights
        self.share = shares(samples)
        self.counting = self.share * np.array([1.0 - 1.0 / sample.n for sample in samples])
        self.observed = [sample.ordinal.statistics for sample in samples if sample.ordinal is not None]
        self._known: tuple[Array, list[tuple[Implied, Array, Array]]] | None = None

    def value_of_groups(self, x: Array) -> Array:
        """Return each group's F, shape (n_groups,)."""
        found = np.empty(len(self.samples))
        for number, (at, left, _) in enumerate(self._evaluated(x)):
            if not np.isfinite(at.delta).all() or (np.diag(at.Sigma) <= 0.0).any():
                return np.full(len(self.samples), np.inf)
            found[number] = float(self.weights[number] @ left**2)
        return found

    def value(self, x: Array) -> float:
        """Return F."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(self.counting @ self.value_of_groups(x))

    def gradient(self, x: Array) -> Array:
        """Return the slopes of F in x."""
        total = np.zeros(x.size)
        for W, share, (_, left, slopes) in zip(self.weights, self.counting, self._evaluated(x), strict=True):
            total -= 2.0 * share * (slopes.T @ (W * left))
        return total

    def information(self, x: Array) -> Array:
        """Return ``D' W D`` with the slopes D of the implied statistics."""
        total = np.zeros((x.size, x.size))
        for W, share, (_, _, slopes) in zip(self.weights, self.share, self._evaluated(x), strict=True):
            total += share * (slopes.T @ (W[:, None] * slopes))
        return total

    def _evaluated(self, x: Array) -> list[tuple[Implied, Array, Array]]:
        """Return, for each group, what is implied at x, the statistics less that, and its slopes."""
        if self._known is None or not np.array_equal(self._known[0], x):
            found = []
            for group, observed in zip(self.compiled.groups, self.observed, strict=True):
                at = implied(group, x)
                statistics, slopes = scaled_statistics(group, at)
                found.append((at, observed - statistics, slopes))
            self._known = (x.copy(), found)
        return self._known[1]


class FullInformation:
    """Minus twice the mean log likelihood of incomplete normal answers, by pattern of answered items."""

    def __init__(self, compiled: Compiled, samples: Sequence[GroupSample]) -> None:
        self.compiled = compiled
        self.samples = samples
        self.share = shares(samples)
        self._known: tuple[Array, list[tuple[Implied, float, Array, Array]]] | None = None

    def value(self, x: Array) -> float:
        """Return F; N F is minus twice the log likelihood."""
        values = [value / sample.n for sample, (_, value, _, _) in zip(self.samples, self._evaluated(x), strict=True)]
        return float(self.share @ values)

    def gradient(self, x: Array) -> Array:
        """Return the slopes of F in x."""
        total = np.zeros(x.size)
        for group, sample, share, (at, _, G, h) in zip(
            self.compiled.groups, self.samples, self.share, self._evaluated(x), strict=True
        ):
            total += share / sample.n * pulled_back(group, at, G, h)
        return total

    def information(self, x: Array) -> Array:
        """Return the expected information of complete answers, a metric for the search."""
        return normal_information_of_groups(self.compiled, self.share, x, means=True)

    def observed_information(self, x: Array) -> Array:
        """Return half of the second slopes of F in x: that of the moments, and what their own curvature adds."""
        total = np.zeros((x.size, x.size))
        for group, sample, share, (at, _, G, h) in zip(
            self.compiled.groups, self.samples, self.share, self._evaluated(x), strict=True
        ):
            if sample.patterns is not None:
                D = moment_slopes(group, at)
                W = moment_information(sample.patterns, at.mu, at.Sigma)
                total += share * (D.T @ W @ D + curvature(group, x, G / sample.n, h / sample.n))
        return total

    def information_as_answered(self, x: Array) -> Array:
        """Return the expected information of the answers that were given, by pattern: shape (q, q)."""
        total = np.zeros((x.size, x.size))
        for group, sample, share in zip(self.compiled.groups, self.samples, self.share, strict=True):
            at = implied(group, x)
            if sample.patterns is not None:
                D = moment_slopes(group, at)
                total += share * (D.T @ moment_information(sample.patterns, at.mu, at.Sigma, expected=True) @ D)
        return total

    def _evaluated(self, x: Array) -> list[tuple[Implied, float, Array, Array]]:
        """Return, for each group, what is implied at x, with the likelihood and its slopes in the moments."""
        if self._known is None or not np.array_equal(self._known[0], x):
            found = []
            for group, sample in zip(self.compiled.groups, self.samples, strict=True):
                at = implied(group, x)
                if sample.patterns is not None:
                    found.append((at, *likelihood(sample.patterns, at.mu, at.Sigma)))
            self._known = (x.copy(), found)
        return self._known[1]


def curvature(group: GroupMatrices, x: Array, G: Array, h: Array | None) -> Array:
    """Return half of what the second slopes of the moments add to those of a function with slopes G and h in them.

    Residual covariances and intercepts have none.
    """
    curved = np.unique(np.concatenate([group.free[name].place for name in ("Lambda", "B", "Psi", "alpha")]))
    slopes = complex_slopes(lambda moved: pulled_back(group, implied(group, moved), G, h), x, curved)[curved]
    total = np.zeros((x.size, x.size))
    total[np.ix_(curved, curved)] = (slopes + slopes.T) / 4.0
    return total
