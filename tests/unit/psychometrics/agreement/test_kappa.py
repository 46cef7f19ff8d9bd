"""Weighted kappa against statsmodels and scikit-learn, and its interval by coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code

KINDS = {"none": None, "linear": "linear", "quadratic": "quadratic"}


def ratings(n: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    first = random.integers(1, 6, n)
    second = np.clip(first + random.integers(-1, 2, n), 1, 5)
    return pd.DataFrame({"one": first, "two": second})


@pytest.mark.parametrize("weights", list(KINDS))
def test_scikit_learn_and_statsmodels_compute_the_same(weights: Any) -> None:
    from sklearn.metrics import cohen_kappa_score
    from statsmodels.stats.inter_rater import cohens_kappa

    frame = ratings(80, 1)
    result = pm.weighted_kappa(frame, weights=weights)
    assert result.estimate == pytest.approx(cohen_kappa_score(frame["one"], frame["two"], weights=KINDS[weights]))
    kind = {"none": None, "linear": "linear", "quadratic": "fc"}[weights]
    theirs = cohens_kappa(result.counts.to_numpy(), wt=kind)
    assert result.estimate == pytest.approx(theirs.kappa, rel=1e-10)
    assert result.standard_error == pytest.approx(theirs.std_kappa, rel=1e-8)
    assert result.z == pytest.approx(theirs.z_value, rel=1e-8)
    assert result.p_value == pytest.approx(theirs.pvalue_two_sided, rel=1e-6)
    assert (result.interval.low, result.interval.high) == pytest.approx((theirs.kappa_low, theirs.kappa_upp), rel=1e-8)


def test_a_table_by_hand() -> None:
    """Agreement .7, chance .5 x .6 + .5 x .4 = .5: kappa .4."""
    frame = pd.DataFrame({"one": [1] * 10 + [2] * 10, "two": [1] * 8 + [2] * 2 + [1] * 4 + [2] * 6})
    result = pm.weighted_kappa(frame, weights="none")
    assert (result.observed, result.expected) == pytest.approx((0.7, 0.5))
    assert result.estimate == pytest.approx(0.4)
    assert result.counts.to_numpy().tolist() == [[8, 2], [4, 6]]
    for weights in ("linear", "quadratic"):
        assert pm.weighted_kappa(frame, weights=weights).estimate == pytest.approx(0.4)


def test_categories_that_nobody_chose_count_as_steps() -> None:
    frame = pd.DataFrame({"one": [1, 2, 5, 5, 2, 1], "two": [1, 5, 5, 2, 2, 1]})
    found, listed = pm.weighted_kappa(frame), pm.weighted_kappa(frame, categories=[1, 2, 3, 4, 5])
    assert listed.counts.shape == (5, 5)
    assert listed.estimate != pytest.approx(found.estimate, abs=0.01)


def test_the_interval_covers() -> None:
    """Two of three ratings agree by copying, the rest are chance: kappa 2/3 at equal shares."""
    random = np.random.default_rng(3)
    hits = []
    for _ in range(300):
        one, chance = random.integers(0, 4, 150), random.integers(0, 4, 150)
        two = np.where(random.uniform(size=150) < 2 / 3, one, chance)
        interval = pm.weighted_kappa(pd.DataFrame({"one": one, "two": two}), weights="linear").interval
        hits.append(interval.low <= 2 / 3 <= interval.high)
    assert 0.91 <= np.mean(hits) <= 0.99


def test_one_category_has_no_kappa() -> None:
    result = pm.weighted_kappa(pd.DataFrame({"one": [3, 3, 3], "two": [3, 3, 3]}))
    assert np.isnan([result.estimate, result.interval.low, result.interval.high, result.p_value]).all()
    assert [problem.code for problem in result.warnings] == [Code.STA_UNDEFINED]


def test_perfect_agreement_is_one() -> None:
    result = pm.weighted_kappa(pd.DataFrame({"one": [1, 2, 3, 1], "two": [1, 2, 3, 1]}))
    assert (result.estimate, result.interval.high) == pytest.approx((1.0, 1.0))


def test_raters_and_weights_are_checked(refused: Any) -> None:
    frame = ratings(30, 2)
    refused(Code.STA_SHAPE_MISMATCH, pm.weighted_kappa, valid=frame, bad=frame.assign(three=1))
    refused(Code.STA_TOO_FEW_ITEMS, pm.weighted_kappa, valid=frame, bad=frame[["one"]])
    refused(Code.STA_UNKNOWN_OPTION, lambda kind: pm.weighted_kappa(frame, weights=kind), valid="linear", bad="cubic")
    for bad in ([1, 2, 3, 4], [5, 4, 3, 2, 1]):
        refused(
            Code.STA_CODE_NOT_ALLOWED,
            lambda listed: pm.weighted_kappa(frame, categories=listed),
            valid=[1, 2, 3, 4, 5],
            bad=bad,
        )
