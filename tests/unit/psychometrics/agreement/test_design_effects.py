"""Design effects by hand, by what clusters do to the variance of a mean, and their refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code

SCORES = pd.DataFrame({"score": [1.0, 2, 3, 3, 4, 5, 6, 7, 8], "other": [1.0, 5, 3, 4, 2, 5, 1, 3, 4]})
UNITS = list("aaabbbccc")


def test_three_units_of_three_by_hand() -> None:
    """Means 2, 4 and 7: mean squares 19 between and 1 within."""
    result = pm.design_effects(SCORES, cluster=UNITS)
    row = result.table.loc["score"]
    assert row["icc1"] == pytest.approx(18 / 21, rel=1e-12)
    assert row["icc2"] == pytest.approx(18 / 19, rel=1e-12)
    assert row["icc2"] == pytest.approx(3 * row["icc1"] / (1 + 2 * row["icc1"]), rel=1e-12)
    assert row["design_effect"] == pytest.approx(1 + 2 * 18 / 21, rel=1e-12)
    assert row["effective_n"] == pytest.approx(9 / row["design_effect"], rel=1e-12)
    assert (row["n0"], row["weighted_size"], row["n"], row["n_clusters"]) == (3, 3, 9, 3)
    assert row["icc1_low"] < row["icc1"] < row["icc1_high"]
    assert (result.n_persons, result.n_items, result.n_dropped, result.n_clusters) == (9, 2, 0, 3)
    assert [problem.code for problem in result.warnings] == [Code.STA_FEW_CLUSTERS]


def test_icc_is_that_of_within_group_agreement() -> None:
    frame = pm.simulate_ordinal([0.8, 0.7, 0.6], thresholds=[-1, 0, 1], n_persons=90, rng=3)
    units = np.repeat(np.arange(12), [3, 5, 7, 9, 4, 6, 8, 10, 12, 11, 8, 7])
    agreement = pm.within_group_agreement(frame, groups=units, codes=[1, 2, 3, 4], n_simulated=100, rng=1)
    row = pm.design_effects(frame.mean(axis=1).to_frame("mean"), cluster=units).table.loc["mean"]
    assert row["icc1"] == agreement.icc1.estimate
    assert (row["icc1_low"], row["icc1_high"]) == (agreement.icc1.low, agreement.icc1.high)
    assert (row["icc2"], row["n0"]) == (agreement.icc2, agreement.mean_group_size)


def test_each_column_uses_its_own_persons_and_what_cannot_be_compared_is_told() -> None:
    frame = SCORES.assign(rare=[1.0, np.nan, np.nan, 2, *[np.nan] * 5], same=4.0)
    frame.loc[0, "score"] = np.nan
    result = pm.design_effects(frame, cluster=UNITS)
    assert result.table["n"].tolist() == [8, 9, 2, 9]
    assert result.table["n_clusters"].tolist() == [3, 3, 2, 3]
    alone = pm.design_effects(frame.loc[1:, ["score"]], cluster=UNITS[1:]).table.loc["score"]
    assert alone["icc1"] == result.table.loc["score", "icc1"]
    assert result.table.loc[["rare", "same"], "icc1":].isna().all(axis=None)
    assert [problem.code for problem in result.warnings] == [Code.STA_FEW_CLUSTERS, *[Code.STA_UNDEFINED] * 2]
    empty = pm.design_effects(SCORES.assign(none=np.nan), cluster=UNITS)
    assert empty.table.loc["none", "n"] == 0


def test_a_negative_icc_is_kept_and_counts_as_no_effect() -> None:
    alternating = pd.DataFrame({"x": [1.0, 5.0] * 6})
    row = pm.design_effects(alternating, cluster=np.repeat(np.arange(6), 2)).table.loc["x"]
    assert row["icc1"] == pytest.approx(-1.0)
    assert (row["design_effect"], row["effective_n"]) == (1.0, 12.0)


def test_the_design_effect_is_what_units_do_to_the_variance_of_the_mean() -> None:
    """Units of 5 and of 45 with an ICC of .2: the variance of the mean over 20,000 draws, and the mean estimate."""
    sizes = np.array([5] * 40 + [45] * 40)
    member, n = np.repeat(np.arange(80), sizes), int(sizes.sum())
    random = np.random.default_rng(1)
    units = random.standard_normal((20_000, 80)) * np.sqrt(0.2)
    means = units @ sizes / n + random.standard_normal(20_000) * np.sqrt(0.8 / n)
    truth = means.var() * n
    assert truth == pytest.approx(1 + (float(sizes @ sizes) / n - 1) * 0.2, rel=0.03)  # Monte Carlo error 1 %
    draws = np.sqrt(0.2) * random.standard_normal((300, 80))[:, member] + np.sqrt(0.8) * random.standard_normal(
        (300, n)
    )
    found = pm.design_effects(pd.DataFrame(draws.T), cluster=member).table
    assert found["design_effect"].mean() == pytest.approx(truth, rel=0.06)
    assert found["icc1"].mean() == pytest.approx(0.2, abs=0.015)
    held = (found["icc1_low"] <= 0.2) & (found["icc1_high"] >= 0.2)
    assert 0.90 <= held.mean() <= 0.98


def test_bad_input_is_refused(refused: Any) -> None:
    def of(units: Any) -> Any:
        return pm.design_effects(SCORES, cluster=units)

    refused(Code.STA_SHAPE_MISMATCH, of, valid=UNITS, bad=UNITS[:-1])
    refused(Code.STA_SHAPE_MISMATCH, of, valid=UNITS, bad=[*UNITS[:-1], None])
    refused(Code.STA_SHAPE_MISMATCH, of, valid=UNITS, bad=pd.Series(UNITS, index=range(1, 10)))
    refused(Code.STA_TOO_FEW_PERSONS, of, valid=UNITS, bad=["a"] * 9)
    refused(Code.STA_TOO_FEW_PERSONS, of, valid=UNITS, bad=list("abcdefghi"))
    refused(
        Code.STA_OPTION_RANGE, lambda level: pm.design_effects(SCORES, cluster=UNITS, level=level), valid=0.9, bad=1
    )
    text = SCORES.assign(score="one")
    refused(Code.STA_NOT_NUMERIC, lambda frame: pm.design_effects(frame, cluster=UNITS), valid=SCORES, bad=text)
