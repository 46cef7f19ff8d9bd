"""Which groups agree in one parameter: the stepwise rule of alignment."""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.sparse.csgraph import connected_components

from toolkit.psychometrics._numerics import Array, Flags

_CONNECTED = 0.01


def invariant_set(estimate: Array, covariance: Array, N: Array, alpha: float) -> Flags:
    """Return the groups of the largest set whose estimates agree, by the stepwise rule of Asparouhov and Muthen.

    Parameters
    ----------
    estimate, N : ndarray, shape (G,)
        Estimates of one parameter, and persons.
    covariance : ndarray, shape (G, G)
        Of the estimates.
    alpha : float
        Level of the tests against the average.
    """
    variance = np.diag(covariance)
    spread = np.sqrt(np.maximum(variance[:, None] + variance[None, :] - 2.0 * covariance, 1e-300))
    alike = 2.0 * stats.norm.sf(np.abs(estimate[:, None] - estimate[None, :]) / spread) > _CONNECTED
    _, label = connected_components(alike, directed=False)
    size = np.bincount(label, weights=N)
    count = np.bincount(label)
    now: Flags = np.asarray(label == max(range(count.size), key=lambda k: (count[k], size[k])))
    seen: set[bytes] = set()
    while now.tobytes() not in seen:
        seen.add(now.tobytes())
        weight = np.where(now, N, 0.0) / N[now].sum()
        contrast = np.eye(N.size) - weight
        error = np.sqrt(np.maximum(np.einsum("gi,ij,gj->g", contrast, covariance, contrast), 1e-300))
        p = 2.0 * stats.norm.sf(np.abs(contrast @ estimate) / error)
        kept = p > alpha
        if not kept.any():
            break
        now = kept
    return now
