"""Making a correlation matrix positive definite when it is not."""

from __future__ import annotations

import numpy as np

from toolkit.errors import Code, Problem
from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics._options import Smooth

TOO_SMALL = 1e-10
"""An eigenvalue at or below this makes the matrix count as not positive definite."""
RAISED_TO = 1e-8


def raised_eigenvalues(R: Array) -> Array:
    """Raise the eigenvalues that are too small, keep their sum, and rescale the diagonal to ones."""
    values, vectors = np.linalg.eigh(R)
    values = np.where(values <= TOO_SMALL, RAISED_TO, values)
    values *= R.shape[0] / values.sum()
    return _correlation((vectors * values) @ vectors.T)


def nearest_correlation(R: Array, *, steps: int = 2000, tolerance: float = 1e-10) -> Array:
    """Return the closest correlation matrix, in the sum of squares, whose eigenvalues are not too small.

    Projections onto the matrices with a unit diagonal and onto those with large enough eigenvalues alternate, with
    Dykstra's correction.
    """
    near, correction = R.copy(), np.zeros_like(R)
    for _ in range(steps):
        values, vectors = np.linalg.eigh(near - correction)
        inside = (vectors * np.maximum(values, RAISED_TO)) @ vectors.T
        correction = inside - (near - correction)
        moved = inside.copy()
        np.fill_diagonal(moved, 1.0)
        change = float(np.abs(moved - near).max())
        near = moved
        if change < tolerance:
            break
    return _correlation(inside)


def _correlation(S: Array) -> Array:
    scale = 1.0 / np.sqrt(np.diag(S))
    R: Array = S * np.outer(scale, scale)
    R = 0.5 * (R + R.T)
    np.fill_diagonal(R, 1.0)
    return R


def smoothed(R: Array, smooth: Smooth) -> tuple[Array, float, bool, list[Problem]]:
    """Return the matrix, made positive definite if that is wanted and needed, and what must be known about it.

    Returns
    -------
    tuple
        The matrix, its smallest eigenvalue before, whether it was changed, and warnings.
    """
    smallest = float(np.linalg.eigvalsh(R)[0])
    if smallest > TOO_SMALL:
        return R, smallest, False, []
    before = f"smallest eigenvalue {smallest:.3g}"
    if smooth == "none":
        problem = Problem(
            code=Code.STA_NOT_POSITIVE_DEFINITE,
            what="The matrix is not positive definite, and was left so.",
            fix="Leave out items that repeat one another, use more persons, or ask for smooth='eigenvalues'.",
            got=before,
            allowed=f"more than {TOO_SMALL:g}",
        )
        return R, smallest, False, [problem]
    near = raised_eigenvalues(R) if smooth == "eigenvalues" else nearest_correlation(R)
    moved = float(np.abs(near - R).max())
    problem = Problem(
        code=Code.STA_SMOOTHED,
        what=f"The matrix was not positive definite, and was smoothed ({smooth}); no correlation moved by more than "
        f"{moved:.3g}.",
        fix="Report it.",
        got=before,
        allowed=f"more than {TOO_SMALL:g}",
    )
    return near, smallest, True, [problem]
