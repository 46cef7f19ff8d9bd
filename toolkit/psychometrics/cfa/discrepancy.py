"""How far a model is from a sample: the functions that estimation makes small, their slopes, and their information.

Symbols: x free parameters (q,); F the discrepancy, over groups weighted by their share of persons; I the expected
information, half of the expected second slopes of F for one person. All slopes are analytic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from scipy import linalg

from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics.cfa._matrices import (
    Compiled,
    GroupMatrices,
    Implied,
    Values,
    covariance_slopes,
    implied,
    mean_slopes,
    pulled_back,
    scaled_statistics,
)
from toolkit.psychometrics.cfa.moments import GroupSample, Pattern

_ROUNDING = 1e-13
_LOG_2PI = float(np.log(2.0 * np.pi))


class Discrepancy(Protocol):
    """What the optimiser needs of a discrepancy function."""

    compiled: Compiled

    def value(self, x: Array) -> float:
        """Return F; infinite where the implied moments are not admissible."""

    def gradient(self, x: Values) -> Values:
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
    return C if (np.diag(C) ** 2 > _ROUNDING * np.diag(Sigma)).all() else None


def _inverse(Sigma: Values) -> Values:
    """Return the inverse of a covariance matrix, real or complex, as exact where items have different units."""
    size = np.sqrt(np.abs(np.diag(Sigma)))
    unit = np.outer(size, size)
    inverse: Values = np.linalg.inv(Sigma / unit) / unit
    return inverse


def normal_information(group: GroupMatrices, at: Implied, *, means: bool) -> Array:
    """Return the expected information of one person about x under a normal model, shape (q, q)."""
    C = np.linalg.cholesky(at.Sigma)
    slopes, place = covariance_slopes(group, at)
    stacked = slopes.transpose(1, 0, 2).reshape(C.shape[0], -1)
    once = linalg.solve_triangular(C, stacked, lower=True, check_finite=False)
    half = once.reshape(C.shape[0], -1, C.shape[0]).transpose(1, 2, 0)
    whole = linalg.solve_triangular(C, half.transpose(1, 0, 2).reshape(C.shape[0], -1), lower=True, check_finite=False)
    flat = whole.reshape(C.shape[0], slopes.shape[0], C.shape[0]).transpose(1, 0, 2).reshape(slopes.shape[0], -1)
    total = np.zeros((group.q, group.q))
    np.add.at(total, (place[:, None], place[None, :]), 0.5 * flat @ flat.T)
    if means:
        dmu, mean_place = mean_slopes(group, at)
        scaled = linalg.solve_triangular(C, dmu.T, lower=True, check_finite=False)
        np.add.at(total, (mean_place[:, None], mean_place[None, :]), scaled.T @ scaled)
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
            inverse = _inverse(at.Sigma)
            G = inverse - inverse @ self._moments(sample, at) @ inverse
            h = -2.0 * inverse @ (sample.mean - at.mu) if self.means else None
            total += share * pulled_back(group, at, G, h)
        return total

    def information(self, x: Array) -> Array:
        """Return the expected information."""
        parts = [
            share * normal_information(group, implied(group, x), means=self.means)
            for group, share in zip(self.compiled.groups, self.share, strict=True)
        ]
        return np.asarray(sum(parts[1:], parts[0]))

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

    def value_of_groups(self, x: Array) -> Array:
        """Return each group's F, shape (n_groups,)."""
        found = np.empty(len(self.samples))
        for number, group in enumerate(self.compiled.groups):
            at = implied(group, x)
            if not np.isfinite(at.delta).all() or (np.diag(at.Sigma) <= 0.0).any():
                return np.full(len(self.samples), np.inf)
            left = self.observed[number] - scaled_statistics(group, at)[0]
            found[number] = float(self.weights[number] @ left**2)
        return found

    def value(self, x: Array) -> float:
        """Return F."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(self.counting @ self.value_of_groups(x))

    def gradient(self, x: Values) -> Values:
        """Return the slopes of F in x."""
        total = np.zeros(x.size, dtype=x.dtype)
        for number, group in enumerate(self.compiled.groups):
            statistics, slopes = scaled_statistics(group, implied(group, x))
            total += self.counting[number] * (
                -2.0 * slopes.T @ (self.weights[number] * (self.observed[number] - statistics))
            )
        return total

    def information(self, x: Array) -> Array:
        """Return ``D' W D`` with the slopes D of the implied statistics."""
        total = np.zeros((x.size, x.size))
        for number, group in enumerate(self.compiled.groups):
            slopes = scaled_statistics(group, implied(group, x))[1]
            total += self.share[number] * (slopes.T @ (self.weights[number][:, None] * slopes))
        return total


class FullInformation:
    """Minus twice the mean log likelihood of incomplete normal answers, by pattern of answered items."""

    def __init__(self, compiled: Compiled, samples: Sequence[GroupSample]) -> None:
        self.compiled = compiled
        self.samples = samples
        self.share = shares(samples)

    def value(self, x: Array) -> float:
        """Return F; N F is minus twice the log likelihood."""
        total = 0.0
        for group, sample, share in zip(self.compiled.groups, self.samples, self.share, strict=True):
            at = implied(group, x)
            value = pattern_value(sample.patterns, at.mu, at.Sigma)
            total += share * value / sample.n
        return total

    def gradient(self, x: Values) -> Values:
        """Return the slopes of F in x."""
        total = np.zeros(x.size, dtype=x.dtype)
        for group, sample, share in zip(self.compiled.groups, self.samples, self.share, strict=True):
            at = implied(group, x)
            G, h = pattern_slopes(sample.patterns, at.mu, at.Sigma)
            total += share / sample.n * pulled_back(group, at, G, h)
        return total

    def information(self, x: Array) -> Array:
        """Return the expected information of complete answers, a metric for the search."""
        parts = [
            share * normal_information(group, implied(group, x), means=True)
            for group, share in zip(self.compiled.groups, self.share, strict=True)
        ]
        return np.asarray(sum(parts[1:], parts[0]))

    def information_as_answered(self, x: Array) -> Array:
        """Return the expected information of the answers that were given, by pattern: shape (q, q)."""
        total = np.zeros((x.size, x.size))
        for group, sample, share in zip(self.compiled.groups, self.samples, self.share, strict=True):
            at = implied(group, x)
            total += share / sample.n * pattern_information(group, at, sample.patterns)
        return total


def pattern_information(group: GroupMatrices, at: Implied, patterns: Sequence[Pattern]) -> Array:
    """Return the expected information of all persons of the patterns about x, shape (q, q)."""
    slopes, place = covariance_slopes(group, at)
    dmu, mean_place = mean_slopes(group, at)
    total = np.zeros((group.q, group.q))
    for pattern in patterns:
        C = np.linalg.cholesky(at.Sigma[np.ix_(pattern.seen, pattern.seen)])
        root = linalg.solve_triangular(C, np.eye(pattern.seen.size), lower=True, check_finite=False)
        both = root @ slopes[:, pattern.seen[:, None], pattern.seen] @ root.T
        flat = both.reshape(slopes.shape[0], -1)
        np.add.at(total, (place[:, None], place[None, :]), 0.5 * pattern.n * flat @ flat.T)
        scaled = dmu[:, pattern.seen] @ root.T
        np.add.at(total, (mean_place[:, None], mean_place[None, :]), pattern.n * scaled @ scaled.T)
    return total


def pattern_value(patterns: Sequence[Pattern], mu: Array, Sigma: Array) -> float:
    """Return minus twice the log likelihood of all patterns; infinite where Sigma is not positive definite."""
    total = 0.0
    for pattern in patterns:
        part = Sigma[np.ix_(pattern.seen, pattern.seen)]
        C = positive_root(part)
        if C is None:
            return float("inf")
        away = pattern.mean - mu[pattern.seen]
        T = pattern.S + np.outer(away, away)
        trace = float(np.trace(linalg.cho_solve((C, True), T, check_finite=False)))
        total += pattern.n * (pattern.seen.size * _LOG_2PI + 2.0 * float(np.log(np.diag(C)).sum()) + trace)
    return total


def pattern_slopes(patterns: Sequence[Pattern], mu: Values, Sigma: Values) -> tuple[Values, Values]:
    """Return the slopes of :func:`pattern_value` in Sigma, shape (p, p), and in mu, shape (p,)."""
    G, h = np.zeros_like(Sigma), np.zeros_like(mu)
    for pattern in patterns:
        square = np.ix_(pattern.seen, pattern.seen)
        inverse = _inverse(Sigma[square])
        away = pattern.mean - mu[pattern.seen]
        G[square] += pattern.n * (inverse - inverse @ (pattern.S + np.outer(away, away)) @ inverse)
        h[pattern.seen] -= 2.0 * pattern.n * inverse @ away
    return G, h
