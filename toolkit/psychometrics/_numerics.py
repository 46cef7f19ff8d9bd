"""Small numeric building blocks on plain arrays."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Bytes: TypeAlias = npt.NDArray[np.uint8]
Words: TypeAlias = npt.NDArray[np.uint64]
Flags: TypeAlias = npt.NDArray[np.bool_]
Counts: TypeAlias = npt.NDArray[np.int64]
Rng: TypeAlias = int | np.random.Generator | None


def pair_moments(values: Array) -> tuple[Array, Array, Array, Array]:
    """Return means, covariances, correlations and the number of persons behind each pair.

    Each entry uses the persons who answered both items; with complete data these are the ordinary moments
    (divisor n - 1).
    """
    answered = ~np.isnan(values)
    if answered.all():
        return _complete_moments(values)
    mask = answered.astype(np.float64)
    n_answered = mask.sum(axis=0)
    mean = np.where(answered, values, 0.0).sum(axis=0) / n_answered
    centred = np.where(answered, values - mean, 0.0)
    n_pairs = mask.T @ mask
    sums = centred.T @ mask
    squares = (centred**2).T @ mask
    with np.errstate(invalid="ignore", divide="ignore"):
        deviations = centred.T @ centred - sums * sums.T / n_pairs
        spread = np.sqrt(np.maximum(squares - sums**2 / n_pairs, 0.0))
        covariance = deviations / (n_pairs - 1.0)
        correlation = deviations / (spread * spread.T)
    np.fill_diagonal(correlation, 1.0)
    return mean, covariance, correlation, n_pairs


def _complete_moments(values: Array) -> tuple[Array, Array, Array, Array]:
    n, p = values.shape
    mean = values.mean(axis=0)
    centred = values - mean
    deviations = centred.T @ centred
    spread = np.sqrt(np.diag(deviations))
    correlation = deviations / np.outer(spread, spread)
    np.fill_diagonal(correlation, 1.0)
    return mean, deviations / (n - 1.0), correlation, np.full((p, p), float(n))


def squared_multiple_correlations(correlation: Array) -> Array:
    """Return each item's squared multiple correlation with all others; stacks of matrices are allowed."""
    inverse = np.linalg.inv(correlation)
    smc: Array = 1.0 - 1.0 / np.diagonal(inverse, axis1=-2, axis2=-1)
    return smc


def inverse(matrix: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the inverse of a regular symmetric matrix, or of a stack, as exact where rows have different units.

    Complex matrices have complex inverses.
    """
    size = np.sqrt(np.abs(np.diagonal(matrix, axis1=-2, axis2=-1)))
    unit = size[..., :, None] * size[..., None, :] if size.all() else np.ones_like(matrix)
    found: npt.NDArray[Any] = np.linalg.inv(matrix / unit) / unit
    return found


def log_determinant(matrix: Array) -> float:
    """Return the natural logarithm of the determinant of a positive definite matrix."""
    return float(np.linalg.slogdet(matrix)[1])


def eigenvalues(matrix: Array) -> Array:
    """Return the eigenvalues of one or a stack of symmetric matrices, largest first."""
    return np.asarray(np.linalg.eigvalsh(matrix)[..., ::-1], dtype=np.float64)


def generator(rng: Rng) -> tuple[np.random.Generator, int | None]:
    """Return a random generator and the seed that makes it again; the seed is None for a generator of the caller's."""
    if isinstance(rng, np.random.Generator):
        return rng, None
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if rng is None else int(rng)
    return np.random.default_rng(seed), seed
