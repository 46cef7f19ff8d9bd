"""Reliable change: the example of the paper, the directions, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code


def test_the_example_of_jacobson_and_truax() -> None:
    result = pm.reliable_change([32.5], [47.5], reliability=0.80, sd=7.5)
    assert result.standard_error == pytest.approx(3.354, abs=5e-4)
    assert result.standard_error_of_difference == pytest.approx(4.743, abs=5e-4)
    assert result.table["reliable_change_index"].tolist() == pytest.approx([3.162], abs=5e-4)
    assert result.minimal_detectable_change == pytest.approx(2.772 * 3.354, rel=2e-4)
    assert (result.n_up, result.n_down, result.n_none) == (1, 0, 0)


def test_directions_missing_scores_and_names() -> None:
    before = pd.Series([10.0, 10, 10, 10, np.nan], index=list("abcde"))
    after = pd.Series([20.0, 0, 12, np.nan, 10], index=list("abcde"))
    result = pm.reliable_change(before, after, reliability=0.8, sd=5)
    assert result.to_frame()["direction"].to_dict() == {"a": "up", "b": "down", "c": "none"}
    assert (result.n_up, result.n_down, result.n_none) == (1, 1, 1)
    assert (result.n_persons, result.n_dropped) == (3, 2)
    assert "given standard deviation" in result.method


def test_the_standard_deviation_is_that_of_the_scores_before_unless_given() -> None:
    before, after = [1.0, 2, 3, 4], [2.0, 2, 2, 9]
    result = pm.reliable_change(before, after, reliability=0.5)
    assert result.standard_error == pytest.approx(np.std(before, ddof=1) * np.sqrt(0.5), rel=1e-12)


def test_error_alone_reaches_the_limit_at_the_nominal_rate() -> None:
    random = np.random.default_rng(1)
    true = random.standard_normal(20_000) * 3
    one, two = true + random.standard_normal(20_000), true + random.standard_normal(20_000)
    result = pm.reliable_change(one, two, reliability=0.9, level=0.9)
    assert (result.n_up + result.n_down) / 20_000 == pytest.approx(0.10, abs=0.01)


def test_scores_that_do_not_fit_are_refused(refused: Any) -> None:
    before = pd.Series([1.0, 2, 3])

    def change(after: Any) -> object:
        return pm.reliable_change(before, after, reliability=0.8)

    refused(Code.STA_SHAPE_MISMATCH, change, valid=[1.0, 2, 4], bad=[1.0, 2])
    refused(Code.STA_SHAPE_MISMATCH, change, valid=before, bad=pd.Series([1.0, 2, 3], index=[2, 1, 0]))
    refused(Code.STA_NOT_FINITE, change, valid=before, bad=[1, 2, np.inf])
    refused(
        Code.STA_CONSTANT_ITEM,
        lambda scores: pm.reliable_change(scores, [1.0, 2, 3], reliability=0.8),
        valid=[1.0, 2, 4],
        bad=[2.0, 2, 2],
    )
    refused(
        Code.STA_OPTION_RANGE,
        lambda reliability: pm.reliable_change(before, before, reliability=reliability),
        valid=0.99,
        bad=1.0,
    )
    refused(
        Code.STA_OPTION_RANGE, lambda sd: pm.reliable_change(before, before, reliability=0.5, sd=sd), valid=1.0, bad=0.0
    )
