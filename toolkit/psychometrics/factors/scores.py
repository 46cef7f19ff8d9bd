"""Weights that turn standardised answers into factor scores."""

from __future__ import annotations

from typing import Literal

import numpy as np

from toolkit.psychometrics._numerics import Array

ScoreMethod = Literal["regression", "Bartlett", "tenBerge"]
"""``regression`` (Thurstone) correlates highest with the factors, ``Bartlett`` is unbiased for each person, and
``tenBerge`` keeps the factors' correlations."""


def score_weights(R: Array, Lambda: Array, Phi: Array, method: ScoreMethod) -> Array:
    """Return weights W, shape (p, m), so that the scores are ``Z W`` for standard answers Z.

    Notes
    -----
    Regression: ``inv(R) Lambda Phi``. Bartlett: ``inv(U2) Lambda inv(Lambda' inv(U2) Lambda)`` with U2 the diagonal
    matrix of uniquenesses. Ten Berge: ``inv(R)^.5 C Phi^.5`` with ``C = inv(R)^.5 L inv(L' inv(R) L)^.5`` and
    ``L = Lambda Phi^.5``; the scores then have exactly the correlations Phi in the sample.

    References
    ----------
    Thurstone, L. L. (1935). The vectors of mind. University of Chicago Press.

    Bartlett, M. S. (1937). The statistical conception of mental factors. British Journal of Psychology, 28, 97-104.
    https://doi.org/10.1111/j.2044-8295.1937.tb00863.x

    ten Berge, J. M. F., Krijnen, W. P., Wansbeek, T., & Shapiro, A. (1999). Some new results on correlation-preserving
    factor scores prediction methods. Linear Algebra and its Applications, 289, 311-318.
    https://doi.org/10.1016/S0024-3795(97)10007-6
    """
    if method == "regression":
        weights = np.linalg.solve(R, Lambda @ Phi)
    elif method == "Bartlett":
        scaled = Lambda / (1.0 - np.einsum("ij,jk,ik->i", Lambda, Phi, Lambda))[:, None]
        weights = scaled @ np.linalg.inv(Lambda.T @ scaled)
    else:
        root, inverse_root = _power(Phi, 0.5), _power(R, -0.5)
        L = Lambda @ root
        C = inverse_root @ L @ _power(L.T @ np.linalg.solve(R, L), -0.5)
        weights = inverse_root @ C @ root
    return np.asarray(weights, dtype=np.float64)


def determinacy(R: Array, Lambda: Array, Phi: Array, W: Array) -> Array:
    """Return the correlation of each factor with its scores, shape (m,)."""
    covariance = np.einsum("ij,ij->j", W, Lambda @ Phi)
    correlation: Array = covariance / np.sqrt(np.einsum("ij,ik,kj->j", W, R, W))
    return correlation


def _power(matrix: Array, exponent: float) -> Array:
    values, vectors = np.linalg.eigh(matrix)
    power: Array = (vectors * values**exponent) @ vectors.T
    return power
