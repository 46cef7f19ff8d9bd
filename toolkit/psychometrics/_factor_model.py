"""The one-factor model fitted by maximum likelihood, on correlation matrices.

Symbols: R correlation matrix, psi residual variances, lam loadings, p number of items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.psychometrics._numerics import Array, log_determinant, squared_multiple_correlations


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OneFactor:
    """A one-factor model fitted by ML without bounds: loadings and residual variances of shape (p,)."""

    loadings: Array
    residual_variances: Array
    information: Array
    converged: bool

    @property
    def implied(self) -> Array:
        """The model-implied covariance matrix, shape (p, p)."""
        implied: Array = np.outer(self.loadings, self.loadings) + np.diag(self.residual_variances)
        return implied


def one_factor(R: Array) -> OneFactor:
    """Fit one factor with unit variance by ML, by Fisher scoring with step halving.

    The residual variances are free to become negative, as in a confirmatory model. ``information`` is the expected
    second derivative of the discrepancy in (loadings, residual variances), shape (2p, 2p).
    """
    psi = 1.0 - squared_multiple_correlations(R)
    values, vectors = np.linalg.eigh(R - np.diag(psi))
    lam = vectors[:, -1] * np.sqrt(max(values[-1], 0.0))
    lam = lam if lam.sum() >= 0 else -lam
    value = _one_factor_value(lam, psi, R)
    converged = False
    for _ in range(500):
        gradient, information = _one_factor_derivatives(lam, psi, R)
        if np.abs(gradient).max() < 1e-10:
            converged = True
            break
        step = np.linalg.lstsq(information, gradient, rcond=None)[0]
        length, moved = 1.0, False
        for _halving in range(40):
            new_lam, new_psi = lam - length * step[: lam.size], psi - length * step[lam.size :]
            new_value = _one_factor_value(new_lam, new_psi, R)
            if new_value <= value + 1e-14:
                lam, psi, value, moved = new_lam, new_psi, new_value, True
                break
            length /= 2.0
        if not moved:
            converged = bool(np.abs(gradient).max() < 1e-6)
            break
    information = _one_factor_derivatives(lam, psi, R)[1]
    return OneFactor(loadings=lam, residual_variances=psi, information=information, converged=converged)


def _one_factor_value(lam: Array, psi: Array, R: Array) -> float:
    Sigma = np.outer(lam, lam) + np.diag(psi)
    if np.linalg.eigvalsh(Sigma)[0] <= 1e-12:
        return float("inf")
    return log_determinant(Sigma) + float(np.trace(np.linalg.solve(Sigma, R)))


def _one_factor_derivatives(lam: Array, psi: Array, R: Array) -> tuple[Array, Array]:
    Sigma = np.outer(lam, lam) + np.diag(psi)
    V = np.linalg.inv(Sigma)
    D = V @ (Sigma - R) @ V
    u = V @ lam
    gradient = np.concatenate([2.0 * D @ lam, np.diag(D)])
    loadings_block = 2.0 * (float(lam @ u) * V + np.outer(u, u))
    mixed_block = 2.0 * V * u[None, :]
    information = np.block([[loadings_block, mixed_block], [mixed_block.T, V**2]])
    return gradient, information
