"""Exploratory factor analysis: truth, order and sign, fit, warnings and refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.psychometrics.factors.efa import ordered
from toolkit.psychometrics.factors.fit import rmsea

SIMPLE = np.array([[0.5, 0], [0.6, 0], [0.4, 0], [0, 0.8], [0, 0.7], [0, 0.9], [0, 0.6]])
PHI = np.array([[1, 0.4], [0.4, 1]])
POPULATION = SIMPLE @ PHI @ SIMPLE.T + np.diag(1 - np.einsum("ij,jk,ik->i", SIMPLE, PHI, SIMPLE))


@pytest.mark.parametrize("method", ["ml", "minres"])
def test_the_population_is_recovered(method: Any, exact: Callable[..., pd.DataFrame]) -> None:
    result = pm.efa(exact(POPULATION), n_factors=2, method=method, rng=1)
    np.testing.assert_allclose(result.loadings, SIMPLE[:, ::-1], atol=1e-5)
    np.testing.assert_allclose(result.phi, PHI, atol=1e-5)
    np.testing.assert_allclose(result.structure, SIMPLE[:, ::-1] @ PHI, atol=1e-5)
    np.testing.assert_allclose(result.communalities, (SIMPLE**2).sum(1), atol=1e-5)
    np.testing.assert_allclose(result.uniquenesses, 1 - (SIMPLE**2).sum(1), atol=1e-5)
    assert result.chi_square == pytest.approx(0.0, abs=1e-6)
    assert (result.rmsea.estimate, result.rmsea.low, result.rmsea.high) == (0.0, 0.0, 0.0)
    assert result.df == 8
    assert result.rmsr == pytest.approx(0.0, abs=1e-5)
    assert result.converged
    assert result.warnings == ()


def test_communalities_use_the_factor_correlations(answers: pd.DataFrame) -> None:
    rotated = pm.efa(answers, n_factors=2, rng=1)
    unrotated = pm.efa(answers, n_factors=2, rotation="none")
    np.testing.assert_allclose(rotated.communalities, unrotated.communalities, atol=1e-10)
    assert not np.allclose(rotated.communalities, (rotated.loadings**2).sum(axis=1), atol=1e-3)
    assert rotated.variance["ss_loadings"].sum() == pytest.approx(rotated.communalities.sum())
    assert rotated.variance["cumulative"].iloc[-1] == pytest.approx(rotated.communalities.mean())
    assert list(rotated.to_frame()) == ["F1", "F2", "communality", "uniqueness"]


def test_factors_are_ordered_and_signed_with_everything_that_belongs_to_them() -> None:
    Lambda = np.array([[0.1, -0.8, 0.0], [0.0, -0.7, 0.1], [0.4, 0.0, 0.0], [0.0, 0.0, 0.6], [0.1, 0.0, 0.6]])
    Phi = np.array([[1, 0.3, 0.2], [0.3, 1, -0.1], [0.2, -0.1, 1]])
    loadings, phi, explained = ordered(Lambda, Phi)
    np.testing.assert_array_equal(loadings, Lambda[:, [1, 2, 0]] * [-1, 1, 1])
    np.testing.assert_allclose(phi, [[1, 0.1, -0.3], [0.1, 1, 0.2], [-0.3, 0.2, 1]])
    assert (np.diff(explained) < 0).all()
    np.testing.assert_allclose(loadings @ phi @ loadings.T, Lambda @ Phi @ Lambda.T)


def test_the_solution_does_not_depend_on_the_seed(answers: pd.DataFrame) -> None:
    one, two = (pm.efa(answers, n_factors=2, rng=seed) for seed in (1, 2))
    np.testing.assert_allclose(one.loadings, two.loadings, atol=1e-12)
    assert one.provenance["seed"] == 1


def test_fit_by_the_formulas(answers: pd.DataFrame) -> None:
    result = pm.efa(answers, n_factors=1, method="ml", rotation="none")
    R = answers.corr().to_numpy()
    model = np.outer(result.loadings, result.loadings)
    np.fill_diagonal(model, 1.0)
    F = np.trace(np.linalg.solve(model, R)) - np.linalg.slogdet(np.linalg.solve(model, R))[1] - 6
    assert result.chi_square == pytest.approx(F * (399 - 17 / 6 - 2 / 3), rel=1e-9)
    assert result.p_value == pytest.approx(stats.chi2.sf(result.chi_square, 9), rel=1e-9)
    residual = (R - model)[np.tril_indices(6, -1)]
    assert result.rmsr == pytest.approx(np.sqrt(np.mean(residual**2)), rel=1e-9)
    assert result.srmr == pytest.approx(np.sqrt((residual**2).sum() / 21), rel=1e-9)
    assert result.bic == pytest.approx(result.chi_square - 9 * np.log(400), rel=1e-9)


def test_rmsea_limits_are_the_noncentralities_that_leave_the_tails() -> None:
    found = rmsea(120.0, 40, 500, 0.90)
    for limit, tail in ((found.low, 0.95), (found.high, 0.05)):
        assert stats.ncx2.cdf(120.0, 40, limit**2 * 499 * 40) == pytest.approx(tail, abs=1e-8)
    assert rmsea(30.0, 40, 500, 0.90).low == 0.0
    assert np.isnan(rmsea(1.0, 0, 500, 0.90).estimate)


def test_a_heywood_case_is_told(exact: Callable[..., pd.DataFrame]) -> None:
    frame = exact([[1, 0.6, 0.6], [0.6, 1, 0.2], [0.6, 0.2, 1]])
    result = pm.efa(frame, n_factors=1, rotation="none")
    assert result.heywood_items == ("x1",)
    assert [problem.code for problem in result.warnings] == [Code.STA_HEYWOOD, Code.STA_UNDEFINED]
    assert np.isnan(result.tli)


def test_a_large_pattern_loading_is_no_heywood_case(exact: Callable[..., pd.DataFrame]) -> None:
    small = [[0.8, 0], [0.7, 0], [0.6, 0], [0.5, 0], [0, 0.8], [0, 0.7], [0, 0.7], [0, 0.6], [-0.1, 0.9]]
    loadings = np.array([[1.15, -0.25], *small])
    common = loadings @ np.array([[1, 0.8], [0.8, 1]]) @ loadings.T
    frame = exact(common - np.diag(np.diag(common)) + np.eye(10))
    result = pm.efa(frame, n_factors=2, gamma=0.5, rng=1)
    assert result.communalities.iloc[0] == pytest.approx(0.925, abs=1e-4)
    assert result.loadings.to_numpy().max() > 1.0
    assert result.heywood_items == ()


def test_one_factor_is_not_rotated_and_that_is_told(answers: pd.DataFrame) -> None:
    asked, unasked = pm.efa(answers, n_factors=1), pm.efa(answers, n_factors=1, rotation="none")
    assert [problem.code for problem in asked.warnings] == [Code.STA_ROTATION_IGNORED]
    assert unasked.warnings == ()
    pd.testing.assert_frame_equal(asked.loadings, unasked.loadings)
    assert "unrotated" in asked.method


def test_a_rotation_that_stops_early_is_told(answers: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    from toolkit.psychometrics.factors import rotation

    assert pm.efa(answers, n_factors=2, rotation="promax").converged
    few = {"tolerance": 1e-7, "max_iterations": 1}
    monkeypatch.setattr(rotation._gradient_projection, "__kwdefaults__", few)
    result = pm.efa(answers, n_factors=2, rotation="promax")
    assert not result.converged
    assert [problem.code for problem in result.warnings] == [Code.STA_NOT_CONVERGED]


@pytest.mark.parametrize(
    ("valid", "bad", "code"),
    [
        ({"n_factors": 3}, {"n_factors": 4}, Code.STA_TOO_MANY_FACTORS),
        ({"n_factors": 2}, {"n_factors": 6}, Code.STA_TOO_MANY_FACTORS),
        ({"n_factors": 2}, {"n_factors": 0}, Code.STA_OPTION_RANGE),
        ({"n_factors": 2}, {"n_factors": 1.5}, Code.STA_OPTION_RANGE),
        ({"method": "ml"}, {"method": "paf"}, Code.STA_UNKNOWN_OPTION),
        ({"rotation": "geomin"}, {"rotation": "equamax"}, Code.STA_UNKNOWN_OPTION),
        ({"gamma": 0.5}, {"gamma": 1.0}, Code.STA_OPTION_RANGE),
        ({"rotation": "geomin", "delta": 0.001}, {"rotation": "geomin", "delta": 0.0}, Code.STA_OPTION_RANGE),
        ({"power": 3}, {"power": 1}, Code.STA_OPTION_RANGE),
        ({"n_starts": 1}, {"n_starts": 0}, Code.STA_OPTION_RANGE),
        ({"varimax_tolerance": 1e-8}, {"varimax_tolerance": 0.0}, Code.STA_OPTION_RANGE),
        ({"level": 0.95}, {"level": 1.0}, Code.STA_OPTION_RANGE),
    ],
)
def test_options_are_checked(
    valid: dict[str, Any], bad: dict[str, Any], code: Code, answers: pd.DataFrame, refused: Callable[..., object]
) -> None:
    def call(options: dict[str, Any]) -> object:
        return pm.efa(answers, **{"n_factors": 2, "rng": 1} | options)

    refused(code, call, valid=valid, bad=bad)
