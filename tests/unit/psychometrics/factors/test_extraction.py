"""The factor model's kernels: gradients, exact recovery, and the polish after factor_analyzer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import approx_fprime

from toolkit.psychometrics._factor_model import (
    factor_solution,
    loadings_from_uniquenesses,
    minres_discrepancy,
    ml_discrepancy,
)
from toolkit.psychometrics.factors.extraction import extract

TRUTH = np.array([[0.8, 0.1], [0.7, 0.2], [0.6, -0.1], [0.1, 0.7], [0.0, 0.6], [-0.1, 0.5], [0.3, 0.3]])
POPULATION = TRUTH @ TRUTH.T + np.diag(1 - (TRUTH**2).sum(1))


@pytest.mark.parametrize("objective", [ml_discrepancy, minres_discrepancy])
def test_gradients_are_the_slopes(objective: Any, answers: pd.DataFrame) -> None:
    R = answers.corr().to_numpy()
    psi = np.linspace(0.3, 0.7, 6)
    numeric = approx_fprime(psi, lambda x: objective(x, R, 2)[0], 1e-7)
    np.testing.assert_allclose(objective(psi, R, 2)[1], numeric, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", ["ml", "minres"])
def test_the_population_is_recovered(method: Any) -> None:
    found = extract(POPULATION, 2, method)
    assert found.converged
    np.testing.assert_allclose(found.loadings @ found.loadings.T, TRUTH @ TRUTH.T, atol=1e-6)


@pytest.mark.parametrize("method", ["ml", "minres"])
def test_the_polish_ends_where_the_gradient_is_zero(method: Any, answers: pd.DataFrame) -> None:
    R = answers.corr().to_numpy()
    found = extract(R, 2, method)
    objective = ml_discrepancy if method == "ml" else minres_discrepancy
    assert np.abs(objective(found.uniquenesses, R, 2)[1]).max() < 1e-6
    from_afar = factor_solution(R, 2, method, start=np.full(6, 0.9))
    np.testing.assert_allclose(found.uniquenesses, from_afar.uniquenesses, atol=1e-6)
    np.testing.assert_allclose(
        np.abs(found.loadings), np.abs(loadings_from_uniquenesses(found.uniquenesses, R, 2, method)), atol=1e-12
    )
