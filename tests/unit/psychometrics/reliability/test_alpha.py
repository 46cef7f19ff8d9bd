"""Alpha against hand-computed values, and its intervals by coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code

HAND = pd.DataFrame({"a": [1, 2, 3, 4, 4], "b": [1, 3, 2, 4, 5], "c": [2, 2, 3, 4, 4]})


def codes(result: Any) -> list[Code]:
    return [problem.code for problem in result.warnings]


def test_alpha_by_hand() -> None:
    """Variances 1.7, 2.5 and 1, variance of the sum 13.7: 3/2 (1 - 5.2 / 13.7)."""
    result = pm.cronbach_alpha(HAND)
    assert result.estimate == pytest.approx(1.5 * (1 - 5.2 / 13.7), rel=1e-12)
    assert result.interval.method == "Feldt"
    assert result.warnings == ()
    assert (result.n_persons, result.n_items, result.n_dropped) == (5, 3, 0)


def test_standardized_alpha_follows_from_the_mean_correlation() -> None:
    result = pm.cronbach_alpha(HAND)
    mean = HAND.corr().to_numpy()[np.tril_indices(3, -1)].mean()
    assert result.mean_inter_item_correlation == pytest.approx(mean, rel=1e-12)
    assert result.standardized == pytest.approx(3 * mean / (1 + 2 * mean), rel=1e-12)


def test_feldt_interval_is_pingouins_to_its_three_decimals() -> None:
    from toolkit.psychometrics.pingouin_adapter import replicate_cronbach_alpha

    result = pm.cronbach_alpha(HAND, level=0.9)
    alpha, low, high = replicate_cronbach_alpha(HAND, level=0.9)
    assert result.estimate == pytest.approx(alpha, rel=1e-12)
    assert (result.interval.low, result.interval.high) == pytest.approx((low, high), abs=5.1e-4)


def test_pairwise_alpha_uses_everyone_and_counts_the_smallest_pair() -> None:
    frame = HAND.astype(float)
    frame.loc[5] = [np.nan, 5.0, 4.0]
    result = pm.cronbach_alpha(frame, missing="pairwise")
    C = frame.cov().to_numpy()
    assert result.estimate == pytest.approx(1.5 * (1 - np.trace(C) / C.sum()), rel=1e-12)
    assert (result.n_persons, result.n_smallest_pair, result.n_dropped) == (6, 5, 0)
    assert pm.cronbach_alpha(frame).n_dropped == 1


def test_feldt_interval_covers() -> None:
    """Equal loadings, so alpha is the reliability; 95 % intervals over 400 samples cover it 95 % of the time."""
    S = np.full((4, 4), 0.4) + 0.6 * np.eye(4)
    true = 4 * 0.4 / (1 + 3 * 0.4)
    draws = np.random.default_rng(5).standard_normal((400, 60, 4)) @ np.linalg.cholesky(S).T
    results = [pm.cronbach_alpha(pd.DataFrame(draw)).interval for draw in draws]
    coverage = np.mean([interval.low <= true <= interval.high for interval in results])
    assert 0.92 <= coverage <= 0.98


def test_a_sum_without_variance_has_no_alpha() -> None:
    result = pm.cronbach_alpha(pd.DataFrame({"a": [1, 2, 3, 4], "b": [4, 3, 2, 1]}))
    assert np.isnan(result.estimate)
    assert np.isnan(result.interval.low)
    assert codes(result) == [Code.STA_NEGATIVE_ITEM, Code.STA_NEGATIVE_ITEM, Code.STA_UNDEFINED]


def test_bootstrap_interval_is_that_of_plain_resampling() -> None:
    """The same distribution as computing alpha of resampled frames, one by one."""
    frame = pm.simulate_ordinal([0.8, 0.7, 0.6, 0.5], thresholds=[-1, 0, 1], n_persons=120, rng=3)
    interval = pm.cronbach_alpha(frame, interval="bootstrap", n_bootstrap=4000, rng=1).interval
    random = np.random.default_rng(2)
    plain = [pm.cronbach_alpha(frame.iloc[random.integers(0, 120, 120)]).estimate for _ in range(2000)]
    low, high = np.quantile(plain, [0.025, 0.975])
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.01)  # Monte Carlo error about .003
    assert interval.method == "bootstrap, percentile, 4000 samples"


def test_bootstrap_is_repeated_by_its_seed_and_knows_missing_answers() -> None:
    frame = pm.simulate_ordinal([0.8, 0.7, 0.6], thresholds=[-1, 0, 1], n_persons=80, rng=3)
    frame.iloc[:10, 0] = np.nan

    def interval(rng: int, **options: Any) -> Any:
        return pm.cronbach_alpha(frame, interval="bootstrap", n_bootstrap=200, rng=rng, **options).interval

    assert interval(1) == interval(1)
    assert interval(1) != interval(2)
    pairwise = interval(1, missing="pairwise")
    assert pairwise.low < pm.cronbach_alpha(frame, missing="pairwise").estimate < pairwise.high
    result = pm.cronbach_alpha(frame, interval="bootstrap", n_bootstrap=100)
    seed = result.provenance["seed"]
    again = pm.cronbach_alpha(frame, interval="bootstrap", n_bootstrap=100, rng=seed)
    assert again.interval == result.interval


def test_samples_without_an_alpha_are_left_out_and_told() -> None:
    few = pd.DataFrame({"a": [1, 1, 2], "b": [1, 1, 2], "c": [1, 1, 3]})
    result = pm.cronbach_alpha(few, interval="bootstrap", n_bootstrap=400, rng=1)
    assert Code.STA_UNDEFINED in codes(result)
    kept = int(result.interval.method.split()[-2])
    assert 200 < kept < 400  # two thirds of the samples hold both kinds of person


def test_alpha_options_are_checked(refused: Any) -> None:
    refused(
        Code.STA_UNKNOWN_OPTION,
        lambda interval: pm.cronbach_alpha(HAND, interval=interval),
        valid="feldt",
        bad="bonett",
    )
    refused(
        Code.STA_OPTION_RANGE,
        lambda n: pm.cronbach_alpha(HAND, interval="bootstrap", n_bootstrap=n, rng=1),
        valid=100,
        bad=99,
    )
