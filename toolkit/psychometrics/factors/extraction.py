"""Unrotated factors of a correlation matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from toolkit.psychometrics._numerics import Array, squared_multiple_correlations
from toolkit.psychometrics.factors import _extraction_kernel as kernels
from toolkit.psychometrics.factors._extraction_kernel import NOTHING_EXPLAINED

Extraction = Literal["minres", "ml", "paf", "dwls"]
"""Minimum residuals (the same minimum as unweighted least squares), maximum likelihood, principal axis factoring, or
diagonally weighted least squares."""
LARGEST_COMMUNALITY = 1.0 - kernels.SMALLEST_UNIQUENESS
PRINCIPAL_AXIS_STEPS = 50


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unrotated:
    """Unrotated factors.

    Attributes
    ----------
    loadings : ndarray, shape (p, m)
        The largest factor first; a factor that the matrix does not carry has loadings of zero.
    uniquenesses : ndarray, shape (p,)
        From .005 to 1.
    converged : bool
        Whether the minimum of the discrepancy was reached.
    n_iterations : int
        Newton steps, or sweeps through the items under ``dwls``.
    """

    loadings: Array
    uniquenesses: Array
    converged: bool
    n_iterations: int

    @property
    def n_carried(self) -> int:
        """Factors that explain anything."""
        return int((np.sum(self.loadings**2, axis=0) > NOTHING_EXPLAINED).sum())


def extract(
    R: Array, n_factors: int, method: Extraction, *, start: Array | None = None, weights: Array | None = None
) -> Unrotated:
    """Extract factors of a positive definite correlation matrix.

    Parameters
    ----------
    R : ndarray, shape (p, p)
        Correlations.
    n_factors : int
        Factors, from 1 to p - 1.
    method : {"minres", "ml", "paf", "dwls"}
        The discrepancy that is minimised.
    start : ndarray, shape (p,), optional
        Uniquenesses to start from; None takes the squared multiple correlations.
    weights : ndarray, shape (p, p), optional
        Weights of the residual correlations under ``dwls``: the reciprocals of their sampling variances. None weights
        all alike.

    Returns
    -------
    Unrotated
        Loadings and uniquenesses.

    Notes
    -----
    ML and MINRES are functions of the uniquenesses alone once the loadings are minimised out. One eigendecomposition
    gives their value, gradient and second derivatives, and Newton's method needs some three to six of them.
    Communalities stay at or below .995. Principal axis factoring takes 50 steps of its iteration and then Newton steps
    to the iteration's fixed point, which is a minimum of the MINRES discrepancy; other programs stop on the way.
    DWLS solves for the loadings of one item after the other.

    With few persons, and nearly always together with a Heywood case, a discrepancy can have several minima; the one
    below the start is returned.

    References
    ----------
    Joreskog, K. G. (1967). Some contributions to maximum likelihood factor analysis. Psychometrika, 32, 443-482.
    https://doi.org/10.1007/BF02289658

    Clarke, M. R. B. (1970). A rapidly convergent method for maximum-likelihood factor analysis. British Journal of
    Mathematical and Statistical Psychology, 23, 43-52. https://doi.org/10.1111/j.2044-8317.1970.tb00433.x

    Harman, H. H., & Jones, W. H. (1966). Factor analysis by minimizing residuals (minres). Psychometrika, 31, 351-368.
    https://doi.org/10.1007/BF02289468

    Harman, H. H., & Fukuda, Y. (1966). Resolution of the Heywood case in the minres solution. Psychometrika, 31,
    563-571. https://doi.org/10.1007/BF02289525
    """
    R = np.array(R, dtype=np.float64, order="C")
    m = int(n_factors)
    psi = 1.0 - squared_multiple_correlations(R) if start is None else start
    psi = np.clip(psi, kernels.SMALLEST_UNIQUENESS, 1.0)
    if method == "paf":
        psi = _principal_axes(psi, R, m)
    kind = kernels.ML if method == "ml" else kernels.LEAST_SQUARES
    psi, Lambda, size, n_iterations = kernels.best_uniquenesses(psi, R, m, kind, 1e-9, 500)
    if method != "dwls":
        return Unrotated(loadings=Lambda, uniquenesses=psi, converged=size < 1e-5, n_iterations=n_iterations)
    W = np.ones_like(R) if weights is None else np.array(weights, dtype=np.float64, order="C")
    Lambda, change, n_iterations = kernels.weighted_loadings(Lambda, R, W, 1e-10, 20_000)
    return Unrotated(
        loadings=Lambda,
        uniquenesses=1.0 - np.sum(Lambda**2, axis=1),
        converged=change < 1e-7,
        n_iterations=n_iterations,
    )


def _principal_axes(psi: Array, R: Array, m: int) -> Array:
    """Return the uniquenesses after some steps of the principal axis iteration, held between .005 and 1."""
    for _ in range(PRINCIPAL_AXIS_STEPS):
        values, vectors = np.linalg.eigh(R - np.diag(psi))
        explained = vectors[:, -m:] ** 2 @ np.maximum(values[-m:], 0.0)
        psi = np.clip(1.0 - explained, kernels.SMALLEST_UNIQUENESS, 1.0)
    return psi
