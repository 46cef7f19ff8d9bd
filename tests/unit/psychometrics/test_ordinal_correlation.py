"""Polychoric correlations: known truths, the likelihood itself, standard errors, and data with faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

from toolkit import psychometrics as pm
from toolkit.errors import Code, StatisticsError

RHO = 0.48


@pytest.fixture(scope="module")
def four() -> pd.DataFrame:
    """1,000 persons, four items with 2, 3, 4 and 5 categories."""
    whole = pm.simulate_ordinal([0.8, 0.6, 0.7, 0.75], thresholds=[-1.0, -0.2, 0.5, 1.4], n_persons=1000, rng=4)
    return whole.assign(
        item1=whole["item1"].clip(3, 4), item2=whole["item2"].clip(2, 4), item3=whole["item3"].clip(1, 4)
    )


def codes(result: Any) -> list[Code]:
    return [problem.code for problem in result.warnings]


def probabilities(rho: float, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cell probabilities by scipy's bivariate normal."""
    normal = stats.multivariate_normal([0, 0], [[1, rho], [rho, 1]])
    rows, columns = np.r_[-8, a, 8], np.r_[-8, b, 8]
    corners = np.array([[normal.cdf([x, y]) for y in columns] for x in rows])
    return np.diff(np.diff(corners, axis=0), axis=1)


@pytest.mark.parametrize("pair", [("item1", "item2"), ("item2", "item4"), ("item3", "item4")])
def test_it_is_where_the_likelihood_is_highest(pair: tuple[str, str], four: pd.DataFrame) -> None:
    result = pm.polychoric(four)
    table = pd.crosstab(four[pair[0]], four[pair[1]]).to_numpy()
    a, b = result.thresholds[pair[0]], result.thresholds[pair[1]]

    def minus_log_likelihood(rho: float) -> float:
        return -float((table * np.log(probabilities(rho, a, b))).sum())

    best = optimize.minimize_scalar(
        minus_log_likelihood, bounds=(-0.99, 0.99), options={"xatol": 1e-7}, method="bounded"
    )
    assert result.matrix.loc[pair] == pytest.approx(best.x, abs=1e-5)  # seen: 2e-8


def test_thresholds_are_normal_quantiles_of_the_proportions(four: pd.DataFrame) -> None:
    result = pm.polychoric(four)
    assert [cuts.size for cuts in result.thresholds.values()] == [1, 2, 3, 4]
    for item, cuts in result.thresholds.items():
        shares = four[item].value_counts(normalize=True).sort_index().cumsum().to_numpy()[:-1]
        np.testing.assert_allclose(cuts, stats.norm.ppf(shares), rtol=1e-12)
        assert not cuts.flags.writeable


def test_two_answers_have_the_tetrachoric_standard_error(four: pd.DataFrame) -> None:
    """The delta method on the three free proportions of a two by two table."""
    two = pd.DataFrame({"a": four["item4"] > 3, "b": four["item3"] > 2})
    result = pm.polychoric(two, acov="full")
    n, p_a, p_b, p_ab = 1000, (~two["a"]).mean(), (~two["b"]).mean(), (~two["a"] & ~two["b"]).mean()
    rho, (a,), (b,) = result.matrix.loc["a", "b"], result.thresholds["a"], result.thresholds["b"]
    c = np.sqrt(1 - rho**2)
    gradient = np.array([1.0, -special.ndtr((b - rho * a) / c), -special.ndtr((a - rho * b) / c)])
    gradient /= np.exp(-0.5 * (a * a + b * b - 2 * rho * a * b) / c**2) / (2 * np.pi * c)
    proportions = np.array([p_ab, p_a, p_b])
    both = np.array([[p_ab, p_ab, p_ab], [p_ab, p_a, p_ab], [p_ab, p_ab, p_b]])
    variance = gradient @ (both - np.outer(proportions, proportions)) @ gradient / n
    assert result.standard_errors.loc["a", "b"] == pytest.approx(np.sqrt(variance), rel=1e-7)
    of_threshold = p_a * (1 - p_a) / n / stats.norm.pdf(a) ** 2
    assert result.acov.loc["a|t1", "a|t1"] == pytest.approx(of_threshold, rel=1e-10)
    # the model is saturated, so the table is reproduced
    np.testing.assert_allclose(probabilities(rho, np.array([a]), np.array([b]))[0, 0], p_ab, atol=1e-7)


def test_asymptotic_covariances_are_those_of_many_samples() -> None:
    loadings, cuts, n = [0.8, 0.7, 0.6], [-0.8, 0.3, 1.1], 800
    samples = [pm.simulate_ordinal(loadings, thresholds=cuts, n_persons=n, rng=seed) for seed in range(400)]
    results = [pm.polychoric(sample, acov="full") for sample in samples]
    estimates = np.array([[*np.concatenate(list(r.thresholds.values())), *upper(r.matrix)] for r in results])
    mean = np.mean([r.acov.to_numpy() for r in results], axis=0)
    scale = np.sqrt(np.outer(np.diag(mean), np.diag(mean)))
    # a standard deviation from 400 samples has a standard error of 3.5 %, a correlation one of .05
    np.testing.assert_allclose(estimates.std(axis=0, ddof=1), np.sqrt(np.diag(mean)), rtol=0.12)
    np.testing.assert_allclose(np.corrcoef(estimates.T), mean / scale, atol=0.18)
    truth = [0.56, 0.48, 0.42]
    np.testing.assert_allclose(estimates[:, -3:].mean(axis=0), truth, atol=4 * np.sqrt(np.diag(mean)[-3:].max() / 400))


def upper(matrix: pd.DataFrame) -> np.ndarray:
    return matrix.to_numpy()[np.triu_indices(matrix.shape[0], k=1)]


def test_variances_are_the_diagonal_and_do_not_need_persons(four: pd.DataFrame) -> None:
    gaps = four.mask(np.random.default_rng(1).random(four.shape) < 0.1)
    for missing in ("listwise", "pairwise"):
        full = pm.polychoric(gaps, missing=missing, acov="full")
        diagonal = pm.polychoric(gaps, missing=missing, acov="diagonal")
        counted = pm.polychoric(pm.count_responses(gaps), missing=missing, acov="diagonal")
        assert diagonal.n_persons == counted.n_persons == full.n_persons
        assert diagonal.n_dropped == counted.n_dropped == full.n_dropped
        np.testing.assert_allclose(np.diag(full.acov), diagonal.acov, rtol=1e-9)
        pd.testing.assert_series_equal(diagonal.acov, counted.acov, rtol=1e-12)
        pd.testing.assert_frame_equal(diagonal.matrix, counted.matrix, rtol=1e-12)
        pd.testing.assert_frame_equal(diagonal.n_pairs, pm.pearson_correlation(gaps, missing=missing).n_pairs)
        errors = upper(diagonal.standard_errors)
        np.testing.assert_allclose(errors**2, diagonal.acov.iloc[-6:], rtol=1e-12)
        np.testing.assert_allclose(full.acov, full.acov.T, rtol=0, atol=0)
        assert np.linalg.eigvalsh(full.acov)[0] > 0
    assert pm.polychoric(gaps).acov is None
    assert pm.polychoric(gaps).standard_errors is None


def test_full_covariances_need_the_answers(four: pd.DataFrame, refused: Callable[..., object]) -> None:
    refused(
        Code.STA_NEEDS_ANSWERS,
        lambda data: pm.polychoric(data, acov="full"),
        valid=four,
        bad=pm.count_responses(four),
    )


def test_twelve_categories_come_near_the_correlation_of_the_normal_variables() -> None:
    random = np.random.default_rng(2)
    z = random.multivariate_normal([0, 0], [[1, RHO], [RHO, 1]], size=4000)
    frame = pd.DataFrame(np.digitize(z, np.linspace(-2, 2, 11)), columns=["a", "b"])
    result = pm.polychoric(frame, acov="diagonal")
    assert [cuts.size for cuts in result.thresholds.values()] == [11, 11]
    assert result.matrix.loc["a", "b"] == pytest.approx(np.corrcoef(z.T)[0, 1], abs=0.005)
    # a little more than the standard error of a Pearson correlation of normal variables
    assert 1.0 < result.standard_errors.loc["a", "b"] / ((1 - RHO**2) / np.sqrt(4000)) < 1.1


@pytest.mark.parametrize("rho", [-0.995, -0.98, 0.98, 0.995])
def test_very_strong_associations_are_found(rho: float) -> None:
    z = np.random.default_rng(3).multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=50_000)
    frame = pd.DataFrame({"a": np.digitize(z[:, 0], [-1, 0, 1]), "b": np.digitize(z[:, 1], [-1.1, 0.1, 0.9])})
    result = pm.polychoric(frame, acov="diagonal")
    assert abs(result.matrix.loc["a", "b"] - rho) < 4 * result.standard_errors.loc["a", "b"] < 0.002
    assert result.converged


def test_equal_and_opposite_items_correlate_perfectly_and_say_so(four: pd.DataFrame) -> None:
    frame = four.assign(same=four["item4"], turned=-four["item4"])
    result = pm.polychoric(frame, acov="full")
    assert result.matrix.loc["item4", "same"] == 1.0
    assert result.matrix.loc["item4", "turned"] == result.matrix.loc["same", "turned"] == -1.0
    assert {Code.STA_PERFECT_CORRELATION, Code.STA_NOT_POSITIVE_DEFINITE} <= set(codes(result))
    assert "item4 and same; item4 and turned; same and turned" in str(result.warnings)
    assert not result.smoothed
    assert result.smallest_eigenvalue == pytest.approx(0.0, abs=1e-12)
    errors = result.standard_errors
    assert errors.isna().sum().sum() == 6
    assert errors.loc["item1"].notna().all()
    assert result.acov["item4~~same"].isna().all()


@pytest.mark.parametrize("smooth", ["eigenvalues", "nearest"])
def test_smoothing_is_asked_for_and_reported(smooth: Any, four: pd.DataFrame) -> None:
    frame = four.assign(same=four["item4"])
    plain, result = pm.polychoric(frame), pm.polychoric(frame, smooth=smooth)
    assert (plain.smoothed, result.smoothed) == (False, True)
    assert result.smallest_eigenvalue == plain.smallest_eigenvalue
    assert result.eigenvalues[-1] == pytest.approx(1e-8, rel=0.01)
    assert Code.STA_SMOOTHED in codes(result)
    assert f"({smooth})" in str(result.warnings[-1])
    np.testing.assert_allclose(result.matrix, plain.matrix, atol=1e-7)
    healthy = pm.polychoric(four, smooth=smooth)
    assert not healthy.smoothed
    pd.testing.assert_frame_equal(healthy.matrix, pm.polychoric(four).matrix)


def test_fewer_persons_than_items_is_reported_not_hidden() -> None:
    frame = pm.simulate_ordinal([0.6] * 12, thresholds=[-0.5, 0.5], n_persons=10, rng=5)
    result = pm.polychoric(frame)
    assert Code.STA_NOT_POSITIVE_DEFINITE in codes(result)
    assert result.smallest_eigenvalue < 0
    smooth = pm.polychoric(frame, smooth="nearest")
    assert smooth.eigenvalues[-1] > 0
    assert Code.STA_SMOOTHED in codes(smooth)


EMPTY = pd.DataFrame({"u": np.repeat([0, 1], [20, 30]), "v": np.repeat([0, 1], [12, 38])})


def test_empty_cells_are_counted_and_treated_as_asked() -> None:
    """12, 8, 0, 30: the table fits perfectly at 1; with half a person more it is another table."""
    plain = pm.polychoric(EMPTY)
    assert plain.matrix.loc["u", "v"] == 1.0
    assert plain.empty_cells.to_numpy().tolist() == [[0, 1], [1, 0]]
    assert Code.STA_EMPTY_CELL in codes(plain)
    assert "1 empty cells in 1 pairs: u and v" in str(plain.warnings[0])
    half, margins = (pm.polychoric(EMPTY, empty_cells=rule) for rule in ("add_half", "add_half_2x2"))
    a, b = stats.norm.ppf(0.4), stats.norm.ppf(0.24)
    for result, table in ((half, [[12, 8], [0.5, 30]]), (margins, [[11.5, 8.5], [0.5, 29.5]])):
        rho = result.matrix.loc["u", "v"]
        assert result.thresholds["u"][0] == pytest.approx(a, rel=1e-12)
        likelihood = [
            (np.array(table) * np.log(probabilities(r, np.array([a]), np.array([b])))).sum()
            for r in (rho - 0.01, rho, rho + 0.01)
        ]
        assert likelihood[1] == max(likelihood)
        assert result.converged
    assert half.method != margins.method
    wide = pd.DataFrame({"u": [1, 1, 2, 2, 3, 3, 3, 1] * 5, "v": [1, 2, 1, 2, 2, 2, 2, 1] * 5})
    assert pm.polychoric(wide).empty_cells.loc["u", "v"] == 1
    same = pm.polychoric(wide, empty_cells="add_half_2x2").matrix
    pd.testing.assert_frame_equal(same, pm.polychoric(wide).matrix)
    assert pm.polychoric(wide, empty_cells="add_half").matrix.loc["u", "v"] < same.loc["u", "v"]


def test_two_empty_cells_keep_their_margins() -> None:
    frame = pd.DataFrame({"u": np.repeat([0, 1], [20, 30]), "v": np.repeat([1, 0], [20, 30])})
    assert pm.polychoric(frame).matrix.loc["u", "v"] == -1.0
    result = pm.polychoric(frame, empty_cells="add_half_2x2")
    assert -1.0 < result.matrix.loc["u", "v"] < -0.95


def test_a_code_that_nobody_gave_is_told() -> None:
    frame = pm.simulate_ordinal([0.7, 0.6], thresholds=[-1, 0, 1], n_persons=300, rng=6)
    gap = frame.assign(item1=frame["item1"].replace(3, 4))
    result = pm.polychoric(gap)
    assert codes(result) == [Code.STA_EMPTY_CATEGORY]
    assert (result.warnings[0].item, result.warnings[0].got) == ("item1", "3")
    assert result.thresholds["item1"].size == 2
    # the only persons with code 4 did not answer the other item
    lost = frame.assign(item2=frame["item2"].mask(frame["item1"] == 4))
    listwise, pairwise = pm.polychoric(lost), pm.polychoric(lost, missing="pairwise", acov="full")
    assert (listwise.thresholds["item1"].size, pairwise.thresholds["item1"].size) == (2, 3)
    assert codes(listwise) == [Code.STA_EMPTY_CATEGORY]
    assert pairwise.empty_rows.to_numpy().tolist() == [[0, 1], [0, 0]]
    assert Code.STA_EMPTY_CELL in codes(pairwise)
    assert np.isfinite(pairwise.acov.to_numpy()).all()
    full = pm.polychoric(lost, acov="full")
    np.testing.assert_allclose(full.acov, pm.polychoric(lost.dropna(), acov="full").acov, rtol=1e-12)


def test_a_pair_that_nobody_answered(refused: Callable[..., StatisticsError]) -> None:
    frame = pm.simulate_ordinal([0.7, 0.6, 0.5], thresholds=[-1, 0, 1], n_persons=60, rng=6)
    apart = frame.copy()
    apart.loc[:29, "item1"] = np.nan
    apart.loc[30:, "item3"] = np.nan
    error = refused(Code.STA_TOO_FEW_PERSONS, lambda df: pm.polychoric(df, missing="pairwise"), valid=frame, bad=apart)
    assert (error.problems[0].item, error.problems[0].got) == ("item1 and item3", "0")
    alike = frame.assign(item3=frame["item3"].where(frame["item1"] == 2))
    error = refused(Code.STA_CONSTANT_ITEM, lambda df: pm.polychoric(df, missing="pairwise"), valid=frame, bad=alike)
    assert [problem.item for problem in error.problems] == ["item1"]


def test_measurements_are_refused(refused: Callable[..., StatisticsError]) -> None:
    frame = pd.DataFrame({"a": np.arange(60) % 50, "b": np.arange(60) % 7, "c": np.arange(60) % 50})
    for bad in (frame.assign(c=np.arange(60)), frame.assign(c=np.arange(60) / 7), frame.assign(c=np.arange(60) * 100)):
        error = refused(Code.STA_TOO_MANY_CATEGORIES, pm.polychoric, valid=frame, bad=bad)
        assert [problem.item for problem in error.problems] == ["c"]


@pytest.mark.parametrize("big", [2**53, 2**60, -(2**62)])
def test_whole_numbers_that_floats_cannot_tell_apart(big: int, refused: Callable[..., StatisticsError]) -> None:
    frame = pd.DataFrame({"a": [1, 2, 1, 2, 2], "b": [1, 1, 2, 2, 1]})
    bad = frame.assign(b=[big, big + 1, big, big + 1, big])
    error = refused(Code.STA_NOT_FINITE, pm.polychoric, valid=frame.assign(b=frame["b"] + 2**40), bad=bad)
    assert [problem.item for problem in error.problems] == ["b"]


@pytest.mark.parametrize("option", ["missing", "empty_cells", "acov", "smooth"])
def test_options_are_named(option: str, four: pd.DataFrame, refused: Callable[..., StatisticsError]) -> None:
    valid = {"missing": "pairwise", "empty_cells": "add_half", "acov": "full", "smooth": "nearest"}[option]
    error = refused(
        Code.STA_UNKNOWN_OPTION,
        lambda value: pm.polychoric(four, **{option: value}),
        valid=valid,
        bad="automatic",
    )
    assert valid in str(error)


def test_the_result_can_be_written_out(four: pd.DataFrame) -> None:
    result = pm.polychoric(four, acov="diagonal")
    written = result.to_dict()
    assert written["matrix"]["item1"]["item2"] == result.matrix.loc["item1", "item2"]
    assert len(written["thresholds"]["item4"]) == 4
    pd.testing.assert_frame_equal(result.to_frame(), result.matrix)
    assert result.provenance["options"]["empty_cells"] == "none"
