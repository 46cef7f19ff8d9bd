"""Alpha and omega against hand-computed and population values, and the intervals by coverage."""

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


def test_alpha_by_hand() -> None:
    """Variances 1.7, 2.5 and 1, variance of the sum 13.7: 3/2 (1 - 5.2 / 13.7)."""
    result = pm.cronbach_alpha(HAND)
    assert result.estimate == pytest.approx(1.5 * (1 - 5.2 / 13.7), rel=1e-12)
    assert result.interval.method == "Feldt"
    assert result.warnings == ()
    assert (result.n_persons, result.n_items, result.n_dropped) == (5, 3, 0)


def test_standardized_alpha_follows_from_the_mean_correlation() -> None:
    result = pm.cronbach_alpha(HAND)
    mean = HAND.corr().to_numpy()[np.tril_indices(3, -1)].mean()
    assert result.mean_inter_item_correlation == pytest.approx(mean, rel=1e-12)
    assert result.standardized == pytest.approx(3 * mean / (1 + 2 * mean), rel=1e-12)


def test_feldt_interval_is_pingouins_to_its_three_decimals() -> None:
    from toolkit.psychometrics.pingouin_adapter import replicate_cronbach_alpha

    result = pm.cronbach_alpha(HAND, level=0.9)
    alpha, low, high = replicate_cronbach_alpha(HAND, level=0.9)
    assert result.estimate == pytest.approx(alpha, rel=1e-12)
    assert (result.interval.low, result.interval.high) == pytest.approx((low, high), abs=5.1e-4)


def test_pairwise_alpha_uses_everyone_and_counts_the_smallest_pair() -> None:
    frame = HAND.astype(float)
    frame.loc[5] = [np.nan, 5.0, 4.0]
    result = pm.cronbach_alpha(frame, missing="pairwise")
    C = frame.cov().to_numpy()
    assert result.estimate == pytest.approx(1.5 * (1 - np.trace(C) / C.sum()), rel=1e-12)
    assert (result.n_persons, result.n_smallest_pair, result.n_dropped) == (6, 5, 0)
    assert pm.cronbach_alpha(frame).n_dropped == 1


def test_feldt_interval_covers(exact: Callable[..., pd.DataFrame]) -> None:
    """Equal loadings, so alpha is the reliability; 95 % intervals over 400 samples cover it 95 % of the time."""
    S = np.full((4, 4), 0.4) + 0.6 * np.eye(4)
    true = 4 * 0.4 / (1 + 3 * 0.4)
    draws = np.random.default_rng(5).standard_normal((400, 60, 4)) @ np.linalg.cholesky(S).T
    results = [pm.cronbach_alpha(pd.DataFrame(draw)).interval for draw in draws]
    coverage = np.mean([interval.low <= true <= interval.high for interval in results])
    assert 0.92 <= coverage <= 0.98


def test_a_sum_without_variance_has_no_alpha() -> None:
    result = pm.cronbach_alpha(pd.DataFrame({"a": [1, 2, 3, 4], "b": [4, 3, 2, 1]}))
    assert np.isnan(result.estimate)
    assert np.isnan(result.interval.low)
    assert codes(result) == [Code.STA_NEGATIVE_ITEM, Code.STA_NEGATIVE_ITEM, Code.STA_UNDEFINED]


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
