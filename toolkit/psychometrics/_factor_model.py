"""Kernels of the common factor model: maximum likelihood and least squares, on correlation matrices.

Symbols: R correlation matrix, psi uniquenesses, Lambda loadings, m number of factors, p number of items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import minimize

from toolkit.psychometrics._numerics import Array, log_determinant, squared_multiple_correlations

Discrepancy = Literal["ml", "minres"]
SMALLEST_UNIQUENESS = 0.005


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unrotated:
    """Loadings of shape (p, m), uniquenesses of shape (p,), and whether the minimum was reached."""

    loadings: Array
    uniquenesses: Array
    converged: bool


def ml_discrepancy(psi: Array, R: Array, m: int) -> tuple[float, Array]:
    """Return the ML discrepancy minimised over the loadings, and its gradient in psi, from one eigendecomposition."""
    scale = 1.0 / np.sqrt(psi)
    theta, omega = np.linalg.eigh(R * np.outer(scale, scale))
    theta = np.maximum(theta, 1e-300)
    rest = theta[: theta.size - m]
    value = float(np.sum(rest - np.log(rest) - 1.0))
    top = omega[:, theta.size - m :]
    Lambda = top * np.sqrt(np.maximum(theta[theta.size - m :] - 1.0, 0.0)) / scale[:, None]
    gradient: Array = (np.sum(Lambda**2, axis=1) + psi - np.diag(R)) / psi**2
    return value, gradient


def minres_discrepancy(psi: Array, R: Array, m: int) -> tuple[float, Array]:
    """Return half the sum of squared residuals minimised over the loadings, and its gradient in psi."""
    gamma, omega = np.linalg.eigh(R - np.diag(psi))
    rest = gamma.copy()
    rest[gamma.size - m :] = np.minimum(rest[gamma.size - m :], 0.0)
    gradient: Array = -(omega**2 @ rest)
    return float(0.5 * np.sum(rest**2)), gradient


def loadings_from_uniquenesses(psi: Array, R: Array, m: int, method: Discrepancy) -> Array:
    """Return the loadings that minimise the discrepancy for given uniquenesses, largest factor first."""
    scale = np.sqrt(psi) if method == "ml" else np.ones_like(psi)
    matrix = R / np.outer(scale, scale) if method == "ml" else R - np.diag(psi)
    values, vectors = np.linalg.eigh(matrix)
    values, vectors = values[::-1][:m] - (1.0 if method == "ml" else 0.0), vectors[:, ::-1][:, :m]
    Lambda: Array = vectors * np.sqrt(np.maximum(values, 0.0)) * scale[:, None]
    return Lambda


def factor_solution(R: Array, m: int, method: Discrepancy, *, start: Array | None = None) -> Unrotated:
    """Minimise a discrepancy over the uniquenesses with its exact gradient, between 0.005 and 1."""
    psi = 1.0 - squared_multiple_correlations(R) if start is None else start
    psi = np.clip(psi, SMALLEST_UNIQUENESS, 1.0)
    objective = ml_discrepancy if method == "ml" else minres_discrepancy
    found = minimize(
        objective,
        psi,
        args=(R, m),
        jac=True,
        method="L-BFGS-B",
        bounds=[(SMALLEST_UNIQUENESS, 1.0)] * psi.size,
        options={"maxiter": 5000, "maxfun": 20000, "ftol": 1e-16, "gtol": 1e-9, "maxcor": 25},
    )
    psi = np.asarray(found.x, dtype=np.float64)
    gradient = objective(psi, R, m)[1]
    projected = psi - np.clip(psi - gradient, SMALLEST_UNIQUENESS, 1.0)
    return Unrotated(
        loadings=loadings_from_uniquenesses(psi, R, m, method),
        uniquenesses=psi,
        converged=bool(np.abs(projected).max() < 1e-5),
    )


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
    lam = loadings_from_uniquenesses(psi, R, 1, "minres")[:, 0]
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
