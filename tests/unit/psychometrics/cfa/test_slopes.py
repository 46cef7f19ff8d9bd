"""Slopes and information in closed form, against complex steps; and the end of a search."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.conftest import REFERENCE
from toolkit import psychometrics as pm
from toolkit.psychometrics.cfa._matrices import complex_slopes, row_slopes, row_values
from toolkit.psychometrics.cfa.casewise import observed_information
from toolkit.psychometrics.cfa.fitting import FittedModel

MODEL = "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "cfa_hs.csv")


@pytest.fixture(scope="module")
def ordered() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "cfa_datcat.csv")


def of(answers: pd.DataFrame, model: str = MODEL, **options: Any) -> FittedModel:
    return pm.cfa(answers, model, **options)._fitted


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "groups": (MODEL, {"group": "school", "group_equal": ("loadings", "intercepts")}),
    "a factor of factors": (f"{MODEL}\ng =~ visual + textual + speed", {"mean_structure": True}),
    "labels, residual covariance": ("f =~ x1 + a*x2 + a*x3 + x4\nx1 ~~ x2", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_observed_information_is_that_of_complex_steps(case: str, answers: pd.DataFrame) -> None:
    model, options = CASES[case]
    fit = of(answers, model, estimator="MLR", **options)
    x = fit.x + 0.01 * np.random.default_rng(1).standard_normal(fit.x.size)
    whole = observed_information(fit.problem, x)
    np.testing.assert_allclose(fit.problem.observed_information(x), whole, atol=1e-12 * np.abs(whole).max())


def test_observed_information_of_incomplete_answers_is_that_of_differences(answers: pd.DataFrame) -> None:
    items = [f"x{number}" for number in range(1, 10)]
    gaps = answers[items].mask(np.random.default_rng(1).random((len(answers), 9)) < 0.1)
    fit = of(gaps, missing="fiml")
    x, step = fit.x + 0.01, 1e-5
    ends = [(x + step * one, x - step * one) for one in np.eye(x.size)]
    differences = np.array([fit.problem.gradient(up) - fit.problem.gradient(down) for up, down in ends]) / (4.0 * step)
    found = fit.problem.observed_information(x)
    np.testing.assert_allclose(found, differences, atol=1e-6 * np.abs(found).max())


@pytest.mark.parametrize("standard", [False, True])
@pytest.mark.parametrize("parameterization", ["delta", "theta"])
def test_slopes_of_the_rows_are_those_of_complex_steps(
    standard: bool, parameterization: Any, ordered: pd.DataFrame, answers: pd.DataFrame
) -> None:
    equal = ("thresholds", "loadings")
    fits = [
        of(answers, **CASES["groups"][1]),
        of(
            ordered,
            "f =~ u1 + u2 + u3 + u4",
            ordered=True,
            group="g",
            group_equal=equal,
            parameterization=parameterization,
        ),
    ]
    for fit in fits:

        def rows(x: Any, fit: FittedModel = fit) -> Any:
            return row_values(fit.compiled, x, standard=standard)

        whole = complex_slopes(rows, fit.x)
        np.testing.assert_allclose(row_slopes(fit.compiled, fit.x, standard=standard), whole, atol=1e-13)


def test_a_search_does_not_stand_still_where_rounding_hides_the_gain() -> None:
    loadings = np.kron(np.eye(2), np.full((5, 1), 0.7))
    answers = pm.simulate_ordinal(
        loadings, phi=[[1.0, 0.3], [0.3, 1.0]], thresholds=[-1.2, -0.4, 0.4, 1.2], n_persons=2000, rng=1
    )
    names = list(answers.columns)
    result = pm.cfa(answers, f"a =~ {' + '.join(names[:5])}\nb =~ {' + '.join(names[5:])}")
    assert result.converged
    assert result.n_iterations < 20
