"""What persons x items frames are accepted, and how the others are refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.psychometrics._inputs import complete, moments, table

GOOD = pd.DataFrame({"a": [1, 2, 3, 4, 5], "b": [1, 3, 2, 4, 5], "c": [2, 1, 3, 5, 4]})
STATISTICS = {
    "pearson_correlation": pm.pearson_correlation,
    "spearman_correlation": pm.spearman_correlation,
    "polychoric": pm.polychoric,
    "item_analysis": pm.item_analysis,
    "cronbach_alpha": pm.cronbach_alpha,
    "composite_omega": pm.composite_omega,
    "kaiser_meyer_olkin": pm.kaiser_meyer_olkin,
    "bartlett_sphericity": pm.bartlett_sphericity,
    "parallel_analysis": lambda df: pm.parallel_analysis(df, n_datasets=5, rng=1),
    "efa": lambda df: pm.efa(df, n_factors=1, rotation="none"),
}
BAD = {
    Code.STA_NOT_NUMERIC: GOOD.assign(b=["low", "high", "low", "mid", "high"]),
    Code.STA_NOT_FINITE: GOOD.assign(b=[1.0, 2.0, np.inf, 4.0, 5.0]),
    Code.STA_DUPLICATE_ITEM: GOOD.set_axis(["a", "b", "a"], axis=1),
    Code.STA_ALL_MISSING_ITEM: GOOD.assign(b=np.nan),
    Code.STA_CONSTANT_ITEM: GOOD.assign(b=3),
    Code.STA_TOO_FEW_PERSONS: GOOD.head(2),
    Code.STA_TOO_FEW_ITEMS: GOOD[["a"]],
    Code.STA_NOT_A_FRAME: GOOD.to_numpy(),
}


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("code", BAD)
def test_every_statistic_refuses_what_it_cannot_use(code: Code, name: str, refused: Callable[..., object]) -> None:
    refused(code, STATISTICS[name], valid=GOOD, bad=BAD[code])


def test_a_refusal_names_every_item(refused: Callable[..., object]) -> None:
    bad = GOOD.assign(a="x", c=pd.Categorical(["lo", "hi", "lo", "hi", "lo"]))
    error = refused(Code.STA_NOT_NUMERIC, table, valid=GOOD, bad=bad)
    assert [problem.item for problem in error.problems] == ["a", "c"]


def test_text_that_looks_like_numbers_is_refused_too(refused: Callable[..., object]) -> None:
    refused(Code.STA_NOT_NUMERIC, table, valid=GOOD, bad=GOOD.assign(b=["1", "2", "3", "4", "5"]))


def test_an_empty_frame_is_refused(refused: Callable[..., object]) -> None:
    refused(Code.STA_TOO_FEW_PERSONS, table, valid=GOOD, bad=GOOD.head(0))
    refused(Code.STA_TOO_FEW_ITEMS, table, valid=GOOD, bad=GOOD[[]])


@pytest.mark.parametrize("dtype", ["int8", "float32", "Int64", "Float64", "int64"])
def test_all_number_types_are_accepted(dtype: str) -> None:
    assert complete(GOOD.astype(dtype)).codes.tolist() == GOOD.to_numpy(dtype=float).tolist()


def test_nullable_integers_keep_their_missing_answers() -> None:
    frame = GOOD.astype("Int64")
    frame.loc[0, "a"] = pd.NA
    assert np.isnan(table(frame).codes[0, 0])


def test_listwise_and_pairwise_drop_different_persons() -> None:
    frame = GOOD.astype(float)
    frame.loc[5] = [np.nan, 2.0, 3.0]
    frame.loc[6] = [np.nan, np.nan, np.nan]
    assert (complete(frame).n_persons, complete(frame).n_dropped) == (5, 2)
    pairwise = complete(frame, missing="pairwise")
    assert (pairwise.n_persons, pairwise.n_dropped) == (6, 1)


def test_pairwise_moments_are_those_of_pandas() -> None:
    random = np.random.default_rng(3)
    frame = pd.DataFrame(random.integers(1, 6, (60, 4)).astype(float), columns=list("abcd"))
    frame = frame.mask(random.random(frame.shape) < 0.2)
    found = moments(frame, missing="pairwise")
    np.testing.assert_allclose(found.covariance, frame.cov().to_numpy(), rtol=1e-12)
    np.testing.assert_allclose(found.correlation, frame.corr().to_numpy(), rtol=1e-12)
    answered = frame.notna().astype(float)
    np.testing.assert_array_equal(found.n_pairs, (answered.T @ answered).to_numpy())
    assert found.n == int((answered.T @ answered).to_numpy().min())


def test_listwise_moments_are_those_of_pandas() -> None:
    frame = GOOD.astype(float)
    frame.loc[5] = [np.nan, 2.0, 3.0]
    found = moments(frame)
    np.testing.assert_allclose(found.correlation, GOOD.corr().to_numpy(), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, GOOD.cov().to_numpy(), rtol=1e-12)


def test_a_pair_that_nobody_answered_together_is_refused(refused: Callable[..., object]) -> None:
    def pairwise(frame: pd.DataFrame) -> object:
        return pm.pearson_correlation(frame, missing="pairwise")

    bad = pd.DataFrame({"a": [1, 2, 3, np.nan, np.nan, np.nan], "b": [np.nan, np.nan, np.nan, 1, 2, 3]})
    refused(Code.STA_TOO_FEW_PERSONS, pairwise, valid=GOOD, bad=bad)


def test_an_item_constant_within_its_pairs_is_refused(refused: Callable[..., object]) -> None:
    def pairwise(frame: pd.DataFrame) -> object:
        return pm.pearson_correlation(frame, missing="pairwise")

    bad = pd.DataFrame({"a": [2, 2, 2, 5, 4], "b": [1, 2, 3, np.nan, np.nan]})
    refused(Code.STA_CONSTANT_ITEM, pairwise, valid=GOOD, bad=bad)


def test_repeated_items_have_no_inverse(answers: pd.DataFrame, refused: Callable[..., object]) -> None:
    bad = answers.assign(again=answers["a"])
    for call in (pm.kaiser_meyer_olkin, pm.bartlett_sphericity, pm.composite_omega):
        refused(Code.STA_SINGULAR_CORRELATION, call, valid=answers, bad=bad)


def test_fewer_persons_than_items_are_refused(answers: pd.DataFrame, refused: Callable[..., object]) -> None:
    refused(Code.STA_TOO_FEW_PERSONS, pm.kaiser_meyer_olkin, valid=answers, bad=answers.head(5))


@pytest.mark.parametrize("name", ["pearson_correlation", "item_analysis", "cronbach_alpha", "kaiser_meyer_olkin"])
def test_the_missing_rule_is_checked_and_its_values_are_told(name: str, refused: Callable[..., object]) -> None:
    def call(missing: str) -> object:
        return getattr(pm, name)(GOOD, missing=missing)

    error = refused(Code.STA_UNKNOWN_OPTION, call, valid="pairwise", bad="drop")
    assert error.problems[0].allowed == "'listwise', 'pairwise'"


@pytest.mark.parametrize("bad", [0.0, 1.0, 95, float("nan"), "wide", True])
def test_the_level_lies_between_0_and_1(bad: object, refused: Callable[..., object]) -> None:
    def call(level: float) -> object:
        return pm.cronbach_alpha(GOOD, level=level)

    refused(Code.STA_OPTION_RANGE, call, valid=0.9, bad=bad)
