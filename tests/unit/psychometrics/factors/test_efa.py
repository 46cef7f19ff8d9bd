"""Exploratory factor analysis: truth, order and sign, fit, warnings and refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.psychometrics.factors.efa import ordered
from toolkit.psychometrics.factors.fit import rmsea
from toolkit.psychometrics.factors.rotation import rotate

SIMPLE = np.array([[0.5, 0], [0.6, 0], [0.4, 0], [0, 0.8], [0, 0.7], [0, 0.9], [0, 0.6]])
PHI = np.array([[1, 0.4], [0.4, 1]])
ZEROS = np.where(np.kron(np.eye(2), np.ones((3, 1))) > 0, np.nan, 0.0)
POPULATION = SIMPLE @ PHI @ SIMPLE.T + np.diag(1 - np.einsum("ij,jk,ik->i", SIMPLE, PHI, SIMPLE))


@pytest.mark.parametrize("method", ["ml", "minres", "paf", "dwls"])
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
    start = rotate(Lambda, method="none", random=np.random.default_rng(1))
    loadings, phi, T = ordered(replace(start, phi=Phi))
    np.testing.assert_array_equal(loadings, Lambda[:, [1, 2, 0]] * [-1, 1, 1])
    np.testing.assert_array_equal(T, np.eye(3)[:, [1, 2, 0]] * [-1, 1, 1])
    np.testing.assert_allclose(phi, [[1, 0.1, -0.3], [0.1, 1, 0.2], [-0.3, 0.2, 1]])
    assert (np.diff(np.diag(phi @ loadings.T @ loadings)) < 0).all()
    np.testing.assert_allclose(loadings @ phi @ loadings.T, Lambda @ Phi @ Lambda.T)
    general_first = ordered(replace(start, phi=Phi), fixed=1)[0]
    np.testing.assert_array_equal(general_first, Lambda[:, [0, 1, 2]] * [1, -1, 1])
    goal = np.where(Lambda == 0, 0.0, np.nan)
    goal[0, 1] = -0.5
    as_asked = ordered(replace(start, phi=Phi), goal=goal)[0]
    np.testing.assert_array_equal(as_asked, Lambda)


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


def test_the_fit_of_efatools_by_the_formulas(answers: pd.DataFrame) -> None:
    psych = pm.efa(answers, n_factors=1, method="ml", rotation="none")
    other = pm.efa(answers, n_factors=1, method="ml", rotation="none", fit_convention="EFAtools")
    F, F0 = psych.chi_square / (399 - 17 / 6 - 2 / 3), -np.linalg.slogdet(answers.corr())[1]
    T, T0 = 399 * F, 399 * F0
    assert other.chi_square == psych.chi_square
    assert other.rmsea.estimate == pytest.approx(np.sqrt((T - 9) / (9 * 399)), rel=1e-9)
    assert other.tli == pytest.approx((T0 / 15 - T / 9) / (T0 / 15 - 1), rel=1e-9)
    assert other.cfi == pytest.approx(1 - (T - 9) / (T0 - 15), rel=1e-9)
    assert psych.cfi == pytest.approx(1 - (psych.chi_square - 9) / (F0 * (399 - 17 / 6) - 15), rel=1e-9)
    assert "EFAtools" in other.method


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
    monkeypatch.setattr(rotation._from_all_starts, "__kwdefaults__", few)
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
        ({"method": "paf"}, {"method": "pca"}, Code.STA_UNKNOWN_OPTION),
        ({"rotation": "equamax"}, {"rotation": "bifactor"}, Code.STA_UNKNOWN_OPTION),
        ({"correlation": "spearman"}, {"correlation": "kendall"}, Code.STA_UNKNOWN_OPTION),
        ({"fit_convention": "EFAtools"}, {"fit_convention": "SPSS"}, Code.STA_UNKNOWN_OPTION),
        ({"standard_errors": "information"}, {"standard_errors": "jackknife"}, Code.STA_UNKNOWN_OPTION),
        ({"n_persons": None}, {"n_persons": 400}, Code.STA_NOT_A_CORRELATION),
        ({"smooth": "nearest"}, {"smooth": "psych"}, Code.STA_UNKNOWN_OPTION),
        ({"rotation": "targetT", "target": ZEROS}, {"rotation": "targetT"}, Code.STA_OPTION_CONFLICT),
        ({"rotation": "targetQ", "target": ZEROS}, {"rotation": "oblimin", "target": ZEROS}, Code.STA_OPTION_CONFLICT),
        ({"rotation": "targetT", "target": ZEROS}, {"rotation": "targetT", "target": [[0]]}, Code.STA_SHAPE_MISMATCH),
        ({"rotation": "geominT"}, {"rotation": "bifactorT"}, Code.STA_OPTION_CONFLICT),
        ({"method": "dwls"}, {"method": "dwls", "correlation": "spearman"}, Code.STA_OPTION_CONFLICT),
        (
            {"standard_errors": "sandwich"},
            {"standard_errors": "sandwich", "correlation": "spearman"},
            Code.STA_OPTION_CONFLICT,
        ),
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


def correlated(answers: pd.DataFrame) -> pd.DataFrame:
    return pm.pearson_correlation(answers).matrix


def test_a_correlation_matrix_gives_what_its_answers_give(answers: pd.DataFrame) -> None:
    asked = {"n_factors": 2, "method": "ml", "standard_errors": "information", "rng": 1}
    of_answers = pm.efa(answers, **asked)
    of_matrix = pm.efa(correlated(answers), n_persons=400, **asked)
    np.testing.assert_allclose(of_matrix.loadings, of_answers.loadings, atol=1e-10)
    np.testing.assert_allclose(of_matrix.standard_errors.phi, of_answers.standard_errors.phi, atol=1e-10)
    assert of_matrix.chi_square == pytest.approx(of_answers.chi_square)
    assert (of_matrix.n_persons, of_matrix.n_items, of_matrix.n_dropped) == (400, 6, 0)
    assert "given correlations" in of_matrix.method


def test_a_correlation_matrix_must_be_one_and_has_no_answers(
    answers: pd.DataFrame, refused: Callable[..., Any]
) -> None:
    R = correlated(answers)

    def call(options: dict[str, Any]) -> object:
        return pm.efa(**{"df": R, "n_factors": 2, "n_persons": 400, "rng": 1} | options)

    holes, negative = R.copy(), R.copy()
    holes.iloc[0, 1] = holes.iloc[1, 0] = np.nan
    negative.iloc[0, 1] = negative.iloc[1, 0] = -0.99
    assert np.linalg.eigvalsh(negative)[0] < 0
    refused(Code.STA_NOT_A_CORRELATION, call, valid={}, bad={"df": holes})
    refused(Code.STA_SINGULAR_CORRELATION, call, valid={"df": negative, "smooth": "nearest"}, bad={"df": negative})
    refused(Code.STA_OPTION_RANGE, call, valid={}, bad={"n_persons": 2})
    refused(Code.STA_NEEDS_ANSWERS, call, valid={}, bad={"standard_errors": "sandwich"})
    refused(Code.STA_NEEDS_ANSWERS, call, valid={}, bad={"method": "dwls"})


def test_a_smoothed_matrix_is_told(answers: pd.DataFrame) -> None:
    doubled = answers.assign(again=answers["a"])
    result = pm.efa(doubled, n_factors=2, smooth="eigenvalues", rng=1)
    assert Code.STA_SMOOTHED in [problem.code for problem in result.warnings]
    assert result.converged


def test_counted_answers_give_what_the_answers_give(answers: pd.DataFrame, refused: Callable[..., Any]) -> None:
    counts = pm.count_responses(answers)
    for correlation in ("pearson", "spearman", "polychoric"):
        asked = {"n_factors": 2, "correlation": correlation, "rng": 1}
        counted, given = pm.efa(counts, **asked), pm.efa(answers, **asked)
        np.testing.assert_allclose(counted.loadings, given.loadings, atol=1e-8)
        np.testing.assert_allclose(counted.scores(answers), given.scores(answers), atol=1e-8)
        refused(Code.STA_NEEDS_ANSWERS, lambda result: result.bootstrap(20, rng=1), valid=given, bad=counted)


def test_polychoric_loadings_are_those_of_the_variables_behind_the_answers() -> None:
    """Two answers, skewed: Pearson loadings come out far too small, polychoric ones do not."""
    truth = np.kron(np.eye(2), [[0.8], [0.7], [0.6], [0.7]])
    frame = pm.simulate_ordinal(truth, phi=PHI, thresholds=[1.0], n_persons=20_000, rng=1)
    target = np.where(truth == 0, 0.0, np.nan)
    for method in ("ml", "minres", "dwls"):
        options = {"n_factors": 2, "method": method, "rotation": "targetQ", "target": target, "rng": 1}
        found = pm.efa(frame, correlation="polychoric", **options)
        np.testing.assert_allclose(found.loadings, truth, atol=0.04)
        np.testing.assert_allclose(found.phi, PHI, atol=0.04)
        assert np.abs(pm.efa(frame, **options).loadings - truth).to_numpy().max() > 0.1
    assert "polychoric correlations" in found.method
    assert "dwls" in found.method


def test_dwls_needs_variances(answers: pd.DataFrame, refused: Callable[..., Any]) -> None:
    copied = answers.assign(again=answers["a"])

    def call(frame: pd.DataFrame) -> object:
        return pm.efa(frame, n_factors=2, method="dwls", correlation="polychoric", smooth="nearest", rng=1)

    refused(Code.STA_OPTION_CONFLICT, call, valid=answers, bad=copied)


def test_so_few_persons_that_the_test_does_not_exist_is_told(answers: pd.DataFrame) -> None:
    result = pm.efa(correlated(answers), n_factors=2, n_persons=4, rng=1)
    assert np.isnan([result.chi_square, result.p_value, result.tli, result.cfi, result.rmsea.estimate]).all()
    assert Code.STA_UNDEFINED in [problem.code for problem in result.warnings]
    assert result.srmr > 0


def test_more_factors_than_the_data_carry_are_refused(
    exact: Callable[..., pd.DataFrame], refused: Callable[..., Any]
) -> None:
    frame = exact(POPULATION)
    error = refused(
        Code.STA_TOO_MANY_FACTORS,
        lambda k: pm.efa(frame, n_factors=k, method="ml", rotation="none"),
        valid=2,
        bad=3,
    )
    assert "at most 2 factors" in str(error)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda frame: frame.assign(again=frame["a"]), Code.STA_SINGULAR_CORRELATION),
        (lambda frame: frame.head(6), Code.STA_TOO_FEW_PERSONS),
        (lambda frame: frame.assign(a=np.inf), Code.STA_NOT_FINITE),
        (lambda frame: frame.assign(a=np.nan), Code.STA_ALL_MISSING_ITEM),
        (lambda frame: frame.assign(a=3), Code.STA_CONSTANT_ITEM),
    ],
)
def test_bad_answers_are_refused(
    change: Callable[[pd.DataFrame], pd.DataFrame], code: Code, answers: pd.DataFrame, refused: Callable[..., Any]
) -> None:
    refused(code, lambda frame: pm.efa(frame, n_factors=1, rotation="none"), valid=answers, bad=change(answers))


def test_missing_answers_are_left_out_or_used_by_pairs(answers: pd.DataFrame) -> None:
    holes = answers.copy()
    holes.iloc[:50, 0] = np.nan
    listwise, pairwise = (pm.efa(holes, n_factors=2, missing=rule, rng=1) for rule in ("listwise", "pairwise"))
    np.testing.assert_allclose(listwise.loadings, pm.efa(answers.iloc[50:], n_factors=2, rng=1).loadings, atol=1e-10)
    assert (listwise.n_persons, pairwise.n_persons, pairwise.n_smallest_pair) == (350, 400, 350)
    assert np.abs(listwise.loadings - pairwise.loadings).to_numpy().max() > 1e-4


def test_spearman_is_pearson_of_ranks(answers: pd.DataFrame) -> None:
    of_ranks = pm.efa(answers.rank(), n_factors=2, rng=1)
    spearman = pm.efa(answers, n_factors=2, correlation="spearman", rng=1)
    np.testing.assert_allclose(spearman.loadings, of_ranks.loadings, atol=1e-8)
    assert "Spearman" in spearman.method


def test_a_target_keeps_its_order_and_takes_its_items_by_name(answers: pd.DataFrame) -> None:
    target = pd.DataFrame(ZEROS, index=list("abcdef"))[[1, 0]]
    result = pm.efa(answers, n_factors=2, rotation="targetQ", target=target.iloc[::-1], rng=1)
    oblimin = pm.efa(answers, n_factors=2, rng=1)
    assert (result.loadings["F2"].loc[["a", "b", "c"]] > 0.4).all()
    assert (result.loadings["F1"].loc[["d", "e", "f"]] > 0.4).all()
    assert pm.tucker_congruence(result.loadings, oblimin.loadings).abs().max().min() > 0.99
    given = pm.efa(answers, n_factors=2, rotation="targetT", target=-oblimin.loadings.to_numpy(), rng=1)
    assert (given.loadings.sum() < 0).all()


def test_the_general_factor_of_a_bifactor_solution_stands_first() -> None:
    general, group = np.full(12, 0.5), np.kron(np.eye(3), np.ones((4, 1)))
    general[:4] = np.linspace(0.2, 0.5, 4)
    truth = np.column_stack([general, group * [0.75, 0.6, 0.5]])
    answers = pm.simulate_ordinal(truth, thresholds=[-1, 0, 1], n_persons=3000, rng=3)
    result = pm.efa(answers, n_factors=4, rotation="bifactorT", n_starts=50, rng=1)
    assert (result.loadings["F1"] > 0.1).all()
    assert (pm.tucker_congruence(truth[:, :1], result.loadings).abs().iloc[0].to_numpy().argmax()) == 0
    assert result.variance["ss_loadings"].iloc[1:].is_monotonic_decreasing
    assert result.n_starts == 50
    assert 1 <= result.n_minima <= 50 - result.n_stopped


def test_dwls_weights_are_the_precision_of_each_correlation(answers: pd.DataFrame) -> None:
    """Resampling tells the variance of each correlation without a formula."""
    from toolkit.psychometrics.factors._sample import correlation_variances
    from toolkit.psychometrics.factors.bootstrap import weighted_correlations

    result = pm.efa(answers, n_factors=2, method="dwls", rng=1)
    sample = result._fitted.sample
    counts = np.random.default_rng(1).multinomial(400, np.full(400, 1 / 400), size=4000)
    pairs = np.tril_indices(6, -1)
    resampled = weighted_correlations(sample.codes, counts).var(axis=0)[pairs]
    variances = correlation_variances(sample)
    np.testing.assert_allclose(variances[pairs], resampled, rtol=0.12)
    weights = result._fitted.weights[pairs]
    np.testing.assert_allclose(weights / weights[0], variances[pairs][0] / variances[pairs])
    assert weights.mean() == pytest.approx(1.0)
    assert np.abs(result.loadings - pm.efa(answers, n_factors=2, rng=1).loadings).to_numpy().max() < 0.05
