"""Intraclass correlations: the example of Shrout and Fleiss, pingouin, known populations, edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.psychometrics.pingouin_adapter import replicate_intraclass_correlation

SHROUT_FLEISS = pd.DataFrame(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], columns=list("abcd")
)


def test_the_example_of_shrout_and_fleiss() -> None:
    table = pm.intraclass_correlation(SHROUT_FLEISS).table
    assert table["estimate"].round(4).tolist() == [0.1657, 0.2898, 0.7148, 0.4428, 0.6201, 0.9093]
    assert list(table.index) == ["ICC1", "ICC2", "ICC3", "ICC1k", "ICC2k", "ICC3k"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pingouin_computes_the_same(seed: int) -> None:
    random = np.random.default_rng(seed)
    noise = random.standard_normal((20, 3)) + random.standard_normal((20, 1)) + np.array([0, 0.5, 1])
    for ratings in (SHROUT_FLEISS, pd.DataFrame(noise, columns=list("xyz"))):
        ours, theirs = pm.intraclass_correlation(ratings).table, replicate_intraclass_correlation(ratings)
        for column in ("estimate", "F", "df1", "df2", "p_value"):
            np.testing.assert_allclose(theirs.loc[ours.index, column], ours[column], rtol=1e-9)
        for column in ("low", "high"):
            np.testing.assert_allclose(theirs.loc[ours.index, column], ours[column], atol=5.1e-3)


def test_mean_squares_are_those_of_the_anova() -> None:
    """Sums of squares of the example: 56.21 between targets, 97.46 between raters, 15.29 residual."""
    result = pm.intraclass_correlation(SHROUT_FLEISS)
    squares = result.mean_squares
    assert squares["targets"] == pytest.approx(11.24, abs=0.005)
    assert squares["raters"] == pytest.approx(32.49, abs=0.005)
    assert squares["residual"] == pytest.approx(1.02, abs=0.005)
    assert squares["within"] == pytest.approx(6.26, abs=0.005)
    assert result.standard_error_consistency == pytest.approx(np.sqrt(squares["residual"]))
    expected = np.sqrt(squares["residual"] + (squares["raters"] - squares["residual"]) / 6)
    assert result.standard_error_agreement == pytest.approx(expected, rel=1e-12)


def test_the_intervals_cover() -> None:
    """Target variance 1, rater variance .2, residual variance .5: agreement 1 / 1.7, consistency 1 / 1.5."""
    random = np.random.default_rng(6)
    hits = []
    for _ in range(300):
        rater = np.sqrt(0.2) * random.standard_normal((1, 8))
        X = random.standard_normal((30, 1)) + rater + np.sqrt(0.5) * random.standard_normal((30, 8))
        table = pm.intraclass_correlation(pd.DataFrame(X)).table
        truth = {"ICC2": 1 / 1.7, "ICC3": 1 / 1.5, "ICC2k": 8 / (8 + 0.7), "ICC3k": 8 / 8.5}
        hits.append([table.loc[name, "low"] <= value <= table.loc[name, "high"] for name, value in truth.items()])
    coverage = np.mean(hits, axis=0)
    assert ((coverage >= 0.91) & (coverage <= 0.99)).all()


def test_a_constant_rater_and_missing_ratings_are_allowed() -> None:
    ratings = SHROUT_FLEISS.astype(float).assign(e=5.0)
    ratings.loc[0, "a"] = np.nan
    result = pm.intraclass_correlation(ratings)
    assert (result.n_persons, result.n_items, result.n_dropped) == (5, 5, 1)
    assert np.isfinite(result.table["estimate"]).all()


def test_perfect_agreement_is_one_and_no_variation_is_undefined() -> None:
    column = pd.Series([1.0, 2, 3, 4])
    assert pm.intraclass_correlation(pd.DataFrame({"a": column, "b": column})).table["estimate"].tolist() == [1.0] * 6
    still = pm.intraclass_correlation(pd.DataFrame({"a": [2.0] * 4, "b": [2.0] * 4}))
    assert still.table["estimate"].isna().all()
    assert [problem.code for problem in still.warnings] == [Code.STA_UNDEFINED]


def test_what_is_no_table_of_ratings_is_refused(refused: Any) -> None:
    call = pm.intraclass_correlation
    refused(Code.STA_TOO_FEW_ITEMS, call, valid=SHROUT_FLEISS, bad=SHROUT_FLEISS[["a"]])
    refused(Code.STA_TOO_FEW_PERSONS, call, valid=SHROUT_FLEISS, bad=SHROUT_FLEISS.iloc[:2])
    refused(Code.STA_NOT_A_FRAME, call, valid=SHROUT_FLEISS, bad=SHROUT_FLEISS.to_numpy())
    refused(Code.STA_NOT_FINITE, call, valid=SHROUT_FLEISS, bad=SHROUT_FLEISS.assign(a=np.inf))
