"""The single criteria: their formulas, what they take and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.psychometrics.factors.retention import most_factors
from toolkit.psychometrics.factors.retention_kaiser import kaiser_references
from toolkit.psychometrics.factors.retention_nest import model_correlations

CALLS: dict[str, Callable[..., Any]] = {
    "parallel": lambda frame, **options: pm.parallel_analysis(frame, **{"n_datasets": 20, "rng": 1} | options),
    "map": lambda frame, **options: pm.map_test(frame, **options),
    "kaiser": lambda frame, **options: pm.empirical_kaiser_criterion(frame, **options),
    "hull": lambda frame, **options: pm.hull(frame, **{"n_datasets": 20, "rng": 1} | options),
    "nest": lambda frame, **options: pm.nest(frame, **{"n_datasets": 20, "rng": 1} | options),
    "comparison": lambda frame, **options: pm.comparison_data(
        frame, **{"n_samples": 20, "n_population": 500, "rng": 1} | options
    ),
}
FROM_CORRELATIONS = ["parallel", "map", "kaiser", "hull", "nest"]
NEEDS_INVERSE = ["hull", "nest"]
FEWEST_ITEMS = {"parallel": 2, "map": 3, "kaiser": 2, "hull": 5, "nest": 2, "comparison": 4}


def test_map_by_partial_correlations_of_residuals(answers: pd.DataFrame) -> None:
    """Taking out components is taking regression residuals on their scores."""
    result = pm.map_test(answers)
    Z = (answers - answers.mean()) / answers.std(ddof=0)
    vectors = np.linalg.eigh(np.corrcoef(Z.T))[1][:, ::-1]
    for m in range(5):
        scores = Z.to_numpy() @ vectors[:, :m]
        residual = Z.to_numpy() - scores @ np.linalg.lstsq(scores, Z.to_numpy(), rcond=None)[0] if m else Z.to_numpy()
        P = np.corrcoef(residual.T)
        off = P[~np.eye(6, dtype=bool)]
        np.testing.assert_allclose(result.mean_square[m], np.mean(off**2), rtol=1e-8)
        fourth = (np.trace(np.linalg.matrix_power(P, 4)) - 6) / 30
        np.testing.assert_allclose(result.fourth_power[m], fourth, rtol=1e-8)
    assert result.n_factors == int(np.argmin(result.mean_square))
    assert result.to_frame().shape == (5, 2)


def test_map_ends_where_an_item_has_no_variance_left(answers: pd.DataFrame) -> None:
    """Of three items, two of them the same, two components leave nothing of the twins."""
    frame = answers[["a", "d"]].assign(twin=answers["a"])
    result = pm.map_test(frame)
    assert np.isfinite(result.mean_square[0])
    assert np.isfinite(result.mean_square[1]) == np.isfinite(result.fourth_power[1])
    assert 0 <= result.n_factors <= 1


def test_kaiser_references_by_hand() -> None:
    """n = 100, p = 4: (1 + .2)^2 = 1.44; then the mean of what is left, times that, and never less than 1."""
    found = kaiser_references(np.array([2.0, 1.0, 0.6, 0.4]), 100)
    np.testing.assert_allclose(found, np.maximum([1.44, 0.96, 0.72, 0.576], 1.0))


def test_nest_compares_with_models_of_one_factor_less(answers: pd.DataFrame) -> None:
    """The references are quantiles of samples of raw normal data from the fitted models."""
    result = pm.nest(answers, n_datasets=2000, rng=1)
    R = answers.corr().to_numpy()
    random = np.random.default_rng(7)
    for k in range(result.n_factors + 1):
        root = np.linalg.cholesky(model_correlations(R, k)) if k else np.eye(6)
        draws = random.standard_normal((1500, 400, 6)) @ root.T
        eigen = np.array([np.linalg.eigvalsh(np.corrcoef(X.T))[::-1][k] for X in draws])
        assert abs(np.quantile(eigen, 0.95) - result.reference[k]) < 0.02
    frame = result.to_frame()
    tested = frame["p_value"].notna().sum()
    assert tested == result.n_factors + 1
    assert (frame["eigenvalue"] > frame["reference"])[:tested].sum() == result.n_factors
    assert (frame["p_value"][: result.n_factors] < 0.05).all()


def test_a_model_reproduces_what_it_can(answers: pd.DataFrame) -> None:
    R = answers.corr().to_numpy()
    Sigma = model_correlations(R, 2)
    np.testing.assert_allclose(np.diag(Sigma), 1.0)
    assert np.linalg.eigvalsh(Sigma)[0] > 0
    assert np.abs(Sigma - R).max() < 0.06 < np.abs(model_correlations(R, 1) - R).max()


def test_comparison_data_stop_at_the_first_factor_that_does_not_help(answers: pd.DataFrame) -> None:
    result = pm.comparison_data(answers, n_samples=200, n_population=4000, rng=1)
    assert result.n_factors == 2
    frame = result.to_frame()
    assert len(frame) in (2, 3)
    assert np.isnan(frame["p_value"].iloc[0])
    assert (frame["p_value"].iloc[1 : result.n_factors] <= 0.3).all()
    assert (frame["p_value"].iloc[result.n_factors :] > 0.3).all()
    assert frame["error"].iloc[1] < frame["error"].iloc[0]


def test_most_factors_leave_a_degree_of_freedom() -> None:
    for p in range(2, 40):
        m = most_factors(p)
        assert (p - m) ** 2 > p + m or m == 0
        assert (p - m - 1) ** 2 <= p + m + 1


@pytest.mark.parametrize("name", FROM_CORRELATIONS)
def test_counts_and_correlations_give_what_the_answers_give(name: str, answers: pd.DataFrame) -> None:
    whole = CALLS[name](answers)
    for given, options in (
        (pm.count_responses(answers), {}),
        (answers.corr(), {"n_persons": 400}),
    ):
        result = CALLS[name](given, **options)
        pd.testing.assert_frame_equal(result.to_frame(), whole.to_frame(), rtol=1e-6, atol=1e-8)
        assert result.n_factors == whole.n_factors
        assert result.n_persons == 400
    assert "given correlations" in CALLS[name](answers.corr(), n_persons=400).method


@pytest.mark.parametrize("name", list(CALLS))
def test_too_few_persons_and_items_are_refused(
    name: str, answers: pd.DataFrame, refused: Callable[..., object]
) -> None:
    refused(Code.STA_TOO_FEW_PERSONS, CALLS[name], valid=answers, bad=answers.head(6))
    fewest = FEWEST_ITEMS[name]
    few = answers.iloc[:, : fewest - 1]
    refused(Code.STA_TOO_FEW_ITEMS, CALLS[name], valid=answers.iloc[:, :fewest], bad=few)
    constant = answers.assign(a=1.0)
    refused(Code.STA_CONSTANT_ITEM, CALLS[name], valid=answers, bad=constant)
    refused(Code.STA_NOT_A_FRAME, CALLS[name], valid=answers, bad=answers.to_numpy())


@pytest.mark.parametrize("name", list(CALLS))
def test_two_items_that_are_the_same(name: str, answers: pd.DataFrame, refused: Callable[..., object]) -> None:
    doubled = answers.assign(twin=answers["a"])
    if name in NEEDS_INVERSE:
        refused(Code.STA_SINGULAR_CORRELATION, CALLS[name], valid=answers, bad=doubled)
    else:
        # The original MAP test finds the pair to be a factor of its own and takes none out.
        assert (name == "map") <= (CALLS[name](doubled).n_factors == 0)
        assert CALLS[name](doubled).n_factors <= 4


@pytest.mark.parametrize("name", list(CALLS))
def test_a_result_is_repeated_by_its_seed_and_says_what_it_is(name: str, answers: pd.DataFrame) -> None:
    one, two = CALLS[name](answers), CALLS[name](answers)
    pd.testing.assert_frame_equal(one.to_frame(), two.to_frame())
    assert one.n_items == 6
    assert one.to_dict()["n_factors"] == one.n_factors
    assert isinstance(one.n_factors, int)
    assert "Pearson correlations, listwise" in one.method


@pytest.mark.parametrize("name", ["nest", "hull", "comparison"])
def test_simulations_can_be_stopped(name: str, answers: pd.DataFrame) -> None:
    calls: list[int] = []
    CALLS[name](answers, between=lambda: calls.append(1))
    assert calls

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        CALLS[name](answers, between=stop)


def test_options_are_checked(answers: pd.DataFrame, refused: Callable[..., object]) -> None:
    def nest(options: dict[str, Any]) -> object:
        return pm.nest(answers, rng=1, **{"n_datasets": 5} | options)

    def comparison(options: dict[str, Any]) -> object:
        return pm.comparison_data(answers, rng=1, **{"n_samples": 5, "n_population": 200} | options)

    for bad in ({"alpha": 0.0}, {"alpha": 1.0}, {"n_datasets": 0}):
        refused(Code.STA_OPTION_RANGE, nest, valid={"alpha": 0.1}, bad=bad)
    for bad in ({"alpha": 1.0}, {"n_samples": 1}, {"n_population": 99}, {"n_factors_max": 0}):
        refused(Code.STA_OPTION_RANGE, comparison, valid={"n_factors_max": 1}, bad=bad)
    refused(Code.STA_NEEDS_ANSWERS, pm.comparison_data, valid=answers, bad=pm.count_responses(answers))


def test_parallel_analysis_of_other_correlations_needs_answers(
    answers: pd.DataFrame, refused: Callable[..., object]
) -> None:
    def call(options: dict[str, Any]) -> object:
        return pm.parallel_analysis(answers.corr(), n_datasets=5, n_persons=400, rng=1, **options)

    refused(Code.STA_OPTION_CONFLICT, call, valid={}, bad={"correlation": "polychoric"})
    refused(Code.STA_UNKNOWN_OPTION, call, valid={}, bad={"correlation": "kendall"})
    refused(
        Code.STA_NOT_A_CORRELATION,
        lambda frame: pm.parallel_analysis(frame, n_datasets=5, n_persons=400, rng=1),
        valid=answers.corr(),
        bad=answers.cov(),
    )


@pytest.mark.parametrize("correlation", ["spearman", "polychoric"])
@pytest.mark.parametrize("missing", ["listwise", "pairwise"])
def test_missing_answers_are_shuffled_at_the_size_of_the_smallest_pair(
    correlation: Any, missing: Any, answers: pd.DataFrame
) -> None:
    holes = answers.copy()
    holes.iloc[:40, 0] = np.nan
    holes.iloc[300:, 3] = np.nan
    result = pm.parallel_analysis(holes, n_datasets=30, correlation=correlation, missing=missing, rng=1)
    assert result.n_factors == 2
    again = pm.parallel_analysis(
        pm.count_responses(holes), n_datasets=30, correlation=correlation, missing=missing, rng=1
    )
    np.testing.assert_allclose(again.eigenvalues, result.eigenvalues, atol=1e-9)
    np.testing.assert_allclose(again.reference_mean, result.reference_mean, atol=1e-9)


def test_simulated_matrices_that_are_not_positive_definite_are_smoothed_and_told() -> None:
    """Eight items with two answers of 40 persons: the polychoric matrices of shuffled answers are mostly improper."""
    frame = pm.simulate_ordinal(np.full(8, 0.5), thresholds=[0.6], n_persons=40, rng=3)
    options: dict[str, Any] = {"n_datasets": 50, "correlation": "polychoric", "rng": 1}
    result = pm.parallel_analysis(frame, eigenvalues="smc", **options)
    assert 0 < result.n_smoothed < 50
    assert [problem.code for problem in result.warnings].count(Code.STA_SMOOTHED) == 1
    assert np.isfinite(result.reference_mean).all()
    without = pm.parallel_analysis(frame, eigenvalues="pca", **options)
    assert without.n_smoothed == 0
    assert Code.STA_SMOOTHED not in [problem.code for problem in without.warnings]
