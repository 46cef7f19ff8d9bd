"""Factor scores: the property that defines each method, persons with gaps, persons who are new."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code

METHODS = ["regression", "Bartlett", "tenBerge"]


@pytest.fixture(scope="module")
def result(answers: pd.DataFrame) -> pm.EfaResult:
    return pm.efa(answers, n_factors=2, method="ml", rng=1)


def test_regression_scores_are_the_best_prediction(answers: pd.DataFrame, result: pm.EfaResult) -> None:
    """The weights are regression weights, and no other weights correlate higher with the factors."""
    R = answers.corr().to_numpy()
    np.testing.assert_allclose(R @ result.score_weights(), result.structure, atol=1e-10)
    best = result.score_determinacy()
    squared = np.diag(result.structure.T @ np.linalg.solve(R, result.structure))
    np.testing.assert_allclose(best**2, squared, atol=1e-10)
    for method in METHODS[1:]:
        assert (result.score_determinacy(method) < best).all()


def test_bartlett_scores_are_unbiased_for_each_person(result: pm.EfaResult) -> None:
    """A person without unique parts, z = Lambda f, gets back f."""
    np.testing.assert_allclose(result.score_weights("Bartlett").T @ result.loadings.to_numpy(), np.eye(2), atol=1e-10)


def test_ten_berge_scores_have_the_correlations_of_the_factors(answers: pd.DataFrame, result: pm.EfaResult) -> None:
    scores = result.scores(answers, "tenBerge")
    np.testing.assert_allclose(scores.cov(), result.phi, atol=1e-10)
    np.testing.assert_allclose(scores.mean(), 0.0, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_the_true_factors_are_found(method: Any) -> None:
    random = np.random.default_rng(1)
    truth = np.kron(np.eye(2), np.full((6, 1), 0.8))
    f = random.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], size=3000)
    frame = pd.DataFrame(f @ truth.T + random.standard_normal((3000, 12)) * 0.6)
    fitted = pm.efa(
        frame, n_factors=2, method="ml", rotation="targetQ", target=np.where(truth == 0, 0.0, np.nan), rng=1
    )
    scores = fitted.scores(frame, method).to_numpy()
    for j in range(2):
        assert np.corrcoef(scores[:, j], f[:, j])[0, 1] == pytest.approx(
            fitted.score_determinacy(method).iloc[j], abs=0.01
        )


def test_new_persons_and_gaps(answers: pd.DataFrame, result: pm.EfaResult) -> None:
    whole = result.scores(answers)
    some = answers.iloc[[7, 3]].assign(extra=1)[["extra", *reversed(answers.columns)]]
    pd.testing.assert_frame_equal(result.scores(some), whole.iloc[[7, 3]])
    gap = answers.iloc[:2].copy()
    gap.iloc[0, 0] = np.nan
    assert result.scores(gap).isna().all(axis=1).tolist() == [True, False]


def test_scores_from_correlations_use_the_spread_of_the_answers_given(answers: pd.DataFrame) -> None:
    R = pm.pearson_correlation(answers).matrix
    of_matrix = pm.efa(R, n_factors=2, method="ml", n_persons=400, rng=1)
    of_answers = pm.efa(answers, n_factors=2, method="ml", rng=1)
    np.testing.assert_allclose(of_matrix.scores(answers), of_answers.scores(answers), atol=1e-8)


def test_refusals(answers: pd.DataFrame, result: pm.EfaResult, refused: Callable[..., object]) -> None:
    error = refused(Code.STA_SHAPE_MISMATCH, result.scores, valid=answers, bad=answers.drop(columns="c"))
    assert "c" in str(error)
    refused(Code.STA_UNKNOWN_OPTION, result.score_weights, valid="Bartlett", bad="Anderson")
