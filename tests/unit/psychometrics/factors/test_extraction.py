"""Extraction: gradients and second derivatives, exact recovery, one minimum from any start, limits."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import approx_fprime, minimize

from toolkit.psychometrics.factors import _extraction_kernel as kernels
from toolkit.psychometrics.factors.extraction import Extraction, extract
from toolkit.psychometrics.factors.fit import fitted_factors

METHODS = get_args(Extraction)
TRUTH = np.array([[0.8, 0.1], [0.7, 0.2], [0.6, -0.1], [0.1, 0.7], [0.0, 0.6], [-0.1, 0.5], [0.3, 0.3]])
POPULATION = TRUTH @ TRUTH.T + np.diag(1 - (TRUTH**2).sum(1))


def correlations(answers: pd.DataFrame) -> np.ndarray:
    return np.array(answers.corr().to_numpy(), order="C")


@pytest.mark.parametrize("kind", [kernels.ML, kernels.LEAST_SQUARES])
def test_derivatives_are_the_slopes(kind: int, answers: pd.DataFrame) -> None:
    R = correlations(answers)
    x = np.log(np.linspace(0.3, 0.7, 6)) if kind == kernels.ML else np.linspace(0.3, 0.7, 6)

    def gradient(at: np.ndarray) -> np.ndarray:
        _, values, vectors, k = kernels.spectrum(at, R, 2, kind)
        return kernels.slope(values, vectors, k, kind)

    numeric = approx_fprime(x, lambda at: kernels.spectrum(at, R, 2, kind)[0], 1e-7)
    np.testing.assert_allclose(gradient(x), numeric, rtol=1e-4, atol=1e-6)
    _, values, vectors, k = kernels.spectrum(x, R, 2, kind)
    exact, expected = kernels.curvature(values, vectors, k, kind)
    second = np.column_stack([(gradient(x + step) - gradient(x - step)) / 2e-5 for step in 1e-5 * np.eye(6)])
    np.testing.assert_allclose(exact, second, rtol=1e-5, atol=1e-7)
    assert np.linalg.eigvalsh(expected)[0] >= -1e-12


@pytest.mark.parametrize("method", METHODS)
def test_the_population_is_recovered(method: Any) -> None:
    found = extract(POPULATION, 2, method)
    assert found.converged
    assert found.n_carried == 2
    np.testing.assert_allclose(found.loadings @ found.loadings.T, TRUTH @ TRUTH.T, atol=1e-6)
    np.testing.assert_allclose(found.uniquenesses, 1 - (TRUTH**2).sum(1), atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_the_minimum_does_not_depend_on_the_start(method: Any, answers: pd.DataFrame) -> None:
    R = correlations(answers)
    found = extract(R, 2, method)
    from_afar = extract(R, 2, method, start=np.full(6, 0.9))
    np.testing.assert_allclose(found.uniquenesses, from_afar.uniquenesses, atol=1e-8)


def test_ml_is_the_minimum_of_the_discrepancy_over_loadings(answers: pd.DataFrame) -> None:
    """A search over loadings and uniquenesses together, which knows nothing of eigenvalues, ends at the same place."""
    R = correlations(answers)
    found = extract(R, 2, "ml")

    def discrepancy(x: np.ndarray) -> float:
        L, psi = x[:12].reshape(6, 2), np.exp(x[12:])
        Sigma = L @ L.T + np.diag(psi)
        return float(np.linalg.slogdet(Sigma)[1] + np.trace(np.linalg.solve(Sigma, R)))

    start = np.concatenate([np.full(12, 0.3) + 0.1 * np.arange(12) % 0.5, np.log(np.full(6, 0.5))])
    free = minimize(discrepancy, start, method="BFGS", options={"gtol": 1e-7, "maxiter": 2000})
    L = free.x[:12].reshape(6, 2)
    np.testing.assert_allclose(found.loadings @ found.loadings.T, L @ L.T, atol=1e-4)


def test_principal_axes_end_at_their_fixed_point(answers: pd.DataFrame) -> None:
    R = correlations(answers)
    found = extract(R, 2, "paf")
    reduced = R - np.diag(found.uniquenesses)
    values, vectors = np.linalg.eigh(reduced)
    communality = (vectors[:, -2:] ** 2 * values[-2:]).sum(axis=1)
    np.testing.assert_allclose(1 - found.uniquenesses, communality, atol=1e-8)
    np.testing.assert_allclose(found.uniquenesses, extract(R, 2, "minres").uniquenesses, atol=1e-8)


def test_equal_weights_are_minres_and_others_are_stationary(answers: pd.DataFrame) -> None:
    R = correlations(answers)
    equal, minres = extract(R, 2, "dwls", weights=np.full((6, 6), 3.0)), extract(R, 2, "minres")
    np.testing.assert_allclose(np.abs(equal.loadings), np.abs(minres.loadings), atol=1e-6)
    W = np.random.default_rng(1).uniform(0.5, 2.0, (6, 6))
    W = W + W.T
    found = extract(R, 2, "dwls", weights=W)
    residual = W * (R - found.loadings @ found.loadings.T)
    np.fill_diagonal(residual, 0.0)
    np.testing.assert_allclose(residual @ found.loadings, 0.0, atol=1e-8)
    assert np.abs(found.loadings @ found.loadings.T - minres.loadings @ minres.loadings.T).max() > 1e-3


@pytest.mark.parametrize("method", METHODS)
def test_a_communality_stops_at_its_limit(method: Any) -> None:
    R = np.array([[1, 0.6, 0.6], [0.6, 1, 0.2], [0.6, 0.2, 1]])
    found = extract(R, 1, method)
    assert found.uniquenesses[0] == pytest.approx(kernels.SMALLEST_UNIQUENESS, abs=1e-9)
    assert found.converged


@pytest.mark.parametrize("method", ["ml", "minres"])
def test_what_is_not_carried_has_no_loadings(method: Any) -> None:
    found = extract(POPULATION, 3, method)
    assert found.n_carried == 2
    np.testing.assert_allclose(found.loadings @ found.loadings.T, TRUTH @ TRUTH.T, atol=1e-3)


def test_one_call_extracts_and_says_how_it_fits(answers: pd.DataFrame) -> None:
    R = correlations(answers)
    unrotated, fit = fitted_factors(R, 2, n=400)
    again = extract(R, 2, "ml")
    np.testing.assert_array_equal(unrotated.loadings, again.loadings)
    assert fit.df == 4
    assert fit.chi_square > 0


def test_a_read_only_matrix_is_taken_and_left_as_it_is(answers: pd.DataFrame) -> None:
    R = correlations(answers)
    R.setflags(write=False)
    before = R.copy()
    extract(R, 2, "ml")
    np.testing.assert_array_equal(R, before)
