"""Parallel analysis: its reference distribution, its rules, its refusals."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.psychometrics.factors.retention import eigenvalues_of, null_correlations


def test_the_reference_is_that_of_raw_normal_data() -> None:
    """Wishart draws and correlations of raw data have the same mean eigenvalues and the same spread."""
    random = np.random.default_rng(1)
    drawn = eigenvalues_of(null_correlations(50, 6, 4000, random), "pca")
    raw = eigenvalues_of(np.array([np.corrcoef(X.T) for X in random.standard_normal((4000, 50, 6))]), "pca")
    np.testing.assert_allclose(drawn.mean(axis=0), raw.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(drawn.std(axis=0), raw.std(axis=0), atol=0.01)


@pytest.mark.parametrize("eigenvalues", ["pca", "smc"])
@pytest.mark.parametrize("rule", ["mean", "percentile", "crawford"])
def test_two_factors_are_found(eigenvalues: Any, rule: Any) -> None:
    truth = [[0.8, 0], [0.7, 0], [0.7, 0], [0, 0.8], [0, 0.7], [0, 0.7]]
    frame = pm.simulate_ordinal(truth, thresholds=[-1, 0, 1], n_persons=1000, rng=2)
    result = pm.parallel_analysis(frame, n_datasets=200, eigenvalues=eigenvalues, rule=rule, rng=1)
    assert result.n_factors == 2


def test_unrelated_items_rarely_pass_the_percentile() -> None:
    draws = np.random.default_rng(3).standard_normal((60, 200, 6))
    kept = [
        pm.parallel_analysis(pd.DataFrame(X), n_datasets=200, rule="percentile", rng=1).n_factors > 0 for X in draws
    ]
    assert np.mean(kept) <= 0.15


def test_the_rules_use_their_limits(answers: pd.DataFrame) -> None:
    results = {
        rule: pm.parallel_analysis(answers, n_datasets=100, rule=rule, rng=1)
        for rule in ("mean", "percentile", "crawford")
    }
    frame = results["mean"].to_frame()
    assert (frame["reference_percentile"] > frame["reference_mean"]).all()
    limits = frame["reference_mean"].copy()
    assert results["mean"].n_factors == int((frame["eigenvalue"] > limits).cumprod().sum())
    limits.iloc[0] = frame["reference_percentile"].iloc[0]
    assert results["crawford"].n_factors == int((frame["eigenvalue"] > limits).cumprod().sum())


def test_the_seed_is_kept_and_repeats_the_result(answers: pd.DataFrame) -> None:
    one = pm.parallel_analysis(answers, n_datasets=20)
    again = pm.parallel_analysis(answers, n_datasets=20, rng=one.provenance["seed"])
    np.testing.assert_array_equal(one.reference_mean, again.reference_mean)
    assert pm.parallel_analysis(answers, n_datasets=20, rng=np.random.default_rng(1)).provenance["seed"] is None


def test_the_cost_does_not_grow_with_persons() -> None:
    started = time.perf_counter()
    null_correlations(10**9, 10, 100, np.random.default_rng(1))
    assert time.perf_counter() - started < 2.0


def test_options_are_checked(answers: pd.DataFrame, refused: Callable[..., object]) -> None:
    def call(options: dict[str, Any]) -> object:
        return pm.parallel_analysis(answers, rng=1, **{"n_datasets": 5} | options)

    refused(Code.STA_UNKNOWN_OPTION, call, valid={"eigenvalues": "smc"}, bad={"eigenvalues": "paf"})
    refused(Code.STA_UNKNOWN_OPTION, call, valid={"rule": "crawford"}, bad={"rule": "median"})
    refused(Code.STA_OPTION_RANGE, call, valid={"n_datasets": 1}, bad={"n_datasets": 0})
    refused(Code.STA_OPTION_RANGE, call, valid={"percentile": 99}, bad={"percentile": 100})


def test_a_duplicated_item_is_refused_only_where_an_inverse_is_needed(
    answers: pd.DataFrame, refused: Callable[..., object]
) -> None:
    doubled = answers.assign(again=answers["a"])

    def call(options: tuple[pd.DataFrame, Any]) -> object:
        frame, eigenvalues = options
        return pm.parallel_analysis(frame, n_datasets=20, eigenvalues=eigenvalues, rng=1)

    refused(Code.STA_SINGULAR_CORRELATION, call, valid=(answers, "smc"), bad=(doubled, "smc"))
    result = pm.parallel_analysis(doubled, n_datasets=20, eigenvalues="pca", rng=1)
    np.testing.assert_allclose(result.eigenvalues, np.linalg.eigvalsh(doubled.corr())[::-1], atol=1e-12)
    assert result.eigenvalues[-1] == pytest.approx(0.0, abs=1e-12)
    assert 1 <= result.n_factors < result.n_items


def test_more_persons_than_items_are_needed(answers: pd.DataFrame, refused: Callable[..., object]) -> None:
    def call(frame: pd.DataFrame) -> object:
        return pm.parallel_analysis(frame, n_datasets=5, rng=1)

    refused(Code.STA_TOO_FEW_PERSONS, call, valid=answers, bad=answers.head(6))


def test_pairwise_needs_a_large_enough_smallest_pair(answers: pd.DataFrame, refused: Callable[..., object]) -> None:
    def call(frame: pd.DataFrame) -> object:
        return pm.parallel_analysis(frame, n_datasets=5, missing="pairwise", rng=1)

    bad = answers[["a", "b", "c"]].copy()
    bad.iloc[3:203, 0] = np.nan
    bad.iloc[203:, 1] = np.nan
    bad.iloc[:3] = [[1, 2, 3], [2, 2, 1], [3, 4, 2]]
    refused(Code.STA_TOO_FEW_PERSONS, call, valid=answers[["a", "b", "c"]], bad=bad)


def test_long_work_can_be_stopped_between_blocks_and_is_the_same_otherwise(answers: pd.DataFrame) -> None:
    calls: list[int] = []
    counted = pm.parallel_analysis(answers, n_datasets=2500, rng=1, between=lambda: calls.append(1))
    assert len(calls) == 3
    quiet = pm.parallel_analysis(answers, n_datasets=2500, rng=1)
    np.testing.assert_array_equal(counted.reference_mean, quiet.reference_mean)
    # Blocks are new draws, not the same ones again.
    assert len(np.unique(np.round(quiet.to_frame(), 12))) == quiet.to_frame().size
    first = pm.parallel_analysis(answers, n_datasets=1000, rng=1)
    assert not np.array_equal(first.reference_mean, quiet.reference_mean)

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pm.parallel_analysis(answers, n_datasets=20, rng=1, between=stop)


def test_blocks_of_many_items_are_small(monkeypatch: pytest.MonkeyPatch, answers: pd.DataFrame) -> None:
    calls: list[int] = []
    monkeypatch.setattr("toolkit.psychometrics.factors.retention.MOST_NUMBERS_A_BLOCK", 6**2 * 7)
    pm.parallel_analysis(answers, n_datasets=20, rng=1, between=lambda: calls.append(1))
    assert len(calls) == 3
