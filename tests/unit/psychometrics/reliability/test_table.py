"""The table of all coefficients is what the coefficients' own functions return, and says what is lacking."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code

SCALES = {"one": list("abc"), "two": list("def")}


def test_every_number_is_that_of_its_own_function(answers: pd.DataFrame) -> None:
    result = pm.reliability_table(answers, SCALES, rng=1)
    assert list(result.table.index) == ["one", "two"]
    for scale, items in SCALES.items():
        row, frame = result.table.loc[scale], answers[items]
        alpha, omega = pm.cronbach_alpha(frame), pm.composite_omega(frame)
        standardized = pm.guttman_lambdas(frame, standardized=True)
        lambdas, error = pm.guttman_lambdas(frame), pm.measurement_error(frame)
        expected = {
            "alpha": alpha.estimate,
            "alpha_low": alpha.interval.low,
            "alpha_high": alpha.interval.high,
            "standardized_alpha": alpha.standardized,
            "mean_inter_item_correlation": alpha.mean_inter_item_correlation,
            "omega_total": omega.estimate,
            "omega_total_low": omega.interval.low,
            "omega_total_model": omega.model_denominator,
            "composite_reliability": omega.composite_reliability,
            "average_variance_extracted": omega.average_variance_extracted,
            "mean_squared_standardized_loading": omega.mean_squared_standardized_loading,
            "lambda2": lambdas.lambda2,
            "lambda4": lambdas.lambda4,
            "lambda6": lambdas.lambda6,
            "standardized_lambda2": standardized.lambda2,
            "standardized_lambda4": standardized.lambda4,
            "standardized_lambda6": standardized.lambda6,
            "greatest_lower_bound": pm.greatest_lower_bound(frame).estimate,
            "split_half": pm.split_half(frame).spearman_brown,
            "standard_error": error.standard_error,
            "minimal_detectable_change": error.minimal_detectable_change,
            "ordinal_alpha": pm.ordinal_alpha(frame).estimate,
            "categorical_omega": pm.composite_omega(frame, ordinal=True).estimate,
        }
        for name, value in expected.items():
            assert row[name] == pytest.approx(value, rel=1e-12), name
        assert (row["n_persons"], row["n_items"], row["n_dropped"]) == (400, 3, 0)


def test_the_long_table_holds_the_same_numbers_and_every_formula(answers: pd.DataFrame) -> None:
    result = pm.reliability_table(answers, SCALES, rng=1)
    long = result.coefficients
    for row in long.itertuples():
        assert row.estimate == result.table.loc[row.scale, row.coefficient]
        assert row.formula
        assert (row.interval == "none") == np.isnan(row.low)
    formulas = long.drop_duplicates("coefficient").set_index("coefficient")["formula"]
    assert formulas["omega_total"] == "omega total, unit-factor-variance CFA, ML, observed total variance, listwise"
    assert "polychoric DWLS" in formulas["categorical_omega"]
    assert set(long["coefficient"]) <= set(result.table.columns)


def test_the_lambdas_get_limits_on_request_and_ordinal_ones_can_be_left_out(answers: pd.DataFrame) -> None:
    result = pm.reliability_table(answers, SCALES, ordinal=False, interval="bootstrap", n_bootstrap=100, rng=1)
    assert (result.table["lambda6_low"] < result.table["lambda6"]).all()
    assert "categorical_omega" not in result.table
    assert "lambda6_low" not in pm.reliability_table(answers, SCALES, rng=1).table


def test_what_uses_complete_persons_counts_them_and_can_be_left_out(answers: pd.DataFrame) -> None:
    frame = answers.copy()
    frame.iloc[:15, 0] = np.nan
    long = pm.reliability_table(frame, SCALES, missing="pairwise", rng=1).coefficients
    counts = long[long["scale"] == "one"].set_index("coefficient")["n_persons"]
    complete = ["standard_error", "minimal_detectable_change"]
    assert set(counts[complete]) == {385}
    assert set(counts.drop(complete)) == {400}
    without = pm.reliability_table(frame, SCALES, missing="pairwise", standard_error=False, rng=1).coefficients
    assert set(long["coefficient"]) - set(without["coefficient"]) == set(complete)


def test_what_a_scale_lacks_is_nan_and_told_with_its_name(answers: pd.DataFrame) -> None:
    frame = answers.assign(still=3.0, again=answers["a"])
    frame.iloc[:5, 0] = np.nan
    scales = {"pair": ["a", "b"], "constant": ["a", "b", "still"], "twins": ["a", "b", "again"], "good": list("def")}
    result = pm.reliability_table(frame, scales, rng=1)
    told = {(problem.key, problem.code) for problem in result.warnings}
    assert ("pair", Code.STA_TOO_FEW_ITEMS) in told
    assert ("constant", Code.STA_CONSTANT_ITEM) in told
    assert np.isnan(result.table.loc["pair", "omega_total"])
    assert np.isfinite(result.table.loc["pair", "alpha"])
    assert result.table.loc["constant", "alpha":].isna().all()
    assert np.isfinite(result.table.loc["good"]).all()
    assert result.table.loc["pair", "n_dropped"] == 5
    assert len(set(result.warnings)) == len(result.warnings)


def test_scales_and_options_are_checked(answers: pd.DataFrame, refused: Any) -> None:
    refused(
        Code.STA_SHAPE_MISMATCH,
        lambda scales: pm.reliability_table(answers, scales, rng=1),
        valid=SCALES,
        bad={"one": ["a", "z"]},
    )
    refused(
        Code.STA_UNKNOWN_OPTION,
        lambda missing: pm.reliability_table(answers, SCALES, missing=missing, rng=1),
        valid="pairwise",
        bad="casewise",
    )
    refused(
        Code.STA_NOT_A_FRAME,
        lambda data: pm.reliability_table(data, SCALES, rng=1),
        valid=answers,
        bad=[[1, 2], [2, 1]],
    )
