"""Variance within and between units, and unit means drawn towards the mean of all: numbers in, numbers out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import chi2, t

Array = NDArray[np.float64]

LEAST_UNITS = 4
"""Units below which nothing is shrunken: from four on, shrinking to an estimated mean lowers the total error."""
_RATIOS = np.concatenate([[0.0], np.logspace(-6, 13, 96)])
_NEAR = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VarianceComponents:
    """The one-way random effects model of persons in units, by restricted maximum likelihood.

    Attributes
    ----------
    mean, mean_variance : float
        Generalised least squares mean of the units, and its sampling variance given the components.
    within, between : float
        Variance of persons within units, and tau2 of unit means around the mean; ``between`` is 0 at the boundary.
    between_variance : float
        Sampling variance of ``between`` from its expected information, with ``within`` taken as known.
    icc1, icc1_low, icc1_high : float
        between / (between + within), with the profile likelihood interval.
    icc2 : float
        Reliability of the mean of a unit of the average size.
    mean_reliability : float
        Mean over units of between / (between + within / n).
    criterion : float
        Minus twice the restricted log-likelihood.
    n_units, n : int
        Units and persons.
    """

    mean: float
    mean_variance: float
    within: float
    between: float
    between_variance: float
    icc1: float
    icc1_low: float
    icc1_high: float
    icc2: float
    mean_reliability: float
    criterion: float
    n_units: int
    n: int


def variance_components(n: Array, means: Array, squares: Array, *, level: float) -> VarianceComponents | None:
    """Estimate the variance within and between units from their sizes, means and sums of squares.

    Parameters
    ----------
    n, means, squares : ndarray, shape (n_units,)
        Persons, mean, and sum of squared deviations from the mean, for each unit.
    level : float
        Level of the interval of ICC(1).

    Returns
    -------
    VarianceComponents or None
        None with fewer than two units, or where nobody differs from the others of a unit.

    Notes
    -----
    With the ratio r = between / within and the weights w = n / (1 + n r), minus twice the restricted log-likelihood,
    with the mean and ``within`` profiled out, is sum log(1 + n r) + log sum w + (N - 1) (1 + log(2 pi Q / (N - 1))),
    where Q is the sum of squares within units and sum w (mean - mu)^2, and ``within`` = Q / (N - 1). Its derivative
    by r is solved between the neighbours of the best point of a grid, so that a second minimum is not mistaken for the
    first. The interval of ICC(1) = r / (1 + r) holds the ratios whose criterion is within a chi-square quantile (one
    degree of freedom) of the minimum; at the boundary its lower limit is 0.

    Validated against R lme4 (lmer, REML): tests/parity/test_lme4.py.

    References
    ----------
    Patterson, H. D., & Thompson, R. (1971). Recovery of inter-block information when block sizes are unequal.
    *Biometrika, 58*(3), 545-554. https://doi.org/10.1093/biomet/58.3.545
    """
    total, within_squares = float(n.sum()), float(squares.sum())
    spread = max(within_squares, float((n * (means - means.mean()) ** 2).sum())) if n.size else 0.0
    if n.size < 2 or total <= n.size or within_squares <= _NEAR * spread or spread == 0:
        return None
    criterion = partial(_criterion, n=n, means=means, squares=within_squares)
    grid = criterion(_RATIOS)
    best = int(np.argmin(grid))
    low, high = _RATIOS[max(best - 1, 0)], _RATIOS[min(best + 1, len(_RATIOS) - 1)]
    slope = partial(_slope, n=n, means=means, squares=within_squares)
    ratio = 0.0 if slope(low) >= 0 else float(brentq(slope, low, high, xtol=1e-14, rtol=1e-13))
    least = float(criterion(np.array([ratio]))[0])
    limits = _limits(criterion, ratio, least + float(chi2.ppf(level, 1)))
    weights = n / (1 + n * ratio)
    mean = float(weights @ means / weights.sum())
    within = (within_squares + float(weights @ (means - mean) ** 2)) / (total - 1)
    between = ratio * within
    icc1 = ratio / (1 + ratio)
    average = (total - float(n @ n) / total) / (n.size - 1)
    precision = 1 / (between + within / n)
    information = 0.5 * (
        (precision**2).sum()
        - 2 * (precision**3).sum() / precision.sum()
        + ((precision**2).sum() / precision.sum()) ** 2
    )
    return VarianceComponents(
        mean=mean,
        mean_variance=float(1 / precision.sum()),
        within=within,
        between=between,
        between_variance=float(1 / information),
        icc1=icc1,
        icc1_low=limits[0] / (1 + limits[0]),
        icc1_high=limits[1] / (1 + limits[1]),
        icc2=average * icc1 / (1 + (average - 1) * icc1),
        mean_reliability=float((between * precision).mean()),
        criterion=least,
        n_units=int(n.size),
        n=int(total),
    )


def shrunken_means(
    components: VarianceComponents, n: Array, means: Array, *, level: float
) -> tuple[Array, Array, Array]:
    """Return the empirical Bayes mean of each unit and its interval.

    Parameters
    ----------
    components : VarianceComponents
        The model of these units.
    n, means : ndarray, shape (n_units,)
        As they were given to :func:`variance_components`.
    level : float
        Level of the interval.

    Returns
    -------
    shrunken, low, high : ndarray, shape (n_units,)

    Notes
    -----
    With v = within / n and the weight B = between / (between + v) of the unit's own mean, the shrunken mean is
    mu + B (mean - mu), which is the conditional mode of the mixed model. Its variance has three parts: B v, what is
    left when all parameters are known; (1 - B)^2 var(mu), for the estimated mean; and the first-order correction of
    Kass and Steffey for the estimated ``between``, the squared derivative of the shrunken mean (by its weight and by
    mu) times the sampling variance of ``between``. The uncertainty of ``within``, which rests on all persons, is
    left out. The interval takes the quantile of Student's t with one degree of freedom less than there are units: an
    approximation that makes up for what the first-order correction lacks with few units. Where ``between`` is 0 all
    units get mu, and the third part keeps the interval open.

    The interval covers the units' true means at its level *on average over the units*, not for each: a unit that is far
    from the others is drawn too far.

    References
    ----------
    Morris, C. N. (1983). Parametric empirical Bayes inference: Theory and applications. *Journal of the American
    Statistical Association, 78*(381), 47-55. https://doi.org/10.1080/01621459.1983.10477920

    Kass, R. E., & Steffey, D. (1989). Approximate Bayesian inference in conditionally independent hierarchical models
    (parametric empirical Bayes models). *Journal of the American Statistical Association, 84*(407), 717-726.
    https://doi.org/10.1080/01621459.1989.10478825
    """
    noise = components.within / n
    precision = 1 / (components.between + noise)
    weight = components.between * precision
    apart = means - components.mean
    mean_slope = -float(precision**2 @ apart) / float(precision.sum())
    slope = (1 - weight) * (precision * apart + mean_slope)
    variance = weight * noise + (1 - weight) ** 2 * components.mean_variance + slope**2 * components.between_variance
    shrunken = components.mean + weight * apart
    reach = float(t.ppf((1 + level) / 2, components.n_units - 1)) * np.sqrt(variance)
    return shrunken, shrunken - reach, shrunken + reach


def _criterion(ratios: Array, *, n: Array, means: Array, squares: float) -> Array:
    """Return minus twice the restricted log-likelihood at each ratio of between to within."""
    sizes = 1 + np.multiply.outer(ratios, n)
    weights = n / sizes
    sums = weights.sum(axis=1)
    mean = weights @ means / sums
    residual = squares + (weights * (means - mean[:, None]) ** 2).sum(axis=1)
    free = n.sum() - 1
    result: Array = np.log(sizes).sum(axis=1) + np.log(sums) + free * (1 + np.log(2 * np.pi * residual / free))
    return result


def _slope(ratio: float, *, n: Array, means: Array, squares: float) -> float:
    """Return the derivative of the criterion by the ratio."""
    weights = n / (1 + ratio * n)
    total = weights.sum()
    apart = weights * (means - weights @ means / total) ** 2
    residual = squares + apart.sum()
    return float(total - weights @ weights / total - (n.sum() - 1) * (apart @ weights) / residual)


def _limits(criterion: partial[Array], ratio: float, bound: float) -> tuple[float, float]:
    """Return the ratios on both sides at which the criterion reaches the bound."""

    def above(at: float) -> float:
        return float(criterion(np.array([at]))[0]) - bound

    low = 0.0 if above(0.0) <= 0 else float(brentq(above, 0.0, ratio, xtol=1e-14, rtol=1e-12))
    start, step = ratio, max(ratio, 1e-3)
    while above(start + step) < 0:
        start, step = start + step, step * 2
    return low, float(brentq(above, start, start + step, xtol=1e-14, rtol=1e-12))
