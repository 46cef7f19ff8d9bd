"""Compiled kernels of extraction: the uniquenesses by Newton's method, or the loadings row by row.

Symbols: R correlation matrix (p, p), psi uniquenesses (p,), Lambda loadings (p, m), W weights of the correlations.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from toolkit.psychometrics._compiled import kernel
from toolkit.psychometrics._numerics import Array

Index: TypeAlias = npt.NDArray[np.int64]
SMALLEST_UNIQUENESS = 0.005
NOTHING_EXPLAINED = 1e-3
"""A factor whose squared loadings sum up to less than this carries nothing."""
ML, LEAST_SQUARES = 0, 1


@kernel("(f8[::1], f8[:, ::1], i8, i8)")
def spectrum(x: Array, R: Array, m: int, kind: int) -> tuple[float, Array, Array, int]:
    """Return the discrepancy minimised over the loadings, eigenvalues, eigenvectors, and how many factors are real.

    ``x`` is ``log psi`` for ML and ``psi`` for least squares. One eigendecomposition gives all. A factor whose
    eigenvalue leaves it nothing to explain counts as none.
    """
    p = R.shape[0]
    matrix = R.copy()
    if kind == ML:
        scale = np.exp(-0.5 * x)
        for i in range(p):
            for j in range(p):
                matrix[i, j] *= scale[i] * scale[j]
    else:
        for i in range(p):
            matrix[i, i] -= x[i]
    values, columns = np.linalg.eigh(matrix)
    vectors = np.ascontiguousarray(columns)
    nothing = 1.0 if kind == ML else 0.0
    k = 0
    while k < m and values[p - 1 - k] > nothing:
        k += 1
    value = 0.0
    for j in range(p - k):
        if kind == ML:
            theta = max(values[j], 1e-300)
            value += theta - np.log(theta) - 1.0
        else:
            value += 0.5 * values[j] ** 2
    return value, values, vectors, k


@kernel("(f8[::1], f8[:, ::1], i8, i8)")
def slope(values: Array, vectors: Array, k: int, kind: int) -> Array:
    """Return the gradient of the discrepancy in x."""
    p = values.size
    gradient = np.zeros(p)
    for j in range(p - k):
        factor = 1.0 - values[j] if kind == ML else -values[j]
        for i in range(p):
            gradient[i] += factor * vectors[i, j] ** 2
    return gradient


@kernel("(f8[::1], f8[:, ::1], i8, i8)")
def curvature(values: Array, vectors: Array, k: int, kind: int) -> tuple[Array, Array]:
    """Return the exact second derivatives of the discrepancy in x, and the positive semidefinite part of them.

    With W the eigenvectors that belong to no factor and theta their eigenvalues, the first part is
    ``(W theta W') * (W W')`` for ML and ``(W W') * (W W')`` for least squares, element by element. Each factor l adds
    ``(w_l w_l') * (W c_l W')``, where c_l comes from the derivatives of the eigenvectors.
    """
    p = values.size
    r = p - k
    rest = np.ascontiguousarray(vectors[:, :r])
    projector = np.dot(rest, rest.T)
    spread = np.dot(rest * values[:r], rest.T) if kind == ML else projector
    expected = spread * projector
    exact = expected.copy()
    for f in range(r, p):
        c = np.empty(r)
        for j in range(r):
            gap = max(values[f] - values[j], 1e-12)
            if kind == ML:
                c[j] = (1.0 - values[j]) * (values[f] + values[j]) / gap
            else:
                c[j] = -2.0 * values[j] / gap
        inner = np.dot(rest * c, rest.T)
        for i in range(p):
            for j in range(p):
                exact[i, j] += vectors[i, f] * vectors[j, f] * inner[i, j]
    return exact, expected


@kernel("(f8[:, ::1], i8[::1], f8)")
def cholesky(H: Array, index: Index, ridge: float) -> tuple[bool, Array]:
    """Return the Cholesky root of the chosen rows and columns of ``H + ridge I``, and whether there is one."""
    n = index.size
    root = np.zeros((n, n))
    for a in range(n):
        for b in range(a):
            total = H[index[a], index[b]]
            for c in range(b):
                total -= root[a, c] * root[b, c]
            root[a, b] = total / root[b, b]
        square = H[index[a], index[a]] + ridge
        for c in range(a):
            square -= root[a, c] * root[a, c]
        if square <= 1e-10:
            return False, root
        root[a, a] = np.sqrt(square)
    return True, root


@kernel("(f8[:, ::1], f8[::1], i8[::1], f8)")
def solved(H: Array, g: Array, index: Index, ridge: float) -> tuple[bool, Array]:
    """Solve ``(H + ridge I) step = g`` for the chosen elements; say whether H is positive definite there."""
    n = index.size
    step = np.zeros(g.size)
    definite, root = cholesky(H, index, ridge)
    if not definite:
        return False, step
    y = np.zeros(n)
    for a in range(n):
        total = g[index[a]]
        for c in range(a):
            total -= root[a, c] * y[c]
        y[a] = total / root[a, a]
    for a in range(n - 1, -1, -1):
        total = y[a]
        for c in range(a + 1, n):
            total -= root[c, a] * y[c]
        y[a] = total / root[a, a]
    for a in range(n):
        step[index[a]] = y[a]
    return True, step


@kernel("(f8[::1], f8[::1], f8, f8)")
def movable(x: Array, g: Array, low: float, high: float) -> tuple[float, Index]:
    """Return the largest element of the projected gradient, and the elements that no limit holds."""
    size = 0.0
    free = np.ones(x.size, dtype=np.bool_)
    for i in range(x.size):
        size = max(size, abs(x[i] - min(max(x[i] - g[i], low), high)))
        free[i] = not ((x[i] <= low and g[i] > 0.0) or (x[i] >= high and g[i] < 0.0))
    return size, np.flatnonzero(free)


@kernel("(f8[::1], f8[::1], f8[:, ::1], i8, i8)")
def loadings_at(x: Array, values: Array, vectors: Array, k: int, kind: int) -> Array:
    """Return the loadings of the k factors that are real, the largest first."""
    p = x.size
    Lambda = np.zeros((p, k))
    for f in range(k):
        j = p - 1 - f
        for i in range(p):
            length = np.sqrt(values[j] - 1.0) * np.exp(0.5 * x[i]) if kind == ML else np.sqrt(values[j])
            Lambda[i, f] = vectors[i, j] * length
    return Lambda


@kernel("(f8[::1], f8[:, ::1], i8, i8, f8, i8)")
def best_uniquenesses(
    psi: Array, R: Array, m: int, kind: int, tolerance: float, max_iterations: int
) -> tuple[Array, Array, float, int]:
    """Minimise a discrepancy over the uniquenesses, from psi, between .005 and 1.

    Newton's method with the exact second derivatives on the elements that are not held at a limit; where these are not
    positive definite their semidefinite part takes over. Returns uniquenesses, unrotated loadings with the largest
    factor first, the largest element of the projected gradient, and the number of steps.
    """
    low, high = (np.log(SMALLEST_UNIQUENESS), 0.0) if kind == ML else (SMALLEST_UNIQUENESS, 1.0)
    x = np.minimum(np.maximum(psi, SMALLEST_UNIQUENESS), 1.0)
    if kind == ML:
        x = np.log(x)
    value, values, vectors, k = spectrum(x, R, m, kind)
    iteration = 0
    while True:
        g = slope(values, vectors, k, kind)
        size, free = movable(x, g, low, high)
        if size < tolerance or iteration >= max_iterations:
            break
        iteration += 1
        exact, expected = curvature(values, vectors, k, kind)
        definite, step = solved(exact, g, free, 0.0)
        if not definite:
            definite, step = solved(expected, g, free, 1e-4)
        length, moved = 1.0, False
        for _ in range(30):
            trial = np.minimum(np.maximum(x - length * step, low), high)
            downhill = np.sum(g * (trial - x))
            found = spectrum(trial, R, m, kind)
            if found[0] <= value + 1e-4 * downhill + 1e-13 * max(1.0, abs(value)):
                x, moved = trial, True
                value, values, vectors, k = found
                break
            length *= 0.3
        if not moved:
            break
    Lambda = np.zeros((x.size, m))
    Lambda[:, :k] = loadings_at(x, values, vectors, k, kind)
    return (np.exp(x) if kind == ML else x), Lambda, size, iteration


@kernel("(f8[:, ::1], f8[::1], f8)")
def best_row(A: Array, b: Array, limit: float) -> Array:
    """Minimise ``x'Ax - 2 b'x`` over x with ``x'x <= limit``."""
    free = np.arange(b.size)
    definite, x = solved(A, b, free, 0.0)
    if definite and np.sum(x * x) <= limit:
        return x
    low, high = 0.0, 1e-6
    while True:
        definite, x = solved(A, b, free, high)
        if (definite and np.sum(x * x) <= limit) or high > 1e12:
            break
        low, high = high, high * 10.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        definite, x = solved(A, b, free, middle)
        if definite and np.sum(x * x) <= limit:
            high = middle
        else:
            low = middle
    return solved(A, b, free, high)[1]


@kernel("(f8[:, ::1], f8[:, ::1], f8[:, ::1], f8, i8)")
def weighted_loadings(Lambda: Array, R: Array, W: Array, tolerance: float, max_sweeps: int) -> tuple[Array, float, int]:
    """Minimise the weighted sum of squared residual correlations over the loadings, one item after the other.

    Each item's row is the weighted regression on the rows of the others, its communality at most .995. Returns the
    loadings in the position of principal axes, the largest change of a communality matrix entry in the last sweep, and
    the number of sweeps.
    """
    p, m = Lambda.shape
    L = Lambda.copy()
    change, sweep = np.inf, 0
    while change > tolerance and sweep < max_sweeps:
        sweep += 1
        change = 0.0
        for i in range(p):
            A, b = np.zeros((m, m)), np.zeros(m)
            for j in range(p):
                if j != i:
                    for s in range(m):
                        weighted = W[i, j] * L[j, s]
                        b[s] += weighted * R[i, j]
                        for t in range(s + 1):
                            A[s, t] += weighted * L[j, t]
            for s in range(m):
                for t in range(s):
                    A[t, s] = A[s, t]
            row = best_row(A, b, 1.0 - SMALLEST_UNIQUENESS)
            for s in range(m):
                change = max(change, abs(row[s] - L[i, s]))
                L[i, s] = row[s]
    columns = np.linalg.eigh(np.dot(L.T, L))[1]
    return np.dot(L, np.ascontiguousarray(columns[:, ::-1])), change, sweep
