"""Standard errors of measurement by formulas, by an identity, by a known population, and by coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code


def test_sem_and_mdc_by_formula(answers: pd.DataFrame) -> None:
    result = pm.measurement_error(answers)
    alpha, sd = pm.cronbach_alpha(answers).estimate, answers.sum(axis=1).std()
    assert result.reliability == pytest.approx(alpha, rel=1e-12)
    assert result.standard_error == pytest.approx(sd * np.sqrt(1 - alpha), rel=1e-10)
    assert result.minimal_detectable_change == pytest.approx(2.771807648699343 * result.standard_error, rel=1e-10)
    given = pm.measurement_error(answers, reliability=0.75)
    assert given.standard_error == pytest.approx(sd / 2, rel=1e-10)
    assert given.interval is None


def test_the_mean_of_the_items_is_the_sum_in_another_unit(answers: pd.DataFrame) -> None:
    total, mean = pm.measurement_error(answers), pm.measurement_error(answers, score="mean")
    assert mean.standard_error == pytest.approx(total.standard_error / 6, rel=1e-12)
    np.testing.assert_allclose(mean.conditional["standard_error"], total.conditional["standard_error"] / 6)
    np.testing.assert_allclose(mean.conditional["smoothed"], total.conditional["smoothed"] / 6, rtol=1e-8)
    np.testing.assert_allclose(mean.conditional.index * 6, total.conditional.index)


def test_conditional_error_variances_average_to_the_overall_one(answers: pd.DataFrame) -> None:
    """With the divisor n - 1: the residual sum of squares of persons x items, k / ((n - 1)(k - 1)) of it."""
    result = pm.measurement_error(answers)
    by_score = result.conditional
    mean = (by_score["n_persons"] * by_score["standard_error"] ** 2).sum() / (len(answers) - 1)
    assert mean == pytest.approx(result.standard_error**2, rel=1e-10)
    assert by_score["n_persons"].sum() == len(answers)


def test_conditional_errors_of_binary_items_are_those_of_lord() -> None:
    """For equally difficult binary items Lord's formula is exact in the mean: x (k - x) / (k - 1)."""
    random = np.random.default_rng(3)
    p = random.uniform(0.1, 0.9, 30_000)
    answers = pd.DataFrame((random.uniform(size=(30_000, 10)) < p[:, None]).astype(float))
    conditional = pm.measurement_error(answers).conditional
    x = conditional.index.to_numpy()
    np.testing.assert_allclose(conditional["standard_error"] ** 2, x * (10 - x) / 9, atol=0.02)
    np.testing.assert_allclose(conditional["smoothed"] ** 2, x * (10 - x) / 9, atol=0.05)


def test_the_interval_covers() -> None:
    """Parallel items with error variance 1: the sum of four has a standard error of 2."""
    random = np.random.default_rng(4)
    intervals = [
        pm.measurement_error(pd.DataFrame(random.standard_normal((50, 1)) + random.standard_normal((50, 4)))).interval
        for _ in range(400)
    ]
    coverage = np.mean([interval.low <= 2 <= interval.high for interval in intervals])
    assert 0.92 <= coverage <= 0.98


def test_what_does_not_exist_is_told() -> None:
    against = pm.measurement_error(pd.DataFrame({"a": [1, 2, 3, 4], "b": [4, 3, 2, 1]}))
    assert np.isnan(against.standard_error)
    codes = [problem.code for problem in against.warnings]
    assert codes == [Code.STA_UNDEFINED, Code.STA_UNDEFINED]
    assert against.conditional["smoothed"].isna().all()


def test_precision_options_are_checked(refused: Any, answers: pd.DataFrame) -> None:
    def with_reliability(value: Any) -> object:
        return pm.measurement_error(answers, reliability=value)

    def with_score(value: Any) -> object:
        return pm.measurement_error(answers, score=value)

    for bad in (-0.1, 1.1, float("nan")):
        refused(Code.STA_OPTION_RANGE, with_reliability, valid=0.8, bad=bad)
    refused(Code.STA_UNKNOWN_OPTION, with_score, valid="mean", bad="total")
