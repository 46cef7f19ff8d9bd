"""Agreement within groups: hand-made rows, populations with known ICC, and the simulated null."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.psychometrics.agreement.within_group import SKEWED_NULLS, one_way

FIVE = [1, 2, 3, 4, 5]
ROWS = pd.DataFrame([[4, 4, 5], [4, 5, 4], [5, 4, 4], [4, 4, 4], [1, 2, 1], [2, 2, 2]])
GROUPS = list("aaaabb")


def test_the_four_rows_of_the_check() -> None:
    table = pm.within_group_agreement(ROWS, groups=GROUPS, codes=FIVE, n_simulated=100, rng=1).table
    assert table.loc["a", "r_wg_j"] == pytest.approx(0.954545, abs=5e-7)
    assert table.loc["a", "r_wg_j_star"] == pytest.approx(0.875)
    assert table.loc["a", "ad_mean"] == pytest.approx(0.375)
    assert table.loc["a", "ad_median"] == pytest.approx(0.25)
    assert table["n"].tolist() == [4, 2]


def test_the_skewed_nulls_have_their_published_variances() -> None:
    for name, variance in (("uniform", 2.0), ("slight_skew", 1.34), ("moderate_skew", 0.90), ("heavy_skew", 0.44)):
        null: Any = name
        result = pm.within_group_agreement(ROWS, groups=GROUPS, codes=FIVE, null=null, n_simulated=100, rng=1)
        assert result.null_variance == pytest.approx(variance)
        assert result.table.loc["a", "r_wg_j_star"] == pytest.approx(1 - 0.25 / variance)
    assert all(sum(shares) == pytest.approx(1.0) for shares in SKEWED_NULLS.values())
    six = pm.within_group_agreement(ROWS, groups=GROUPS, codes=[1, 2, 3, 4, 5, 6], n_simulated=100, rng=1)
    assert six.null_variance == pytest.approx(35 / 12)
    assert six.ad_cutoff == pytest.approx(1.0)


def test_unequal_groups_use_the_group_size_of_the_estimator() -> None:
    """Mean squares by hand for groups of 3, 2 and 1."""
    values, member = np.array([1.0, 2, 3, 4, 6, 8]), np.array([0, 0, 0, 1, 1, 2])
    found = one_way(values, member)
    grand = values.mean()
    assert found.between == pytest.approx((3 * (2 - grand) ** 2 + 2 * (5 - grand) ** 2 + (8 - grand) ** 2) / 2)
    assert found.within == pytest.approx((2 + 2) / 3)
    assert found.size == pytest.approx((6 - 14 / 6) / 2)
    assert found.icc1 == pytest.approx(
        (found.between - found.within) / (found.between + (found.size - 1) * found.within)
    )
    assert found.icc2 == pytest.approx(1 - found.within / found.between)


def test_icc1_is_that_of_pingouin_for_equal_groups() -> None:
    from toolkit.psychometrics.pingouin_adapter import replicate_intraclass_correlation

    random = np.random.default_rng(4)
    X = np.clip(np.round(3 + random.standard_normal((12, 1)) + random.standard_normal((12, 5))), 1, 5)
    frame = pd.DataFrame({"item": X.ravel()})
    result = pm.within_group_agreement(frame, groups=np.repeat(np.arange(12), 5), codes=FIVE, n_simulated=100, rng=1)
    theirs = replicate_intraclass_correlation(pd.DataFrame(X))
    assert result.icc1.estimate == pytest.approx(theirs.loc["ICC1", "estimate"], rel=1e-9)
    assert result.icc2 == pytest.approx(theirs.loc["ICC1k", "estimate"], rel=1e-9)
    assert (result.icc1.low, result.icc1.high) == pytest.approx(tuple(theirs.loc["ICC1", ["low", "high"]]), abs=5.1e-3)


def test_the_interval_of_icc1_covers_with_unequal_groups() -> None:
    random = np.random.default_rng(5)
    sizes = np.tile([3, 5, 8, 12], 10)
    member = np.repeat(np.arange(40), sizes)
    hits, estimates = [], []
    for _ in range(200):
        values = 0.5 * random.standard_normal(40)[member] + np.sqrt(0.75) * random.standard_normal(member.size)
        codes = np.round(values * 100)
        span = np.arange(-2000, 2001)
        result = pm.within_group_agreement(
            pd.DataFrame({"item": codes}), groups=member, codes=span, n_simulated=100, rng=1
        )
        hits.append(result.icc1.low <= 0.25 <= result.icc1.high)
        estimates.append(result.icc1.estimate)
    assert 0.90 <= np.mean(hits) <= 0.99
    assert np.mean(estimates) == pytest.approx(0.25, abs=0.02)


def test_groups_without_agreement_pass_the_critical_value_at_the_nominal_rate() -> None:
    random = np.random.default_rng(6)
    frame = pd.DataFrame(random.choice(FIVE, size=(6000, 4)))
    groups = np.repeat(np.arange(1000), 6)
    table = pm.within_group_agreement(frame, groups=groups, codes=FIVE, rng=1, n_simulated=5000).table
    above = (table["r_wg_j"] > table["r_wg_j_critical"]).mean()
    assert above == pytest.approx(0.05, abs=0.02)
    assert len(set(table["r_wg_j_critical"])) == 1


def test_more_items_raise_r_wg_j_and_its_critical_value_but_not_r_wg_j_star() -> None:
    random = np.random.default_rng(6)
    groups = np.repeat(np.arange(200), 5)
    few = pm.within_group_agreement(pd.DataFrame(random.choice(FIVE, (1000, 2))), groups=groups, codes=FIVE, rng=1)
    many = pm.within_group_agreement(pd.DataFrame(random.choice(FIVE, (1000, 12))), groups=groups, codes=FIVE, rng=1)
    assert many.table["r_wg_j_critical"].iloc[0] != few.table["r_wg_j_critical"].iloc[0]
    q = pd.DataFrame([[4, 5], [5, 4], [4, 4]])
    two = pm.within_group_agreement(pd.concat([q, 6 - q]), groups=list("aaabbb"), codes=FIVE, rng=1).table
    six = pm.within_group_agreement(
        pd.concat([pd.concat([q, q, q], axis=1, ignore_index=True)] * 2), groups=list("aaabbb"), codes=FIVE, rng=1
    ).table
    assert six["r_wg_j"].iloc[0] > two["r_wg_j"].iloc[0]
    assert six["r_wg_j_star"].iloc[0] == pytest.approx(two["r_wg_j_star"].iloc[0])


def test_less_than_chance_a_group_of_one_and_missing_answers_are_told() -> None:
    frame = pd.DataFrame([[1, 5], [5, 1], [1, 1], [5, 5], [3, 3], [3, np.nan], [3, 4], [3, 4]])
    groups = pd.Series(list("aaaabbcc"))
    result = pm.within_group_agreement(frame, groups=groups, codes=FIVE, n_simulated=100, rng=1)
    assert result.table.loc["a", "r_wg_j"] == 0.0
    assert result.table.loc["a", "r_wg_j_star"] < 0
    assert result.table.loc["b", ["r_wg_j", "ad_mean", "r_wg_j_critical"]].isna().all()
    assert result.table.loc["c", "r_wg_j"] == 1.0
    assert result.n_dropped == 1
    assert [problem.code for problem in result.warnings] == [Code.STA_UNDEFINED] * 2


def test_means_that_do_not_vary_have_no_icc() -> None:
    frame = pd.DataFrame([[4, 4], [4, 4], [4, 4], [4, 4]])
    result = pm.within_group_agreement(frame, groups=list("aabb"), codes=FIVE, n_simulated=100, rng=1)
    assert np.isnan([result.icc1.estimate, result.icc1.low, result.icc2]).all()
    assert result.table["r_wg_j"].tolist() == [1.0, 1.0]
    assert Code.STA_UNDEFINED in [problem.code for problem in result.warnings]


def test_groups_codes_and_nulls_are_checked(refused: Any) -> None:
    def call(**options: Any) -> object:
        given = {"groups": GROUPS, "codes": FIVE, "n_simulated": 100, "rng": 1} | options
        return pm.within_group_agreement(ROWS, **given)

    def of(name: str) -> Any:
        return lambda value: call(**{name: value})

    refused(Code.STA_SHAPE_MISMATCH, of("groups"), valid=GROUPS, bad=GROUPS[:5])
    refused(Code.STA_SHAPE_MISMATCH, of("groups"), valid=GROUPS, bad=["a", "a", "b", "b", None, "c"])
    refused(Code.STA_SHAPE_MISMATCH, of("groups"), valid=GROUPS, bad=pd.Series(GROUPS, index=range(1, 7)))
    refused(Code.STA_TOO_FEW_PERSONS, of("groups"), valid=GROUPS, bad=["a"] * 6)
    refused(Code.STA_TOO_FEW_PERSONS, of("groups"), valid=GROUPS, bad=list("abcdef"))
    refused(Code.STA_CODE_NOT_ALLOWED, of("codes"), valid=FIVE, bad=[2, 3, 4, 5])
    refused(Code.STA_OPTION_RANGE, of("codes"), valid=FIVE, bad=[1, 2, 4, 5, 6])
    refused(Code.STA_SHAPE_MISMATCH, of("null"), valid=[0.2] * 5, bad=[0.25] * 4)
    refused(Code.STA_UNKNOWN_OPTION, of("null"), valid="heavy_skew", bad="bimodal")
