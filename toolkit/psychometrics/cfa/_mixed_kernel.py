"""Kernels of two-step polyserial and Pearson correlations and of what each person adds to their errors.

Symbols: z a standardised continuous variable, tau thresholds, rho correlation, R = sqrt(1 - rho^2),
``a = (tau_low - rho z) / R`` and ``b = (tau_high - rho z) / R`` the limits of a category given z, and
P = Phi(b) - Phi(a) its probability. Scores are those of the log likelihood of one person's two answers,
``log phi(z) + log P`` or the bivariate normal one, with mean 0 and variance 1 put in after differentiation.
"""

from __future__ import annotations

import math

import numpy as np

from toolkit.psychometrics._compiled import kernel
from toolkit.psychometrics._counting_kernel import MISSING
from toolkit.psychometrics._numerics import Array, Bytes, Counts
from toolkit.psychometrics._polychoric_kernel import (
    AT_BOUND,
    BOUND,
    CONVERGED,
    NOT_CONVERGED,
    lower,
    normal_between,
    upper,
)

_ITERATIONS = 100
_STEP = 1e-7
_FAR = 5.0
_FRACTIONS = 24
_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)


@kernel("f8(f8)")
def mills_ratio(x: float) -> float:
    """Return (1 - Phi(x)) / phi(x) for x of 5 or more, by Laplace's continued fraction."""
    value = x
    for k in range(_FRACTIONS, 0, -1):
        value = x + k / value
    return 1.0 / value


@kernel("Tuple((f8, f8))(f8, f8)")
def tail_ratios(a: float, b: float) -> tuple[float, float]:
    """Return phi(a) / P and phi(b) / P for an interval far in the upper tail, where P itself may underflow."""
    decay = math.exp(-0.5 * (b - a) * (b + a))
    between = mills_ratio(a) - decay * mills_ratio(b)
    return 1.0 / between, decay / between


@kernel("Tuple((f8, f8))(f8, f8)")
def edge_ratios(a: float, b: float) -> tuple[float, float]:
    """Return phi(a) / P and phi(b) / P with P = Phi(b) - Phi(a); an infinite limit has 0."""
    if a > _FAR:
        return tail_ratios(a, b)
    if b < -_FAR:
        high, low = tail_ratios(-b, -a)
        return low, high
    between = normal_between(a, b) * _ROOT_TWO_PI
    return math.exp(-0.5 * a * a) / between, math.exp(-0.5 * b * b) / between


@kernel("Tuple((f8, f8))(f8, f8, f8, f8)")
def person_slopes(z: float, low: float, high: float, rho: float) -> tuple[float, float]:
    """Return the first two derivatives in rho of one person's log likelihood."""
    R2 = (1.0 - rho) * (1.0 + rho)
    R = math.sqrt(R2)
    a, b = (low - rho * z) / R, (high - rho * z) / R
    at_a, at_b = edge_ratios(a, b)
    score = bend = 0.0
    if b < np.inf:
        slope = (rho * high - z) / (R2 * R)
        score += at_b * slope
        bend += at_b * ((high + 3.0 * rho * slope * R) / (R2 * R) - b * slope * slope)
    if a > -np.inf:
        slope = (rho * low - z) / (R2 * R)
        score -= at_a * slope
        bend -= at_a * ((low + 3.0 * rho * slope * R) / (R2 * R) - a * slope * slope)
    return score, bend - score * score


@kernel("f8(f8[::1], u1[::1], f8[::1])")
def polyserial_start(z: Array, codes: Bytes, tau: Array) -> float:
    """Return the ad hoc estimate ``cov(z, code) / sum phi(tau)`` of codes 0, 1, 2, ..., kept within .9."""
    sum_z = sum_code = product = density = 0.0
    n = 0
    for person in range(z.size):
        if codes[person] != MISSING and not np.isnan(z[person]):
            n += 1
            sum_z += z[person]
            sum_code += codes[person]
            product += z[person] * codes[person]
    for cut in tau:
        density += math.exp(-0.5 * cut * cut) / _ROOT_TWO_PI
    return max(min((product - sum_z * sum_code / n) / n / density, 0.9), -0.9)


@kernel("Tuple((f8, f8))(f8[::1], u1[::1], f8[::1], f8)")
def polyserial_slopes(z: Array, codes: Bytes, tau: Array, rho: float) -> tuple[float, float]:
    """Return the first two derivatives in rho of the log likelihood of all persons."""
    score = bend = 0.0
    for person in range(z.size):
        if codes[person] != MISSING and not np.isnan(z[person]):
            own = person_slopes(z[person], lower(tau, codes[person]), upper(tau, codes[person]), rho)
            score += own[0]
            bend += own[1]
    return score, bend


@kernel("Tuple((f8, i8))(f8[::1], u1[::1], f8[::1])")
def polyserial_correlation(z: Array, codes: Bytes, tau: Array) -> tuple[float, int]:
    """Return the rho that maximises the likelihood given z and tau, and how the search ended."""
    rho = polyserial_start(z, codes, tau)
    low, high = -1.0, 1.0
    for _ in range(_ITERATIONS):
        score, bend = polyserial_slopes(z, codes, tau, rho)
        if abs(rho) >= BOUND and score * rho > 0.0:
            return math.copysign(1.0, rho), AT_BOUND
        if score > 0.0:
            low = rho
        else:
            high = rho
        step = -score / bend if bend < 0.0 else np.inf
        if abs(step) <= _STEP * (1.0 - abs(rho)):
            return rho + step, CONVERGED
        rho = rho + step
        if not low < rho < high:
            rho = 0.5 * (low + high)
        rho = max(min(rho, BOUND), -BOUND)
    return rho, NOT_CONVERGED


@kernel("void(f8[:, ::1], u1[:, ::1], f8[:, ::1], i8[::1], f8[:, ::1], i8[:, ::1])")
def estimate_polyserial(z: Array, codes: Bytes, tau: Array, n_categories: Counts, rho: Array, ending: Counts) -> None:
    """Estimate the correlations of every continuous with every ordered variable.

    Parameters
    ----------
    z : ndarray, shape (n_continuous, n)
        Standardised continuous variables; NaN is a missing value.
    codes : ndarray of uint8, shape (n_ordered, n)
        Codes from 0; MISSING is a missing answer.
    tau : ndarray, shape (n_ordered, K - 1)
        Thresholds; a variable with fewer categories uses the first ones.
    n_categories : ndarray, shape (n_ordered,)
        Categories of each ordered variable.
    rho, ending : ndarray, shape (n_continuous, n_ordered)
        Written: the correlations, and CONVERGED, AT_BOUND or NOT_CONVERGED.
    """
    for c in range(z.shape[0]):
        for o in range(codes.shape[0]):
            rho[c, o], ending[c, o] = polyserial_correlation(z[c], codes[o], tau[o, : n_categories[o] - 1])


@kernel("void(f8[:, ::1], u1[:, ::1], f8[:, ::1], i8[::1], f8[:, ::1], f8[:, :, ::1])")
def polyserial_information(
    z: Array, codes: Bytes, tau: Array, n_categories: Counts, rho: Array, information: Array
) -> None:
    """Write the sums over persons of the score of rho times itself and times the other scores of the pair.

    ``information`` has the shape (n_continuous, n_ordered, 3 + K - 1): rho, mean, variance, thresholds; NaN where the
    correlation is 1 or -1. The other arrays are as in :func:`estimate_polyserial`.
    """
    information[:] = 0.0
    for c in range(z.shape[0]):
        for o in range(codes.shape[0]):
            sums = information[c, o]
            if abs(rho[c, o]) >= 1.0:
                sums[:] = np.nan
                continue
            r, last = rho[c, o], n_categories[o] - 1
            R2 = (1.0 - r) * (1.0 + r)
            R = math.sqrt(R2)
            for person in range(z.shape[1]):
                x, code = z[c, person], codes[o, person]
                if code == MISSING or np.isnan(x):
                    continue
                low, high = lower(tau[o, :last], code), upper(tau[o, :last], code)
                at_a, at_b = edge_ratios((low - r * x) / R, (high - r * x) / R)
                score = 0.0
                if code < last:
                    score += at_b * (r * high - x) / (R2 * R)
                if code > 0:
                    score -= at_a * (r * low - x) / (R2 * R)
                turn = r / R * (at_b - at_a)
                sums[0] += score * score
                sums[1] += score * (x + turn)
                sums[2] += score * 0.5 * (x * x - 1.0 + x * turn)
                if code < last:
                    sums[3 + code] += score * at_b / R
                if code > 0:
                    sums[2 + code] -= score * at_a / R


@kernel(
    "void(f8[:, ::1], u1[:, ::1], f8[:, ::1], i8[::1], f8[:, ::1], f8[:, :, ::1], f8[:, :, ::1], "
    "f8[:, :, ::1], f8[:, ::1])"
)
def influence_on_polyserial(
    z: Array,
    codes: Bytes,
    tau: Array,
    n_categories: Counts,
    rho: Array,
    information: Array,
    moments: Array,
    thresholds: Array,
    out: Array,
) -> None:
    """Write each person's influence on the covariance of every continuous (standardised) with every ordered variable.

    Parameters
    ----------
    z, codes, tau, n_categories, rho
        As in :func:`estimate_polyserial`, for a block of persons.
    information
        As written by :func:`polyserial_information`, from all persons.
    moments : ndarray, shape (2, n_continuous, n)
        Each person's influence on mean and variance of the standardised variables.
    thresholds : ndarray, shape (n_ordered, K - 1, K + 1)
        What an answer adds to the error of each threshold; the last category is the missing answer.
    out : ndarray, shape (n_continuous * n_ordered, n)
        Written.
    """
    K = thresholds.shape[2] - 1
    shares = np.empty(K + 1)
    for c in range(z.shape[0]):
        for o in range(codes.shape[0]):
            row, sums = out[c * codes.shape[0] + o], information[c, o]
            r, last = rho[c, o], n_categories[o] - 1
            R2 = (1.0 - r) * (1.0 + r)
            R = math.sqrt(R2)
            shares[:] = 0.0
            for k in range(last):
                for code in range(K + 1):
                    shares[code] += sums[3 + k] * thresholds[o, k, code]
            if np.isnan(sums[0]):
                row[:] = np.nan
                continue
            for person in range(z.shape[1]):
                x, code = z[c, person], codes[o, person]
                score = 0.0
                if code != MISSING and not np.isnan(x):
                    low, high = lower(tau[o, :last], code), upper(tau[o, :last], code)
                    at_a, at_b = edge_ratios((low - r * x) / R, (high - r * x) / R)
                    if code < last:
                        score += at_b * (r * high - x) / (R2 * R)
                    if code > 0:
                        score -= at_a * (r * low - x) / (R2 * R)
                of_mean, of_variance = moments[0, c, person], moments[1, c, person]
                own = score - sums[1] * of_mean - sums[2] * of_variance - shares[K if code == MISSING else code]
                row[person] = own / sums[0] + 0.5 * r * of_variance


@kernel("void(f8[:, ::1], f8[::1], f8[:, ::1])")
def pearson_information(z: Array, rho: Array, information: Array) -> None:
    """Write the sums over persons of the score of rho times itself and times the other scores of the pair.

    Parameters
    ----------
    z : ndarray, shape (n_continuous, n)
        Standardised variables; NaN is a missing value.
    rho : ndarray, shape (n_pairs,)
        Correlations (upper triangle, row by row).
    information : ndarray, shape (n_pairs, 5)
        Written: rho, means and variances of the first and the second variable; NaN where the correlation is 1 or -1.
    """
    information[:] = 0.0
    pair = 0
    for i in range(z.shape[0]):
        for j in range(i + 1, z.shape[0]):
            r, sums = rho[pair], information[pair]
            pair += 1
            if abs(r) >= 1.0:
                sums[:] = np.nan
                continue
            R2 = (1.0 - r) * (1.0 + r)
            for person in range(z.shape[1]):
                x, y = z[i, person], z[j, person]
                if np.isnan(x) or np.isnan(y):
                    continue
                score = (r + x * y - r * (x * x - 2.0 * r * x * y + y * y) / R2) / R2
                sums[0] += score * score
                sums[1] += score * (x - r * y) / R2
                sums[2] += score * (y - r * x) / R2
                sums[3] += score * 0.5 * (x * (x - r * y) / R2 - 1.0)
                sums[4] += score * 0.5 * (y * (y - r * x) / R2 - 1.0)


@kernel("void(f8[:, ::1], f8[::1], f8[:, ::1], f8[:, :, ::1], f8[:, ::1])")
def influence_on_pearson(z: Array, rho: Array, information: Array, moments: Array, out: Array) -> None:
    """Write each person's influence on the covariance of every pair of standardised variables.

    ``out`` has the shape (n_pairs, n); the other arrays are as in :func:`pearson_information`, for a block of persons,
    and :func:`influence_on_polyserial`.
    """
    pair = 0
    for i in range(z.shape[0]):
        for j in range(i + 1, z.shape[0]):
            r, sums = rho[pair], information[pair]
            R2 = (1.0 - r) * (1.0 + r)
            for person in range(z.shape[1]):
                if np.isnan(sums[0]):
                    out[pair, person] = np.nan
                    continue
                x, y = z[i, person], z[j, person]
                own = 0.0
                if not (np.isnan(x) or np.isnan(y)):
                    own = (r + x * y - r * (x * x - 2.0 * r * x * y + y * y) / R2) / R2
                own -= sums[1] * moments[0, i, person] + sums[2] * moments[0, j, person]
                own -= sums[3] * moments[1, i, person] + sums[4] * moments[1, j, person]
                out[pair, person] = own / sums[0] + 0.5 * r * (moments[1, i, person] + moments[1, j, person])
            pair += 1
