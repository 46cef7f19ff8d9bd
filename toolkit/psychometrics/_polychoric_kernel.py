"""Kernels of the two-step polychoric correlation.

Symbols: tau thresholds, rho correlation, pi cell probability, Phi2 and phi2 the bivariate normal distribution function
and density. Phi2 is found from ``d Phi2 / d rho = phi2``: a one-dimensional integral from 0 to rho with ``r = sin t``,
by Gauss-Legendre with 6, 12 or 20 nodes; towards ``|rho| = 1`` the range is halved again and again, because the
integrand changes on the scale of the distance to 1.
"""

from __future__ import annotations

import math

import numpy as np

from toolkit.psychometrics._compiled import kernel
from toolkit.psychometrics._counting_kernel import MISSING
from toolkit.psychometrics._numerics import Array, Bytes, Counts

BOUND = 0.999999
"""A likelihood that still rises here is taken to have its maximum at 1."""
CONVERGED, AT_BOUND, NOT_CONVERGED = 0, 1, 2
_ITERATIONS = 100
_STEP = 1e-6
_TAIL = 1e-7
_NEAR = 0.925
_SIZES = (6, 12, 20)
_RULES = np.zeros((3, 2, 20))
for _rule, _size in enumerate(_SIZES):
    _RULES[_rule, :, :_size] = np.polynomial.legendre.leggauss(_size)
_TWO_PI = 2.0 * math.pi
_ROOT_HALF = math.sqrt(0.5)


@kernel("f8(f8)")
def normal_cdf(x: float) -> float:
    """Return Phi(x)."""
    return 0.5 * math.erfc(-x * _ROOT_HALF)


@kernel("f8(f8, f8)")
def normal_between(low: float, high: float) -> float:
    """Return Phi(high) - Phi(low), from the tail where both are small."""
    if low > 0.0:
        return 0.5 * (math.erfc(low * _ROOT_HALF) - math.erfc(high * _ROOT_HALF))
    return 0.5 * (math.erfc(-high * _ROOT_HALF) - math.erfc(-low * _ROOT_HALF))


@kernel("void(f8[::1], f8[::1], f8, f8, f8, i8, f8[:, ::1])")
def add_panel(a: Array, b: Array, start: float, end: float, sign: float, rule: int, total: Array) -> None:
    """Add the integral of 2 pi phi2 over t, where ``rho = sign cos t`` runs between ``cos start`` and ``cos end``."""
    half, middle = 0.5 * (start - end), 0.5 * (start + end)
    for node in range(_SIZES[rule]):
        t = middle + half * _RULES[rule, 0, node]
        h = 0.5 / math.sin(t) ** 2
        u = 2.0 * math.sin(0.5 * t) ** 2
        weight = sign * half * _RULES[rule, 1, node]
        for r in range(a.size):
            for s in range(b.size):
                b_s = sign * b[s]
                distance = a[r] - b_s
                total[r, s] += weight * math.exp(-(distance * distance + 2.0 * a[r] * b_s * u) * h)


@kernel("void(f8[::1], f8[::1], f8, f8[:, ::1])")
def bivariate_normal(a: Array, b: Array, rho: float, distribution: Array) -> None:
    """Write Phi2(a_r, b_s, rho) for all thresholds of two items, for ``|rho| < 1``."""
    for r in range(a.size):
        for s in range(b.size):
            distribution[r, s] = 0.0
    size, sign = abs(rho), 1.0 if rho >= 0.0 else -1.0
    quarter = 0.5 * math.pi
    if size < 0.3:
        add_panel(a, b, quarter, math.acos(size), sign, 0, distribution)
    elif size < 0.75:
        add_panel(a, b, quarter, math.acos(size), sign, 1, distribution)
    elif size <= _NEAR:
        add_panel(a, b, quarter, math.acos(size), sign, 2, distribution)
    else:
        end = 2.0 * math.asin(math.sqrt(0.5 * (1.0 - size)))
        start = math.acos(_NEAR)
        add_panel(a, b, quarter, start, sign, 2, distribution)
        while start > end:
            stop = max(0.5 * start, end)
            add_panel(a, b, start, stop, sign, 1, distribution)
            start = stop
    for r in range(a.size):
        for s in range(b.size):
            distribution[r, s] = normal_cdf(a[r]) * normal_cdf(b[s]) + distribution[r, s] / _TWO_PI


@kernel("f8(f8, f8, f8)")
def bivariate_density(a: float, b: float, rho: float) -> float:
    """Return phi2(a, b, rho)."""
    c2 = (1.0 - rho) * (1.0 + rho)
    if rho >= 0.0:
        square = (a - b) ** 2 + 2.0 * a * b * (1.0 - rho)
    else:
        square = (a + b) ** 2 - 2.0 * a * b * (1.0 + rho)
    return math.exp(-0.5 * square / c2) / (_TWO_PI * math.sqrt(c2))


@kernel("f8(f8, f8, f8, f8, f8)")
def tail_probability(a_low: float, a_high: float, b_low: float, b_high: float, rho: float) -> float:
    """Return the probability of a rectangle with full relative precision, however small, by conditioning.

    The integral of ``phi(x) [Phi((b_high - rho x) / c) - Phi((b_low - rho x) / c)]`` has no cancellation; it is taken
    in panels as narrow as the conditional distribution.
    """
    c = math.sqrt((1.0 - rho) * (1.0 + rho))
    low = max(a_low, min(a_high, 0.0) - 10.0)
    high = min(a_high, max(a_low, 0.0) + 10.0)
    panels = int(math.ceil((high - low) / max(c, 0.01)))
    half = 0.5 * (high - low) / panels
    total = 0.0
    for panel in range(panels):
        middle = low + half * (2 * panel + 1)
        for node in range(12):
            x = middle + half * _RULES[1, 0, node]
            between = normal_between((b_low - rho * x) / c, (b_high - rho * x) / c)
            total += half * _RULES[1, 1, node] * math.exp(-0.5 * x * x) * between
    return total / math.sqrt(_TWO_PI)


@kernel("void(f8[::1], f8[::1], f8, f8[:, ::1], f8[:, ::1], f8[:, ::1], f8[:, ::1], f8[:, ::1])")
def cell_probabilities(
    a: Array, b: Array, rho: float, n: Array, work: Array, pi: Array, slope: Array, curvature: Array
) -> None:
    """Write the cells' probabilities and their first two derivatives in rho; cells without persons may be rounded."""
    bivariate_normal(a, b, rho, work)
    rows, columns = a.size + 1, b.size + 1
    c2 = (1.0 - rho) * (1.0 + rho)
    for r in range(rows):
        for s in range(columns):
            pi[r, s] = 0.0
            slope[r, s] = 0.0
            curvature[r, s] = 0.0
    for r in range(rows):
        for s in range(columns):
            inside = r < a.size and s < b.size
            if inside:
                value = work[r, s]
            elif r < a.size:
                value = normal_cdf(a[r])
            elif s < b.size:
                value = normal_cdf(b[s])
            else:
                value = 1.0
            first = second = 0.0
            if inside:
                first = bivariate_density(a[r], b[s], rho)
                bend = a[r] * b[s] * (1.0 + rho * rho) - rho * (a[r] * a[r] + b[s] * b[s])
                second = first * (rho / c2 + bend / (c2 * c2))
            for down in range(2):
                for right in range(2):
                    if r + down < rows and s + right < columns:
                        sign = 1.0 if down == right else -1.0
                        pi[r + down, s + right] += sign * value
                        slope[r + down, s + right] += sign * first
                        curvature[r + down, s + right] += sign * second
    for r in range(rows):
        for s in range(columns):
            if n[r, s] > 0.0 and pi[r, s] < _TAIL:
                a_low = a[r - 1] if r > 0 else -np.inf
                a_high = a[r] if r < a.size else np.inf
                b_low = b[s - 1] if s > 0 else -np.inf
                b_high = b[s] if s < b.size else np.inf
                pi[r, s] = max(tail_probability(a_low, a_high, b_low, b_high, rho), 1e-300)


@kernel("f8(f8[::1], f8[::1], f8[:, ::1])")
def starting_value(a: Array, b: Array, n: Array) -> float:
    """Return the correlation of the categories' mean normal scores, corrected for their smaller variance."""
    rows, columns = a.size + 1, b.size + 1
    x, y = np.empty(rows), np.empty(columns)
    for scores, cuts in ((x, a), (y, b)):
        for r in range(scores.size):
            low = cuts[r - 1] if r > 0 else -np.inf
            high = cuts[r] if r < cuts.size else np.inf
            mass = math.exp(-0.5 * low * low) - math.exp(-0.5 * high * high)
            scores[r] = mass / math.sqrt(_TWO_PI) / max(normal_between(low, high), 1e-300)
    total = sxy = sx = sy = sxx = syy = 0.0
    vx = vy = 0.0
    for r in range(rows):
        for s in range(columns):
            total += n[r, s]
            sx += n[r, s] * x[r]
            sy += n[r, s] * y[s]
            sxx += n[r, s] * x[r] * x[r]
            syy += n[r, s] * y[s] * y[s]
            sxy += n[r, s] * x[r] * y[s]
    vx, vy = sxx - sx * sx / total, syy - sy * sy / total
    if vx <= 0.0 or vy <= 0.0:
        return 0.0
    rho = (sxy - sx * sy / total) * total / (vx * vy)
    shrunk = (sxy - sx * sy / total) / math.sqrt(vx * vy)
    return max(min(0.5 * (rho + shrunk) if abs(rho) > 0.5 else rho, 0.95), -0.95)


@kernel("Tuple((f8, i8))(f8[::1], f8[::1], f8[:, ::1], f8[:, ::1], f8[:, ::1], f8[:, ::1], f8[:, ::1])")
def maximum_likelihood(
    a: Array, b: Array, n: Array, work: Array, pi: Array, slope: Array, curvature: Array
) -> tuple[float, int]:
    """Return the rho that maximises the likelihood of one table, and how the search ended: Newton inside a bracket."""
    low, high = -1.0, 1.0
    rho = starting_value(a, b, n)
    for _ in range(_ITERATIONS):
        cell_probabilities(a, b, rho, n, work, pi, slope, curvature)
        score = bend = 0.0
        for r in range(a.size + 1):
            for s in range(b.size + 1):
                if n[r, s] > 0.0:
                    ratio = slope[r, s] / pi[r, s]
                    score += n[r, s] * ratio
                    bend += n[r, s] * (curvature[r, s] / pi[r, s] - ratio * ratio)
        if score > 0.0:
            if rho >= BOUND:
                return 1.0, AT_BOUND
            low = rho
        else:
            if rho <= -BOUND:
                return -1.0, AT_BOUND
            high = rho
        step = -score / bend if bend < 0.0 else np.inf
        if abs(step) <= _STEP * (1.0 - abs(rho)):
            return rho + step, CONVERGED
        rho = rho + step
        if not low < rho < high:
            rho = 0.5 * (low + high)
        rho = max(min(rho, BOUND), -BOUND)
    return rho, NOT_CONVERGED


@kernel("void(f8[:, :, ::1], f8[:, ::1], i8[::1], f8[::1], i8[::1])")
def estimate_pairs(tables: Array, tau: Array, n_categories: Counts, rho: Array, ending: Counts) -> None:
    """Estimate the correlations of all pairs (upper triangle, row by row), from tables and thresholds.

    Parameters
    ----------
    tables : ndarray, shape (n_pairs, K, K)
        Counts, the first item's categories in rows.
    tau : ndarray, shape (n_items, K - 1)
        Thresholds; an item with fewer categories uses the first ones.
    n_categories : ndarray, shape (n_items,)
        Categories of each item.
    rho, ending : ndarray, shape (n_pairs,)
        Written: the correlations, and CONVERGED, AT_BOUND or NOT_CONVERGED.
    """
    p = n_categories.size
    K = tables.shape[1]
    n = np.empty((K, K))
    work, pi, slope, curvature = np.empty((K, K)), np.empty((K, K)), np.empty((K, K)), np.empty((K, K))
    pair = 0
    for i in range(p):
        for j in range(i + 1, p):
            n[:] = tables[pair]
            a, b = tau[i, : n_categories[i] - 1], tau[j, : n_categories[j] - 1]
            rho[pair], ending[pair] = maximum_likelihood(a, b, n, work, pi, slope, curvature)
            pair += 1


@kernel("void(f8[:, :, ::1], f8[:, ::1], i8[::1], f8[:, ::1], f8[:, :, ::1], f8[::1], f8[:, :, ::1], f8[::1])")
def influence_of_pairs(
    tables: Array,
    tau: Array,
    n_categories: Counts,
    margins: Array,
    influence: Array,
    rho: Array,
    pair_influence: Array,
    variance: Array,
) -> None:
    """Write what one person's two answers add to the error of each correlation, and its asymptotic variance.

    Parameters
    ----------
    tables, tau, n_categories, rho
        As in :func:`estimate_pairs`.
    margins : ndarray, shape (n_items, K)
        Persons in each category of each item, whether or not they answered the other.
    influence : ndarray, shape (n_items, K - 1, K + 1)
        What an answer adds to the error of each threshold; the last category is the missing answer.
    pair_influence : ndarray, shape (n_pairs, K + 1, K + 1)
        Written; NaN where the correlation is 1 or -1.
    variance : ndarray, shape (n_pairs,)
        Written; NaN where the correlation is 1 or -1.
    """
    p = n_categories.size
    K = tables.shape[1]
    n = np.empty((K, K))
    work, pi, slope, curvature = np.empty((K, K)), np.empty((K, K)), np.empty((K, K)), np.empty((K, K))
    by_row, by_column = np.empty(K), np.empty(K)
    pair = 0
    for i in range(p):
        for j in range(i + 1, p):
            g = pair_influence[pair]
            if not abs(rho[pair]) < 1.0:
                g[:] = np.nan
                variance[pair] = np.nan
                pair += 1
                continue
            n[:] = tables[pair]
            a, b = tau[i, : n_categories[i] - 1], tau[j, : n_categories[j] - 1]
            cell_probabilities(a, b, rho[pair], n, work, pi, slope, curvature)
            c = math.sqrt((1.0 - rho[pair]) * (1.0 + rho[pair]))
            information = 0.0
            for r in range(a.size + 1):
                for s in range(b.size + 1):
                    slope[r, s] = slope[r, s] / pi[r, s] if n[r, s] > 0.0 else 0.0
                    information += n[r, s] * slope[r, s] * slope[r, s]
                    # from here on: persons times score over probability, the weight of a threshold's score
                    curvature[r, s] = n[r, s] * slope[r, s] / pi[r, s] if n[r, s] > 0.0 else 0.0
            for k in range(a.size):
                total = 0.0
                for s in range(b.size + 1):
                    low = (b[s - 1] - rho[pair] * a[k]) / c if s > 0 else -np.inf
                    high = (b[s] - rho[pair] * a[k]) / c if s < b.size else np.inf
                    total += normal_between(low, high) * (curvature[k, s] - curvature[k + 1, s])
                by_row[k] = total * math.exp(-0.5 * a[k] * a[k]) / math.sqrt(_TWO_PI)
            for k in range(b.size):
                total = 0.0
                for r in range(a.size + 1):
                    low = (a[r - 1] - rho[pair] * b[k]) / c if r > 0 else -np.inf
                    high = (a[r] - rho[pair] * b[k]) / c if r < a.size else np.inf
                    total += normal_between(low, high) * (curvature[r, k] - curvature[r, k + 1])
                by_column[k] = total * math.exp(-0.5 * b[k] * b[k]) / math.sqrt(_TWO_PI)
            g[:] = 0.0
            for r in range(K + 1):
                of_row = 0.0
                for k in range(a.size):
                    of_row += by_row[k] * influence[i, k, r]
                for s in range(K + 1):
                    of_column = 0.0
                    for k in range(b.size):
                        of_column += by_column[k] * influence[j, k, s]
                    score = slope[r, s] if r <= a.size and s <= b.size else 0.0
                    g[r, s] = (score - of_row - of_column) / information
            total = 0.0
            for r in range(a.size + 1):
                alone = margins[i, r]
                for s in range(b.size + 1):
                    alone -= n[r, s]
                    total += n[r, s] * g[r, s] * g[r, s]
                total += alone * g[r, K] * g[r, K]
            for s in range(b.size + 1):
                alone = margins[j, s]
                for r in range(a.size + 1):
                    alone -= n[r, s]
                total += alone * g[K, s] * g[K, s]
            variance[pair] = total
            pair += 1


@kernel("void(u1[:, ::1], i8[::1], f8[:, :, ::1], f8[:, :, ::1], f8[:, ::1])")
def influence_of_persons(
    codes: Bytes, n_categories: Counts, influence: Array, pair_influence: Array, out: Array
) -> None:
    """Write each person's influence on every threshold, item by item, and then on every correlation.

    Parameters
    ----------
    codes : ndarray of uint8, shape (n_items, n)
        Codes of a block of persons from 0; MISSING is a missing answer.
    n_categories, influence, pair_influence
        As in :func:`influence_of_pairs`.
    out : ndarray, shape (n_thresholds + n_pairs, n)
        Written.
    """
    p, n = codes.shape
    K = influence.shape[2] - 1
    row = 0
    for i in range(p):
        for k in range(n_categories[i] - 1):
            for person in range(n):
                code = codes[i, person]
                out[row, person] = influence[i, k, K if code == MISSING else code]
            row += 1
    pair = 0
    for i in range(p):
        for j in range(i + 1, p):
            for person in range(n):
                first, second = codes[i, person], codes[j, person]
                out[row, person] = pair_influence[
                    pair, K if first == MISSING else first, K if second == MISSING else second
                ]
            row += 1
            pair += 1
