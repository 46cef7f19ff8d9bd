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
_NEAR_ONE, _FLAT = 0.05, 1e-6
"""So near to 1, a log likelihood that neither rises nor bends by more than this has its maximum at 1."""
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


@kernel("f8(f8[::1], i8)")
def lower(cuts: Array, category: int) -> float:
    """Return the threshold below a category."""
    return cuts[category - 1] if category > 0 else -np.inf


@kernel("f8(f8[::1], i8)")
def upper(cuts: Array, category: int) -> float:
    """Return the threshold above a category."""
    return cuts[category] if category < cuts.size else np.inf


@kernel("void(f8[::1], f8[::1], f8, f8[:, ::1])")
def bivariate_normal(a: Array, b: Array, rho: float, distribution: Array) -> None:
    """Write Phi2(a_r, b_s, rho) for all thresholds of two items into the corner of an array, for ``|rho| < 1``."""
    distribution[: a.size, : b.size] = 0.0
    size, sign = abs(rho), 1.0 if rho >= 0.0 else -1.0
    quarter = 0.5 * math.pi
    if size <= _NEAR:
        rule = 0 if size < 0.3 else (1 if size < 0.75 else 2)
        add_panel(a, b, quarter, math.acos(size), sign, rule, distribution)
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
    sign = 1.0 if rho >= 0.0 else -1.0
    square = (a - sign * b) ** 2 + 2.0 * sign * a * b * (1.0 - abs(rho))
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
    panels = math.ceil((high - low) / max(c, 0.01))
    half = 0.5 * (high - low) / panels
    total = 0.0
    for panel in range(panels):
        middle = low + half * (2 * panel + 1)
        for node in range(12):
            x = middle + half * _RULES[1, 0, node]
            between = normal_between((b_low - rho * x) / c, (b_high - rho * x) / c)
            total += half * _RULES[1, 1, node] * math.exp(-0.5 * x * x) * between
    return total / math.sqrt(_TWO_PI)


@kernel("void(f8[::1], f8[::1], f8, f8[:, :, ::1])")
def write_corners(a: Array, b: Array, rho: float, corners: Array) -> None:
    """Write the distribution function at the upper corner of every cell, and its first two derivatives in rho."""
    corners[:] = 0.0
    bivariate_normal(a, b, rho, corners[0])
    c2 = (1.0 - rho) * (1.0 + rho)
    for r in range(a.size):
        corners[0, r, b.size] = normal_cdf(a[r])
        for s in range(b.size):
            density = bivariate_density(a[r], b[s], rho)
            bend = a[r] * b[s] * (1.0 + rho * rho) - rho * (a[r] * a[r] + b[s] * b[s])
            corners[1, r, s] = density
            corners[2, r, s] = density * (rho / c2 + bend / (c2 * c2))
    for s in range(b.size):
        corners[0, a.size, s] = normal_cdf(b[s])
    corners[0, a.size, b.size] = 1.0


@kernel("void(f8[::1], f8[::1], f8, f8[:, ::1], f8[:, :, ::1], f8[:, :, ::1])")
def write_cells(a: Array, b: Array, rho: float, n: Array, corners: Array, cells: Array) -> None:
    """Write the cells' probabilities and their first two derivatives in rho.

    Very small probabilities are found again without cancellation where a person is in the cell (``n``).
    """
    write_corners(a, b, rho, corners)
    rows, columns = a.size + 1, b.size + 1
    for d in range(3):
        for r in range(rows):
            for s in range(columns):
                value = corners[d, r, s]
                if r > 0:
                    value -= corners[d, r - 1, s]
                if s > 0:
                    value -= corners[d, r, s - 1]
                if r > 0 and s > 0:
                    value += corners[d, r - 1, s - 1]
                cells[d, r, s] = value
    for r in range(rows):
        for s in range(columns):
            if n[r, s] > 0.0 and cells[0, r, s] < _TAIL:
                exact = tail_probability(lower(a, r), upper(a, r), lower(b, s), upper(b, s), rho)
                cells[0, r, s] = max(exact, 1e-300)


@kernel("f8(f8[::1], i8)")
def mean_score(cuts: Array, category: int) -> float:
    """Return the mean of the normal variable inside a category."""
    low, high = lower(cuts, category), upper(cuts, category)
    mass = math.exp(-0.5 * low * low) - math.exp(-0.5 * high * high)
    return mass / math.sqrt(_TWO_PI) / max(normal_between(low, high), 1e-300)


@kernel("f8(f8[::1], f8[::1], f8[:, ::1])")
def starting_value(a: Array, b: Array, n: Array) -> float:
    """Return the correlation of the categories' mean normal scores, corrected for their smaller variance."""
    total = sx = sy = sxx = syy = sxy = 0.0
    for r in range(a.size + 1):
        x = mean_score(a, r)
        for s in range(b.size + 1):
            y = mean_score(b, s)
            total += n[r, s]
            sx += n[r, s] * x
            sy += n[r, s] * y
            sxx += n[r, s] * x * x
            syy += n[r, s] * y * y
            sxy += n[r, s] * x * y
    vx, vy, vxy = sxx - sx * sx / total, syy - sy * sy / total, sxy - sx * sy / total
    if vx <= 0.0 or vy <= 0.0:
        return 0.0
    shrunk = vxy / math.sqrt(vx * vy)
    corrected = shrunk * total / math.sqrt(vx * vy)
    rho = corrected if abs(corrected) <= 0.5 else 0.5 * (corrected + shrunk)
    return max(min(rho, 0.95), -0.95)


@kernel("Tuple((f8, f8))(f8[::1], f8[::1], f8, f8[:, ::1], f8[:, :, ::1], f8[:, :, ::1])")
def likelihood_slopes(a: Array, b: Array, rho: float, n: Array, corners: Array, cells: Array) -> tuple[float, float]:
    """Return the first two derivatives in rho of one table's log likelihood."""
    write_cells(a, b, rho, n, corners, cells)
    score = bend = 0.0
    for r in range(a.size + 1):
        for s in range(b.size + 1):
            if n[r, s] > 0.0:
                ratio = cells[1, r, s] / cells[0, r, s]
                score += n[r, s] * ratio
                bend += n[r, s] * (cells[2, r, s] / cells[0, r, s] - ratio * ratio)
    return score, bend


@kernel("Tuple((f8, i8))(f8[::1], f8[::1], f8[:, ::1], f8[:, :, ::1], f8[:, :, ::1])")
def maximum_likelihood(a: Array, b: Array, n: Array, corners: Array, cells: Array) -> tuple[float, int]:
    """Return the rho that maximises the likelihood of one table, and how the search ended: Newton inside a bracket."""
    low, high = -1.0, 1.0
    rho = starting_value(a, b, n)
    for _ in range(_ITERATIONS):
        score, bend = likelihood_slopes(a, b, rho, n, corners, cells)
        if abs(rho) >= BOUND and score * rho > 0.0:
            return math.copysign(1.0, rho), AT_BOUND
        if score > 0.0:
            low = rho
        else:
            high = rho
        rest = 1.0 - abs(rho)
        if rest < _NEAR_ONE and abs(score) * rest < _FLAT and abs(bend) * rest * rest < _FLAT:
            return math.copysign(1.0, rho), AT_BOUND
        step = -score / bend if bend < 0.0 else np.inf
        if abs(step) <= _STEP * rest:
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
    K = tables.shape[1]
    corners, cells = np.empty((3, K, K)), np.empty((3, K, K))
    pair = 0
    for i in range(n_categories.size):
        for j in range(i + 1, n_categories.size):
            a, b = tau[i, : n_categories[i] - 1], tau[j, : n_categories[j] - 1]
            rho[pair], ending[pair] = maximum_likelihood(a, b, tables[pair], corners, cells)
            pair += 1


@kernel("void(f8[::1], f8[::1], f8, f8[:, ::1], b1, f8[::1])")
def threshold_information(a: Array, b: Array, rho: float, weight: Array, transposed: bool, out: Array) -> None:
    """Write the sum over persons of the score of rho times the score of each threshold in ``a``.

    ``weight`` is persons times score of rho over probability, a cell; its rows belong to ``a`` unless ``transposed``.
    """
    c = math.sqrt((1.0 - rho) * (1.0 + rho))
    for k in range(a.size):
        total = 0.0
        for s in range(b.size + 1):
            between = normal_between((lower(b, s) - rho * a[k]) / c, (upper(b, s) - rho * a[k]) / c)
            if transposed:
                total += between * (weight[s, k] - weight[s, k + 1])
            else:
                total += between * (weight[k, s] - weight[k + 1, s])
        out[k] = total * math.exp(-0.5 * a[k] * a[k]) / math.sqrt(_TWO_PI)


@kernel("f8(f8[:, ::1], f8[:, ::1], f8[::1], f8[::1])")
def sum_of_squares(n: Array, g: Array, first: Array, second: Array) -> float:
    """Return the sum over persons of the squared influence, with those who answered one of the two items only."""
    K = first.size
    total = 0.0
    for r in range(K):
        only_first, only_second = first[r], second[r]
        for s in range(K):
            total += n[r, s] * g[r, s] * g[r, s]
            only_first -= n[r, s]
            only_second -= n[s, r]
        total += only_first * g[r, K] * g[r, K] + only_second * g[K, r] * g[K, r]
    return total


@kernel(
    "void(f8[::1], f8[::1], f8, f8[:, ::1], f8[:, ::1], f8[:, ::1], "
    "f8[:, :, ::1], f8[:, :, ::1], f8[:, ::1], f8[:, ::1])"
)
def write_influence(
    a: Array,
    b: Array,
    rho: float,
    n: Array,
    of_first: Array,
    of_second: Array,
    corners: Array,
    cells: Array,
    shares: Array,
    g: Array,
) -> None:
    """Write what one person's two answers add to the error of one correlation."""
    K = n.shape[0]
    write_cells(a, b, rho, n, corners, cells)
    score, weight = cells[1], cells[2]
    information = 0.0
    for r in range(a.size + 1):
        for s in range(b.size + 1):
            score[r, s] = score[r, s] / cells[0, r, s] if n[r, s] > 0.0 else 0.0
            weight[r, s] = n[r, s] * score[r, s] / cells[0, r, s] if n[r, s] > 0.0 else 0.0
            information += n[r, s] * score[r, s] * score[r, s]
    threshold_information(a, b, rho, weight, False, shares[0])
    threshold_information(b, a, rho, weight, True, shares[1])
    for r in range(K + 1):
        for s in range(K + 1):
            g[r, s] = score[r, s] if r <= a.size and s <= b.size else 0.0
            for k in range(a.size):
                g[r, s] -= shares[0, k] * of_first[k, r]
            for k in range(b.size):
                g[r, s] -= shares[1, k] * of_second[k, s]
            g[r, s] /= information


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
    K = tables.shape[1]
    corners, cells, shares = np.empty((3, K, K)), np.empty((3, K, K)), np.empty((2, K))
    pair = 0
    for i in range(n_categories.size):
        for j in range(i + 1, n_categories.size):
            n, g = tables[pair], pair_influence[pair]
            a, b = tau[i, : n_categories[i] - 1], tau[j, : n_categories[j] - 1]
            g[:] = np.nan
            variance[pair] = np.nan
            if abs(rho[pair]) < 1.0:
                write_influence(a, b, rho[pair], n, influence[i], influence[j], corners, cells, shares, g)
                variance[pair] = sum_of_squares(n, g, margins[i], margins[j])
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
