"""How the estimates of a model and the observed moments vary together, for the delta method.

A coefficient with the observed total variance depends on the estimates x and on the sample's covariances S (of ordered
items: polychoric correlations). For a symmetric A, ``tr(A S)`` is one number that S gives.
"""

from __future__ import annotations

import numpy as np

from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics.cfa._matrices import implied, pulled_back
from toolkit.psychometrics.cfa.casewise import (
    cluster_corrections,
    model_scores,
    saturated_information,
    saturated_scores,
    vech,
)
from toolkit.psychometrics.cfa.fitting import LIKELIHOOD, FittedModel
from toolkit.psychometrics.cfa.moments import GroupSample


class JointSpread:
    """Variances of numbers that depend on the estimates and on one group's observed moments.

    Normal theory under ML; sums over persons, or over clusters, of what each adds under MLR; the asymptotic covariance
    of thresholds and correlations under least squares, DWLS too.

    Parameters
    ----------
    fit : FittedModel
    """

    def __init__(self, fit: FittedModel) -> None:
        self.fit = fit
        self._robust = fit.estimator in LIKELIHOOD and (fit.estimator == "MLR" or fit.n_clusters > 0)
        self.covariance = fit.covariance
        self._shares: list[Array] = []
        self._corrections: Array = np.sqrt(cluster_corrections(fit.samples))
        self._inverse = np.linalg.inv(fit.information)
        if fit.parts is not None:
            self.covariance = self._inverse @ fit.parts.K @ self._inverse / fit.n
        if self._robust:
            means = fit.compiled.model.mean_structure
            for group, sample, weight in zip(fit.compiled.groups, fit.samples, self._corrections, strict=True):
                scores = model_scores(group, implied(group, fit.x), sample, means=means)
                self._shares.append(weight * scores @ self._inverse / fit.n)

    def standard_error(self, by_parameter: Array, by_moment: Array, number: int) -> float:
        """Return the standard error of a number with these slopes in x and in the moments of one group."""
        variance = float(by_parameter @ self.covariance @ by_parameter)
        if by_moment.any():
            together, alone = self._of_moments(by_moment, number)
            variance += 2.0 * float(by_parameter @ together) + alone
        return float(np.sqrt(variance)) if variance >= 0.0 else float("nan")

    def _of_moments(self, A: Array, number: int) -> tuple[Array, float]:
        """Return the covariances of x with tr(A S) of one group, shape (q,), and its variance."""
        sample = self.fit.samples[number]
        if self.fit.parts is not None and sample.ordinal is not None:
            gamma = sample.ordinal.gamma
            a = self._as_statistics(A, number)
            along = gamma @ a
            weighted = self.fit.parts.weighted[number]
            return self._inverse @ (weighted.T @ along) / self.fit.n, float(a @ along) / sample.n
        if self._robust:
            return self._by_persons(A, number)
        # Normal theory: an efficient estimate covaries with any other estimate of the same number as with itself.
        group = self.fit.compiled.groups[number]
        at = implied(group, self.fit.x)
        together = self.fit.covariance @ pulled_back(group, at, A, None)
        if sample.patterns:
            a = _half(A, sample)
            return together, float(a @ np.linalg.solve(saturated_information(sample), a)) / sample.n
        AS = A @ at.Sigma
        return together, 2.0 * float((AS * AS.T).sum()) / sample.n

    def _as_statistics(self, A: Array, number: int) -> Array:
        """Return the slopes of tr(A S) in the sample statistics: thresholds, variances, covariances."""
        group, sample = self.fit.compiled.groups[number], self.fit.samples[number]
        first, second = np.triu_indices(A.shape[0], 1)
        variances = np.diag(A)[~group.ordered]
        a = np.zeros(0 if sample.ordinal is None else sample.ordinal.statistics.size)
        a[a.size - first.size :] = 2.0 * A[first, second]
        a[a.size - first.size - variances.size : a.size - first.size] = variances
        return a

    def _by_persons(self, A: Array, number: int) -> tuple[Array, float]:
        sample, shares = self.fit.samples[number], self._shares[number]
        if sample.patterns:
            own = saturated_scores(sample) @ np.linalg.solve(saturated_information(sample), _half(A, sample))
        else:
            away = sample.values - sample.mean
            own = ((away @ A) * away).sum(axis=1) - float((A * sample.S).sum())
        own = own / sample.n
        if not self.fit.n_clusters or sample.clusters is None:
            return shares.T @ own, float(own @ own)
        every = np.zeros((self.fit.n_clusters, shares.shape[1]))
        for each, found in zip(self._shares, self.fit.samples, strict=True):
            if found.clusters is not None:
                np.add.at(every, found.clusters, each)
        sums = np.zeros(self.fit.n_clusters)
        np.add.at(sums, sample.clusters, self._corrections[number] * own)
        return every.T @ sums, float(sums @ sums)


def _half(A: Array, sample: GroupSample) -> Array:
    """Return the slopes of tr(A S) in means and half-vectorised covariances."""
    i, j = vech(sample.mean.size)
    return np.concatenate([np.zeros(sample.mean.size), np.where(i == j, 1.0, 2.0) * A[i, j]])
