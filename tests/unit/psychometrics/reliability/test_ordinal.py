"""Ordinal alpha and categorical omega: formulas, derivatives, simulated truths, coverage, and edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.psychometrics.reliability.categorical import (
    OrderedScale,
    code_covariances,
    green_yang,
    green_yang_gradient,
    ordered_scale,
    weighted_one_factor,
)

LOADINGS = np.array([0.8, 0.7, 0.6, 0.5])
CUTS = np.array([[-1.0, 0.0, 1.2], [-0.5, 0.3, 1.0], [-1.5, -0.2, 0.4], [-0.8, 0.5, 1.5]])
ONES = [np.ones(3)] * 4


def population_omega() -> float:
    R = np.outer(LOADINGS, LOADINGS) + np.diag(1 - LOADINGS**2)
    return green_yang(list(CUTS), ONES, R, LOADINGS)[0]


@pytest.fixture(scope="module")
def ordered() -> pd.DataFrame:
    return pm.simulate_ordinal(LOADINGS, thresholds=CUTS, n_persons=600, rng=5)


@pytest.fixture(scope="module")
def scale(ordered: pd.DataFrame) -> OrderedScale:
    return ordered_scale(ordered, missing="listwise", acov="full")


def test_covariances_of_codes_are_those_of_a_large_sample() -> None:
    R = np.outer(LOADINGS, LOADINGS) + np.diag(1 - LOADINGS**2)
    sample = pm.simulate_ordinal(LOADINGS, thresholds=CUTS, n_persons=400_000, rng=1)
    np.testing.assert_allclose(code_covariances(list(CUTS), ONES, R), sample.cov(), atol=0.008)


def test_categorical_omega_is_the_correlation_of_two_replications() -> None:
    """Reliability: the correlation of two sums by the same persons whose errors are drawn anew."""
    random = np.random.default_rng(2)
    f = random.standard_normal((400_000, 1))
    sums = []
    for _ in range(2):
        y = f * LOADINGS + random.standard_normal((400_000, 4)) * np.sqrt(1 - LOADINGS**2)
        sums.append((y[:, :, None] > CUTS[None]).sum(axis=(1, 2)))
    assert population_omega() == pytest.approx(np.corrcoef(*sums)[0, 1], abs=0.004)


def test_the_steps_between_codes_count(ordered: pd.DataFrame) -> None:
    stretched = ordered.replace({4: 6})
    plain = pm.composite_omega(ordered, ordinal=True)
    assert pm.composite_omega(ordered * 2 + 1, ordinal=True).estimate == pytest.approx(plain.estimate, rel=1e-12)
    result = pm.composite_omega(stretched, ordinal=True)
    np.testing.assert_allclose(result.loadings, plain.loadings)
    assert result.estimate != pytest.approx(plain.estimate, abs=1e-3)
    wide = ordered_scale(stretched, missing="listwise", acov="diagonal")
    np.testing.assert_allclose(np.diag(code_covariances(wide.tau, wide.d, wide.R)), stretched.var(ddof=0), rtol=1e-9)


def test_weighted_loadings_are_exact_for_one_factor_and_minimal_otherwise(scale: OrderedScale) -> None:
    R = np.outer(LOADINGS, LOADINGS) + np.diag(1 - LOADINGS**2)
    np.testing.assert_allclose(weighted_one_factor(R, scale.W).loadings, LOADINGS, atol=1e-8)
    found = weighted_one_factor(scale.R, scale.W)
    assert found.converged

    def discrepancy(lam: np.ndarray) -> float:
        return float((scale.W * (scale.R - np.outer(lam, lam)) ** 2).sum())

    random = np.random.default_rng(1)
    best = discrepancy(found.loadings)
    assert all(discrepancy(found.loadings + 0.01 * random.standard_normal(4)) > best for _ in range(50))


@pytest.mark.parametrize("observed", [True, False])
def test_the_derivatives_of_omega_are_those_of_differences(scale: OrderedScale, observed: bool) -> None:
    def omega(tau: list[np.ndarray], R: np.ndarray) -> float:
        lam = weighted_one_factor(R, scale.W).loadings
        return green_yang(tau, scale.d, R, lam)[0 if observed else 1]

    step, numeric = 1e-4, []
    for j in range(4):
        for c in range(3):
            values = []
            for sign in (1, -1):
                tau = [cuts.copy() for cuts in scale.tau]
                tau[j][c] += sign * step
                values.append(omega(tau, scale.R))
            numeric.append((values[0] - values[1]) / (2 * step))
    for i, j in zip(*np.triu_indices(4, 1), strict=True):
        values = []
        for sign in (1, -1):
            R = scale.R.copy()
            R[i, j] = R[j, i] = R[i, j] + sign * step
            values.append(omega(list(scale.tau), R))
        numeric.append((values[0] - values[1]) / (2 * step))
    lam = weighted_one_factor(scale.R, scale.W).loadings
    value = omega(list(scale.tau), scale.R)
    gradient = green_yang_gradient(scale, lam, value, observed=observed)
    np.testing.assert_allclose(gradient, numeric, atol=2e-6)


@pytest.mark.parametrize("denominator", ["observed", "model"])
def test_the_interval_of_categorical_omega_covers(denominator: Any) -> None:
    true = population_omega()
    hits = []
    for seed in range(150):
        sample = pm.simulate_ordinal(LOADINGS, thresholds=CUTS, n_persons=300, rng=1000 + seed)
        interval = pm.composite_omega(sample, ordinal=True, denominator=denominator).interval
        hits.append(interval.low <= true <= interval.high)
    assert 0.90 <= np.mean(hits) <= 0.99


def test_the_bootstrap_and_the_delta_method_agree(ordered: pd.DataFrame) -> None:
    delta = pm.composite_omega(ordered, ordinal=True)
    bootstrap = pm.composite_omega(ordered, ordinal=True, interval="bootstrap", n_bootstrap=200, rng=1)
    assert bootstrap.estimate == delta.estimate
    assert bootstrap.interval.low == pytest.approx(delta.interval.low, abs=0.015)
    assert bootstrap.interval.high == pytest.approx(delta.interval.high, abs=0.015)


def test_ordinal_alpha_is_the_alpha_of_the_polychoric_matrix(ordered: pd.DataFrame) -> None:
    result = pm.ordinal_alpha(ordered)
    R = pm.polychoric(ordered).matrix.to_numpy()
    assert result.estimate == pytest.approx(4 / 3 * (1 - 4 / R.sum()), rel=1e-12)
    assert result.mean_inter_item_correlation == pytest.approx(R[np.tril_indices(4, -1)].mean(), rel=1e-12)


def test_the_interval_of_ordinal_alpha_covers() -> None:
    R = np.outer(LOADINGS, LOADINGS) + np.diag(1 - LOADINGS**2)
    true = 4 / 3 * (1 - 4 / R.sum())
    hits = []
    for seed in range(200):
        sample = pm.simulate_ordinal(LOADINGS, thresholds=CUTS, n_persons=300, rng=2000 + seed)
        interval = pm.ordinal_alpha(sample).interval
        hits.append(interval.low <= true <= interval.high)
    assert 0.91 <= np.mean(hits) <= 0.99


def test_an_item_against_the_rest_and_a_heywood_case_are_told(ordered: pd.DataFrame) -> None:
    turned = ordered.assign(item1=5 - ordered["item1"])
    for result in (pm.composite_omega(turned, ordinal=True), pm.ordinal_alpha(turned)):
        assert (Code.STA_NEGATIVE_ITEM, "item1") in [(problem.code, problem.item) for problem in result.warnings]
    found = None
    for seed in range(40):
        strong = pm.simulate_ordinal([0.99, 0.6, 0.6], thresholds=[-0.5, 0.5], n_persons=80, rng=seed)
        result = pm.composite_omega(strong, ordinal=True)
        if Code.STA_HEYWOOD in [problem.code for problem in result.warnings]:
            found = result
    assert found is not None
    assert np.isnan(found.interval.low)
    assert Code.STA_UNDEFINED in [problem.code for problem in found.warnings]


def test_correlations_without_a_sum_have_no_ordinal_alpha() -> None:
    random = np.random.default_rng(1)
    a = random.integers(1, 4, 100)
    result = pm.ordinal_alpha(pd.DataFrame({"a": a, "b": 4 - a}))
    assert np.isnan(result.estimate)
    assert Code.STA_UNDEFINED in [problem.code for problem in result.warnings]


def test_ordered_answers_are_checked(ordered: pd.DataFrame, refused: Any) -> None:
    def omega(frame: Any) -> object:
        return pm.composite_omega(frame, ordinal=True)

    refused(Code.STA_TOO_FEW_ITEMS, omega, valid=ordered, bad=ordered[["item1", "item2"]])
    refused(Code.STA_CONSTANT_ITEM, omega, valid=ordered, bad=ordered.assign(item1=2))
    refused(Code.STA_CONSTANT_ITEM, pm.ordinal_alpha, valid=ordered, bad=ordered.assign(item1=2))
    counts = pm.count_responses(ordered)
    refused(Code.STA_NEEDS_ANSWERS, pm.ordinal_alpha, valid=ordered, bad=counts)
    refused(Code.STA_NEEDS_ANSWERS, omega, valid=ordered, bad=counts)
    refused(
        Code.STA_NEEDS_ANSWERS,
        lambda frame: pm.cronbach_alpha(frame, interval="bootstrap", n_bootstrap=100, rng=1),
        valid=ordered,
        bad=counts,
    )
    assert pm.composite_omega(counts).estimate == pytest.approx(pm.composite_omega(ordered).estimate, rel=1e-8)


def test_samples_without_categorical_omega_are_left_out_and_told() -> None:
    few = pm.simulate_ordinal([0.8, 0.7, 0.6], thresholds=[0], n_persons=40, rng=1)
    few["item3"] = [2.0, *[1.0] * 39]
    result = pm.composite_omega(few, ordinal=True, interval="bootstrap", n_bootstrap=100, rng=1)
    lost = [problem for problem in result.warnings if problem.code is Code.STA_UNDEFINED]
    assert "bootstrap replicates of omega" in lost[0].what  # in a third of the samples nobody gave the second code
