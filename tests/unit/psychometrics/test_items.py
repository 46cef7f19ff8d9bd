"""Descriptions of items and of items within their scale."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code

FRAME = pd.DataFrame({"a": [1.0, 2, 2, 5, 5, 5], "b": [1.0, 1, 3, np.nan, 2, 4]})


def test_counts_floor_and_ceiling_by_hand() -> None:
    result = pm.describe_items(FRAME, codes=[1, 2, 3, 4, 5])
    assert result.distribution.columns.tolist() == [1, 2, 3, 4, 5]
    assert result.distribution.loc["a"].tolist() == [1, 2, 0, 0, 3]
    assert result.distribution.loc["b"].tolist() == [2, 1, 1, 1, 0]
    assert result.table["n"].tolist() == [6, 5]
    assert result.table["n_missing"].tolist() == [0, 1]
    assert result.table["floor"].tolist() == pytest.approx([1 / 6, 2 / 5])
    assert result.table["ceiling"].tolist() == pytest.approx([3 / 6, 0.0])
    assert result.table["minimum"].tolist() == [1.0, 1.0]
    assert result.table["maximum"].tolist() == [5.0, 4.0]


def test_moments_are_those_of_pandas() -> None:
    table = pm.describe_items(FRAME).table
    for column, expected in (
        ("mean", FRAME.mean()),
        ("sd", FRAME.std()),
        ("skewness", FRAME.skew()),
        ("kurtosis", FRAME.kurt()),
    ):
        np.testing.assert_allclose(table[column], expected, rtol=1e-12)


def test_codes_by_item() -> None:
    result = pm.describe_items(FRAME, codes={"a": [1, 2, 5], "b": [1, 2, 3, 4]})
    assert np.isnan(result.distribution.loc["a", 3])
    assert np.isnan(result.distribution.loc["b", 5])
    assert result.table.loc["b", "ceiling"] == pytest.approx(1 / 5)


def test_a_code_that_is_not_offered_is_refused(refused: Callable[..., object]) -> None:
    def call(codes: list[float]) -> object:
        return pm.describe_items(FRAME, codes=codes)

    error = refused(Code.STA_CODE_NOT_ALLOWED, call, valid=[1, 2, 3, 4, 5], bad=[1, 2, 3, 4])
    assert (error.problems[0].item, error.problems[0].got) == ("a", "5")


def test_items_without_variance_or_answers_are_told() -> None:
    frame = pd.DataFrame({"empty": [np.nan] * 4, "constant": [3.0] * 4, "few": [1.0, 2.0, np.nan, 4.0]})
    result = pm.describe_items(frame)
    codes = [problem.code for problem in result.warnings]
    assert codes == [Code.STA_ALL_MISSING_ITEM, Code.STA_CONSTANT_ITEM, Code.STA_UNDEFINED]
    assert np.isnan(result.table.loc["empty", "mean"])
    assert result.table.loc["constant", "sd"] == 0.0
    assert np.isnan(result.table.loc["constant", "skewness"])
    assert np.isfinite(result.table.loc["few", "skewness"])
    assert np.isnan(result.table.loc["few", "kurtosis"])
    assert pm.describe_items(FRAME).warnings == ()


def test_item_rest_correlation_is_the_correlation_with_the_rest(answers: pd.DataFrame) -> None:
    scale = answers[["a", "b", "c"]]
    table = pm.item_analysis(scale).table
    for item in scale:
        rest = scale.drop(columns=item)
        assert table.loc[item, "item_rest_correlation"] == pytest.approx(scale[item].corr(rest.sum(axis=1)), rel=1e-12)
        assert table.loc[item, "alpha_if_dropped"] == pytest.approx(pm.cronbach_alpha(rest).estimate, rel=1e-12)
    z, half = np.arctanh(table["item_rest_correlation"]), 1.959963984540054 / np.sqrt(397)
    np.testing.assert_allclose(table["item_rest_low"], np.tanh(z - half), rtol=1e-12)
    np.testing.assert_allclose(table["item_rest_high"], np.tanh(z + half), rtol=1e-12)


def test_an_item_against_the_rest_is_told(answers: pd.DataFrame) -> None:
    scale = answers[["a", "b", "c"]]
    assert [problem.code for problem in pm.item_analysis(scale).warnings] == [Code.STA_UNDEFINED]  # omega of two items
    turned = pm.item_analysis(scale.assign(b=6 - scale["b"]))
    assert (Code.STA_NEGATIVE_ITEM, "b") in [(problem.code, problem.item) for problem in turned.warnings]


def test_omega_without_an_item_is_the_omega_of_the_others(answers: pd.DataFrame) -> None:
    scale = pm.simulate_ordinal([0.8, 0.7, 0.6, 0.5], thresholds=[-1, 0, 1], n_persons=300, rng=1)
    table = pm.item_analysis(scale).table
    for item in scale:
        expected = pm.composite_omega(scale.drop(columns=item)).estimate
        assert table.loc[item, "omega_if_dropped"] == pytest.approx(expected, rel=1e-9)
    three = pm.item_analysis(answers[["a", "b", "c"]])
    assert three.table["omega_if_dropped"].isna().all()
    assert [problem.code for problem in three.warnings] == [Code.STA_UNDEFINED]
    twins = pm.item_analysis(scale.assign(again=scale["item1"])).table["omega_if_dropped"]
    assert twins.isna().tolist() == [False, True, True, True, False]


def test_inter_item_correlations_are_those_of_pandas(answers: pd.DataFrame) -> None:
    result = pm.item_analysis(answers)
    R = answers.corr()
    np.testing.assert_allclose(result.inter_item_correlations, R, rtol=1e-10)
    pairs = R.to_numpy()[np.tril_indices(6, -1)]
    assert result.mean_inter_item_correlation == pytest.approx(pairs.mean())
    assert result.lowest_inter_item_correlation == pytest.approx(pairs.min())
    assert result.highest_inter_item_correlation == pytest.approx(pairs.max())


def test_more_than_15_percent_at_an_end_are_an_effect() -> None:
    frame = pd.DataFrame({"low": [1] * 16 + [2] * 84, "edge": [1] * 15 + [2] * 85, "high": [4] * 50 + [5] * 50})
    result = pm.describe_items(frame, codes=[1, 2, 3, 4, 5])
    assert result.floor_items == ("low",)
    assert result.ceiling_items == ("high",)
    assert result.effect_share == 0.15


def test_two_items_leave_no_alpha_without_one(answers: pd.DataFrame) -> None:
    result = pm.item_analysis(answers[["a", "b"]])
    assert result.table[["alpha_if_dropped", "omega_if_dropped"]].isna().all(axis=None)
    assert [problem.code for problem in result.warnings] == [Code.STA_TOO_FEW_ITEMS, Code.STA_UNDEFINED]


def test_a_rest_without_variance_and_three_persons_are_told() -> None:
    frame = pd.DataFrame({"a": [1.0, 2, 3], "b": [1.0, 2, 3], "c": [3.0, 2, 1]})
    result = pm.item_analysis(frame)
    assert np.isnan(result.table.loc["a", "item_rest_correlation"])
    assert result.table["item_rest_low"].isna().all()
    assert [problem.code for problem in result.warnings].count(Code.STA_UNDEFINED) == 4
