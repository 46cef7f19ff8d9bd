"""Split-half reliability by the halves' sums, and its mean over all splits."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code


def test_the_numbers_are_those_of_the_sums_of_the_halves(answers: pd.DataFrame) -> None:
    for split, first in (("odd_even", list("ace")), ("first_last", list("abc")), (["b", "f"], list("bf"))):
        result = pm.split_half(answers, split=split)
        one, two = answers[first].sum(axis=1), answers.drop(columns=first).sum(axis=1)
        r = one.corr(two)
        assert list(result.first_half) == first
        assert result.correlation == pytest.approx(r, rel=1e-12)
        assert result.spearman_brown == pytest.approx(2 * r / (1 + r), rel=1e-12)
        total = (one + two).var()
        assert result.flanagan_rulon == pytest.approx(2 * (1 - (one.var() + two.var()) / total), rel=1e-12)
        half = 1.959963984540054 / np.sqrt(397)
        low, high = np.tanh(np.arctanh(r) - half), np.tanh(np.arctanh(r) + half)
        limits = (2 * low / (1 + low), 2 * high / (1 + high))
        assert (result.interval.low, result.interval.high) == pytest.approx(limits, rel=1e-10)


def test_the_mean_over_all_halves_is_alpha(answers: pd.DataFrame) -> None:
    halves = [list(half) for half in combinations("abcdef", 3)]
    mean = np.mean([pm.split_half(answers, split=half).flanagan_rulon for half in halves])
    assert mean == pytest.approx(pm.cronbach_alpha(answers).estimate, rel=1e-10)


def test_the_interval_covers() -> None:
    """Parallel halves in the population: the stepped-up correlation is the reliability of the sum."""
    S = np.full((4, 4), 0.4) + 0.6 * np.eye(4)
    true = 4 * 0.4 / (1 + 3 * 0.4)
    draws = np.random.default_rng(5).standard_normal((400, 60, 4)) @ np.linalg.cholesky(S).T
    intervals = [pm.split_half(pd.DataFrame(draw)).interval for draw in draws]
    coverage = np.mean([interval.low <= true <= interval.high for interval in intervals])
    assert 0.92 <= coverage <= 0.98


def test_halves_without_variance_or_against_each_other_are_told() -> None:
    against = pm.split_half(pd.DataFrame({"a": [1, 2, 3, 4], "b": [4, 3, 2, 1]}))
    assert np.isnan([against.spearman_brown, against.flanagan_rulon]).all()
    still = pm.split_half(pd.DataFrame({"a": [1, 2, 3, 4], "b": [1, 2, 1, 4], "c": [4, 3, 2, 1]}), split=["a", "c"])
    assert np.isnan([still.correlation, still.spearman_brown]).all()
    for result in (against, still):
        assert Code.STA_UNDEFINED in [problem.code for problem in result.warnings]


def test_a_split_that_is_none_is_refused(refused: Any, answers: pd.DataFrame) -> None:
    def call(split: Any) -> object:
        return pm.split_half(answers, split=split)

    for bad in (["z"], [], list("abcdef")):
        refused(Code.STA_SHAPE_MISMATCH, call, valid=["a", "b", "c"], bad=bad)
    refused(Code.STA_UNKNOWN_OPTION, call, valid="odd_even", bad="random")
