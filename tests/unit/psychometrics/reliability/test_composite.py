"""Omega against population values, and its interval by coverage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.psychometrics._factor_model import one_factor
from toolkit.psychometrics.factors.extraction import extract

HAND = pd.DataFrame({"a": [1, 2, 3, 4, 4], "b": [1, 3, 2, 4, 5], "c": [2, 2, 3, 4, 4]})
LOADINGS = np.array([0.8, 0.7, 0.6, 0.5, 0.4])
SPREAD = np.array([1.0, 1.5, 0.7, 2.0, 1.0])
COVARIANCE = np.outer(SPREAD, SPREAD) * (np.outer(LOADINGS, LOADINGS) + np.diag(1 - LOADINGS**2))
OMEGA = (SPREAD @ LOADINGS) ** 2 / COVARIANCE.sum()


def codes(result: Any) -> list[Code]:
    return [problem.code for problem in result.warnings]


def test_omega_recovers_the_population(exact: Callable[..., pd.DataFrame]) -> None:
    result = pm.composite_omega(exact(COVARIANCE))
    assert result.converged
    np.testing.assert_allclose(result.loadings, LOADINGS, rtol=1e-8)
    assert result.estimate == pytest.approx(OMEGA, rel=1e-8)
    assert result.model_denominator == pytest.approx(OMEGA, rel=1e-8)
    assert result.mean_squared_standardized_loading == pytest.approx(np.mean(LOADINGS**2), rel=1e-8)
    expected = (SPREAD**2 @ LOADINGS**2) / (SPREAD @ SPREAD)
    assert result.average_variance_extracted == pytest.approx(expected, rel=1e-8)
    assert result.warnings == ()


@pytest.mark.parametrize("denominator", ["observed", "model"])
def test_omega_interval_covers(denominator: Any) -> None:
    draws = np.random.default_rng(11).standard_normal((250, 200, 5)) @ np.linalg.cholesky(COVARIANCE).T
    results = [pm.composite_omega(pd.DataFrame(draw), denominator=denominator).interval for draw in draws]
    coverage = np.mean([interval.low <= OMEGA <= interval.high for interval in results])
    assert 0.91 <= coverage <= 0.99


def test_omega_denominator_is_chosen_and_a_gap_is_told(exact: Callable[..., pd.DataFrame]) -> None:
    two = np.zeros((6, 2))
    two[:3, 0], two[3:, 1] = 0.8, 0.7
    frame = exact(two @ np.array([[1, 0.2], [0.2, 1]]) @ two.T + np.diag(1 - (two**2).sum(1)))
    observed, model = pm.composite_omega(frame), pm.composite_omega(frame, denominator="model")
    assert observed.estimate == observed.observed_denominator == model.observed_denominator
    assert model.estimate == model.model_denominator
    assert abs(observed.estimate - model.estimate) > 0.02
    assert Code.STA_DENOMINATORS_DIFFER in codes(observed)
    assert "model total variance" in model.method


def test_omega_tells_a_negative_residual_variance(exact: Callable[..., pd.DataFrame]) -> None:
    result = pm.composite_omega(exact([[1, 0.6, 0.6], [0.6, 1, 0.2], [0.6, 0.2, 1]]))
    assert result.loadings.iloc[0] == pytest.approx(np.sqrt(0.6 * 0.6 / 0.2), rel=1e-6)
    assert [problem.item for problem in result.warnings if problem.code is Code.STA_HEYWOOD] == ["x1"]


def test_omega_without_a_solution_is_nan_and_told(exact: Callable[..., pd.DataFrame]) -> None:
    result = pm.composite_omega(exact([[1, 0.3, 0.3], [0.3, 1, -0.3], [0.3, -0.3, 1]]))
    assert not result.converged
    assert np.isnan([result.estimate, result.model_denominator, result.interval.low, *result.loadings]).all()
    assert Code.STA_NOT_CONVERGED in codes(result)


def test_unrelated_items_have_an_omega_of_zero_and_no_interval(exact: Callable[..., pd.DataFrame]) -> None:
    result = pm.composite_omega(exact(np.eye(3)))
    assert result.estimate == pytest.approx(0.0, abs=1e-8)
    assert np.isnan(result.interval.low)
    assert Code.STA_UNDEFINED in codes(result)


def test_omega_needs_three_items_and_a_known_denominator(refused: Callable[..., object]) -> None:
    refused(Code.STA_TOO_FEW_ITEMS, pm.composite_omega, valid=HAND, bad=HAND[["a", "b"]])

    def call(denominator: Any) -> object:
        return pm.composite_omega(HAND, denominator=denominator)

    refused(Code.STA_UNKNOWN_OPTION, call, valid="model", bad="total")


def test_one_factor_equals_the_bounded_ml_solution(answers: pd.DataFrame) -> None:
    R = answers[["a", "b", "c", "d"]].corr().to_numpy()
    bounded = extract(R, 1, "ml")
    np.testing.assert_allclose(one_factor(R).loadings, np.abs(bounded.loadings[:, 0]), atol=1e-6)


def test_composite_reliability_is_omega_of_the_standardised_items(exact: Callable[..., pd.DataFrame]) -> None:
    result = pm.composite_omega(exact(COVARIANCE))
    expected = LOADINGS.sum() ** 2 / (LOADINGS.sum() ** 2 + (1 - LOADINGS**2).sum())
    assert result.composite_reliability == pytest.approx(expected, rel=1e-8)
    R = COVARIANCE / np.outer(SPREAD, SPREAD)
    assert pm.composite_omega(exact(R)).estimate == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("denominator", ["observed", "model"])
def test_omega_bootstrap_limits_are_those_of_plain_resampling(denominator: Any, answers: pd.DataFrame) -> None:
    scale = answers[["a", "b", "c"]]
    result = pm.composite_omega(scale, denominator=denominator, interval="bootstrap", n_bootstrap=1500, rng=1)
    random = np.random.default_rng(2)
    samples = [scale.iloc[random.integers(0, 400, 400)] for _ in range(500)]
    plain = [pm.composite_omega(sample, denominator=denominator).estimate for sample in samples]
    limits = np.quantile(plain, [0.025, 0.975])
    assert (result.interval.low, result.interval.high) == pytest.approx(tuple(limits), abs=0.012)  # error about .004
    assert result.interval.low < result.estimate < result.interval.high


def test_omega_samples_without_a_solution_are_told() -> None:
    few = pm.simulate_ordinal([0.9, 0.8, 0.2], thresholds=[0], n_persons=12, rng=4)
    result = pm.composite_omega(few, interval="bootstrap", n_bootstrap=200, rng=1)
    assert Code.STA_UNDEFINED in codes(result)


def test_a_pair_that_goes_its_own_way_is_seen_in_the_denominators(exact: Callable[..., pd.DataFrame]) -> None:
    S = np.array([[1, 0.99, 0.3, 0.3], [0.99, 1, 0.3, 0.3], [0.3, 0.3, 1, 0.6], [0.3, 0.3, 0.6, 1]])
    result = pm.composite_omega(exact(S))
    assert Code.STA_DENOMINATORS_DIFFER in codes(result)


def test_omega_refuses_what_it_cannot_use(refused: Callable[..., object], answers: pd.DataFrame) -> None:
    scale = answers[["a", "b", "c"]]
    refused(Code.STA_SINGULAR_CORRELATION, pm.composite_omega, valid=scale, bad=scale.assign(again=scale["a"]))
    refused(Code.STA_CONSTANT_ITEM, pm.composite_omega, valid=scale, bad=scale.assign(a=3))
    refused(Code.STA_NOT_FINITE, pm.composite_omega, valid=scale, bad=scale.assign(a=np.inf))
    refused(Code.STA_TOO_FEW_PERSONS, pm.composite_omega, valid=scale, bad=scale.iloc[[0, 1, 5]])
    twice = pd.concat([scale, scale[["a"]]], axis=1)
    refused(Code.STA_DUPLICATE_ITEM, pm.composite_omega, valid=scale, bad=twice)

    def call(interval: Any) -> object:
        return pm.composite_omega(scale, interval=interval)

    refused(Code.STA_UNKNOWN_OPTION, call, valid="delta", bad="feldt")
