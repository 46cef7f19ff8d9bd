"""The one way in which statistics ask for correlations, and rank correlations by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code, StatisticsError
from toolkit.psychometrics._smoothing import nearest_correlation, raised_eigenvalues
from toolkit.psychometrics.correlation import correlation_input

BAD = np.array([[1, 0.9, -0.6], [0.9, 1, 0.7], [-0.6, 0.7, 1]])


def test_spearman_by_hand() -> None:
    """Ranks 1.5, 1.5, 3, 4 and 1, 2, 3.5, 3.5."""
    frame = pd.DataFrame({"a": [1, 1, 2, 9], "b": [0, 1, 5, 5]})
    expected = np.corrcoef([1.5, 1.5, 3, 4], [1, 2, 3.5, 3.5])[0, 1]
    result = pm.spearman_correlation(frame)
    assert result.matrix.loc["a", "b"] == pytest.approx(expected, rel=1e-12)
    assert result.method == "Spearman correlation, listwise"
    assert result.n_pairs.loc["a", "b"] == result.n_smallest_pair == 4


@pytest.mark.parametrize("missing", ["listwise", "pairwise"])
@pytest.mark.parametrize("name", ["pearson", "spearman", "polychoric"])
@pytest.mark.parametrize("counted", [False, True])
def test_every_kind_from_answers_and_from_counts(name: Any, missing: Any, counted: bool, answers: pd.DataFrame) -> None:
    frame = answers.mask(np.random.default_rng(1).random(answers.shape) < 0.05)
    public = {"pearson": pm.pearson_correlation, "spearman": pm.spearman_correlation, "polychoric": pm.polychoric}[name]
    expected = public(frame, missing=missing)
    data = pm.count_responses(frame) if counted else frame
    found = correlation_input(data, correlation=name, missing=missing, regular=True)
    np.testing.assert_allclose(found.R, expected.matrix, rtol=1e-10)
    assert found.items == tuple(answers.columns)
    assert (found.n, found.n_persons, found.n_items, found.n_dropped) == (
        expected.n_smallest_pair,
        expected.n_persons,
        6,
        expected.n_dropped,
    )
    assert found.method.lower() == f"{name} correlations, {missing}"


def test_a_matrix_is_taken_only_when_its_persons_are_named(answers: pd.DataFrame) -> None:
    matrix = pm.polychoric(answers).matrix
    found = correlation_input(matrix, n_persons=400)
    np.testing.assert_allclose(found.R, matrix, atol=1e-15)
    assert (found.items, found.n, found.n_persons, found.n_dropped) == (tuple("abcdef"), 400, 400, 0)
    assert found.method == "given correlations"
    as_answers = correlation_input(matrix)  # six persons, without n_persons=
    assert as_answers.n_persons == 6
    rounded = matrix.round(6) + np.triu(np.full((6, 6), 1e-7), 1)
    np.testing.assert_array_equal(
        correlation_input(rounded, n_persons=400).R, correlation_input(rounded, n_persons=400).R.T
    )


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (lambda m: m.to_numpy(), "ndarray"),
        (lambda m: m.iloc[:3], "shape"),
        (lambda m: m.set_axis(list("abcdeg"), axis=0), "rows"),
        (lambda m: m.set_axis(list("aacdef"), axis=0).set_axis(list("aacdef"), axis=1), "rows"),
        (lambda m: m.astype(str), "numbers"),
        (lambda m: m.mask(m < 0.2), "missing"),
        (lambda m: m + np.triu(np.full((6, 6), 0.01), 1), "across the diagonal"),
        (lambda m: m * 2, "a diagonal from 2"),
        (lambda m: m + 9 * (1 - np.eye(6)), "values up to"),
    ],
)
def test_what_is_no_correlation_matrix(
    bad: Callable[[pd.DataFrame], object], reason: str, answers: pd.DataFrame, refused: Callable[..., StatisticsError]
) -> None:
    matrix = pm.pearson_correlation(answers).matrix
    error = refused(
        Code.STA_NOT_A_CORRELATION,
        lambda data: correlation_input(data, n_persons=400),
        valid=matrix,
        bad=bad(matrix),
    )
    assert reason in str(error.problems[0].got)


def test_persons_of_a_matrix_are_a_number(answers: pd.DataFrame, refused: Callable[..., StatisticsError]) -> None:
    matrix = pm.pearson_correlation(answers).matrix
    for bad in (2, 400.5, float("nan")):
        refused(Code.STA_OPTION_RANGE, lambda n: correlation_input(matrix, n_persons=n), valid=400, bad=bad)


def test_kinds_and_smoothing_are_named(answers: pd.DataFrame, refused: Callable[..., StatisticsError]) -> None:
    refused(
        Code.STA_UNKNOWN_OPTION,
        lambda name: correlation_input(answers, correlation=name),
        valid="spearman",
        bad="kendall",
    )
    refused(Code.STA_UNKNOWN_OPTION, lambda rule: correlation_input(answers, smooth=rule), valid="nearest", bad="yes")


@pytest.mark.parametrize("name", ["pearson", "spearman", "polychoric"])
def test_too_few_items(name: Any, answers: pd.DataFrame, refused: Callable[..., StatisticsError]) -> None:
    refused(
        Code.STA_TOO_FEW_ITEMS,
        lambda df: correlation_input(df, correlation=name, minimum_items=4),
        valid=answers,
        bad=answers[["a", "b", "c"]],
    )
    matrix = pm.pearson_correlation(answers[["a", "b", "c"]]).matrix
    refused(
        Code.STA_TOO_FEW_ITEMS,
        lambda least: correlation_input(matrix, n_persons=400, minimum_items=least),
        valid=3,
        bad=4,
    )


@pytest.mark.parametrize("smooth", ["eigenvalues", "nearest"])
def test_a_singular_matrix_is_refused_or_smoothed(smooth: Any, answers: pd.DataFrame) -> None:
    frame = answers.assign(again=answers["a"])
    for name in ("pearson", "spearman", "polychoric"):
        kind: Any = name
        with pytest.raises(StatisticsError) as caught:
            correlation_input(frame, correlation=kind, regular=True)
        assert caught.value.codes == (Code.STA_SINGULAR_CORRELATION,)
        found = correlation_input(frame, correlation=kind, smooth=smooth, regular=True)
        assert [problem.code for problem in found.warnings].count(Code.STA_SMOOTHED) == 1
        assert np.linalg.eigvalsh(found.R)[0] > 1e-10


def test_a_matrix_that_is_left_as_it_is_says_so(answers: pd.DataFrame) -> None:
    found = correlation_input(answers.assign(again=answers["a"]), correlation="polychoric")
    assert Code.STA_NOT_POSITIVE_DEFINITE in [problem.code for problem in found.warnings]


def test_the_nearest_matrix_is_nearer() -> None:
    near, raised = nearest_correlation(BAD), raised_eigenvalues(BAD)
    for matrix in (near, raised):
        np.testing.assert_array_equal(np.diag(matrix), 1.0)
        np.testing.assert_array_equal(matrix, matrix.T)
        assert 0.5e-8 < np.linalg.eigvalsh(matrix)[0] < 2e-8
    assert np.linalg.norm(near - BAD) < np.linalg.norm(raised - BAD)
    # no step towards any other correlation matrix comes closer
    random = np.random.default_rng(1)
    for _ in range(50):
        other = np.corrcoef(random.standard_normal((3, 6)))
        assert np.sum((near - BAD) * (other - near)) > -1e-6


def test_higham_s_example() -> None:
    """Higham (2002), section 4: the nearest matrix to a tridiagonal one, to the four digits printed there."""
    A = np.array([[1.0, 1, 0], [1, 1, 1], [0, 1, 1]])
    expected = [[1.0, 0.7607, 0.1573], [0.7607, 1.0, 0.7607], [0.1573, 0.7607, 1.0]]
    np.testing.assert_allclose(nearest_correlation(A), expected, atol=5e-5)
