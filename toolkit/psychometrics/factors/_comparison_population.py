"""Finite populations with a given number of factors, the observed distributions and nearly the observed correlations.

Symbols: R target correlations (p, p), X population (N, p), Lambda loadings, psi uniquenesses.
"""

from __future__ import annotations

import numpy as np

from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics.factors._rank_kernel import give_values
from toolkit.psychometrics.factors.extraction import extract

TRIALS = 5
"""So many trials in a row without a better population end the search."""
IMPROVEMENT = 1e-3
"""A population must be better by this share of its error to count as better."""


def population(R: Array, codes: Array, k: int, size: int, random: np.random.Generator) -> Array:
    """Return a population of k factors, each column of mean zero.

    Normal scores from a factor model are replaced, rank by rank, by values drawn from the item's observed ones. That
    weakens the correlations; so the model is fitted to intermediate correlations, which are moved by what the
    population still lacks, half as far after each failure.

    Parameters
    ----------
    R : ndarray, shape (p, p)
        Correlations to be reproduced.
    codes : ndarray, shape (n, p)
        Observed answers.
    k : int
        Factors, 1 or more.
    size : int
        Persons of the population, N.
    random : Generator
        Source of the draws.

    Returns
    -------
    ndarray, shape (N, p)
        The best population that was met.
    """
    p = R.shape[0]
    shared, own = random.standard_normal((k, size)), random.standard_normal((p, size))
    drawn = codes[random.integers(codes.shape[0], size=(p, size)), np.arange(p)[:, None]]
    values = np.sort(drawn - drawn.mean(axis=1, keepdims=True), axis=1)
    intermediate, psi = R, np.full(p, 0.5)
    best_error, best_intermediate, lack = np.inf, R, np.zeros_like(R)
    best: Array = np.empty((p, 0))
    failures = 0
    while failures < TRIALS:
        fitted = extract(intermediate, k, "minres", start=psi)
        psi = fitted.uniquenesses
        X = np.empty((p, size))
        give_values(fitted.loadings @ shared + np.sqrt(psi)[:, None] * own, values, X)
        residual = R - correlations_of(X @ X.T)
        error = float(np.sqrt(np.mean(residual[np.tril_indices(p, k=-1)] ** 2)))
        if error < best_error * (1.0 - IMPROVEMENT):
            best_error, best, best_intermediate, lack, failures = error, X, intermediate, residual, 0
        else:
            failures += 1
        intermediate = np.clip(best_intermediate + 0.5**failures * lack, -1.0, 1.0)
        np.fill_diagonal(intermediate, 1.0)
    return np.ascontiguousarray(best.T)


def correlations_of(products: Array) -> Array:
    """Return correlations from sums of products of deviations; those of a constant item are zero."""
    spread = np.sqrt(np.maximum(np.diag(products), 0.0))
    constant = spread <= 1e-12 * max(float(spread.max()), 1e-300)
    scale = 1.0 / np.where(constant, np.inf, spread)
    R: Array = products * np.outer(scale, scale)
    np.fill_diagonal(R, 1.0)
    return R


def sampled_correlations(X: Array, n: int, n_samples: int, random: np.random.Generator) -> Array:
    """Return correlations of samples of n persons drawn with replacement, shape (n_samples, p, p).

    Of more persons than the population has, only how often each was drawn is used.
    """
    size, p = X.shape
    R = np.empty((n_samples, p, p))
    for matrix in R:
        drawn = random.integers(size, size=n)
        if n > size:
            weight = np.bincount(drawn, minlength=size).astype(np.float64)
            mean = weight @ X / n
            products = X.T @ (X * weight[:, None])
        else:
            Y = X[drawn]
            mean = Y.mean(axis=0)
            products = Y.T @ Y
        matrix[:] = correlations_of(products - n * np.outer(mean, mean))
    return R
