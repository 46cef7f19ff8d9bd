"""Populations of comparison data: their distributions, their correlations, and the samples drawn from them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from toolkit.psychometrics.factors._comparison_population import correlations_of, population, sampled_correlations
from toolkit.psychometrics.factors._rank_kernel import give_values


@pytest.mark.parametrize("kind", ["normal", "ties", "one", "far"])
def test_values_stand_in_the_order_of_the_scores(kind: str) -> None:
    random = np.random.default_rng(1)
    scores = random.standard_normal((5, 300))
    if kind == "ties":
        scores = np.round(scores, 1)
    if kind == "one":
        scores[2] = 1.0
    if kind == "far":
        scores[0, 7] = 1e9
    values = np.sort(random.standard_normal((5, 300)), axis=1)
    out = np.empty_like(scores)
    give_values(scores, values, out)
    for row in range(5):
        np.testing.assert_array_equal(np.sort(out[row]), values[row])
        order = np.argsort(scores[row], kind="stable")
        steps = np.diff(scores[row][order])
        assert (np.diff(out[row][order])[steps > 0] >= 0).all()
    if kind == "normal":
        np.testing.assert_array_equal(out[0][np.argsort(scores[0])], values[0])


def test_a_population_has_the_distributions_and_nearly_the_correlations(answers: pd.DataFrame) -> None:
    """Two factors reproduce what two factors made; one does not."""
    R, codes = answers.corr().to_numpy(), answers.to_numpy()
    below = np.tril_indices(6, k=-1)
    errors = {}
    for k in (1, 2):
        X = population(R, codes, k, 20_000, np.random.default_rng(k))
        found = np.corrcoef(X.T)
        errors[k] = np.sqrt(np.mean((found - R)[below] ** 2))
        np.testing.assert_allclose(X.mean(axis=0), 0.0, atol=1e-9)
        for j in range(6):
            shares = np.unique(codes[:, j], return_counts=True)[1] / len(codes)
            population_shares = np.unique(np.round(X[:, j], 9), return_counts=True)[1] / len(X)
            np.testing.assert_allclose(population_shares, shares, atol=0.015)
    assert errors[2] < 0.03 < 3 * errors[2] + 0.03 < errors[1] + 0.06
    assert errors[1] > 0.1


def test_skewed_answers_keep_their_correlations() -> None:
    """Without the intermediate correlations the population's would be too small by a fifth."""
    random = np.random.default_rng(2)
    f = random.standard_normal((800, 1))
    codes = np.exp(1.2 * (0.8 * f + 0.6 * random.standard_normal((800, 5))))
    R = np.corrcoef(codes.T)
    X = population(R, codes, 1, 20_000, np.random.default_rng(1))
    below = np.tril_indices(5, k=-1)
    assert abs(np.corrcoef(X.T)[below].mean() - R[below].mean()) < 0.03


@pytest.mark.parametrize("n", [300, 5000])
def test_samples_vary_as_samples_of_their_size_do(n: int) -> None:
    """Drawing few rows and weighting all rows are the same sampling."""
    random = np.random.default_rng(1)
    X = random.standard_normal((1000, 4)) @ np.linalg.cholesky(np.full((4, 4), 0.5) + 0.5 * np.eye(4)).T
    X -= X.mean(axis=0)
    R = np.corrcoef(X.T)
    drawn = sampled_correlations(X, n, 400, random)
    np.testing.assert_allclose(np.diagonal(drawn, axis1=1, axis2=2), 1.0)
    np.testing.assert_allclose(drawn.mean(axis=0), R, atol=0.01)
    spread = drawn[:, 0, 1].std() * np.sqrt(n)
    assert abs(spread - (1 - R[0, 1] ** 2)) < 0.12


def test_a_constant_item_is_uncorrelated() -> None:
    X = np.array([[1.0, 0.0], [-1.0, 0.0], [2.0, 0.0], [-2.0, 0.0]])
    np.testing.assert_array_equal(correlations_of(X.T @ X), np.eye(2))
