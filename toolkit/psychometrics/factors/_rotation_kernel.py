"""Compiled kernels of rotation: criteria with their gradients, and gradient projection.

Symbols: A unrotated loadings (p, m), T transformation (m, m), L rotated loadings (p, m), Phi factor correlations. The
criteria also take complex loadings, so that derivatives can be had by a complex step.
"""

from __future__ import annotations

import numpy as np

from toolkit.psychometrics._compiled import kernel
from toolkit.psychometrics._numerics import Array

OBLIMIN, ORTHOMAX, GEOMIN, BIFACTOR, TARGET = 0, 1, 2, 3, 4


@kernel("(f8[:, ::1], f8, i8)", "(c16[:, ::1], f8, i8)")
def oblimin_criterion(L: Array, gamma: float, first: int) -> tuple[float, Array]:
    """Return oblimin of the factors from ``first`` on: gamma 0 is quartimin, .5 biquartimin, 1 covarimin."""
    p, m = L.shape
    G = np.zeros_like(L)
    value = 0.0 * L[0, 0]
    for i in range(p):
        total = 0.0 * L[0, 0]
        for r in range(first, m):
            total += L[i, r] * L[i, r]
        for r in range(first, m):
            G[i, r] = total - L[i, r] * L[i, r]
    for r in range(first, m):
        mean = np.sum(G[:, r]) * (gamma / p)
        for i in range(p):
            G[i, r] = L[i, r] * (G[i, r] - mean)
            value += 0.25 * L[i, r] * G[i, r]
    return value, G


@kernel("(f8[:, ::1], f8)", "(c16[:, ::1], f8)")
def orthomax_criterion(L: Array, gamma: float) -> tuple[float, Array]:
    """Return orthomax, negative so that it is minimised: gamma 0 is quartimax, 1 varimax, m / 2 equamax."""
    p, m = L.shape
    G = np.zeros_like(L)
    value = 0.0 * L[0, 0]
    for r in range(m):
        mean = np.sum(L[:, r] * L[:, r]) * (gamma / p)
        for i in range(p):
            G[i, r] = -L[i, r] * (L[i, r] * L[i, r] - mean)
            value += 0.25 * L[i, r] * G[i, r]
    return value, G


@kernel("(f8[:, ::1], f8)", "(c16[:, ::1], f8)")
def geomin_criterion(L: Array, delta: float) -> tuple[float, Array]:
    """Return geomin with delta added to the squared loadings."""
    p, m = L.shape
    G = np.zeros_like(L)
    value = 0.0 * L[0, 0]
    for i in range(p):
        logs = 0.0 * L[0, 0]
        for r in range(m):
            logs += np.log(L[i, r] * L[i, r] + delta)
        row = np.exp(logs / m)
        value += row
        for r in range(m):
            G[i, r] = 2.0 / m * L[i, r] / (L[i, r] * L[i, r] + delta) * row
    return value, G


@kernel("(f8[:, ::1], f8[:, ::1], f8[:, ::1])", "(c16[:, ::1], f8[:, ::1], f8[:, ::1])")
def target_criterion(L: Array, target: Array, weight: Array) -> tuple[float, Array]:
    """Return the weighted sum of squared distances from the target."""
    distance = L - target
    G = 2.0 * weight * distance
    return 0.5 * np.sum(G * distance), G


@kernel("(f8[:, ::1], i8, f8, f8[:, ::1], f8[:, ::1])", "(c16[:, ::1], i8, f8, f8[:, ::1], f8[:, ::1])")
def criterion(L: Array, kind: int, parameter: float, target: Array, weight: Array) -> tuple[float, Array]:
    """Return a rotation criterion, to be minimised, and its gradient in the loadings.

    ``parameter`` is gamma of oblimin or orthomax, or delta of geomin. Bifactor is quartimin of all factors but the
    first.
    """
    if kind == OBLIMIN:
        return oblimin_criterion(L, parameter, 0)
    if kind == ORTHOMAX:
        return orthomax_criterion(L, parameter)
    if kind == GEOMIN:
        return geomin_criterion(L, parameter)
    if kind == BIFACTOR:
        return oblimin_criterion(L, 0.0, 1)
    return target_criterion(L, target, weight)


@kernel("(f8[:, ::1], f8[:, ::1])")
def product(X: Array, Y: Array) -> Array:
    """Return X Y for small matrices, faster than the library's call."""
    n, m = X.shape[0], Y.shape[1]
    Z = np.zeros((n, m))
    for i in range(n):
        for k in range(X.shape[1]):
            x = X[i, k]
            for j in range(m):
                Z[i, j] += x * Y[k, j]
    return Z


@kernel("(f8[:, ::1],)")
def transposed(X: Array) -> Array:
    """Return the transpose in rows of its own, so that every kernel sees one memory layout."""
    return np.ascontiguousarray(X.T)


@kernel("(f8[:, ::1],)")
def inverse(T: Array) -> Array:
    """Return the inverse of a small matrix by elimination with pivots; infinite where there is none."""
    m = T.shape[0]
    work, result = T.copy(), np.eye(m)
    for c in range(m):
        pivot = c
        for r in range(c + 1, m):
            if abs(work[r, c]) > abs(work[pivot, c]):
                pivot = r
        if work[pivot, c] == 0.0:
            return np.full((m, m), np.inf)
        for j in range(m):
            work[c, j], work[pivot, j] = work[pivot, j], work[c, j]
            result[c, j], result[pivot, j] = result[pivot, j], result[c, j]
        divisor = work[c, c]
        for j in range(m):
            work[c, j] /= divisor
            result[c, j] /= divisor
        for r in range(m):
            if r != c and work[r, c] != 0.0:
                factor = work[r, c]
                for j in range(m):
                    work[r, j] -= factor * work[c, j]
                    result[r, j] -= factor * result[c, j]
    return result


@kernel("(f8[:, ::1], b1)")
def retracted(X: Array, oblique: bool) -> Array:
    """Return the nearest allowed transformation: columns of length one, or orthogonal."""
    if oblique:
        T = X.copy()
        for j in range(X.shape[1]):
            length = 0.0
            for i in range(X.shape[0]):
                length += X[i, j] * X[i, j]
            for i in range(X.shape[0]):
                T[i, j] /= np.sqrt(length)
        return T
    U, _, Vt = np.linalg.svd(X)
    return product(np.ascontiguousarray(U), np.ascontiguousarray(Vt))


@kernel("(f8[:, ::1], f8[:, ::1], b1, i8, f8, f8[:, ::1], f8[:, ::1], f8, i8)")
def gradient_projection(
    A: Array,
    start: Array,
    oblique: bool,
    kind: int,
    parameter: float,
    target: Array,
    weight: Array,
    tolerance: float,
    max_iterations: int,
) -> tuple[Array, Array, float, float]:
    """Minimise a criterion from one start; return T, rotated loadings, value and the length of the last gradient."""
    m = A.shape[1]
    T = start.copy()
    back = inverse(T) if oblique else transposed(T)
    L = product(A, transposed(back))
    value, Gq = criterion(L, kind, parameter, target, weight)
    step, size = 1.0, np.inf
    for _ in range(max_iterations + 1):
        if oblique:
            G = -transposed(product(product(transposed(L), Gq), back))
            projected = np.empty((m, m))
            for j in range(m):
                along = 0.0
                for i in range(m):
                    along += T[i, j] * G[i, j]
                for i in range(m):
                    projected[i, j] = G[i, j] - T[i, j] * along
        else:
            G = product(transposed(A), Gq)
            M = product(transposed(T), G)
            projected = G - product(T, 0.5 * (M + transposed(M)))
        square = np.sum(projected * projected)
        size = np.sqrt(square)
        if size < tolerance:
            break
        step *= 2.0
        moved = False
        for halving in range(40):
            T_new = retracted(T - step * projected, oblique)
            back_new = inverse(T_new) if oblique else transposed(T_new)
            L_new = product(A, transposed(back_new))
            value_new, Gq_new = criterion(L_new, kind, parameter, target, weight)
            # at the limit of rounding a decrease can no longer be seen: accept a short step that does not increase
            if value - value_new > 0.5 * square * step or (halving > 10 and value_new <= value + 1e-15 * abs(value)):
                moved = True
                break
            step *= 0.5
        if not moved:
            break
        T, back, L, value, Gq = T_new, back_new, L_new, value_new, Gq_new
    return T, L, value, size


@kernel("(f8[:, ::1],)")
def kaiser_lengths(A: Array) -> Array:
    """Return the lengths of the rows, one where a row is zero."""
    lengths = np.ones(A.shape[0])
    for i in range(A.shape[0]):
        square = 0.0
        for r in range(A.shape[1]):
            square += A[i, r] * A[i, r]
        if square > 0.0:
            lengths[i] = np.sqrt(square)
    return lengths


@kernel("(f8[:, ::1], f8)")
def promax(V: Array, power: float) -> tuple[Array, Array]:
    """Return the Procrustes rotation of varimax loadings V towards their own powers, and the factor correlations.

    References
    ----------
    Hendrickson, A. E., & White, P. O. (1964). Promax: A quick method for rotation to oblique simple structure. British
    Journal of Statistical Psychology, 17, 65-70. https://doi.org/10.1111/j.2044-8317.1964.tb00244.x
    """
    goal = V * np.abs(V) ** (power - 1.0)
    U = product(inverse(product(transposed(V), V)), product(transposed(V), goal))
    squared = inverse(product(transposed(U), U))
    for r in range(V.shape[1]):
        U[:, r] *= np.sqrt(squared[r, r])
    back = inverse(U)
    return product(V, U), product(back, transposed(back))
