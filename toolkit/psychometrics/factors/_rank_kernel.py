"""The kernel that gives scores other values of the same order, by sorting into as many bins as there are scores."""

from __future__ import annotations

import numpy as np

from toolkit.psychometrics._compiled import kernel
from toolkit.psychometrics._numerics import Array


@kernel("void(f8[:, ::1], f8[:, ::1], f8[:, ::1])")
def give_values(scores: Array, values: Array, out: Array) -> None:
    """Write, row by row, the k-th smallest value to the place of the k-th smallest score.

    Parameters
    ----------
    scores : ndarray, shape (p, N)
        Finite scores.
    values : ndarray, shape (p, N)
        Values in increasing order.
    out : ndarray, shape (p, N)
        Written.
    """
    p, N = scores.shape
    order = np.empty(N, dtype=np.int64)
    bins = np.empty(N, dtype=np.int64)
    for row in range(p):
        y = scores[row]
        low, high = y.min(), y.max()
        scale = (N - 1) / (high - low) if high > low else 0.0
        starts = np.zeros(N + 1, dtype=np.int64)
        for i in range(N):
            bins[i] = int((y[i] - low) * scale)
            starts[bins[i] + 1] += 1
        for b in range(N):
            starts[b + 1] += starts[b]
        filled = starts[:N].copy()
        for i in range(N):
            place = filled[bins[i]]
            filled[bins[i]] += 1
            first = starts[bins[i]]
            while place > first and y[order[place - 1]] > y[i]:
                order[place] = order[place - 1]
                place -= 1
            order[place] = i
        for k in range(N):
            out[row, order[k]] = values[row, k]
