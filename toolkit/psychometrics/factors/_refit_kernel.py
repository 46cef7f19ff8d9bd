"""Compiled kernel of the bootstrap: the same analysis again on many correlation matrices, from a known solution.

Symbols as in the kernels of extraction and rotation; ``goal`` are the loadings whose order and signs are taken over.
"""

from __future__ import annotations

import numpy as np

from toolkit.psychometrics._compiled import kernel
from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics.factors._extraction_kernel import (
    NOTHING_EXPLAINED,
    SMALLEST_UNIQUENESS,
    Index,
    best_uniquenesses,
    weighted_loadings,
)
from toolkit.psychometrics.factors._rotation_kernel import (
    gradient_projection,
    kaiser_lengths,
    product,
    promax,
    retracted,
    transposed,
)

WEIGHTED = 2
"""The kind of extraction beside ML and least squares."""
FAILED, BOUNDARY = 1, 2


@kernel("(f8[:, ::1], f8[:, ::1])")
def congruences(L: Array, goal: Array) -> Array:
    """Return Tucker's coefficient of every factor of L (rows) with every one of the goal (columns)."""
    own, other = np.sqrt(np.sum(L * L, axis=0)), np.sqrt(np.sum(goal * goal, axis=0))
    found = product(transposed(L), goal)
    for r in range(own.size):
        for s in range(other.size):
            found[r, s] /= max(own[r] * other[s], 1e-300)
    return found


@kernel("(f8[:, ::1], f8[:, ::1], f8[:, ::1])")
def matched(L: Array, Phi: Array, goal: Array) -> tuple[Array, Array]:
    """Give factors the order and the signs of the goal, the most congruent pair first; Phi follows."""
    p, m = L.shape
    left = congruences(L, goal)
    source, sign = np.zeros(m, dtype=np.int64), np.ones(m)
    for _ in range(m):
        place = np.argmax(np.abs(left))
        r, s = place // m, place % m
        source[s] = r
        sign[s] = -1.0 if left[r, s] < 0.0 else 1.0
        left[r, :] = 0.0
        left[:, s] = 0.0
    L_new, Phi_new = np.empty((p, m)), np.empty((m, m))
    for s in range(m):
        for i in range(p):
            L_new[i, s] = sign[s] * L[i, source[s]]
        for t in range(m):
            Phi_new[s, t] = sign[s] * sign[t] * Phi[source[s], source[t]]
    return L_new, Phi_new


@kernel("(f8[:, ::1], f8[::1], f8[:, ::1], i8, f8[:, ::1])")
def extracted(R: Array, psi: Array, A: Array, extraction: int, W: Array) -> tuple[Array, int]:
    """Extract factors from a known solution; return the loadings, and how it went."""
    if not np.isfinite(np.sum(R)):
        return A, FAILED
    if extraction == WEIGHTED:
        L, size, _ = weighted_loadings(A, R, W, 1e-8, 5000)
    else:
        _, L, size, _ = best_uniquenesses(psi, R, A.shape[1], extraction, 1e-7, 200)
    squares = L * L
    if size > 1e-5 or np.min(np.sum(squares, axis=0)) <= NOTHING_EXPLAINED:
        return L, FAILED
    largest = np.max(np.sum(squares, axis=1))
    return L, (BOUNDARY if largest >= 1.0 - SMALLEST_UNIQUENESS - 1e-6 else 0)


@kernel("(f8[:, ::1], f8[:, ::1], f8[:, ::1], b1, i8, f8, b1, f8[:, ::1], f8[:, ::1], f8)")
def turned(
    L: Array,
    A: Array,
    T: Array,
    oblique: bool,
    kind: int,
    parameter: float,
    normalised: bool,
    target: Array,
    weight: Array,
    power: float,
) -> tuple[Array, Array, bool]:
    """Turn loadings towards A and rotate them from T; return loadings, factor correlations, and success."""
    p, m = L.shape
    near = product(L, retracted(product(transposed(L), A), False))
    lengths = kaiser_lengths(near) if normalised else np.ones(p)
    for i in range(p):
        near[i] /= lengths[i]
    T_new, rotated, _, size = gradient_projection(near, T, oblique, kind, parameter, target, weight, 1e-6, 2000)
    Phi = product(transposed(T_new), T_new) if oblique else np.eye(m)
    if power > 0.0:
        rotated, Phi = promax(rotated, power)
    for i in range(p):
        rotated[i] *= lengths[i]
    return rotated, Phi, size < 1e-4


@kernel(
    "(f8[:, :, ::1], f8[::1], f8[:, ::1], i8, f8[:, ::1], b1, f8[:, ::1], b1, i8, f8, b1, f8[:, ::1], f8[:, ::1], f8,"
    " f8[:, ::1])"
)
def refit(
    matrices: Array,
    psi: Array,
    A: Array,
    extraction: int,
    W: Array,
    rotated: bool,
    T: Array,
    oblique: bool,
    kind: int,
    parameter: float,
    normalised: bool,
    target: Array,
    weight: Array,
    power: float,
    goal: Array,
) -> tuple[Array, Array, Index]:
    """Repeat an analysis on every matrix; return loadings, factor correlations, and how each went.

    Extraction starts from the uniquenesses psi. The unrotated loadings are turned towards A, the rotation starts from
    T, and order and signs are those of the goal. How it went is 0, 1 for a failure, whose loadings are NaN, or 2 for a
    communality at its limit.
    """
    B = matrices.shape[0]
    p, m = A.shape
    loadings, phis, states = np.full((B, p, m), np.nan), np.full((B, m, m), np.nan), np.zeros(B, dtype=np.int64)
    for b in range(B):
        L, states[b] = extracted(matrices[b], psi, A, extraction, W)
        Phi = np.eye(m)
        if rotated and states[b] != FAILED:
            L, Phi, done = turned(L, A, T, oblique, kind, parameter, normalised, target, weight, power)
            if not done:
                states[b] = FAILED
        if states[b] != FAILED:
            loadings[b], phis[b] = matched(L, Phi, goal)
    return loadings, phis, states
