"""The variance of sums of items under a confirmatory model, its parts, and the slopes of both.

Symbols: L loadings of items on factors, also through other factors, (p, m); V factor covariances (m, m); G the common
part of the items' covariances and R all of it, (p, p). Ordered items are variables of variance 1 that are cut at tau,
and their codes rise by steps d; continuous ones stay in their own units. A sum adds up codes and measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.psychometrics._numerics import Array, Counts, Flags
from toolkit.psychometrics.cfa._matrices import GroupMatrices, Implied, Values, complex_slopes, implied
from toolkit.psychometrics.reliability.categorical import (
    code_covariance_slope,
    code_threshold_slopes,
    covariance_of_codes,
    own_threshold_slopes,
    variance_of_codes,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemScale:
    """What one group's model says about its items, ordered ones with variance 1.

    Attributes
    ----------
    L : ndarray, shape (p, m)
    V : ndarray, shape (m,)
        Variances of the factors.
    G, R : ndarray, shape (p, p)
    tau : ndarray, shape (n_thresholds,)
        All thresholds, item by item.
    """

    L: Values
    V: Values
    G: Values
    R: Values
    tau: Values

    def flat(self) -> Values:
        """Return all numbers in one row."""
        return np.concatenate([self.L.ravel(), self.V, self.G.ravel(), self.R.ravel(), self.tau])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """How answers come from variables: which items are ordered, where thresholds begin, and the steps of codes."""

    ordered: Flags
    first: Counts
    d: Sequence[Array]

    def thresholds(self, tau: Array, item: int) -> Array:
        """Return an item's thresholds."""
        begin = int(self.first[item])
        return tau[begin : begin + self.d[item].size]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SumVariance:
    """A variance of a sum, its slopes in the free parameters (q,), and in the observed moments (p, p), symmetric."""

    value: float
    by_parameter: Array
    by_moment: Array


def item_scale(group: GroupMatrices, at: Implied) -> ItemScale:
    """Return the model's items, ordered ones with variance 1."""
    unit = np.where(group.ordered, np.sqrt(np.diag(at.Sigma)), 1.0)
    both = np.outer(unit, unit)
    common = at.L @ at.matrices["Psi"] @ at.L.T
    item = group.item_of
    return ItemScale(
        L=at.L / unit[:, None],
        V=np.diag(at.V).copy(),
        G=common / both,
        R=at.Sigma / both,
        tau=(at.matrices["tau"][:, 0] - at.mu[item]) / unit[item],
    )


class SumScores:
    """Variances of sums of items in one group, as the model has them at x and as observed.

    Parameters
    ----------
    group : GroupMatrices
    x : ndarray, shape (q,)
    observed : ndarray, shape (p, p)
        Observed covariances, of ordered items polychoric correlations.
    d : sequence of ndarray
        The steps between the codes of each ordered item; empty for a continuous one.
    """

    def __init__(self, group: GroupMatrices, x: Array, observed: Array, d: Sequence[Array]) -> None:
        self.scale = item_scale(group, implied(group, x))
        self.observed = observed
        sizes = np.array([steps.size for steps in d], dtype=np.int64)
        self.steps = Steps(ordered=group.ordered, first=np.cumsum(sizes) - sizes, d=d)
        p, m = self.scale.L.shape
        slopes = complex_slopes(lambda z: item_scale(group, implied(group, z)).flat(), x)
        ends = np.cumsum([p * m, m, p * p, p * p])
        L, V, G, R, tau = np.split(slopes, ends)
        self._dL, self._dV = L.reshape(p, m, -1), V
        self._dG, self._dR, self._dtau = G.reshape(p, p, -1), R.reshape(p, p, -1), tau

    def of_factor(self, items: Counts, factor: int) -> SumVariance:
        """Return the part of a sum's variance that one factor explains."""
        lam, v = self.scale.L[items, factor], float(self.scale.V[factor])
        value, M, by_tau = sum_of_codes(v * np.outer(lam, lam), self.scale.tau, self.steps, items, own=True)
        slopes = 2.0 * v * (M @ lam) @ self._dL[items, factor] + (lam @ M @ lam) * self._dV[factor]
        return self._found(value, slopes + by_tau @ self._dtau)

    def common(self, items: Counts) -> SumVariance:
        """Return the part of a sum's variance that all factors explain."""
        square = np.ix_(items, items)
        value, M, by_tau = sum_of_codes(self.scale.G[square], self.scale.tau, self.steps, items, own=True)
        return self._found(value, np.einsum("jk,jkq->q", M, self._dG[square]) + by_tau @ self._dtau)

    def model_total(self, items: Counts) -> SumVariance:
        """Return a sum's variance as the model has it."""
        square = np.ix_(items, items)
        value, M, by_tau = sum_of_codes(self.scale.R[square], self.scale.tau, self.steps, items, own=False)
        return self._found(value, np.einsum("jk,jkq->q", M, self._dR[square]) + by_tau @ self._dtau)

    def observed_total(self, items: Counts) -> SumVariance:
        """Return a sum's variance as observed, its thresholds being those of the model."""
        square = np.ix_(items, items)
        value, M, by_tau = sum_of_codes(self.observed[square], self.scale.tau, self.steps, items, own=False)
        by_moment = np.zeros_like(self.observed)
        by_moment[square] = M
        return SumVariance(value=value, by_parameter=by_tau @ self._dtau, by_moment=by_moment)

    def _found(self, value: float, slopes: Array) -> SumVariance:
        return SumVariance(value=value, by_parameter=slopes, by_moment=np.zeros_like(self.observed))


def ratio(part: SumVariance, whole: SumVariance) -> SumVariance:
    """Return a part of a variance over the whole, with its slopes."""
    share = part.value / whole.value
    return SumVariance(
        value=share,
        by_parameter=(part.by_parameter - share * whole.by_parameter) / whole.value,
        by_moment=(part.by_moment - share * whole.by_moment) / whole.value,
    )


def sum_of_codes(T: Array, tau: Array, steps: Steps, items: Counts, *, own: bool) -> tuple[float, Array, Array]:
    """Return the variance of a sum of answers whose variables have covariances T, and its slopes.

    Parameters
    ----------
    T : ndarray, shape (k, k)
        Covariances of the variables behind the k items; those of ordered items have variance 1.
    tau : ndarray, shape (n_thresholds,)
    steps : Steps
    items : ndarray of int, shape (k,)
    own : bool
        Whether the diagonal of T holds the covariances of two answers to one item (its true score's variance), and not
        its variances.

    Returns
    -------
    value : float
    by_T : ndarray, shape (k, k)
        Slopes in each element of T.
    by_tau : ndarray, shape (n_thresholds,)

    References
    ----------
    Green, S. B., & Yang, Y. (2009). Reliability of summed item scores using structural equation modeling: An
    alternative to coefficient alpha. Psychometrika, 74, 155-167. https://doi.org/10.1007/s11336-008-9099-3
    """
    by_tau = np.zeros(tau.size)
    ordered = steps.ordered[items]
    if not ordered.any():
        return float(T.sum()), np.ones_like(T), by_tau
    value, by_T = 0.0, np.zeros_like(T)
    cuts = [steps.thresholds(tau, int(item)) for item in items]
    d = [steps.d[int(item)] for item in items]
    for j in range(items.size):
        for k in range(j + 1):
            twice = 1.0 if j == k else 2.0
            if j == k and not own:
                amount, slope, moved = _variance(T[j, j], cuts[j], d[j], ordered=bool(ordered[j]))
            else:
                amount, slope = _covariance(T[j, k], cuts[j], d[j], cuts[k], d[k], ordered[j], ordered[k])
                moved = _moved(T[j, k], cuts[j], d[j], cuts[k], d[k], ordered[k])
                back = _moved(T[j, k], cuts[k], d[k], cuts[j], d[j], ordered[j])
                by_tau[_places(steps, int(items[k]))] += twice * back
            value += twice * amount
            by_T[j, k] = by_T[k, j] = slope
            by_tau[_places(steps, int(items[j]))] += twice * moved
    return value, by_T, by_tau


def _places(steps: Steps, item: int) -> slice:
    begin = int(steps.first[item])
    return slice(begin, begin + steps.d[item].size)


def _variance(t: float, tau: Array, d: Array, *, ordered: bool) -> tuple[float, float, Array]:
    """Return an answer's variance, and its slopes in that of the variable and in the thresholds."""
    if not ordered:
        return float(t), 1.0, np.zeros(0)
    return variance_of_codes(tau, d), 0.0, 2.0 * own_threshold_slopes(tau, d)


def _covariance(
    t: float, tau_j: Array, d_j: Array, tau_k: Array, d_k: Array, ordered_j: bool, ordered_k: bool
) -> tuple[float, float]:
    """Return the covariance of two answers, and its slope in that of their variables."""
    if ordered_j and ordered_k:
        return covariance_of_codes(tau_j, d_j, tau_k, d_k, t), code_covariance_slope(tau_j, d_j, tau_k, d_k, t)
    slope = (float(d_j @ _density(tau_j)) if ordered_j else 1.0) * (float(d_k @ _density(tau_k)) if ordered_k else 1.0)
    return float(t) * slope, slope


def _moved(t: float, tau_j: Array, d_j: Array, tau_k: Array, d_k: Array, ordered_k: bool) -> Array:
    """Return the slopes of the covariance of two answers in the thresholds of the first; none if it is continuous."""
    if not tau_j.size:
        return np.zeros(0)
    if ordered_k:
        return code_threshold_slopes(tau_j, d_j, tau_k, d_k, t)
    slopes: Array = -t * d_j * tau_j * _density(tau_j)
    return slopes


def _density(x: Array) -> Array:
    density: Array = np.exp(-0.5 * x**2) / np.sqrt(2.0 * np.pi)
    return density
