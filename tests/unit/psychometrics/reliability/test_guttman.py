"""Guttman's lambdas by their formulas, by the list of all splits, and by what must hold between them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.psychometrics.reliability.guttman import all_halves, exchanged_halves, n_halves

HAND = pd.DataFrame({"a": [1, 2, 3, 4, 4], "b": [1, 3, 2, 4, 5], "c": [2, 2, 3, 4, 4]})


def by_formula(C: np.ndarray) -> dict[str, float]:
    """The six bounds, each written out on its own."""
    k, v, V = len(C), np.diag(C), C.sum()
    off = C - np.diag(v)
    first = 1 - v.sum() / V
    errors = [
        v[j] - C[j, o] @ np.linalg.solve(C[np.ix_(o, o)], C[o, j])
        for j in range(k)
        for o in [[i for i in range(k) if i != j]]
    ]
    halves = [np.isin(range(k), chosen) for chosen in combinations(range(k), k // 2)]
    return {
        "lambda1": first,
        "lambda2": first + np.sqrt(k / (k - 1) * (off**2).sum()) / V,
        "lambda3": k / (k - 1) * first,
        "lambda4": max(4 * C[half][:, ~half].sum() / V for half in halves),
        "lambda5": first + 2 * np.sqrt((off**2).sum(axis=0).max()) / V,
        "lambda6": 1 - sum(errors) / V,
        "beta": min(4 * C[half][:, ~half].sum() / V for half in halves),
    }


@pytest.mark.parametrize("k", [2, 3, 4, 5, 7, 8])
@pytest.mark.parametrize("standardized", [False, True])
def test_the_bounds_are_those_of_the_formulas(k: int, standardized: bool) -> None:
    frame = pm.simulate_ordinal(np.linspace(0.4, 0.8, k), thresholds=[-1, 0, 0.5], n_persons=150, rng=k)
    result = pm.guttman_lambdas(frame, standardized=standardized)
    expected = by_formula((frame.corr() if standardized else frame.cov()).to_numpy())
    for name, value in expected.items():
        assert getattr(result, name) == pytest.approx(value, rel=1e-10), name
    assert result.exhaustive
    assert result.n_splits == n_halves(k)
    half = frame[list(result.best_half)].sum(axis=1)
    rest = frame.drop(columns=list(result.best_half)).sum(axis=1)
    if not standardized:
        assert 4 * half.cov(rest) / frame.sum(axis=1).var() == pytest.approx(result.lambda4, rel=1e-10)


def test_lambda_3_is_alpha() -> None:
    alpha = pm.cronbach_alpha(HAND)
    assert pm.guttman_lambdas(HAND).lambda3 == pytest.approx(alpha.estimate, rel=1e-12)
    assert pm.guttman_lambdas(HAND, standardized=True).lambda3 == pytest.approx(alpha.standardized, rel=1e-12)


def test_the_bounds_are_in_their_order(answers: pd.DataFrame) -> None:
    result = pm.guttman_lambdas(answers)
    assert result.lambda1 < result.lambda3 <= result.lambda2
    assert result.beta < result.lambda3 < result.lambda4 <= pm.greatest_lower_bound(answers).estimate


def test_equal_items_make_all_bounds_but_the_first_and_fifth_the_reliability(
    exact: Callable[..., pd.DataFrame],
) -> None:
    result = pm.guttman_lambdas(exact(np.full((4, 4), 0.5) + 0.5 * np.eye(4)))
    assert [result.lambda2, result.lambda3, result.lambda4] == pytest.approx([0.8] * 3, rel=1e-9)


def test_every_split_stands_in_the_list_once() -> None:
    for k in (2, 3, 4, 5, 6, 9):
        rows = {tuple(row) for row in all_halves(k)}
        assert len(rows) == n_halves(k)
        assert {abs(sum(row)) for row in rows} == {float(k % 2)}


def test_the_exchange_finds_the_best_and_the_worst_of_all_halves() -> None:
    random = np.random.default_rng(1)
    for k in (9, 12, 14):
        Lambda = random.uniform(-0.2, 0.9, (k, 3))
        C = Lambda @ Lambda.T + np.diag(random.uniform(0.2, 1.0, k))
        listed = np.einsum("sj,jk,sk->s", all_halves(k), C, all_halves(k))
        found, tried = exchanged_halves(C, random)
        reached = np.einsum("sj,jk,sk->s", found, C, found)
        assert (reached.min(), reached.max()) == pytest.approx((listed.min(), listed.max()), rel=1e-12)
        assert tried > 0


def test_many_items_are_searched_and_that_is_told() -> None:
    frame = pm.simulate_ordinal(np.full(21, 0.5), thresholds=[0], n_persons=200, rng=1)
    result = pm.guttman_lambdas(frame, rng=1)
    assert not result.exhaustive
    assert "exchange" in result.method
    assert result.lambda4 > result.lambda3
    assert pm.guttman_lambdas(frame, rng=1).lambda4 == result.lambda4


def test_bootstrap_limits_hold_the_estimates(answers: pd.DataFrame) -> None:
    result = pm.guttman_lambdas(answers, interval="bootstrap", n_bootstrap=300, rng=1)
    assert list(result.intervals) == [f"lambda{j}" for j in range(1, 7)]
    alpha = pm.cronbach_alpha(answers, interval="bootstrap", n_bootstrap=300, rng=1).interval
    third = result.intervals["lambda3"]
    assert (third.low, third.high) == pytest.approx((alpha.low, alpha.high), rel=1e-9)
    for name, limits in result.intervals.items():
        assert limits.low < getattr(result, name) < limits.high
    assert pm.guttman_lambdas(answers).intervals is None


def test_an_item_against_the_rest_is_told_and_turned_only_on_request(answers: pd.DataFrame) -> None:
    scale = answers[["a", "b", "c"]]
    turned = scale.assign(b=6 - scale["b"])
    plain, resigned = pm.guttman_lambdas(turned), pm.guttman_lambdas(turned, resign=True)
    assert (Code.STA_NEGATIVE_ITEM, "b") in [(problem.code, problem.item) for problem in plain.warnings]
    assert plain.resigned_items == ()
    assert plain.lambda3 < 0
    assert resigned.resigned_items == ("b",)
    assert [(problem.code, problem.item) for problem in resigned.warnings] == [(Code.STA_NEGATIVE_ITEM, "b")]
    original = pm.guttman_lambdas(scale)
    for name in ("lambda2", "lambda4", "lambda6", "beta"):
        assert getattr(resigned, name) == pytest.approx(getattr(original, name), rel=1e-10)


def test_items_that_repeat_each_other_leave_no_lambda_6(answers: pd.DataFrame) -> None:
    twins = answers[["a", "b"]].assign(again=answers["a"])
    result = pm.guttman_lambdas(twins)
    assert np.isnan(result.lambda6)
    assert np.isfinite([result.lambda2, result.lambda4]).all()
    assert [problem.code for problem in result.warnings] == [Code.STA_UNDEFINED]


def test_a_sum_without_variance_has_no_bounds() -> None:
    result = pm.guttman_lambdas(pd.DataFrame({"a": [1, 2, 3, 4], "b": [4, 3, 2, 1]}))
    assert np.isnan([result.lambda1, result.lambda4, result.beta]).all()
    assert Code.STA_UNDEFINED in [problem.code for problem in result.warnings]


def test_guttman_options_are_checked(refused: Any) -> None:
    def call(interval: Any) -> object:
        return pm.guttman_lambdas(HAND, interval=interval, n_bootstrap=100, rng=1)

    refused(Code.STA_UNKNOWN_OPTION, call, valid="none", bad="feldt")
    refused(Code.STA_CONSTANT_ITEM, pm.guttman_lambdas, valid=HAND, bad=HAND.assign(a=1))
